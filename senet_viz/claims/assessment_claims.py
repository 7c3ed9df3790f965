"""From an assessment to the claims: its curves and effects as their inputs, and effects as JSON with a table per class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.claims.assessment import Assessment, read_side_table, read_tree
from senet_viz.claims.evidence import ClaimReport
from senet_viz.claims.inputs import (
    BlockIntervals,
    BlockSeries,
    ClaimInputs,
    ClassSubsets,
    Effect,
    Series,
    gather_series,
)
from senet_viz.claims.judging import judge_claims
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.layout import ASSESSMENT, EFFECTS
from senet_viz.recording.outcomes_nearby import find_mismatch
from senet_viz.recording.reader import Recording
from senet_viz.schema import Count, Floats, Layout, from_tree
from senet_viz.stats.effect_measuring import over_classes
from senet_viz.stats.effect_parts import CLASS_EFFECT_MEANING, FORMULAS, decompose
from senet_viz.stats.effects import MEASURES, Change, ClassTests, EffectTable, Measure, TargetEffect
from senet_viz.stats.estimates import Estimate
from senet_viz.stats.shares import STATISTICS, BlockStatistics

if TYPE_CHECKING:
    from senet_viz.recording.outcomes import Outcomes

_TESTS = ("shrunken", "p", "q")
_PLAIN = ("target", "kind", "blocks", "baseline", "strength", "repeats", "undefined")  # stored as they are


def check_outcomes(outcomes: "Outcomes", recording: Recording) -> None:
    """Refuse interventions that do not speak of what was recorded.

    Raises:
        ArgumentError: another network, preprocessing, images or outputs of the classes.
    """
    if found := find_mismatch(outcomes.manifest, recording):
        other, same = found
        raise ArgumentError(
            f"{outcomes.path} holds interventions on {other} than {recording.path} has: intervene on the same {same}."
        )


def claim_effects(table: EffectTable) -> tuple[Effect, ...]:
    """What claims are judged from: changes of accuracy by interventions of full strength."""
    return tuple(
        Effect(e.blocks, e.baseline, change.value, change.images.replicates, change.classes.replicates, measure)
        for e in table.effects
        if e.strength == 1
        for measure, change in e.changes.items()
        if measure != "loss"
    )


def effects_tree(table: EffectTable) -> dict[str, Any]:
    """For `assessment.json`: all but what is per class, which is in `class_rows`; components beside the effects."""
    return {
        "outcomes_id": table.outcomes_id,
        "images": table.images,
        "classes": table.classes,
        "groups": table.groups,
        "note": table.note,
        "clean": dict(table.clean),
        "effects": [_effect_tree(effect) for effect in table.effects],
        "components": [
            {
                "target": c.target, "kind": c.kind, "blocks": list(c.blocks), "component": c.name,
                "formula": FORMULAS[c.name], **{m: _limits(c.changes[m]) for m in MEASURES},
            }
            for c in decompose(table)
        ],
        "class_effect": CLASS_EFFECT_MEANING,
    }  # fmt: skip


def class_rows(table: EffectTable) -> pd.DataFrame:
    """For `effects.parquet`: a row an effect and class with a judged image."""
    seen = np.flatnonzero(table.class_images > 0)
    images = table.class_images[seen]
    return pd.concat([_class_rows(at, e, seen, images) for at, e in enumerate(table.effects)], ignore_index=True)


def read_effects(recording: Recording, outcomes: "Outcomes | None" = None) -> EffectTable | None:
    """The effects that an assessment stored; None where it was made without interventions or there is none.

    Args:
        recording: that was assessed.
        outcomes: if given, they must be the ones that the effects were measured on.

    Raises:
        RecordingError: damaged, of another recording, or of other interventions.
    """
    tree = read_tree(recording)
    if tree is None or (stored := tree.get("effects")) is None:
        return None
    path = recording.path / ASSESSMENT
    layouts: Mapping[type, Layout] = {_Table: dict, _Effect: dict, _Change: dict}
    found = from_tree(_Table, stored, str(path), "assess the recording again", path="effects", layouts=layouts)
    if outcomes is not None and found.outcomes_id != outcomes.id:
        raise RecordingError(
            f"The assessment of {recording.path} is of other interventions than {outcomes.path} holds: assess again "
            f"with --interventions {outcomes.path}."
        )
    try:
        return _table(found, read_side_table(recording, tree, EFFECTS), recording.classes.names)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RecordingError(
            f"{EFFECTS} beside {path} does not fit it ({error}): assess the recording again."
        ) from error


def _effect_tree(effect: TargetEffect) -> dict[str, Any]:
    return {
        **{name: getattr(effect, name) for name in _PLAIN},
        **{m: _change_tree(effect.changes[m]) for m in MEASURES},
        "changed": _change_tree(effect.changed),
    }


def _change_tree(change: Change) -> dict[str, Any]:
    return {**_limits(change), "replicates": change.images.replicates.tolist()}


def _limits(change: Change) -> dict[str, Any]:
    images, classes = change.images.interval(), change.classes.interval()
    return {
        "value": change.value, "low": images.low, "high": images.high, "level": images.level,
        "classes_low": classes.low, "classes_high": classes.high,
    }  # fmt: skip


def _class_rows(at: int, effect: TargetEffect, seen: NDArray[np.int64], images: NDArray[np.int64]) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "effect": np.int32(at), "target": effect.target, "baseline": effect.baseline, "strength": effect.strength,
        "class": seen.astype(np.int32), "images": images,
    }  # fmt: skip
    columns |= {m: effect.changes[m].per_class[seen] for m in MEASURES}
    columns["changed"] = effect.changed.per_class[seen]
    return pd.DataFrame(columns | {name: getattr(effect.tests, name)[seen] for name in _TESTS})


@dataclass(frozen=True)
class _Change:
    value: float
    replicates: Floats


@dataclass(frozen=True)
class _Effect:
    """An effect as it is stored: what is per class is in the table."""

    target: str
    kind: str
    blocks: tuple[str, ...]
    baseline: str
    strength: float
    repeats: Count
    undefined: Count
    top1: _Change
    top5: _Change
    loss: _Change
    changed: _Change


@dataclass(frozen=True)
class _Table:
    outcomes_id: str
    images: Count
    groups: Count
    note: str
    clean: Mapping[Measure, float]
    effects: tuple[_Effect, ...]


def _table(stored: _Table, frame: pd.DataFrame, class_names: tuple[str, ...]) -> EffectTable:
    rows = [part for _, part in frame.groupby("effect")]
    for effect in stored.effects:
        if any(getattr(effect, name).replicates.shape != (stored.groups,) for name in (*MEASURES, "changed")):
            raise ValueError(f"{effect.target} has other replicates than of {stored.groups} groups")
    if {*stored.clean} != {*MEASURES}:
        raise ValueError(f"clean has not {', '.join(MEASURES)}")
    if not frame["class"].between(0, len(class_names) - 1).all():
        raise ValueError(f"it has classes beyond the {len(class_names)} of the recording")
    return EffectTable(
        outcomes_id=stored.outcomes_id,
        images=stored.images,
        class_names=class_names,
        class_images=_spread(rows[0], "images", len(class_names), 0).astype(np.int64),
        groups=stored.groups,
        note=stored.note,
        clean=stored.clean,
        effects=tuple(_effect(*pair, len(class_names)) for pair in zip(stored.effects, rows, strict=True)),
    )


def _effect(stored: _Effect, rows: pd.DataFrame, classes: int) -> TargetEffect:
    images = _spread(rows, "images", classes, 0)
    per_class = {name: _spread(rows, name, classes) for name in (*MEASURES, "changed", *_TESTS)}

    def change(name: str) -> Change:
        found: _Change = getattr(stored, name)
        at_classes = over_classes(found.value, per_class[name], images)
        return Change(Estimate(found.value, found.replicates), at_classes, per_class[name])

    return TargetEffect(
        **{name: getattr(stored, name) for name in _PLAIN},
        changes={m: change(m) for m in MEASURES},
        changed=change("changed"),
        tests=ClassTests(**{name: per_class[name] for name in _TESTS}),
    )


def _spread(rows: pd.DataFrame, column: str, classes: int, fill: float = np.nan) -> Floats:
    """A column by class, (K,)."""
    values = np.full(classes, fill)
    values[rows["class"].to_numpy()] = rows[column].to_numpy()
    return values


def judge_assessment(
    assessment: Assessment,
    *,
    precision: str,
    subsets: ClassSubsets | None = None,
    squeeze_subsets: ClassSubsets | None = None,
    control_subsets: Sequence[ClassSubsets | None] = (),
    effects: EffectTable | None = None,
    no_effects: str = "",
) -> ClaimReport:
    """Judge every claim by the readings that an assessment allows.

    Args:
        assessment: of a recording.
        precision: of the recorded gates.
        subsets: of the classes, for C12.
        squeeze_subsets: the same subsets of z, shown beside it.
        control_subsets: the same subsets of each control, shown beside it.
        effects: of interventions, for the causal readings.
        no_effects: why there can be none; empty where they were only not made.
    """
    nothing = BlockStatistics()
    squeeze = [block.squeeze for block in assessment.blocks]
    return judge_claims(
        ClaimInputs(
            recording_id=assessment.recording_id,
            blocks=assessment.gates,
            images=assessment.images,
            classes=assessment.classes,
            smallest_class=assessment.smallest_class,
            gates=_gate_series(assessment),
            precision=precision,
            squeeze=gather_series([block or nothing for block in squeeze]) if any(squeeze) else None,
            controls=tuple(gather_series(control.blocks) for control in assessment.controls),
            squeeze_subsets=squeeze_subsets,
            control_subsets=tuple(control_subsets),
            shuffled=_shuffled(assessment),
            random_direction=np.array([block.random_direction for block in assessment.blocks]),
            like_these=_like_these(assessment),
            subsets=subsets,
            effects=None if effects is None else claim_effects(effects),
            intervened=None if effects is None else (effects.images, effects.classes),
            no_effects=no_effects,
        )
    )


def _gate_series(assessment: Assessment) -> BlockSeries:
    made = {}
    for statistic in STATISTICS:
        found = [block.gate[statistic.name] for block in assessment.blocks]
        made[statistic.series] = Series(np.array([e.working for e in found]), np.stack([e.replicates for e in found]))
    return BlockSeries(**made)


def _shuffled(assessment: Assessment) -> BlockIntervals | None:
    nulls = [block.null for block in assessment.blocks]
    found = [null for null in nulls if null is not None]
    if len(found) < len(nulls):
        return None
    mean, low, high = np.array([(n.mean, n.low, n.high) for n in found]).T
    return BlockIntervals(mean, low, high)


def _like_these(assessment: Assessment) -> BlockIntervals | None:
    if all(block.classes is None for block in assessment.blocks):
        return None
    return BlockIntervals(*assessment.classes_like_these())
