"""Estimates with their jackknife replicates, intervals from them, and what is computed from several; *classes like these*."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.moments import Moments
from senet_viz.schema import Floats

Scale = Literal["identity", "square root", "log"]
LEVEL = 0.95
EQUIVALENCE_LEVEL = 0.90


def square_root(variance: float) -> float:
    """√max(0, variance); NaN stays NaN."""
    return variance if math.isnan(variance) else math.sqrt(max(0.0, variance))


_BACK: dict[Scale, Callable[[float], float]] = {
    "identity": lambda x: x,
    "square root": square_root,
    "log": lambda x: float(np.exp(np.minimum(x, 700.0))),
}


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, meant to cover the true value in `level` of all repetitions; NaN where it is not defined."""

    low: float
    high: float
    level: float


def wilson_interval(share: float, trials: float, level: float = LEVEL) -> Interval:
    """(p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n) of a share p of n trials (Wilson 1927), within [0, 1].

    scipy's `binomtest` gives the same for whole numbers of successes; its import takes a second that no page should pay.
    """
    z = float(special.ndtri((1 + level) / 2))
    middle = share + z**2 / (2 * trials)
    reach = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    low, high = ((middle + side * reach) / (1 + z**2 / trials) for side in (-1, 1))
    return Interval(max(0.0, low), min(1.0, high), level)


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number and what it becomes when each group of the resampled units is left out.

    Attributes:
        working: the estimate on the scale on which its error is nearest to normal.
        replicates: the same with one group left out, one a group, (G,).
        scale: how `working` becomes the value: as it is; its square root (0 below 0), for SDs, since only variances
            have an error that is nearly normal around 0; its exponential, for ratios.
    """

    working: float
    replicates: Floats
    scale: Scale = "identity"

    @property
    def value(self) -> float:
        """The estimate in its own units."""
        return _BACK[self.scale](self.working)

    @property
    def error(self) -> float:
        """Jackknife standard error on the working scale: √((G − 1)/G · Σ_g (θ_g − mean)²) (Tukey 1958)."""
        groups = len(self.replicates)
        if groups < 2:
            return float("nan")
        deviations = self.replicates - self.replicates.mean()
        return float(np.sqrt((groups - 1) / groups * (deviations**2).sum()))

    def interval(self, level: float = LEVEL) -> Interval:
        """t interval with G − 1 degrees of freedom, brought back from the working scale.

        Equivalence claims use the 90 % interval (two one-sided tests of 5 %), others the 95 % one.
        """
        if not 0 < level < 1:
            raise ArgumentError(f"There is no interval of level {level:g}: give a number between 0 and 1.")
        if len(self.replicates) < 2:
            return Interval(float("nan"), float("nan"), level)
        reach = float(special.stdtrit(len(self.replicates) - 1, (1 + level) / 2)) * self.error
        back = _BACK[self.scale]
        return Interval(back(self.working - reach), back(self.working + reach), level)


def as_row(estimate: Estimate, name: str) -> dict[str, float]:
    """Value and 95 % interval, for a table."""
    interval = estimate.interval()
    return {name: estimate.value, f"{name} low": interval.low, f"{name} high": interval.high}


def combine(function: Callable[..., float], *estimates: Estimate) -> Estimate:
    """A function of several estimates on the same groups: a difference, a contrast, a share of two.

    It is applied to the values and to each set of replicates, so that what blocks have in common (the same images)
    cancels as it should.

    Args:
        function: of as many numbers as there are estimates; smooth where the values lie.
        estimates: of scale "identity"; see `difference_of_sds` and `ratio_of_sds` for SDs.

    Raises:
        ArgumentError: none came, other groups, or another scale.
    """
    _check_together(estimates, "identity")
    columns = zip(*(e.replicates for e in estimates))
    return Estimate(
        float(function(*(e.working for e in estimates))), np.array([float(function(*column)) for column in columns])
    )


def ratio_of_sds(above: Estimate, below: Estimate) -> Estimate:
    """SD / SD, on the log scale; NaN where a variance is not positive.

    Raises:
        ArgumentError: estimates that are no SDs or of other groups.
    """
    _check_together([above, below], "square root")
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = 0.5 * (
            np.log(np.append(above.working, above.replicates)) - np.log(np.append(below.working, below.replicates))
        )
    logs = np.where(np.isfinite(logs), logs, np.nan)
    return Estimate(float(logs[0]), logs[1:], "log")


def difference_of_sds(left: Estimate, right: Estimate, level: float = LEVEL) -> tuple[float, Interval]:
    """SD − SD and its interval, recovered from the two SDs' own intervals and the correlation of their replicates.

    Replicates of √variance have no normal error near 0, where a block without class differences lies; the recovery
    (MOVER, Zou and Donner 2008) uses each SD's asymmetric limits instead, and equals the jackknife of the difference
    where both lie far from 0. Limits are recovered from signed roots (−√|v| below 0), since a limit cut off at 0 would
    hide how far an estimate may lie above an SD of 0.

    Raises:
        ArgumentError: estimates that are no SDs or of other groups.
    """
    _check_together([left, right], "square root")
    a, b = signed_limits(left, level), signed_limits(right, level)
    r = _correlation(left.replicates, right.replicates)
    centre = a[1] - b[1]
    low = centre - _recover(a[1] - a[0], b[2] - b[1], r)
    high = centre + _recover(a[2] - a[1], b[1] - b[0], r)
    return left.value - right.value, Interval(low, high, level)


def signed_limits(estimate: Estimate, level: float) -> tuple[float, float, float]:
    """Lower limit, value and upper limit of an SD as signed roots: cut off at 0, a limit would hide its reach."""
    limits = replace(estimate, scale="identity").interval(level)
    low, value, high = (float(np.sign(v) * np.sqrt(np.abs(v))) for v in (limits.low, estimate.working, limits.high))
    return low, value, high


def _recover(mine: float, theirs: float, r: float) -> float:
    squared = mine**2 + theirs**2 - 2 * r * mine * theirs
    return squared if math.isnan(squared) else math.sqrt(max(0.0, squared))


def _correlation(left: Floats, right: Floats) -> float:
    a, b = left - left.mean(), right - right.mean()
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / scale) if scale > 0 else 0.0


def _check_together(estimates: Sequence[Estimate], scale: Scale) -> None:
    if not estimates or len({len(e.replicates) for e in estimates}) > 1:
        raise ArgumentError("Only estimates on the same groups can be combined: resample all blocks alike.")
    for estimate in estimates:
        if estimate.scale != scale:
            raise ArgumentError(f"An estimate on the scale {estimate.scale!r} came, {scale!r} expected.")


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
