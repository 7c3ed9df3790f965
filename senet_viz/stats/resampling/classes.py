"""*Classes like these*: how far a block's ICC would move with other classes from where these came from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import RecordingError
from senet_viz.recording.moments import Moments
from senet_viz.stats.resampling.estimate import LEVEL, Estimate, Interval

Floats = NDArray[np.float64]
FEWEST_CLASSES = 20


@dataclass(frozen=True, eq=False)
class ClassReplicates:
    """A block's ICC(1), variance-weighted over channels, with replicates over classes.

    The ICC is resampled, not ω²: ω² is about the K classes at hand (variance of their means with the divisor K), so that
    it has another true value without a class; the ICC estimates the variance of the population that the classes are a
    sample of (divisor K − 1), which is the same for any sample.

    Attributes:
        ratio: F = Σ_c MSB / Σ_c MSW with one replicate per class left out, on the log scale, on which the jackknife of
            variance ratios holds (Arvesen and Schmitz 1970).
        size: n0, images per class.
    """

    ratio: Estimate
    size: float

    @property
    def value(self) -> float:
        """ICC = (F − 1) / (F − 1 + n0) = Σ_c (MSB − MSW) / Σ_c (MSB + (n0 − 1)·MSW)."""
        return self._icc(self.ratio.value)

    def interval(self, level: float = LEVEL) -> Interval:
        """t interval with K − 1 degrees of freedom."""
        found = self.ratio.interval(level)
        return Interval(self._icc(found.low), self._icc(found.high), level)

    def _icc(self, ratio: float) -> float:
        return (ratio - 1) / (ratio - 1 + self.size)


def resample_classes(moments: Moments) -> ClassReplicates:
    """Leave one class out at a time; moments are all it takes.

    Raises:
        RecordingError: fewer than 20 classes with an image, one image a class, no variance within classes, or no variance
            per class (z and controls of a slim recording).
    """
    seen = moments.count > 0
    classes = int(seen.sum())
    if classes < FEWEST_CLASSES:
        raise RecordingError(
            f"Images of {classes} classes can not speak for classes like these: at least {FEWEST_CLASSES} are needed."
        )
    if moments.m2 is None:
        raise RecordingError("A slim recording keeps no variance per class of this: resample classes in the full one.")
    count = moments.count[seen].astype(np.float64)
    within = moments.m2[seen].sum(axis=1)
    if count.sum() - count.max() <= classes - 1 or within.sum() - within.max() <= 0:
        raise RecordingError("An interval over classes needs several classes of two or more images that differ.")
    between = _between(count, moments.mean[seen])
    kept = count.sum() - np.append(0, count)
    groups = np.append(classes, np.full(classes, classes - 1))
    left = within.sum() - np.append(0, within)
    with np.errstate(divide="ignore"):
        logs = np.log(between / (groups - 1)) - np.log(left / (kept - groups))
    size = (count.sum() - (count**2).sum() / count.sum()) / (classes - 1)
    return ClassReplicates(Estimate(float(logs[0]), logs[1:], "log"), float(size))


def _between(count: Floats, means: Floats) -> Floats:
    """Σ_c SSB of all classes, then without each: (1 + K,).

    SSB without class k = Σ_j n_j·d_j² − n_k·d_k² − (n_k·d_k)²/(N − n_k), with d the deviations from the mean over all
    images, for which Σ_j n_j·d_j = 0.
    """
    deviations = means - count @ means / count.sum()
    squares = (deviations**2).sum(axis=1)
    whole = count @ squares
    without = whole - count * squares - count**2 * squares / (count.sum() - count)
    return np.asarray(np.maximum(0, np.append(whole, without)))
