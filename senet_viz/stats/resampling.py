"""*These classes*: how far a block's numbers would move with other images of the same classes, left out in groups."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.layout import Quantity
from senet_viz.recording.moments import Channels, ClassMoments
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats
from senet_viz.stats.estimates import Estimate
from senet_viz.stats.health import NEAR_ONE, NEAR_ZERO
from senet_viz.stats.shares import (
    STATISTICS,
    BlockStatistics,
    CurveName,
    SumsOfSquares,
    block_statistics,
    mean_direction,
    random_shares,
    split_variance,
    unit_directions,
)

MOST_GROUPS = 10
LEAST_GROUPS = 5
NO_GROUP = -1


def count_groups(counts: NDArray[np.integer]) -> int:
    """10 groups; 5 where the smallest class has 5 to 9 images, so that no class is ever left without an image.

    Args:
        counts: images of every class, (K,); classes without an image are ignored.

    Raises:
        RecordingError: fewer than two classes, or a class of fewer than 5 images; the message says what to do.
    """
    seen = counts[counts > 0]
    if len(seen) < 2:
        raise RecordingError("An interval for a class share needs images of at least two classes.")
    smallest = int(seen.min())
    if smallest < LEAST_GROUPS:
        raise RecordingError(
            f"The smallest class has {smallest} image{'s' * (smallest > 1)}, and an interval over images needs at least "
            f"{LEAST_GROUPS} of each class: record more of them, or record without such classes."
        )
    return MOST_GROUPS if smallest >= MOST_GROUPS else LEAST_GROUPS


def assign_groups(labels: NDArray[np.integer], *, seed: int = 0) -> NDArray[np.int64]:
    """Deal the images of every class, in random order, to the groups in turn.

    The first group of a class follows on the last of the class before, so that groups are of equal size too. All blocks
    of a recording, and a recording and its control, share one assignment.

    Args:
        labels: (N,) class indices; −1 for none.
        seed: of the order.

    Returns:
        (N,) group of every image, −1 without a label.

    Raises:
        RecordingError: as in `count_groups`.
    """
    _, classes, counts = np.unique(labels[labels >= 0], return_inverse=True, return_counts=True)
    groups = count_groups(counts)
    order = np.random.default_rng(seed).permutation(len(classes))
    by_class = order[np.argsort(classes[order], kind="stable")]
    dealt = np.empty(len(classes), dtype=np.int64)
    dealt[by_class] = np.arange(len(classes)) % groups
    result = np.full(len(labels), NO_GROUP, dtype=np.int64)
    result[labels >= 0] = dealt
    return result


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

    @classmethod
    def of(cls, folded: ClassMoments, groups: int) -> "Cells":
        """From moments of G·K classes, class k of group g in row g·K + k; the last row is of no class."""
        count, mean, m2 = (folded.arrays()[name][:-1] for name in ("count", "mean", "m2"))
        shape = (groups, len(count) // groups)
        return cls(count.reshape(shape).astype(np.float64), mean.reshape(*shape, -1), m2.reshape(*shape, -1))

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


Chunk = tuple[NDArray[np.floating], NDArray[np.integer], NDArray[np.integer]]
_ROWS = 4096


@dataclass(frozen=True, eq=False)
class ImageReplicates:
    """One block's statistics of all images, and without each group (delete-a-group jackknife).

    Leaving groups out is used instead of the bootstrap, since drawing images with replacement adds MSW/n to the variance
    of the class means: its percentiles lie above the truth and cover it in none of the runs.

    Attributes:
        full: of all labelled images.
        without: without each group, G of them; none where images were not resampled.
        near_zero: share of gates below .1; NaN where they were not counted.
        random_direction: 95 % quantile of `direction_share` over random directions, the null of C6 (their mean is 1/C);
            NaN where no direction was asked for.
    """

    full: BlockStatistics
    without: tuple[BlockStatistics, ...] = ()
    near_zero: float = float("nan")
    random_direction: float = float("nan")

    def estimate(self, name: CurveName) -> Estimate:
        """A statistic with its replicates; SDs on the scale of variances.

        Raises:
            ArgumentError: no such statistic.
        """
        for statistic in STATISTICS:
            if statistic.name == name:
                replicates = np.array([getattr(one, statistic.series) for one in self.without])
                return Estimate(getattr(self.full, statistic.series), replicates, statistic.scale)
        raise ArgumentError(f"There is no statistic {name!r} of a block.")


def resample_images(
    chunks: Iterable[Chunk],
    *,
    n_classes: int,
    groups: int,
    mean: Floats,
    along_mean: bool = True,
    saturation: bool = True,
    seed: int = 0,
) -> ImageReplicates:
    """Fold one block's gates and leave each group out in turn; memory, G·K·C·16 bytes, does not grow with the images.

    The mean profile's direction is taken as known (its error is that of a mean over all images).

    Args:
        chunks: gates (n, C), labels (n,), groups (n,) of some images at a time; label −1 is left out.
        n_classes: K.
        groups: G, as from `assign_groups`.
        mean: mean gate over all images, (C,), a good guess will do where `along_mean` is not asked for.
        along_mean: also split the between-class variance along the mean profile.
        saturation: also count gates above .9 and below .1 (exactly, not from a histogram).
        seed: of the random directions.

    Raises:
        ArgumentError: gates of another width.
        RecordingError: gates that are not finite.
    """
    directions = unit_directions(mean, seed=seed) if along_mean else np.zeros((len(mean), 0))
    channels = Channels(("block",), (len(mean) + directions.shape[1],))
    folded = ClassMoments.empty(groups * n_classes, channels)
    beyond = np.zeros((3, groups))
    for gates, labels, group in chunks:
        if gates.ndim != 2 or gates.shape[1] != len(mean):
            raise ArgumentError(f"Gates have the shape {gates.shape}, (n, {len(mean)}) expected.")
        labelled = labels >= 0
        values, members = gates[labelled].astype(np.float32), group[labelled].astype(np.int64)
        cells = members * n_classes + labels[labelled].astype(np.int64)
        folded.update(_with_projections(values, mean, directions), cells)
        beyond += _count_beyond(values, members, groups)
    sums = Cells.of(folded, groups).all_and_without()
    retained = np.concatenate([beyond.sum(axis=1)[None], beyond.sum(axis=1) - beyond.T])
    made = [_statistics(s, len(mean), along_mean=along_mean) for s in sums]
    near_zero = random_direction = float("nan")
    if saturation:
        made = [replace(m, near_one=high / n) for m, (high, _, n) in zip(made, retained.tolist())]
        near_zero = float(retained[0, 1] / retained[0, 2])
    if along_mean:
        null = random_shares(_part(sums[0], slice(len(mean))), _part(sums[0], slice(len(mean) + 1, None)))
        random_direction = float(np.quantile(null, 0.95))
    return ImageReplicates(made[0], tuple(made[1:]), near_zero, random_direction)


def resample_block(
    recording: Recording, name: str, group: NDArray[np.int64], *, quantity: Quantity = "gate", seed: int = 0
) -> ImageReplicates:
    """Resample the kept images of one block.

    Args:
        recording: whose gates of all images are kept.
        name: of the block, or its label.
        group: of every kept image, as from `assign_groups` on their labels; the same for all blocks.
        quantity: "squeeze" for z, which has no saturation.
        seed: of the random directions.

    Raises:
        RecordingError: not all gates are kept, or a file is damaged.
    """
    if not recording.keeps_all:
        raise RecordingError(
            "The recording does not keep the gates of all images, so that no interval can be given: record with "
            "--keep all."
        )
    if len(group) != recording.n_kept:
        raise ArgumentError(f"{len(group)} groups came for {recording.n_kept} kept images.")
    block = recording.block(name)
    return resample_images(
        _chunks(recording, name, group, quantity),
        n_classes=len(recording.classes),
        groups=int(group.max()) + 1,
        mean=recording.moments(name, quantity).overall().mean[0],
        saturation=quantity == "gate" and tuple(block.range) == (0.0, 1.0),
        seed=seed,
    )


def _chunks(recording: Recording, name: str, group: NDArray[np.int64], quantity: Quantity) -> Iterator[Chunk]:
    gates = recording.gates(name, quantity)
    labels = np.where(group == NO_GROUP, -1, recording.kept_samples["label"].to_numpy())
    for start in range(0, len(gates), _ROWS):
        rows = slice(start, start + _ROWS)
        yield gates[rows], labels[rows], group[rows]


def _with_projections(values: NDArray[np.float32], mean: Floats, directions: Floats) -> NDArray[np.float32]:
    """Projections of the deviations from the mean as further channels, (n, C + directions)."""
    if not directions.shape[1]:
        return values
    along = (values - mean) @ directions
    return np.concatenate([values, along.astype(np.float32)], axis=1)


def _count_beyond(values: NDArray[np.float32], members: NDArray[np.int64], groups: int) -> Floats:
    """Gates above .9, below .1 and all of each group, (3, G)."""
    high, low = (values > NEAR_ONE).sum(axis=1), (values < NEAR_ZERO).sum(axis=1)
    every = np.full(len(values), values.shape[1])
    return np.stack([np.bincount(members, weights=counts, minlength=groups) for counts in (high, low, every)])


def _statistics(sums: SumsOfSquares, width: int, *, along_mean: bool) -> BlockStatistics:
    channels = _part(sums, slice(width))
    statistics = block_statistics(channels)
    if not along_mean:
        return statistics
    split = mean_direction(channels, _part(sums, slice(width, width + 1)))
    return replace(statistics, direction_share=split.share, residual_variance=split.residual_variance)


def _part(sums: SumsOfSquares, columns: slice) -> SumsOfSquares:
    return SumsOfSquares(sums.sizes, sums.centre[columns], sums.between[columns], sums.within[columns])
