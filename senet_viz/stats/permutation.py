"""The null that labels do not matter: a block's class share with labels shuffled among its images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from senet_viz.errors import RecordingError
from senet_viz.schema import Floats

PERMUTATIONS = 200
PER_CLASS = 10
_CHANNELS_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class PermutationNull:
    """Variance-weighted ω² of one block against label permutations.

    Attributes:
        value: with the labels as they are, on these images.
        null: with shuffled labels, (P,).
        images: that took part.
        p: (1 + number of null values ≥ value) / (1 + P) (Phipson and Smyth 2010): never 0, 1/201 at the least.
    """

    value: float
    null: Floats
    images: int

    @property
    def p(self) -> float:
        """NaN where the share is not defined."""
        if np.isnan(self.value):
            return float("nan")
        return float((1 + (self.null >= self.value).sum()) / (1 + len(self.null)))


def draw_per_class(labels: NDArray[np.integer], *, per_class: int = PER_CLASS, seed: int = 0) -> NDArray[np.int64]:
    """At most so many random images of every class, as sorted rows; the unlabelled are left out."""
    order = np.random.default_rng(seed).permutation(len(labels))
    ordered = order[np.argsort(labels[order], kind="stable")]
    values = labels[ordered]
    first = np.searchsorted(values, values, side="left")
    chosen = (np.arange(len(values)) - first < per_class) & (values >= 0)
    return np.sort(ordered[chosen])


def permute_labels(
    gates: NDArray[np.floating], labels: NDArray[np.integer], *, permutations: int = PERMUTATIONS, seed: int = 0
) -> PermutationNull:
    """Shuffle the labels among all images of a block.

    The sum of squares over all images does not depend on labels, so that every permutation takes the class means only.

    Args:
        gates: (n, C) of labelled images, such as `draw_per_class` chose.
        labels: (n,).
        permutations: P.
        seed: of the permutations; blocks with the same images and seed are shuffled alike.

    Raises:
        RecordingError: fewer than two classes, or one image a class.
    """
    known, classes = np.unique(labels, return_inverse=True)
    sizes = np.bincount(classes).astype(np.float64)
    if len(known) < 2 or len(classes) <= len(known):
        raise RecordingError("Permuting labels needs images of at least two classes, and two images of one of them.")
    values = gates.astype(np.float64) - gates[0]  # exact zeros where a channel is constant
    values -= values.mean(axis=0)
    total = (values**2).sum(axis=0)
    generator = np.random.default_rng(seed)
    orders = [classes, *(generator.permutation(classes) for _ in range(permutations))]
    shares = _shares(_between(values, orders, sizes), float(total.sum()), sizes)
    return PermutationNull(float(shares[0]), shares[1:], len(values))


def _between(values: Floats, orders: list[NDArray[np.int64]], sizes: Floats) -> Floats:
    """Σ_c SSB of each order of the labels, from values of mean 0.

    A few channels at a time stay in the processor's cache while all orders pass over them.
    """
    weights = np.sqrt(1 / sizes)
    picks = [
        sparse.csr_array((weights[order], (order, np.arange(len(order)))), shape=(len(sizes), len(order)))
        for order in orders
    ]
    found = np.zeros(len(orders))
    for start in range(0, values.shape[1], _CHANNELS_AT_ONCE):
        some = np.ascontiguousarray(values[:, start : start + _CHANNELS_AT_ONCE])
        found += [float(np.square(pick @ some).sum()) for pick in picks]
    return found


def _shares(between: Floats, total: float, sizes: Floats) -> Floats:
    """Variance-weighted ω² from Σ_c SSB and Σ_c SST, as in `BlockStatistics`."""
    if not total > 0:
        return np.full(len(between), np.nan)
    within = np.maximum(0, total - between) / (sizes.sum() - len(sizes))
    return np.asarray((between - (len(sizes) - 1) * within) / (total + within))
