"""The statistics that claims are about, each its frozen parameters, and the rule that turns an interval into a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from senet_viz.claims.inputs import BlockSeries, Layout, Role, Series
from senet_viz.schema import Floats
from senet_viz.stats.estimates import LEVEL, Estimate, Interval, difference_of_sds, ratio_of_sds
from senet_viz.stats.shares import STATISTICS, SeriesName, Statistic

Verdict = Literal["supported", "refuted", "inconclusive", "not applicable"]
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


@dataclass(frozen=True)
class Found:
    """What a statistic comes to.

    Attributes:
        value: NaN where it is not defined.
        interval: of the level asked for; NaN where it is not defined.
        note: what a reader of the number must know, e.g. which of several blocks it is about.
        nothing: why a comparison has nothing to compare, though it is a number; empty where it has.
        problem: why there is no number; empty where there is one.
    """

    value: float
    interval: Interval
    note: str = ""
    nothing: str = ""
    problem: str = ""


def not_found(problem: str, level: float) -> Found:
    """No number, and why."""
    return Found(float("nan"), Interval(float("nan"), float("nan"), level), problem=problem)


class SeriesStatistic(Protocol):
    """A number made from one depth curve."""

    @property
    def series(self) -> SeriesName: ...

    @property
    def roles(self) -> tuple[Role, ...]:
        """That must exist."""
        ...

    def points(self, values: Floats, layout: Layout) -> Floats:
        """The number for each of many depth curves, (..., B) → (...); NaN where it is not defined."""
        ...

    def measure(self, series: Series, layout: Layout, level: float) -> Found:
        """The number of one depth curve with its interval."""
        ...


def measure_series(statistic: SeriesStatistic, known: BlockSeries, layout: Layout, level: float) -> Found:
    """Measure, and say why there is no number where there is none."""
    series = known.get(statistic.series)
    if series is None:
        return not_found(f"{SERIES[statistic.series].words} was not measured", level)
    if SERIES[statistic.series].along_mean:
        for role in statistic.roles:
            if layout.blocks[layout.roles[role]].channels < 2:
                return not_found(f"{layout.name(role)} has one channel, in which there is no other direction", level)
    found = statistic.measure(series, layout, level)
    if np.isnan(found.value):
        return not_found(f"{SERIES[statistic.series].words} is not defined in a block that is read", level)
    if series.groups and (np.isnan(found.interval.low) or np.isnan(found.interval.high)):
        return Found(found.value, found.interval, problem="it is not defined without one of the groups of images")
    return found


SERIES: Mapping[SeriesName, Statistic] = {statistic.series: statistic for statistic in STATISTICS}


@dataclass(frozen=True)
class Contrast:
    """Σ weight·value over blocks, by the jackknife of the sum itself: what blocks have in common cancels.

    Attributes:
        series: of shares, whose error is nearly normal.
        weights: of each role.
        compares: a multiple of one block is compared with another, which says nothing where neither block's 95 %
            interval lies above 0: a third of nothing is nothing.
    """

    series: SeriesName
    weights: tuple[tuple[Role, float], ...]
    compares: bool = False

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(role for role, _ in self.weights)

    def points(self, values: Floats, layout: Layout) -> Floats:
        places = [layout.roles[role] for role in self.roles]
        return np.asarray(values[..., places] @ np.array([weight for _, weight in self.weights]))

    def measure(self, series: Series, layout: Layout, level: float) -> Found:
        found = _linear(self, series, layout, level)
        if not self.compares:
            return found
        alone = [_linear(Contrast(self.series, ((role, 1.0),)), series, layout, LEVEL) for role in self.roles]
        if all(one.interval.low <= 0 for one in alone):
            names = " nor ".join(layout.name(role) for role in self.roles)
            nothing = f"neither {names} is shown to depend on the class, so that there is nothing to compare"
            return replace(found, nothing=nothing)
        return found


@dataclass(frozen=True)
class Rise:
    """Depth contrast: how much the fitted straight line rises from the network's first block to a given one.

    Σ_b w_b·value_b over blocks b = 0 … n − 1 in order of depth with w_b = (n − 1)·(b − (n − 1)/2) / Σ_b (b − (n − 1)/2)²:
    centred weights, the least-squares slope times n − 1. It is in the series' own unit and has the slope's sign.
    """

    series: SeriesName
    roles: tuple[Role]

    def points(self, values: Floats, layout: Layout) -> Floats:
        blocks = layout.roles[self.roles[0]] + 1
        if blocks < 2:
            return np.full(values.shape[:-1], np.nan)
        centred = np.arange(blocks) - (blocks - 1) / 2
        return np.asarray(values[..., :blocks] @ (centred * (blocks - 1) / (centred**2).sum()))

    def measure(self, series: Series, layout: Layout, level: float) -> Found:
        return _linear(self, series, layout, level)


@dataclass(frozen=True)
class Lead:
    """How far a block is ahead of every other block: its smallest difference from another.

    The interval goes from the smallest lower to the smallest upper limit of the differences, so that it lies above a
    bound only where every difference does, and below it where one does: a claim of as many parts as there are blocks.
    """

    series: SeriesName
    roles: tuple[Role]

    def points(self, values: Floats, layout: Layout) -> Floats:
        differences = self._differences(values, layout)
        return np.asarray(differences.min(axis=-1) if differences.shape[-1] else np.full(values.shape[:-1], np.nan))

    def measure(self, series: Series, layout: Layout, level: float) -> Found:
        values = self._differences(series.values, layout)
        if not len(values):
            return not_found("there is no other block", level)
        replicates = self._differences(series.replicates.T, layout).T
        intervals = [Estimate(float(v), r).interval(level) for v, r in zip(values, replicates)]
        low, high = (np.array([getattr(i, end) for i in intervals]) for end in ("low", "high"))
        least = int(np.argmin(values))
        others = [gate.label for i, gate in enumerate(layout.blocks) if i != layout.roles[self.roles[0]]]
        return Found(
            float(values[least]), Interval(float(low.min()), float(high.min()), level), f"from {others[least]}"
        )

    def _differences(self, values: Floats, layout: Layout) -> Floats:
        place = layout.roles[self.roles[0]]
        return np.asarray(values[..., [place]] - np.delete(values, place, axis=-1))


@dataclass(frozen=True)
class Sd:
    """√max(0, variance) of one block: the interval is the variance's, so that it may reach 0."""

    series: SeriesName
    roles: tuple[Role]

    def points(self, values: Floats, layout: Layout) -> Floats:
        return np.sqrt(np.maximum(0, values[..., layout.roles[self.roles[0]]]))

    def measure(self, series: Series, layout: Layout, level: float) -> Found:
        estimate = _sd(series, layout.roles[self.roles[0]])
        return Found(estimate.value, estimate.interval(level))


@dataclass(frozen=True)
class SdDifference:
    """SD of one block less the SD of another; see `estimates.difference_of_sds` for the interval."""

    series: SeriesName
    roles: tuple[Role, Role]

    def points(self, values: Floats, layout: Layout) -> Floats:
        left, right = (np.sqrt(np.maximum(0, values[..., layout.roles[role]])) for role in self.roles)
        return np.asarray(left - right)

    def measure(self, series: Series, layout: Layout, level: float) -> Found:
        if series.groups < 2:
            return Found(float(self.points(series.values, layout)), Interval(float("nan"), float("nan"), level))
        left, right = (_sd(series, layout.roles[role]) for role in self.roles)
        return Found(*difference_of_sds(left, right, level))


@dataclass(frozen=True)
class SdRatio:
    """SD of one block over the SD of another, judged on the log scale.

    There its jackknife error is that of ½·(log variance − log variance), nearly normal and the same whichever block is
    below the line; the jackknife of the ratio itself is skewed and its interval can reach below 0.
    """

    series: SeriesName
    roles: tuple[Role, Role]

    def points(self, values: Floats, layout: Layout) -> Floats:
        above, below = (values[..., layout.roles[role]] for role in self.roles)
        positive = (above > 0) & (below > 0)
        return np.sqrt(np.where(positive, above, np.nan) / np.where(positive, below, 1))

    def measure(self, series: Series, layout: Layout, level: float) -> Found:
        estimate = ratio_of_sds(*(_sd(series, layout.roles[role]) for role in self.roles))
        return Found(estimate.value, estimate.interval(level))


def _linear(statistic: Contrast | Rise, series: Series, layout: Layout, level: float) -> Found:
    value = float(statistic.points(series.values, layout))
    estimate = Estimate(value, statistic.points(series.replicates.T, layout))
    return Found(value, estimate.interval(level))


def _sd(series: Series, place: int) -> Estimate:
    return Estimate(float(series.values[place]), series.replicates[place], "square root")
