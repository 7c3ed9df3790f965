"""Gates of a few images in one block against a recording and each other, and the channels in which they differ most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.classes.profiles import ClassProfiles, read_class_profiles
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.reader import Recording
from senet_viz.schema import ClassTable, Floats, Gate
from senet_viz.stats.health import profiles_differ


@dataclass(frozen=True, eq=False)
class RecordedProfiles:
    """All blocks of a recording; may be kept and used for many comparisons.

    Attributes:
        recording_id: of the recording.
        classes: the data's classes, K of them.
        outputs: output of the network for each of the K classes, None where it has none.
        blocks: in order of depth.
    """

    recording_id: str
    classes: ClassTable
    outputs: tuple[int | None, ...]
    blocks: tuple[ClassProfiles, ...]

    def classes_of(self, output: int) -> tuple[int, ...]:
        """Classes that the label mapping gives this output of the network: none, one, or several by a label map."""
        return tuple(k for k, mapped in enumerate(self.outputs) if mapped == output)


def read_profiles(recording: Recording) -> RecordedProfiles:
    """Reads means, spreads and class profiles of every block: 8·K·ΣC bytes are held.

    Raises:
        RecordingError: no image was recorded yet, or a file is missing or damaged.
    """
    if not recording.manifest.progress.get("images", 1):
        raise RecordingError(f"{recording.path} holds no image yet: wait for its first commit, or record again.")
    blocks = tuple(read_class_profiles(recording, gate) for gate in recording.blocks)
    outputs = recording.manifest.mapping.outputs
    return RecordedProfiles(recording.id, recording.classes, outputs, blocks)


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
            (`profiles_differ`), as in a block of dead gates: no class is nearest then.
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
    profiles: ClassProfiles,
    gates: NDArray[np.float32],
    predicted: Sequence[int | None],
    *,
    nearest: int = 5,
) -> BlockComparison:
    """Distances of n images in one block.

    Args:
        profiles: of the recording.
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
    class_means, compared = profiles.means, profiles.classes
    if len(compared) > 1 and not profiles_differ(class_means):
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


Measure = Literal["spread", "deviation"]


@dataclass(frozen=True, eq=False)
class DifferingChannels:
    """Channels of one block from the largest difference on.

    Attributes:
        block: the gate.
        measure: "spread" (largest minus smallest gate over the images, in units of s) for several images;
            "deviation" (|gate − recorded mean| in units of the recorded SD) for a single one.
        channels: channel numbers, (m,).
        values: of the measure, (m,); a deviation is NaN, and comes last, where the recorded SD is 0 or not known.
        gates: of these channels, (n, m).
        mean: recorded mean of these channels, (m,).
        sd: recorded standard deviation, (m,).
        names: of the images, n of them.
    """

    block: Gate
    measure: Measure
    channels: NDArray[np.int64]
    values: Floats
    gates: NDArray[np.float32]
    mean: Floats
    sd: Floats
    names: tuple[str, ...]

    @property
    def statement(self) -> str:
        """What the channels are ordered by, in words."""
        if self.measure == "spread":
            return "largest minus smallest gate over the images, in units of s"
        return "distance of the gate from the recorded mean, in units of the recorded standard deviation"

    def table(self) -> pd.DataFrame:
        """A row per channel: the measure, recorded mean and SD, and the gate of each image."""
        head = {
            "block": self.block.label,
            "channel": self.channels,
            self.measure: self.values,
            "recorded mean": self.mean,
            "recorded SD": self.sd,
        }
        gates = {f"{at}. {name}": self.gates[at - 1] for at, name in enumerate(self.names, start=1)}
        return pd.DataFrame(head | gates)


def rank_differences(block: BlockComparison, names: tuple[str, ...], *, how_many: int) -> DifferingChannels:
    """The channels with the largest spread over the images; for a single image, farthest from the recorded mean.

    Args:
        block: of a comparison with at least one image.
        names: of its images.
        how_many: channels; all where there are fewer.

    Raises:
        ArgumentError: no image, or fewer than one channel asked for.
    """
    if how_many < 1 or not names:
        raise ArgumentError(f"{how_many} channels of {len(names)} images were asked for: both are at least 1.")
    several = len(names) > 1
    distance = np.abs(block.differences).max(axis=0)
    if several:
        values = np.ptp(block.gates.astype(np.float64), axis=0)
    else:
        values = np.full(len(distance), np.nan)
        np.divide(distance, block.sd, out=values, where=block.sd > 0)
    leading = np.lexsort((-distance, -np.nan_to_num(values, nan=-1.0)))[:how_many]
    return DifferingChannels(
        block=block.block,
        measure="spread" if several else "deviation",
        channels=leading,
        values=values[leading],
        gates=block.gates[:, leading],
        mean=block.mean[leading],
        sd=block.sd[leading],
        names=names,
    )


MOST_STRIPES = 48
StripeUnit = Literal["s", "sd"]
STRIPE_UNITS: tuple[StripeUnit, ...] = ("s", "sd")


def stripe_differences(
    block: BlockComparison, *, unit: StripeUnit = "s", most: int = MOST_STRIPES
) -> NDArray[np.float64]:
    """Mean difference from the recorded mean over neighbouring channels, in the order of the recorded mean.

    Args:
        block: n images of C channels.
        unit: "s", or "sd" for each channel in units of its own standard deviation over the recorded images; channels
            that are constant there count as 0.
        most: stripes; as many as channels where there are no more.

    Returns:
        (n, min(C, most)); stripes are of equal numbers of channels, up to one.

    Raises:
        ArgumentError: another unit.
    """
    if unit not in STRIPE_UNITS:
        raise ArgumentError(f"Stripes have no unit {unit!r}: use one of {', '.join(STRIPE_UNITS)}.")
    differences = block.differences
    if unit == "sd":
        differences = np.divide(differences, block.sd, out=np.zeros_like(differences), where=block.sd > 0)
    ordered = differences[:, block.order]
    parts = np.array_split(ordered, min(most, ordered.shape[1]), axis=1)
    return np.stack([part.mean(axis=1) for part in parts], axis=1)
