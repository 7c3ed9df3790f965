"""*These classes*: how far a block's numbers would move with other images of the same classes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording import Quantity, Recording
from senet_viz.stats.measures import (
    NEAR_ONE,
    NEAR_ZERO,
    BlockStatistics,
    SumsOfSquares,
    block_statistics,
    mean_direction,
    random_shares,
    unit_directions,
)
from senet_viz.stats.resampling.estimate import Estimate
from senet_viz.stats.resampling.grouped import GroupedMoments
from senet_viz.stats.resampling.groups import NO_GROUP

Floats = NDArray[np.float64]
Chunk = tuple[NDArray[np.floating], NDArray[np.integer], NDArray[np.integer]]
StatisticName = Literal[
    "omega_squared",
    "omega_squared_mean",
    "between_sd",
    "within_sd",
    "near_one",
    "near_zero",
    "direction_share",
    "residual_sd",
    "scale_sd",
]
_ROWS = 4096


@dataclass(frozen=True, eq=False)
class ImageReplicates:
    """One block's statistics of all images, and without each group (delete-a-group jackknife).

    Leaving groups out is used instead of the bootstrap, since drawing images with replacement adds MSW/n to the variance
    of the class means: its percentiles lie above the truth and cover it in none of the runs.

    Attributes:
        full: of all labelled images.
        without: without each group, G of them.
        random_direction: 95 % quantile of `direction_share` over random directions, the null of C6 (their mean is 1/C);
            NaN where no direction was asked for.
    """

    full: BlockStatistics
    without: tuple[BlockStatistics, ...]
    random_direction: float = float("nan")

    def estimate(self, name: StatisticName) -> Estimate:
        """A statistic with its replicates; SDs on the scale of variances.

        Raises:
            ArgumentError: no such statistic.
        """
        source = name.removesuffix("_sd") + "_variance" if name.endswith("_sd") else name
        if source not in {field.name for field in fields(BlockStatistics)} or name.endswith("_variance"):
            raise ArgumentError(f"There is no statistic {name!r} of a block.")
        replicates = np.array([getattr(statistics, source) for statistics in self.without])
        return Estimate(getattr(self.full, source), replicates, "square root" if source != name else "identity")


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
    """Fold one block's gates and leave each group out in turn; memory does not grow with the images.

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
    folded = GroupedMoments(groups, n_classes, len(mean) + directions.shape[1])
    beyond = np.zeros((3, groups))
    for gates, labels, group in chunks:
        if gates.ndim != 2 or gates.shape[1] != len(mean):
            raise ArgumentError(f"Gates have the shape {gates.shape}, (n, {len(mean)}) expected.")
        labelled = labels >= 0
        values, members = gates[labelled].astype(np.float32), group[labelled].astype(np.int64)
        folded.update(_with_projections(values, mean, directions), labels[labelled].astype(np.int64), members)
        beyond += _count_beyond(values, members, groups)
    sums = folded.finish().all_and_without()
    retained = np.concatenate([beyond.sum(axis=1)[None], beyond.sum(axis=1) - beyond.T])
    length = float(np.linalg.norm(mean))
    made = [_statistics(s, len(mean), length if along_mean else None) for s in sums]
    if saturation:
        made = [replace(m, near_one=high / n, near_zero=low / n) for m, (high, low, n) in zip(made, retained.tolist())]
    null = (
        random_shares(_part(sums[0], slice(len(mean))), _part(sums[0], slice(len(mean) + 1, None)))
        if along_mean
        else None
    )
    return ImageReplicates(made[0], tuple(made[1:]), float("nan") if null is None else float(np.quantile(null, 0.95)))


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
            f"{recording.path} does not keep the gates of all images, so that no interval can be given: record with "
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


def _statistics(sums: SumsOfSquares, width: int, length: float | None) -> BlockStatistics:
    channels = _part(sums, slice(width))
    statistics = block_statistics(channels)
    if length is None:
        return statistics
    split = mean_direction(channels, _part(sums, slice(width, width + 1)), length)
    return replace(
        statistics,
        direction_share=split.share,
        residual_variance=split.residual_variance,
        scale_variance=split.scale_variance,
    )


def _part(sums: SumsOfSquares, columns: slice) -> SumsOfSquares:
    return SumsOfSquares(sums.sizes, sums.centre[columns], sums.between[columns], sums.within[columns])
