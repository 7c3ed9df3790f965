"""Second minus first, with an interval: paired where the images are the same, else of independent recordings."""

import math
from dataclasses import dataclass, replace

import numpy as np

from senet_viz.errors import ArgumentError
from senet_viz.stats.resampling import LEVEL, Estimate, Interval, combine, difference_of_sds


@dataclass(frozen=True)
class Difference:
    """Second − first of one measure in one pair of blocks; the interval is NaN where either has no replicates."""

    value: float
    interval: Interval


def subtract_estimates(first: Estimate, second: Estimate, *, paired: bool, level: float = LEVEL) -> Difference:
    """Second − first.

    Paired: the same groups of the same images are left out of both, so that what they have in common cancels.
    Independent: limits are recovered from both estimates' own (MOVER, Zou and Donner 2008): for d = b − a the lower one is
    d − √((b − l_b)² + (u_a − a)²). SDs use signed roots of their variances' limits.

    Raises:
        ArgumentError: estimates on two scales, or paired ones of unequal groups.
    """
    if first.scale != second.scale:
        raise ArgumentError(f"Estimates on the scales {first.scale!r} and {second.scale!r} can not be subtracted.")
    if min(len(first.replicates), len(second.replicates)) < 2:
        return Difference(second.value - first.value, Interval(math.nan, math.nan, level))
    if not paired:
        return Difference(second.value - first.value, _independent(first, second, level))
    if first.scale == "square root":
        return Difference(*difference_of_sds(second, first, level))
    difference = combine(lambda b, a: b - a, second, first)
    return Difference(difference.value, difference.interval(level))


def _independent(first: Estimate, second: Estimate, level: float) -> Interval:
    (low_a, a, high_a), (low_b, b, high_b) = _limits(first, level), _limits(second, level)
    return Interval(b - a - math.hypot(b - low_b, high_a - a), b - a + math.hypot(high_b - b, a - low_a), level)


def _limits(estimate: Estimate, level: float) -> tuple[float, float, float]:
    """Lower limit, value and upper limit; signed roots for SDs, since a limit cut off at 0 would hide its reach."""
    limits = replace(estimate, scale="identity").interval(level)
    values = (limits.low, estimate.working, limits.high)
    if estimate.scale == "square root":
        values = (_signed_root(limits.low), _signed_root(estimate.working), _signed_root(limits.high))
    return values


def _signed_root(variance: float) -> float:
    return float(np.sign(variance) * np.sqrt(np.abs(variance)))
