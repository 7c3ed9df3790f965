"""What a claim is: frozen declarations that were made before any data was read, and their numbers in words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from senet_viz.claims.agreement import Agreement
from senet_viz.claims.effects import EffectStatistic, EffectSum
from senet_viz.claims.inputs import Role
from senet_viz.claims.statistics import Found, SeriesStatistic, Side
from senet_viz.stats.estimates import EQUIVALENCE_LEVEL, LEVEL, Interval
from senet_viz.text import limits_text, number_text

ReadingName = Literal["relative", "absolute", "causal"]
READINGS: tuple[ReadingName, ...] = ("relative", "absolute", "causal")
Unit = Literal["share of variance", "share", "units of s", "ratio", "points"]


@dataclass(frozen=True)
class Part:
    """One comparison of a number with a bound.

    Attributes:
        words: the number in words.
        formula: the number in symbols.
        unit: of the number and the bound.
        side: where the claim says that the number lies.
        bound: declared before any data was read.
        statistic: what makes it.
        equivalence: the claim is that something is *small*: 90 % interval (two one-sided tests of 5 %) instead of 95 %.
        also: numbers that are shown beside it, without a verdict of their own: words and what makes them.
    """

    words: str
    formula: str
    unit: Unit
    side: Side
    bound: float
    statistic: SeriesStatistic | EffectStatistic | Agreement
    equivalence: bool = False
    also: tuple[tuple[str, EffectSum], ...] = ()

    @property
    def level(self) -> float:
        """Of the interval."""
        return EQUIVALENCE_LEVEL if self.equivalence else LEVEL


@dataclass(frozen=True)
class Reading:
    """One way to put a claim to the test.

    Attributes:
        parts: all of which must hold; none where the claim can not be tested in this way.
        differ_at: a block in which classes must differ (95 % interval of the between-class variance above 0) for the
            reading to mean anything.
        note: what a reader of the verdict must know.
        needs_range: it reads gates in units of s, with bounds declared for gates that go from 0 to 1.
        needs_fp32: it counts saturated gates; a bf16 step near 1 is .004.
        never: why it can not be judged from recordings and interventions at all; empty where it can.
    """

    parts: tuple[Part, ...]
    differ_at: Role | None = None
    note: str = ""
    needs_range: bool = False
    needs_fp32: bool = False
    never: str = ""

    @property
    def roles(self) -> tuple[Role, ...]:
        """The blocks it reads."""
        read = dict.fromkeys(role for part in self.parts for role in part.statistic.roles)
        return tuple(read)


@dataclass(frozen=True)
class Claim:
    """A sentence about gates, and how it is judged.

    Attributes:
        id: C1 to C12.
        statement: in plain words.
        paper: what the paper shows of it.
        readings: by name, those that the claim has.
    """

    id: str
    statement: str
    paper: str
    readings: Mapping[ReadingName, Reading]


SIDE_WORDS: Mapping[Side, str] = {"at least": "≥", "above": ">", "at most": "≤", "below": "<"}
_DIGITS: Mapping[Unit, int] = {"share of variance": 3, "share": 3, "units of s": 4, "ratio": 2, "points": 2}
_AFTER: Mapping[Unit, str] = {"units of s": " in units of s", "points": " points"}


def say_number(value: float, unit: Unit) -> str:
    """A number of a unit; "not defined" for NaN."""
    return number_text(value, f"z.{_DIGITS[unit]}f", unknown="not defined")


def say_interval(value: float, interval: Interval, unit: Unit) -> str:
    """A number with its interval: "0.213 [0.190, 0.236]"; without it where there is none."""
    limits = limits_text(interval.low, interval.high, f"z.{_DIGITS[unit]}f", unknown="not defined")
    return say_number(value, unit) if math.isnan(interval.low) else f"{say_number(value, unit)} {limits}"


def say_unit(unit: Unit) -> str:
    """What follows a number of this unit: " points", " in units of s"; "" for shares and ratios."""
    return _AFTER.get(unit, "")


def say_bound(side: Side, bound: float) -> str:
    """A declared bound: "≥ −1"."""
    return f"{SIDE_WORDS[side]} {number_text(bound, 'g')}"


def say_part(part: Part, found: Found) -> str:
    """A part's number, interval, level and bound."""
    where = f" ({found.note})" if found.note else ""
    return (
        f"{part.words[0].upper()}{part.words[1:]} is {say_interval(found.value, found.interval, part.unit)}"
        f"{say_unit(part.unit)}{where}, {part.level:.0%} interval, declared {say_bound(part.side, part.bound)}"
    )
