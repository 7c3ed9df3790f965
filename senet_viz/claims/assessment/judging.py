"""From an assessment to the claims: its curves as the claims' inputs."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from senet_viz.claims import BlockIntervals, BlockSeries, ClaimInputs, ClaimReport, ClassSubsets, Series, judge
from senet_viz.claims.assessment.effects import claim_effects
from senet_viz.claims.assessment.result import Assessment, CurveName, PlainStatistics
from senet_viz.stats.effects import EffectTable
from senet_viz.stats.resampling import LEVEL

_NAN = float("nan")


def judge_assessment(
    assessment: Assessment,
    *,
    precision: str,
    subsets: ClassSubsets | None = None,
    squeeze_subsets: ClassSubsets | None = None,
    control_subsets: Sequence[ClassSubsets | None] = (),
    effects: EffectTable | None = None,
) -> ClaimReport:
    """Judge every claim by the readings that an assessment allows.

    Args:
        assessment: of a recording.
        precision: of the recorded gates.
        subsets: of the classes, for C12.
        squeeze_subsets: the same subsets of z, shown beside it.
        control_subsets: the same subsets of each control, shown beside it.
        effects: of interventions, for the causal readings.
    """
    squeeze = [block.squeeze for block in assessment.blocks]
    return judge(
        ClaimInputs(
            recording_id=assessment.recording_id,
            blocks=assessment.gates,
            images=assessment.images,
            classes=assessment.classes,
            smallest_class=assessment.smallest_class,
            gates=_gate_series(assessment),
            precision=precision,
            squeeze=_plain_series(squeeze) if any(squeeze) else None,
            controls=tuple(_plain_series(control.blocks) for control in assessment.controls),
            squeeze_subsets=squeeze_subsets,
            control_subsets=tuple(control_subsets),
            shuffled=_shuffled(assessment),
            random_direction=np.array([block.random_direction for block in assessment.blocks]),
            like_these=_like_these(assessment),
            subsets=subsets,
            effects=None if effects is None else claim_effects(effects),
            intervened=None if effects is None else (effects.images, effects.classes),
        )
    )


def _gate_series(assessment: Assessment) -> BlockSeries:
    def series(name: CurveName) -> Series:
        found = [block.gate[name] for block in assessment.blocks]
        return Series(np.array([e.working for e in found]), np.stack([e.replicates for e in found]))

    return BlockSeries(
        omega_squared=series("omega_squared"),
        between_variance=series("between_sd"),
        within_variance=series("within_sd"),
        near_one=series("near_one"),
        direction_share=series("direction_share"),
        residual_variance=series("residual_sd"),
    )


def _points(values: list[float]) -> Series:
    return Series(np.array(values, dtype=np.float64), np.zeros((len(values), 0)))


def _plain_series(blocks: Sequence[PlainStatistics | None]) -> BlockSeries:
    """Of z or of a control; NaN in blocks without."""
    nothing = PlainStatistics(_NAN, _NAN, _NAN)
    known = [block or nothing for block in blocks]
    return BlockSeries(
        **{f.name: _points([getattr(block, f.name) for block in known]) for f in dataclasses.fields(PlainStatistics)}
    )


def _shuffled(assessment: Assessment) -> BlockIntervals | None:
    nulls = [block.null for block in assessment.blocks]
    found = [null for null in nulls if null is not None]
    if len(found) < len(nulls):
        return None
    return BlockIntervals(
        np.array([n.mean for n in found]), np.array([n.low for n in found]), np.array([n.high for n in found]), LEVEL
    )


def _like_these(assessment: Assessment) -> BlockIntervals | None:
    found = [block.classes for block in assessment.blocks]
    if all(each is None for each in found):
        return None
    rows = np.array([(_NAN,) * 3 if c is None else (c.value, c.interval.low, c.interval.high) for c in found])
    return BlockIntervals(rows[:, 0], rows[:, 1], rows[:, 2], LEVEL)
