"""Statistics of interventions: sums and differences of paired effects on accuracy, in points."""

from abc import ABC, abstractmethod
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


class EffectStatistic(ABC):
    """A number made from several effects by the jackknife of that number itself: effects on the same images are paired."""

    def measure(self, effects: tuple[Effect, ...], layout: Layout, level: float) -> Found:
        """The number with its interval; a problem where one of the interventions was not made."""
        found = self._find(effects, layout)
        if None in found:
            return not_found(self._missing(found.index(None), layout), level)
        estimate = self._estimate(found, layout, lambda effect: effect.replicates)
        return Found(estimate.value, estimate.interval(level))

    def like_these(self, effects: tuple[Effect, ...], layout: Layout) -> Interval:
        """95 % interval of the number over classes: *classes like these*; NaN where it is not known."""
        found = self._find(effects, layout)
        if None in found:
            return Interval(float("nan"), float("nan"), LEVEL)
        return self._estimate(found, layout, lambda effect: effect.class_replicates).interval()

    def _estimate(
        self, found: Sequence[Effect | None], layout: Layout, replicates: Callable[[Effect], Floats]
    ) -> Estimate:
        known = [effect for effect in found if effect is not None]
        value = self._combine(np.array([effect.value for effect in known]), layout)
        return Estimate(float(value), self._combine(np.stack([replicates(effect) for effect in known]), layout))

    @property
    @abstractmethod
    def roles(self) -> tuple[Role, ...]:
        """That must exist."""

    @abstractmethod
    def _find(self, effects: tuple[Effect, ...], layout: Layout) -> list[Effect | None]:
        """The effects that it is made from, None where one was not made."""

    @abstractmethod
    def _combine(self, values: Floats, layout: Layout) -> Floats:
        """The number from their values, (effects,) → (), or from replicates, (effects, G) → (G,)."""

    @abstractmethod
    def _missing(self, at: int, layout: Layout) -> str:
        """Why the effect at a place was not found."""


@dataclass(frozen=True)
class EffectSum(EffectStatistic):
    """Σ weight·effect.

    Attributes:
        terms: what is summed.
        accuracy: "top1" or "top5"; claims are judged by top-1.
    """

    terms: tuple[Term, ...]
    accuracy: AccuracyName = "top1"

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(role for term in self.terms if not isinstance(term.target, str) for role in term.target)

    def _find(self, effects: tuple[Effect, ...], layout: Layout) -> list[Effect | None]:
        places = [_places(term.target, layout) for term in self.terms]
        names = [tuple(layout.blocks[i].name for i in found) for found in places]
        return [_find(effects, n, term.baseline, self.accuracy) for n, term in zip(names, self.terms)]

    def _combine(self, values: Floats, _layout: Layout) -> Floats:
        return np.asarray(np.array([term.weight for term in self.terms]) @ values)

    def _missing(self, at: int, layout: Layout) -> str:
        target, baseline = self.terms[at].target, self.terms[at].baseline
        labels = [layout.blocks[place].label for place in _places(target, layout)]
        if not labels:
            return "this network has gates in one stage only, so that no stage is the first of several"
        if isinstance(target, str):
            return _not_made(target, baseline, _OPTIONS[target])
        options = f"--blocks {','.join(labels)}" if len(labels) > 1 else "--targets blocks"
        return _not_made(" and ".join(target), baseline, options)


@dataclass(frozen=True)
class BelowMedian(EffectStatistic):
    """Cost of one block less the median of the costs of all blocks, each intervened on alone."""

    role: Role
    baseline: str

    @property
    def roles(self) -> tuple[Role, ...]:
        return (self.role,)

    def _find(self, effects: tuple[Effect, ...], layout: Layout) -> list[Effect | None]:
        return [_find(effects, (gate.name,), self.baseline, "top1") for gate in layout.blocks]

    def _combine(self, values: Floats, layout: Layout) -> Floats:
        costs = -values
        return np.asarray(costs[layout.roles[self.role]] - np.median(costs, axis=0))

    def _missing(self, at: int, layout: Layout) -> str:
        return _not_made(layout.blocks[at].label, self.baseline, "--targets blocks")


def _find(effects: tuple[Effect, ...], names: tuple[str, ...], baseline: str, accuracy: AccuracyName) -> Effect | None:
    """The effect of intervening on exactly these blocks."""
    wanted = (baseline, accuracy)
    return next(
        (e for e in effects if (e.baseline, e.measure) == wanted and names and set(e.target) == set(names)), None
    )


def _places(target: Target, layout: Layout) -> tuple[int, ...]:
    if not isinstance(target, str):
        return tuple(layout.roles[role] for role in target)
    every = tuple(range(len(layout.blocks)))
    return {FIRST_STAGE: layout.first_stage, LAST_STAGE: layout.last_stage, ALL_BLOCKS: every}[target]


def _not_made(target: str, baseline: str, options: str) -> str:
    command = f"senet-viz intervene … {options} --baselines {baseline}"
    return f"no intervention moved {target} to `{baseline}`: `{command}` does"
