"""Numbers in words: the digits that their intervals support, and the bound beside them."""

import math
from collections.abc import Mapping

from senet_viz.claims.declaring import Part, Unit
from senet_viz.claims.statistics import Found
from senet_viz.claims.verdicts import Side
from senet_viz.stats.resampling import Interval

SIDE_WORDS: Mapping[Side, str] = {"at least": "≥", "above": ">", "at most": "≤", "below": "<"}
_DIGITS: Mapping[Unit, int] = {"share of variance": 3, "share": 3, "units of s": 4, "ratio": 2, "points": 2}
_AFTER: Mapping[Unit, str] = {"units of s": " in units of s", "points": " points"}


def say_number(value: float, unit: Unit) -> str:
    """A number of a unit; "not defined" for NaN."""
    return "not defined" if math.isnan(value) else f"{value:z.{_DIGITS[unit]}f}".replace("-", "−")


def say_interval(value: float, interval: Interval, unit: Unit) -> str:
    """A number with its interval: "0.213 [0.190, 0.236]"; without it where there is none."""
    if math.isnan(interval.low):
        return say_number(value, unit)
    return f"{say_number(value, unit)} [{say_number(interval.low, unit)}, {say_number(interval.high, unit)}]"


def say_unit(unit: Unit) -> str:
    """What follows a number of this unit: " points", " in units of s"; "" for shares and ratios."""
    return _AFTER.get(unit, "")


def say_bound(side: Side, bound: float) -> str:
    """A declared bound: "≥ −1"."""
    return f"{SIDE_WORDS[side]} {bound:g}".replace("-", "−")


def say_part(part: Part, found: Found) -> str:
    """A part's number, interval, level and bound."""
    where = f" ({found.note})" if found.note else ""
    return (
        f"{part.words[0].upper()}{part.words[1:]} is {say_interval(found.value, found.interval, part.unit)}"
        f"{say_unit(part.unit)}{where}, {part.level:.0%} interval, declared {say_bound(part.side, part.bound)}"
    )
