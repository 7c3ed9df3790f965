"""Gates of a few images in one block: from the recorded mean, from each other, from the class profiles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.analysis.comparison.recorded import BlockProfiles
from senet_viz.errors import ArgumentError
from senet_viz.schema import Gate
from senet_viz.stats.measures.health import tell_classes

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BlockComparison:
    """One block and n images.

    Attributes:
        block: the gate.
        gates: s of every image, (n, C) float32, as the network computed them.
        mean: mean gate of the recording over all its images, (C,).
        sd: sample standard deviation over the recorded images, (C,); NaN where one image was recorded.
        order: channel numbers by ascending recorded mean, (C,).
        from_mean: RMS distance of every image from the recorded mean, (n,), in units of s:
            √(mean over channels of (s_c − mean_c)²).
        rms: RMS distance of each pair, (n, n), in units of s: √(mean over channels of (s_ic − s_jc)²).
        cosine: cosine distance of each pair, (n, n), in [0, 2]: 1 − cos(d_i, d_j) of the differences from the
            recorded mean, d_i = s_i − mean. (Gates are all positive, so that without centring the cosine distance is
            near 0 for any pair.) 0 on the diagonal; NaN where one of the differences is zero in every channel.
        nearest: the m nearest classes of every image by RMS distance to the class profile, (n, m) class indices.
        nearest_distance: these distances, (n, m), ascending.
        rank: place of the predicted class among the profiles by that distance, (n,): 1 is the nearest; 0 where the
            predicted output is no class of the data or no image of that class was recorded.
        classes_compared: number of profiles, K′; classes without an image have none. 0 where the profiles do not differ
            (`tell_classes`), as in a block of dead gates: no class is nearest then.
    """

    block: Gate
    gates: NDArray[np.float32]
    mean: Floats
    sd: Floats
    order: NDArray[np.int64]
    from_mean: Floats
    rms: Floats
    cosine: Floats
    nearest: NDArray[np.int64]
    nearest_distance: Floats
    rank: NDArray[np.int64]
    classes_compared: int

    @property
    def differences(self) -> Floats:
        """Gate minus recorded mean, (n, C), in units of s."""
        return self.gates - self.mean


def compare_block(
    profiles: BlockProfiles,
    compared: NDArray[np.int64],
    gates: NDArray[np.float32],
    predicted: Sequence[int | None],
    *,
    nearest: int = 5,
) -> BlockComparison:
    """Distances of n images in one block.

    Args:
        profiles: of the recording.
        compared: class index of each row of `profiles.class_means`, (K′,).
        gates: (n, C) float32.
        predicted: class that the network predicts for each image, None where it is no class of the data.
        nearest: how many classes are named for each image, m; fewer where K′ is smaller.

    Raises:
        ArgumentError: gates of another shape.
    """
    expected = (len(predicted), profiles.block.channels)
    if gates.shape != expected:
        raise ArgumentError(f"Gates of {profiles.block.label} have the shape {gates.shape}, {expected} expected.")
    differences = gates - profiles.mean
    class_means = profiles.class_means
    if len(compared) > 1 and not tell_classes(class_means):
        class_means, compared = class_means[:0], compared[:0]
    to_classes = _distances_to(differences, class_means - profiles.mean)
    leading = np.argsort(to_classes, axis=1, kind="stable")[:, :nearest]
    return BlockComparison(
        block=profiles.block,
        gates=gates,
        mean=profiles.mean,
        sd=profiles.sd,
        order=np.argsort(profiles.mean, kind="stable"),
        from_mean=np.sqrt((differences**2).mean(axis=1)),
        rms=_pair_distances(gates),
        cosine=_cosine_distances(differences),
        nearest=compared[leading],
        nearest_distance=np.take_along_axis(to_classes, leading, axis=1),
        rank=_ranks(to_classes, compared, predicted),
        classes_compared=len(compared),
    )


def _distances_to(differences: Floats, profiles: Floats) -> Floats:
    """RMS distance of every image to every profile, (n, K′), both centred by the recorded mean.

    |d − p|² = |d|² − 2·d·p + |p|² as one product: ImageNet's 1,000 profiles of 2,048 channels stay cheap, and the
    centring keeps the cancellation far below the gates' own precision.
    """
    squares = (differences**2).sum(axis=1)[:, None] + (profiles**2).sum(axis=1) - 2 * differences @ profiles.T
    return np.asarray(np.sqrt(np.maximum(0, squares) / differences.shape[1]))


def _pair_distances(gates: NDArray[np.float32]) -> Floats:
    values = gates.astype(np.float64)
    rows = [np.sqrt(((values - value) ** 2).mean(axis=1)) for value in values]
    return np.stack(rows) if rows else np.zeros((0, 0))


def _cosine_distances(differences: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        directions = differences / np.linalg.norm(differences, axis=1, keepdims=True)
    distances: Floats = np.clip(1 - directions @ directions.T, 0, 2)
    np.fill_diagonal(distances, 0)
    return distances


def _ranks(to_classes: Floats, compared: NDArray[np.int64], predicted: Sequence[int | None]) -> NDArray[np.int64]:
    ranks = np.zeros(len(predicted), dtype=np.int64)
    for image, index in enumerate(predicted):
        if index is not None and index in compared:
            own = to_classes[image, int(np.argmax(compared == index))]
            ranks[image] = 1 + np.count_nonzero(to_classes[image] < own)
    return ranks
