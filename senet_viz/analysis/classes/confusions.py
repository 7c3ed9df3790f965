"""Whether classes whose gates are alike are taken for each other: confusions, pairs, and a Mantel test block by block."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.classes.profiles import ClassProfiles, signed_root, squared_distances
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats, Gate, label_blocks
from senet_viz.stats.estimates import FEWEST_CLASSES, LEVEL, Estimate, Interval
from senet_viz.stats.tables import mean_ranks


@dataclass(frozen=True, eq=False)
class Confusions:
    """Predictions of the images of R classes.

    Attributes:
        classes: indices of the classes that have an image and an output of their own, (R,).
        images: of each, n_k, (R,).
        counts: images of class k (row) whose prediction is the output of class l (column), (R, R).
        left_out: classes with an image that have no output of the network, or share theirs with another class.
        elsewhere: images of the R classes whose prediction is the output of none of them.
    """

    classes: NDArray[np.int64]
    images: NDArray[np.int64]
    counts: NDArray[np.int64]
    left_out: int
    elsewhere: int

    @property
    def shares(self) -> Floats:
        """Share of the images of k that are taken for l, and of l for k, averaged, (R, R): symmetric, 0 on the diagonal."""
        directed = self.counts / self.images[:, None]
        shares = (directed + directed.T) / 2
        np.fill_diagonal(shares, 0)
        return np.asarray(shares)

    @property
    def pairs(self) -> int:
        """R·(R − 1)/2."""
        return len(self.classes) * (len(self.classes) - 1) // 2

    @property
    def confused(self) -> int:
        """Images taken for another of the R classes."""
        return int(self.counts.sum() - np.trace(self.counts))


def count_confusions(recording: Recording) -> Confusions:
    """Counts predictions of labelled images; the label mapping of the recording says which output is which class.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    answers, size = recording.answers, len(recording.classes)
    labels = answers["label"].to_numpy()
    predicted = answers["prediction"].fill_null(-1).to_numpy()
    present = np.bincount(labels[labels >= 0], minlength=size) > 0
    outputs = np.array([-1 if o is None else o for o in recording.manifest.mapping.outputs], dtype=np.int64)
    shared = np.bincount(outputs[outputs >= 0], minlength=1) > 1
    own = present & (outputs >= 0) & ~shared[np.maximum(outputs, 0)]
    classes = np.flatnonzero(own)
    row_of_class = np.full(size + 1, -1)  # the last stands for no label
    row_of_class[classes] = np.arange(len(classes))
    highest = int(max(outputs.max(initial=0), predicted.max(initial=0)))
    row_of_output = np.full(highest + 2, -1)  # the last stands for no prediction
    row_of_output[outputs[classes]] = np.arange(len(classes))
    rows, columns = row_of_class[labels], row_of_output[predicted]
    mine = rows >= 0
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (rows[mine & (columns >= 0)], columns[mine & (columns >= 0)]), 1)
    images = np.bincount(rows[mine], minlength=len(classes))
    return Confusions(classes, images, counts, int(present.sum()) - len(classes), int(images.sum() - counts.sum()))


@dataclass(frozen=True, eq=False)
class ClassPairs:
    """Pairs of classes in one block.

    Attributes:
        block: the gate.
        first, second: class indices, (P,).
        distance: RMS distance less the noise, (P,), in units of s, signed.
        place: rank of the distance among all pairs, 1 the closest, (P,); 0 where distances are not known.
        taken, taken_back: images of the first taken for the second, and of the second for the first, (P,).
        images, images_back: of the first and of the second class, (P,).
    """

    block: Gate
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: Floats
    place: NDArray[np.int64]
    taken: NDArray[np.int64]
    taken_back: NDArray[np.int64]
    images: NDArray[np.int64]
    images_back: NDArray[np.int64]

    @property
    def share(self) -> Floats:
        """Confused share, both ways averaged, (P,)."""
        return np.asarray((self.taken / self.images + self.taken_back / self.images_back) / 2)

    def table(self, labels: Sequence[str], rows: NDArray[np.int64]) -> pd.DataFrame:
        """A row per pair.

        Args:
            labels: of all classes.
            rows: which pairs, in which order.
        """
        back = [f"{n:,} of {of:,}" for n, of in zip(self.taken_back[rows], self.images_back[rows])]
        place = pd.array([int(p) if p else None for p in self.place[rows]], dtype="Int64")
        return pd.DataFrame(
            {
                "class": [labels[k] for k in self.first[rows]],
                "other class": [labels[k] for k in self.second[rows]],
                "confused": self.share[rows],
                "taken for the other": [f"{n:,} of {of:,}" for n, of in zip(self.taken[rows], self.images[rows])],
                "the other taken for it": back,
                "distance, in s": self.distance[rows],
                "place by distance": place,
            }
        )

    def most_confused(self, most: int) -> NDArray[np.int64]:
        """Rows of the most confused pairs; those that are never confused are left out."""
        share = self.share
        confused = np.flatnonzero(share > 0)  # of half a million pairs a few thousand
        order = np.lexsort((self.place[confused], -share[confused]))[:most]
        return np.asarray(confused[order])

    def closest(self, most: int) -> NDArray[np.int64]:
        """Rows of the closest pairs; none where distances are not known."""
        near = np.flatnonzero((self.place > 0) & (self.place <= most))
        return np.asarray(near[np.argsort(self.place[near])])


def pair_classes(profiles: ClassProfiles, confusions: Confusions) -> ClassPairs:
    """All pairs of the classes that have an output of their own."""
    rows = np.flatnonzero(np.isin(profiles.classes, confusions.classes))
    i, j = np.triu_indices(len(confusions.classes), 1)
    squared = squared_distances(profiles.pick(rows))[i, j]
    place = np.zeros(len(squared), dtype=np.int64)
    if np.isfinite(squared).all():
        place[_order(squared)] = np.arange(1, len(squared) + 1)
    return ClassPairs(
        profiles.block, confusions.classes[i], confusions.classes[j], signed_root(squared), place,
        confusions.counts[i, j], confusions.counts[j, i], confusions.images[i], confusions.images[j],
    )  # fmt: skip


def _order(values: Floats) -> NDArray[np.intp]:
    """What a stable sort gives, in half of its time where no two values are equal, as with distances."""
    order = np.argsort(values)
    ranked = values[order]
    return np.argsort(values, kind="stable") if (ranked[1:] == ranked[:-1]).any() else order


PERMUTATIONS = 999
FEWEST = 4  # classes: three have no more than six orders
_GATHERED_AT_ONCE = 50_000  # what is gathered stays in the processor's cache


@dataclass(frozen=True, eq=False)
class BlockAgreement:
    """One block: closeness of class profiles against confusion, over pairs of classes.

    Attributes:
        block: the gate.
        value: Spearman's ρ between closeness (minus the distance without noise) and the symmetrised share of confused
            images; NaN where one of the two is the same for all pairs. Above 0: pairs that are close are confused more.
        classes: ρ without each class, for an interval over classes like these; no replicates under 20 classes, or
            where all confusion is with one class.
        null: ρ with the classes of one matrix shuffled, (P,).
        pairs: pairs of classes.
    """

    block: Gate
    value: float
    classes: Estimate
    null: Floats
    pairs: int

    @property
    def p(self) -> float:
        """One-sided: (1 + number of null values ≥ ρ)/(1 + P); NaN where ρ is not defined."""
        return upper_p(self.value, self.null)

    @property
    def interval(self) -> Interval:
        """95 %, over classes like these; NaN under 20 classes."""
        return self.classes.interval(LEVEL)


def upper_p(value: float, null: Floats) -> float:
    """(1 + #{null ≥ value})/(1 + P) (Phipson and Smyth 2010); rounding is no difference."""
    if np.isnan(value):
        return float("nan")
    return float((1 + (null >= value - 1e-12).sum()) / (1 + len(null)))


def agree_with_confusions(
    profiles: ClassProfiles, confusions: Confusions, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> BlockAgreement:
    """Spearman's ρ over pairs of classes, with the null of Mantel (1967).

    Pairs share classes, so they are not independent and the usual p of ρ is far too small. The null shuffles the classes
    of one matrix, rows and columns alike; one seed gives all blocks the same orders. Ties get their mean rank. The
    interval is a jackknife that leaves one class with all its pairs out, at the ranks that the pairs have among all, with
    the usual factor (R − 1)/R: right for classes that are drawn (Arvesen 1969), and too wide rather than too narrow where
    pairs have noise of their own, for which Snijders and Borgatti (1999) halve it. Predictions and profiles come from the same images: a confused image pulls its class's mean
    towards the class that it is taken for, so that part of ρ is not about classes but about those images.

    Args:
        profiles: of one block, gates or z.
        confusions: of the same recording.
        permutations: P.
        seed: of the orders.

    Raises:
        ArgumentError: fewer than four classes.
    """
    size = len(confusions.classes)
    if size < FEWEST:
        raise ArgumentError(f"{size} classes have an image and an output of their own: {FEWEST} at least are needed.")
    rows = np.flatnonzero(np.isin(profiles.classes, confusions.classes))
    above = np.triu_indices(size, 1)
    near = _centred_ranks(-squared_distances(profiles.pick(rows))[above])
    mixed = _centred_ranks(confusions.shares[above])
    scale = float(np.sqrt((near**2).sum() * (mixed**2).sum()))
    if not scale > 0 or not np.isfinite(scale):
        nothing = Estimate(float("nan"), np.zeros(0))
        return BlockAgreement(profiles.block, float("nan"), nothing, np.full(permutations, np.nan), len(near))
    value = float(near @ mixed) / scale
    null = _shuffle(_square(near, above, size), mixed, above, permutations, seed) / scale
    replicates = np.zeros(0)
    if size >= FEWEST_CLASSES:
        replicates = _leave_out(_square(near, above, size), _square(mixed, above, size))
    return BlockAgreement(profiles.block, value, Estimate(value, replicates), null, len(near))


def _centred_ranks(values: Floats) -> Floats:
    """Ranks with ties at their mean, less their mean."""
    if np.isnan(values).any():
        return np.full(len(values), np.nan)
    return np.asarray(mean_ranks(values) - (len(values) + 1) / 2)


def _square(values: Floats, above: tuple[NDArray[np.intp], NDArray[np.intp]], size: int) -> Floats:
    matrix = np.zeros((size, size))
    matrix[above] = values
    return matrix + matrix.T


def _shuffle(
    near: Floats, mixed: Floats, above: tuple[NDArray[np.intp], NDArray[np.intp]], permutations: int, seed: int
) -> Floats:
    """Σ over pairs of near × mixed with the classes of `mixed` in other orders, (P,).

    Most pairs are never confused and share one rank. As `near` sums to 0 over all pairs, that rank may be taken off all of
    `mixed`, and only confused pairs are left to be summed.
    """
    values, counts = np.unique(mixed, return_counts=True)
    weights = mixed - values[counts.argmax()]
    used = np.flatnonzero(weights)
    first, second, weights = above[0][used], above[1][used], weights[used]
    generator, size, flat = np.random.default_rng(seed), len(near), near.ravel()
    found = np.empty(permutations)
    step = max(1, _GATHERED_AT_ONCE // max(1, len(used)))
    for start in range(0, permutations, step):
        stop = min(start + step, permutations)
        orders = np.stack([generator.permutation(size) for _ in range(start, stop)])
        found[start:stop] = flat.take(orders[:, first] * size + orders[:, second]) @ weights
    return found


def _leave_out(near: Floats, mixed: Floats) -> Floats:
    """Pearson's correlation of the ranks without each class's pairs, (R,); nothing where one class alone makes it."""
    pairs = len(near) * (len(near) - 1) / 2
    left = pairs - (len(near) - 1)

    def without(product: Floats) -> Floats:
        return np.asarray(product.sum() / 2 - product.sum(axis=1)) / left

    a, b = without(near), without(mixed)
    spread = (without(near**2) - a**2) * (without(mixed**2) - b**2)
    whole = (near**2).sum() * (mixed**2).sum() / (2 * pairs) ** 2
    if (spread <= 1e-12 * whole).any():
        return np.zeros(0)
    return np.asarray((without(near * mixed) - a * b) / np.sqrt(spread))


@dataclass(frozen=True, eq=False)
class ConfusionAgreement:
    """All blocks of a recording.

    Attributes:
        confusions: of the same images.
        blocks: of the gates, in order of depth.
        squeeze: the same of z, None for a block that has none.
    """

    confusions: Confusions
    blocks: Sequence[BlockAgreement]
    squeeze: Sequence[BlockAgreement | None]

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The blocks."""
        return tuple(found.block for found in self.blocks)

    @property
    def values(self) -> Floats:
        """ρ of the gates, (B,)."""
        return np.array([found.value for found in self.blocks])

    @property
    def squeeze_values(self) -> Floats:
        """ρ of z, (B,); NaN where there is none."""
        return np.array([np.nan if found is None else found.value for found in self.squeeze])

    @property
    def adjusted(self) -> Floats:
        """p of each block against the largest null value of all blocks, (B,): under .05 in any block by chance in one of 20.

        Single-step maximum (Westfall and Young 1993); all blocks have the same orders.
        """
        nulls = np.stack([found.null for found in self.blocks])
        known = ~np.isnan(nulls).all(axis=1)
        if not known.any():
            return np.full(len(self.blocks), np.nan)
        largest = nulls[known].max(axis=0)
        return np.array([upper_p(found.value, largest) for found in self.blocks])

    @property
    def null_band(self) -> tuple[Floats, Floats]:
        """Limits of the middle 95 % of each block's null, (B,) each; NaN where it is not defined."""
        low, high = np.array([np.quantile(found.null, (0.025, 0.975)) for found in self.blocks]).T
        return low, high

    def table(self) -> pd.DataFrame:
        """A row per block."""
        low, high = self.null_band
        intervals = [found.interval for found in self.blocks]
        return pd.DataFrame(
            {
                "block": label_blocks(self.gates),
                "pairs": [found.pairs for found in self.blocks],
                "Spearman's rho": self.values,
                "low": [i.low for i in intervals],
                "high": [i.high for i in intervals],
                "null, low": low,
                "null, high": high,
                "p": [found.p for found in self.blocks],
                "p, all blocks": self.adjusted,
                "rho of z": self.squeeze_values,
            }
        )
