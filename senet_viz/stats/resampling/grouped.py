"""Moments per group and class: all that leaving a group out needs, whatever the number of images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording.moments import Channels, ClassMoments
from senet_viz.stats.measures import SumsOfSquares, split_variance

Floats = NDArray[np.float64]


class GroupedMoments:
    """Folds images of K classes in G groups; G·K·C·16 bytes.

    Attributes:
        groups: G.
        classes: K.
    """

    def __init__(self, groups: int, classes: int, width: int) -> None:
        self.groups = groups
        self.classes = classes
        self._moments = ClassMoments.empty(groups * classes, Channels(("block",), (width,)))

    def update(self, values: NDArray[np.float32], labels: NDArray[np.int64], group: NDArray[np.int64]) -> None:
        """Fold labelled images in.

        Args:
            values: (n, width) float32.
            labels: (n,), 0 to K − 1.
            group: (n,), 0 to G − 1.

        Raises:
            ArgumentError, RecordingError: as `ClassMoments.check`.
        """
        self._moments.update(values, group * self.classes + labels)

    def finish(self) -> "Cells":
        """The folded cells, (G, K)."""
        shape = (self.groups, self.classes)
        arrays = self._moments.arrays()
        return Cells(
            arrays["count"][:-1].reshape(shape).astype(np.float64),
            arrays["mean"][:-1].reshape(*shape, -1),
            arrays["m2"][:-1].reshape(*shape, -1),
        )


@dataclass(frozen=True, eq=False)
class Cells:
    """Images of each group and class.

    Attributes:
        count: (G, K).
        mean, m2: (G, K, C).
    """

    count: Floats
    mean: Floats
    m2: Floats

    def all_and_without(self) -> list[SumsOfSquares]:
        """Sums of squares of all images, then without each group: 1 + G of them.

        The latter are those that images in the numbers of *all* of them would have (`at_sizes`): where classes are
        unequal, groups take unequal parts of them, and a class's weight would move what is estimated.
        """
        count, mean, within = self._merged()
        seen = count > 0
        whole = split_variance(count[seen], mean[seen], within)
        return [whole, *(self._without(g, count, mean, within) for g in range(len(self.count)))]

    def _merged(self) -> tuple[Floats, Floats, Floats]:
        """All groups together (Chan, Golub, LeVeque 1979): (K,), (K, C), and SSW (C,)."""
        count, mean = self.count[0].copy(), self.mean[0].copy()
        within = self.m2[0].sum(axis=0)
        for added, theirs, m2 in zip(self.count[1:], self.mean[1:], self.m2[1:]):
            whole = count + added
            delta = theirs - mean
            share = added / np.maximum(whole, 1)
            within = within + m2.sum(axis=0) + (share * count) @ delta**2
            mean += share[:, None] * delta
            count = whole
        return count, mean, within

    def _without(self, group: int, count: Floats, mean: Floats, within: Floats) -> SumsOfSquares:
        """The merge undone: mean′ = mean + (mean − mean_g)·n_g/n′, SSW′ = SSW − Σ_k (m2_g + n_g·n′/n·(mean_g − mean′)²)."""
        taken = self.count[group]
        left = count - taken
        rest = mean + (mean - self.mean[group]) * (taken / np.maximum(left, 1))[:, None]
        weight = taken * left / np.maximum(count, 1)
        away = self.m2[group].sum(axis=0) + weight @ (self.mean[group] - rest) ** 2
        seen = count > 0
        return at_sizes(count[seen], left[seen], rest[seen], np.maximum(0, within - away))


def at_sizes(sizes: Floats, fewer: Floats, means: Floats, within: Floats) -> SumsOfSquares:
    """Sums of squares as images in the numbers `sizes` would have them on average, from fewer images of each class.

    With σ² = SSW′ / (N′ − K) and B = Σ_k n_k (mean′_k − mean)²: SSB = B − σ²·Σ_k (1 − n_k/N)·n_k/n′_k + (K − 1)·σ²,
    where the middle term is the noise in B and the last that of SSB; SSW = (N − K)·σ². Nothing changes where nothing was
    left out, and where every class is left the same part, shares and variances are those of the images that were read.

    Args:
        sizes: n_k of all images, (K,).
        fewer: n′_k of those that were read, (K,), each at least 1 and together more than K.
        means: of those, (K, C).
        within: SSW′ of those, (C,).
    """
    observed = split_variance(sizes, means, within)
    variance = within / (fewer.sum() - len(fewer))
    noise = ((1 - sizes / observed.images) * sizes / fewer).sum()
    between = observed.between + variance * (observed.classes - 1 - noise)
    return SumsOfSquares(observed.sizes, observed.centre, between, variance * (observed.images - observed.classes))
