"""Statistics of interventions: sums and differences of paired effects on accuracy, in points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from senet_viz.claims.inputs import AccuracyName, Effect, Layout, Role
from senet_viz.claims.statistics import Found, not_found
from senet_viz.schema import Floats
from senet_viz.stats.estimates import LEVEL, Estimate, Interval

Target = tuple[Role, ...] | str
FIRST_STAGE, LAST_STAGE, ALL_BLOCKS = "the first stage", "the last stage", "all blocks"
_OPTIONS = {FIRST_STAGE: "--targets stages", LAST_STAGE: "--targets stages", ALL_BLOCKS: "--targets all"}


@dataclass(frozen=True)
class Term:
    """A weight times the effect of one intervention.

    Attributes:
        weight: −1 for a cost, since effect = intervened − clean.
        target: roles intervened on together, or one of `FIRST_STAGE`, `LAST_STAGE`, `ALL_BLOCKS`.
        baseline: what the gates are moved to.
    """

    weight: float
    target: Target
    baseline: str


@dataclass(frozen=True)
class EffectSum:
    """Σ weight·effect, by the jackknife of the sum: effects on the same images are paired.

    Attributes:
        terms: what is summed.
        accuracy: "top1" or "top5"; claims are judged by top-1.
    """

    terms: tuple[Term, ...]
    accuracy: AccuracyName = "top1"

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(role for term in self.terms if not isinstance(term.target, str) for role in term.target)

    def measure(self, effects: tuple[Effect, ...], layout: Layout, level: float) -> Found:
        """The sum with its interval; a problem where one of the interventions was not made."""
        found = [find_effect(effects, t.target, t.baseline, layout, self.accuracy) for t in self.terms]
        for term, effect in zip(self.terms, found):
            if effect is None:
                return not_found(_missing(term.target, term.baseline, layout), level)
        value, replicates = _combine(self._sum, [e for e in found if e is not None], _over_images)
        return Found(value, Estimate(value, replicates).interval(level))

    def like_these(self, effects: tuple[Effect, ...], layout: Layout) -> Interval:
        """95 % interval of the sum over classes: *classes like these*; NaN where it is not known."""
        found = [find_effect(effects, t.target, t.baseline, layout, self.accuracy) for t in self.terms]
        return _like_these(self._sum, found)

    def _sum(self, values: Floats) -> Floats:
        return np.asarray(np.array([term.weight for term in self.terms]) @ values)


@dataclass(frozen=True)
class BelowMedian:
    """Cost of one block less the median of the costs of all blocks, each intervened on alone."""

    role: Role
    baseline: str

    @property
    def roles(self) -> tuple[Role, ...]:
        return (self.role,)

    def measure(self, effects: tuple[Effect, ...], layout: Layout, level: float) -> Found:
        """The difference with its interval; a problem where a block was not intervened on."""
        found = self._find(effects, layout)
        for gate, effect in zip(layout.blocks, found):
            if effect is None:
                options = f"--targets blocks --baselines {self.baseline}"
                return not_found(_not_made(gate.label, self.baseline, options), level)
        known = [e for e in found if e is not None]
        value, replicates = _combine(lambda v: self._compare(v, layout), known, _over_images)
        return Found(value, Estimate(value, replicates).interval(level))

    def like_these(self, effects: tuple[Effect, ...], layout: Layout) -> Interval:
        """95 % interval of the difference over classes: *classes like these*; NaN where it is not known."""
        return _like_these(lambda v: self._compare(v, layout), self._find(effects, layout))

    def _find(self, effects: tuple[Effect, ...], layout: Layout) -> list[Effect | None]:
        return [_find(effects, (gate.name,), self.baseline) for gate in layout.blocks]

    def _compare(self, values: Floats, layout: Layout) -> Floats:
        costs = -values
        return np.asarray(costs[layout.roles[self.role]] - np.median(costs, axis=0))


EffectStatistic = EffectSum | BelowMedian


def find_effect(
    effects: tuple[Effect, ...], target: Target, baseline: str, layout: Layout, accuracy: AccuracyName = "top1"
) -> Effect | None:
    """The effect of intervening on exactly these blocks."""
    return _find(effects, tuple(layout.blocks[i].name for i in _places(target, layout)), baseline, accuracy)


def say_target(target: Target) -> str:
    """Words for it: "SE_5_2 and SE_5_3"."""
    return target if isinstance(target, str) else " and ".join(target)


def _find(
    effects: tuple[Effect, ...], names: tuple[str, ...], baseline: str, accuracy: AccuracyName = "top1"
) -> Effect | None:
    wanted = (baseline, accuracy)
    return next(
        (e for e in effects if (e.baseline, e.measure) == wanted and names and set(e.target) == set(names)), None
    )


def _places(target: Target, layout: Layout) -> tuple[int, ...]:
    if not isinstance(target, str):
        return tuple(layout.roles[role] for role in target)
    every = tuple(range(len(layout.blocks)))
    return {FIRST_STAGE: layout.first_stage, LAST_STAGE: layout.last_stage, ALL_BLOCKS: every}[target]


def _over_images(effect: Effect) -> Floats:
    return effect.replicates


def _over_classes(effect: Effect) -> Floats:
    return effect.class_replicates


def _combine(
    function: Callable[[Floats], Floats], effects: Sequence[Effect], replicates: Callable[[Effect], Floats]
) -> tuple[float, Floats]:
    """A function of several effects, applied to their values and to each set of replicates."""
    value = float(function(np.array([effect.value for effect in effects])))
    return value, function(np.stack([replicates(effect) for effect in effects]))


def _like_these(function: Callable[[Floats], Floats], found: Sequence[Effect | None]) -> Interval:
    known = [effect for effect in found if effect is not None]
    if len(known) < len(found):
        return Interval(float("nan"), float("nan"), LEVEL)
    return Estimate(*_combine(function, known, _over_classes)).interval()


def _missing(target: Target, baseline: str, layout: Layout) -> str:
    places = _places(target, layout)
    if not places:
        return "this network has gates in one stage only, so that no stage is the first of several"
    labels = [layout.blocks[place].label for place in places]
    options = f"--blocks {','.join(labels)}" if len(labels) > 1 else "--targets blocks"
    if isinstance(target, str):
        options = _OPTIONS[target]
    return _not_made(say_target(target), baseline, f"{options} --baselines {baseline}")


def _not_made(target: str, baseline: str, options: str) -> str:
    return f"no intervention moved {target} to `{baseline}`: `senet-viz intervene … {options}` does"
