"""Claim inputs put together by hand, for tests that say what each number is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from senet_viz.claims.inputs import BlockSeries, ClaimInputs, Effect, Series
from senet_viz.schema import Gate
from tests.support.synthetic import PAPER_BLOCKS, make_gates

GROUPS = 10
ERROR = 0.001
CURVES: Mapping[str, Sequence[float]] = {
    "omega_squared": (0.03, 0.2, 0.3, 0.4, 0.2, 0.3),
    "between_variance": (0.005**2, 0.02**2, 0.04**2, 0.07**2, 0.02**2, 0.05**2),
    "within_variance": (0.03**2, 0.04**2, 0.06**2, 0.08**2, 0.04**2, 0.05**2),
    "near_one": (0.0, 0.1, 0.05, 0.1, 0.75, 0.2),
    "direction_share": (0.02, 0.02, 0.02, 0.02, 0.02, 0.95),
    "residual_variance": (1e-5, 1e-4, 1e-4, 1e-3, 1e-4, 0.01**2),
}


def make_series(values: Sequence[float], *, error: float = ERROR, groups: int = GROUPS, seed: int = 0) -> Series:
    """A series whose jackknife error is exactly `error` in every block, independent between blocks."""
    estimates = np.array(values, dtype=np.float64)
    if not groups:
        return Series(estimates, np.zeros((len(estimates), 0)))
    noise = np.random.default_rng(seed).normal(size=(len(estimates), groups))
    noise -= noise.mean(axis=1, keepdims=True)
    noise *= error / np.sqrt((groups - 1) / groups * (noise**2).sum(axis=1, keepdims=True))
    return Series(estimates, estimates[:, None] + noise)


def make_curves(*, groups: int = GROUPS, error: float = ERROR, **changed: Sequence[float]) -> BlockSeries:
    """The depth curves of a network that is as the paper claims, some of them replaced; variances have a small error."""
    curves = {**CURVES, **changed}
    errors = {name: error * 1e-3 if name.endswith("_variance") else error for name in curves}
    return BlockSeries(
        **{n: make_series(v, error=errors[n], groups=groups, seed=i) for i, (n, v) in enumerate(curves.items())}
    )


def make_inputs(
    *, gates: BlockSeries | None = None, blocks: tuple[Gate, ...] | None = None, **changed: Any
) -> ClaimInputs:
    """1,000 images of 20 classes in a network with the paper's six blocks."""
    facts: dict[str, Any] = {"recording_id": "r", "images": 1000, "classes": 20, "smallest_class": 50} | changed
    return ClaimInputs(blocks=blocks or make_gates(PAPER_BLOCKS), gates=gates or make_curves(), **facts)


def make_effects(costs: Mapping[tuple[str, str], float], *, error: float = 0.1) -> tuple[Effect, ...]:
    """Effects by (targets' labels joined with "+", baseline), from costs in points; every error is the same."""
    names = {gate.label: gate.name for gate in make_gates(PAPER_BLOCKS)}
    made = []
    for number, ((target, baseline), cost) in enumerate(costs.items()):
        noise = make_series([-cost], error=error, seed=number)
        labels = tuple(names) if target == "all" else tuple(target.split("+"))
        made.append(Effect(tuple(names[label] for label in labels), baseline, -cost, noise.replicates[0]))
    return tuple(made)
