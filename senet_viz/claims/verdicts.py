"""The rule: where an interval must lie for a claim to be supported or refuted."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from senet_viz.stats.resampling import Interval

Verdict = Literal["supported", "refuted", "inconclusive", "not applicable"]
VERDICTS: tuple[Verdict, ...] = ("supported", "refuted", "inconclusive", "not applicable")
Side = Literal["at least", "above", "at most", "below"]


def judge_interval(interval: Interval, side: Side, bound: float) -> Verdict:
    """Supported: wholly on the claimed side of the bound. Refuted: wholly on the other. Else inconclusive.

    Args:
        interval: without NaN.
        side: "at least" and "at most" claim the bound itself too.
        bound: declared beforehand.
    """
    ends = np.array([interval.low, interval.high])
    inside = satisfies(ends, side, bound)
    if inside.all():
        return "supported"
    return "inconclusive" if inside.any() else "refuted"


def satisfies(values: NDArray[np.float64], side: Side, bound: float) -> NDArray[np.bool_]:
    """Which numbers lie on the claimed side; NaN does not."""
    if side in ("at least", "above"):
        return np.asarray(values >= bound if side == "at least" else values > bound)
    return np.asarray(values <= bound if side == "at most" else values < bound)


def join_verdicts(parts: Sequence[Verdict]) -> Verdict:
    """A claim of several parts: supported when every part is, refuted when one is.

    Without a part that can be judged, or with one that can not and none refuted, the claim is not applicable.
    """
    if "refuted" in parts:
        return "refuted"
    if not parts or "not applicable" in parts:
        return "not applicable"
    return "supported" if set(parts) == {"supported"} else "inconclusive"
