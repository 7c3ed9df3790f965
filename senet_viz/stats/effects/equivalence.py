"""Is an effect as good as none? By an interval inside declared bounds, never by a significance that is missing."""

import math
from dataclasses import dataclass
from typing import Literal

from senet_viz.errors import ArgumentError
from senet_viz.stats.effects.result import Measure, say_limits
from senet_viz.stats.resampling import EQUIVALENCE_LEVEL, Estimate, Interval

EquivalenceVerdict = Literal["equivalent", "not equivalent", "inconclusive", "not applicable"]
_UNITS: dict[Measure, str] = {"top1": "points", "top5": "points", "loss": "nats"}


@dataclass(frozen=True)
class Equivalence:
    """Whether a change lies within ± a bound.

    Attributes:
        value: the estimate.
        interval: at 90 %: two one-sided tests of 5 % each (Schuirmann 1987).
        bound: above 0, declared beforehand.
        verdict: "equivalent" where the whole interval lies within, "not equivalent" where it lies wholly outside on one
            side, "inconclusive" where it reaches across a bound, "not applicable" without an interval.
    """

    value: float
    interval: Interval
    bound: float
    verdict: EquivalenceVerdict

    def describe(self, measure: Measure = "top1") -> str:
        """In a sentence, with the interval and what it does not say."""
        limits, within = say_limits(self.interval, measure), f"within ±{self.bound:g} {_UNITS[measure]}"
        if self.verdict == "equivalent":
            return f"Equivalent: the change lies {within} (90 % interval {limits}, two one-sided tests)."
        if self.verdict == "not equivalent":
            return f"Not equivalent: the change does not lie {within} (90 % interval {limits})."
        if self.verdict == "inconclusive":
            return (
                f"Not told: the 90 % interval {limits} reaches beyond ±{self.bound:g} {_UNITS[measure]}, and that no change "
                "was found does not show that there is none."
            )
        return "Not told: there is no interval."


def judge_equivalence(change: Estimate, bound: float) -> Equivalence:
    """Two one-sided tests by a 90 % interval.

    Args:
        change: a paired difference, as `Change.images` or `Change.classes`.
        bound: in the change's units; what is smaller counts as none.

    Raises:
        ArgumentError: a bound that is not above 0.
    """
    if not bound > 0:
        raise ArgumentError(f"A bound of {bound:g} leaves no room for equivalence: give one above 0.")
    interval = change.interval(EQUIVALENCE_LEVEL)
    return Equivalence(change.value, interval, bound, _verdict(interval, bound))


def _verdict(interval: Interval, bound: float) -> EquivalenceVerdict:
    if math.isnan(interval.low) or math.isnan(interval.high):
        return "not applicable"
    if -bound <= interval.low and interval.high <= bound:
        return "equivalent"
    return "not equivalent" if interval.low > bound or interval.high < -bound else "inconclusive"
