"""Statistics of interventions: sums and differences of paired effects on accuracy, in points."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.claims.inputs import Effect
from senet_viz.claims.roles import Layout, Role
from senet_viz.claims.statistics import Found, not_found
from senet_viz.resampling import Estimate

Floats = NDArray[np.float64]
Target = tuple[Role, ...] | str
FIRST_STAGE, LAST_STAGE, ALL_BLOCKS = "the first stage", "the last stage", "all blocks"


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
    """Σ weight·effect, by the jackknife of the sum: effects on the same images are paired."""

    terms: tuple[Term, ...]

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(role for term in self.terms if not isinstance(term.target, str) for role in term.target)

    def measure(self, effects: tuple[Effect, ...], layout: Layout, level: float) -> Found:
        """The sum with its interval; a problem where one of the interventions was not made."""
        values, replicates = [], []
        for term in self.terms:
            effect = find_effect(effects, term.target, term.baseline, layout)
            if effect is None:
                return not_found(f"no intervention moved {say_target(term.target)} to `{term.baseline}`", level)
            values.append(term.weight * effect.value)
            replicates.append(term.weight * effect.replicates)
        value = float(np.sum(values))
        return Found(value, Estimate(value, np.sum(replicates, axis=0)).interval(level))


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
        found = [_find(effects, (gate.name,), self.baseline) for gate in layout.blocks]
        known = [effect for effect in found if effect is not None]
        if len(known) < len(found):
            missing = next(gate.label for gate, effect in zip(layout.blocks, found) if effect is None)
            return not_found(f"no intervention moved {missing} to `{self.baseline}`", level)
        place = layout.roles[self.role]
        costs = -np.array([effect.value for effect in known])
        replicates = -np.stack([effect.replicates for effect in known])
        value = float(costs[place] - np.median(costs))
        return Found(value, Estimate(value, replicates[place] - np.median(replicates, axis=0)).interval(level))


EffectStatistic = EffectSum | BelowMedian


def find_effect(effects: tuple[Effect, ...], target: Target, baseline: str, layout: Layout) -> Effect | None:
    """The effect of intervening on exactly these blocks."""
    return _find(effects, tuple(layout.blocks[i].name for i in _places(target, layout)), baseline)


def say_target(target: Target) -> str:
    """Words for it: "SE_5_2 and SE_5_3"."""
    return target if isinstance(target, str) else " and ".join(target)


def _find(effects: tuple[Effect, ...], names: tuple[str, ...], baseline: str) -> Effect | None:
    return next((e for e in effects if e.baseline == baseline and names and set(e.target) == set(names)), None)


def _places(target: Target, layout: Layout) -> tuple[int, ...]:
    if not isinstance(target, str):
        return tuple(layout.roles[role] for role in target)
    every = tuple(range(len(layout.blocks)))
    return {FIRST_STAGE: layout.first_stage, LAST_STAGE: layout.last_stage, ALL_BLOCKS: every}[target]
