"""How distinct each class's gates are, block by block, where along the depth that begins, and how many images are right."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.classes.profiles import (
    ClassProfiles,
    ReadProfiles,
    distance_intervals,
    noise_of_means,
    pool_covariance,
    read_class_profiles,
    signed_root,
    squares_from_others,
)
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats, Gate, label_blocks, label_classes
from senet_viz.stats.estimates import wilson_interval

HALF = 0.5
_NOT_KEPT = "No intervals: they need kept gates of at least two images in several classes."
_NO_NOISE = "No class has two images, so the noise in class means is not known and nothing can be told apart from it."
_ONE_CLASS = "There is no second class to be distinct from."


@dataclass(frozen=True, eq=False)
class Emergence:
    """Where along the depth each class's distinctness begins, is largest and ends, by a convention; (R,) each.

    In units of the within-class SD, so that blocks can be compared. `begins` is the first and `ends` the last block of the
    unbroken run of blocks at or above half of the class's largest distinctness that holds the largest (half-maximum onset).

    Attributes:
        begins, peaks, ends: positions in depth; −1 where no block's distinctness is above 0.
    """

    begins: NDArray[np.int64]
    peaks: NDArray[np.int64]
    ends: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ClassDistinctness:
    """R classes in B blocks, in order of depth.

    Attributes:
        gates: the blocks.
        classes: class indices, (R,); classes without an image are left out.
        labels: of them.
        images: n_k, (R,).
        squared: squared RMS distance of a class's profile from the mean of the others, less the noise, (R, B), in
            squared units of s (`squares_from_others`); may be negative; NaN where it is not defined.
        noise: what was subtracted, (R, B).
        within: mean over channels of the variance within classes, (B,).
        low, high: 95 % limits of `squared` over images, (R, B); NaN where none are known.
        missing: why something is NaN, in a sentence; may be empty.
    """

    gates: tuple[Gate, ...]
    classes: NDArray[np.int64]
    labels: tuple[str, ...]
    images: NDArray[np.int64]
    squared: Floats
    noise: Floats
    within: Floats
    low: Floats
    high: Floats
    missing: str = ""

    @property
    def has_intervals(self) -> bool:
        """Whether limits are known in some block."""
        return bool(np.isfinite(self.low).any())

    def distance(self, squared: Floats | None = None, *, relative: bool = False) -> Floats:
        """(R, B) in units of s, or relative: divided by the block's within-class SD √(mean over channels of MSW).

        Args:
            squared: `low`, `high` or `noise`; the distinctness itself where None.
            relative: in within-class SDs.
        """
        value = self.squared if squared is None else squared
        if not relative:
            return signed_root(value)
        with np.errstate(invalid="ignore", divide="ignore"):
            return signed_root(np.where(self.within > 0, value / self.within, np.nan))

    def spread(self, *, relative: bool = False) -> Floats:
        """10th, 50th and 90th percentile over the classes, (3, B)."""
        return np.asarray(np.quantile(self.distance(relative=relative), (0.1, 0.5, 0.9), axis=0))

    def typical_noise(self, *, relative: bool = False) -> Floats:
        """Median over the classes of the distance that noise in the means alone would give, (B,)."""
        return np.asarray(np.median(self.distance(self.noise, relative=relative), axis=0))

    def told_apart(self, at: int) -> int:
        """Classes whose 95 % interval lies above 0 in a block."""
        return int((self.low[:, at] > 0).sum())

    def row_of(self, index: int) -> int | None:
        """Row of a class; None where it has no image."""
        found = np.flatnonzero(self.classes == index)
        return int(found[0]) if len(found) else None

    def emergence(self) -> Emergence:
        """Begin, peak and end of every class's distinctness."""
        values = self.distance(relative=True)
        size = values.shape[1]
        filled = np.where(np.isfinite(values), values, -np.inf)
        peaks = filled.argmax(axis=1)
        largest = filled.max(axis=1, initial=-np.inf)
        inside = filled >= HALF * largest[:, None]
        at = np.arange(size)
        before = np.where(~inside & (at <= peaks[:, None]), at, -1).max(axis=1)
        after = np.where(~inside & (at >= peaks[:, None]), at, size).min(axis=1)
        known = largest > 0
        return Emergence(*(np.where(known, found, -1) for found in (before + 1, peaks, after - 1)))

    def table(self, classes: tuple[int, ...] | None = None) -> pd.DataFrame:
        """A row per class and block; of all classes where none are named."""
        rows = np.arange(len(self.classes)) if classes is None else np.flatnonzero(np.isin(self.classes, classes))
        blocks = len(self.gates)
        repeat = np.repeat(rows, blocks)
        columns = {
            "distance, in s": self.distance(),
            "low": self.distance(self.low),
            "high": self.distance(self.high),
            "distance, in within-class SDs": self.distance(relative=True),
            "by chance, in s": self.distance(self.noise),
        }
        return pd.DataFrame(
            {
                "class": [self.labels[i] for i in repeat],
                "images": self.images[repeat],
                "block": np.tile(label_blocks(self.gates), len(rows)),
                **{name: values[rows].ravel() for name, values in columns.items()},
            }
        )


def measure_distinctness(
    recording: Recording, *, intervals: bool = True, read: ReadProfiles = read_class_profiles
) -> ClassDistinctness:
    """Distances of all classes from the others in every block, from moments.

    Args:
        recording: full or slim.
        intervals: read kept gates too, for limits (`distance_intervals`).
        read: gives a block's class profiles, where they are kept.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    labels = recording.kept_samples["label"].to_numpy() if intervals and recording.n_kept else None
    found: list[tuple[Floats, ...]] = []
    profiles: ClassProfiles | None = None
    for gate in recording.blocks:
        profiles = read(recording, gate)
        gates = recording.gates(gate.name) if labels is not None else None
        found.append(_measure(profiles, gates, labels))
    assert profiles is not None, "a recording has at least one block"
    squared, noise, low, high, within = (np.stack(part, axis=-1) for part in zip(*found))
    names = label_classes(recording.classes)
    known = bool(np.isfinite(low).any())
    return ClassDistinctness(
        recording.blocks, profiles.classes, tuple(names[k] for k in profiles.classes), profiles.images,
        squared, noise, within, low, high, _why(squared, known=known, asked=intervals),
    )  # fmt: skip


def _measure(
    profiles: ClassProfiles, gates: NDArray[np.float16] | None, labels: NDArray[np.int32] | None
) -> tuple[Floats, ...]:
    """Squared distance, noise, limits, (R,) each, and the variance within classes, ()."""
    squared, noise = squares_from_others(profiles)
    low = high = np.full_like(squared, np.nan)
    covariance = pool_covariance(gates, labels) if gates is not None and labels is not None else None
    if covariance is not None and len(squared) > 1:
        others = len(profiles.classes) - 1
        differences = (others + 1) / others * (profiles.means - profiles.means.mean(axis=0))
        low, high = distance_intervals(squared, differences, noise_of_means(profiles), covariance)
    return squared, noise, low, high, np.array(profiles.within)


def _why(squared: Floats, *, known: bool, asked: bool) -> str:
    if len(squared) < 2:
        return _ONE_CLASS
    if not np.isfinite(squared).any():
        return _NO_NOISE
    return _NOT_KEPT if asked and not known else ""


@dataclass(frozen=True, eq=False)
class ClassAccuracy:
    """Of all K classes, (K,) each.

    Attributes:
        judged: images of the class whose answer can be right or wrong; 0 where the class has no output of the network.
        correct: of them, right ones.
        low, high: Wilson's 95 % interval of correct/judged (Wilson 1927), in [0, 1]; NaN where no image is judged.
    """

    judged: NDArray[np.int64]
    correct: NDArray[np.int64]
    low: Floats
    high: Floats

    @property
    def share(self) -> Floats:
        """correct/judged; NaN where no image is judged."""
        share = np.full(len(self.judged), np.nan)
        return np.asarray(np.divide(self.correct, self.judged, out=share, where=self.judged > 0))


def count_correct(recording: Recording) -> ClassAccuracy:
    """Right answers of every class, from the recorded predictions of all images.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    answers, size = recording.answers, len(recording.classes)
    labels = answers["label"].to_numpy()
    right = answers["correct"].cast("int8").fill_null(-1).to_numpy()
    known = (labels >= 0) & (right >= 0)
    judged = np.bincount(labels[known], minlength=size)
    correct = np.bincount(labels[known & (right == 1)], minlength=size)
    low, high = np.full((2, size), np.nan)
    for k in np.flatnonzero(judged):
        found = wilson_interval(correct[k] / judged[k], float(judged[k]))
        low[k], high[k] = found.low, found.high
    return ClassAccuracy(judged, correct, low, high)
