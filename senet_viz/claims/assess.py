"""The whole assessment of a recording, stored beside it; reads only what the recording holds, never a network."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.claims.agreement import draw_subsets, measure_subsets
from senet_viz.claims.assess_blocks import assess_blocks
from senet_viz.claims.assessment import Assessment, write_assessment
from senet_viz.claims.assessment_claims import check_outcomes, class_rows, effects_tree, judge_assessment
from senet_viz.claims.evidence import ClaimReport
from senet_viz.claims.inputs import ClassSubsets
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.layout import Quantity
from senet_viz.recording.outcomes import Outcomes, open_outcomes
from senet_viz.recording.outcomes_nearby import find_outcomes
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate
from senet_viz.stats.correctness import NO_OUTPUTS, compare_outcomes, plan_outcomes
from senet_viz.stats.decoding import decode_classes
from senet_viz.stats.effect_measuring import Progress, measure_effects
from senet_viz.stats.effects import EffectTable
from senet_viz.stats.estimates import LEVEL, wilson_interval
from senet_viz.stats.similarity import compare_representations
from senet_viz.stats.superclasses import Superclasses, partition_recording, read_superclasses, wordnet_superclasses
from senet_viz.stats.tables import channel_table, measured_blocks

QUANTITIES: tuple[Quantity, ...] = ("gate", "squeeze")
QUANTITY_WORDS: dict[Quantity, str] = {"gate": "s", "squeeze": "z"}
_DECODED: dict[Quantity, str] = {"gate": "decoding", "squeeze": "decoding_squeeze"}
_NO_EFFECTS = f"This is {NO_OUTPUTS}: what moving gates does to its answers cannot be measured."
_STEPS = ("estimates", "subsets of classes", "channels", "decoding", "CKA", "superclasses", "right and wrong")


def assess(
    recording: Recording,
    *,
    control: Recording | Sequence[Recording] | None = None,
    interventions: Outcomes | str | Path | None = None,
    superclasses: Path | None = None,
    into: Recording | None = None,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> ClaimReport:
    """Puts the paper's claims to the test on a recording and writes `assessment.json` and its tables beside it.

    Args:
        recording: complete and full; all gates kept for intervals.
        control: of the same images by networks of the same architecture, e.g. with random weights of three seeds.
        interventions: what `intervene` made with the same network on the same images, or some of them; or its folder. Those
            that lie near the recording are found (`find_outcomes`) unless this is "none".
        superclasses: a CSV of class,superclass; WordNet's by default, where classes are known by wnid.
        into: a slim form of this recording, beside which the files are written instead.
        seed: of groups, permutations, splits and draws.
        on_progress: called with parts done, parts in all and what comes next; what it raises stops the work.

    Returns:
        The claims, judged.

    Raises:
        ArgumentError: a control of other images, interventions of another network or other images, a slim form of
            another recording, or superclasses that can not be read.
        RecordingError: not complete, fewer than two classes, or a damaged file.
    """
    controls = [control] if isinstance(control, Recording) else list(control or ())
    partition = None if superclasses is None else read_superclasses(superclasses, recording.classes)
    target = _target(recording, into)
    measured = [(quantity, gate) for quantity in QUANTITIES for gate in measured_blocks(recording, quantity)]
    total = len(recording.blocks) + 2 * len(measured) + len(_STEPS)
    tell = on_progress or (lambda _done, _total, _what: None)
    effects = _effects(recording, interventions, lambda _, __, label: tell(0, total, f"effects {label}"))
    found = assess_blocks(
        recording,
        controls=controls,
        seed=seed,
        on_progress=lambda done, _, label: tell(done, total, f"estimates {label}"),
    )
    at = len(recording.blocks)
    measures = _measure(recording, measured, seed, lambda done, what: tell(at + done, total, what))
    at += len(measured)
    extra = _further(recording, partition, seed, lambda done, what: tell(at + done, total, what))
    found = dataclasses.replace(found, recording_id=target.id)
    report = _judge(found, recording, controls, effects, seed)
    extra |= {"effects": None if effects is None else effects_tree(effects), "seed": seed, "claims": report.to_json()}
    write_assessment(target.path, found, measures, extra, effects=None if effects is None else class_rows(effects))
    tell(total, total, "")
    return report


def _measure(
    recording: Recording, measured: Sequence[tuple[Quantity, Gate]], seed: int, tell: Callable[[int, str], None]
) -> pd.DataFrame:
    """A row a quantity, block and channel."""
    tables = []
    for done, (quantity, gate) in enumerate(measured):
        tell(done, f"{QUANTITY_WORDS[quantity]} of {gate.label}")
        table = channel_table(recording, gate, quantity, seed)
        table.insert(0, "quantity", quantity)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _judge(
    found: Assessment, recording: Recording, controls: Sequence[Recording], effects: EffectTable | None, seed: int
) -> ClaimReport:
    """The claims; gates, z and controls are put to the same subsets of the classes."""
    count = recording.moments(recording.blocks[0].name).count
    drawn = draw_subsets(np.flatnonzero(count > 0), seed=seed)
    no_effects = "" if recording.has_class_outputs else _NO_EFFECTS
    if effects is not None:
        no_effects = no_effects or explain_guessing(
            effects, int(recording.manifest.model.get("outputs") or len(recording.classes))
        )
    return judge_assessment(
        found,
        precision=str(recording.manifest.options.get("precision", "fp32")),
        subsets=_subsets(recording, drawn),
        squeeze_subsets=_subsets(recording, drawn, "squeeze"),
        control_subsets=[_subsets(control, drawn) for control in controls],
        effects=None if no_effects else effects,
        no_effects=no_effects,
    )


def explain_guessing(effects: EffectTable, outputs: int) -> str:
    """Why an accuracy has nothing to lose; empty where the network, untouched, is right more often than one in `outputs` is.

    A sure cost of at most .1 points means something only where there are points to lose: the lower end of Wilson's interval of the
    clean top-1 accuracy must be above 1/outputs, what guessing gives.
    """
    right, guessed = effects.clean["top1"] / 100, 1 / max(outputs, 2)
    interval = wilson_interval(right, effects.images)
    if interval.low > guessed:
        return ""
    return (
        f"Untouched, the network is right on {right:.1%} of {effects.images:,} images ({LEVEL:.0%} interval {interval.low:.1%} to "
        f"{interval.high:.1%}), no more than guessing would be ({guessed:.1%}): moving gates has no accuracy to cost."
    )


def _target(recording: Recording, into: Recording | None) -> Recording:
    if into is None:
        return recording
    mine, theirs = (
        (m.model.get("sha256"), m.data.get("digest"), m.gates, m.preprocessing)
        for m in (recording.manifest, into.manifest)
    )
    if into.form != "slim" or mine != theirs:
        raise ArgumentError(
            f"{into.path} is no slim form of {recording.path}: it must be of the same network, images and preprocessing."
        )
    return into


def _effects(recording: Recording, interventions: Outcomes | str | Path | None, tell: Progress) -> EffectTable | None:
    if interventions is None:
        interventions = find_outcomes(recording)
    if interventions is None or interventions == "none":
        return None
    if isinstance(interventions, str | Path):
        interventions = open_outcomes(interventions)
    check_outcomes(interventions, recording)
    return measure_effects(interventions, on_progress=tell)


def _subsets(recording: Recording, drawn: NDArray[np.int64], quantity: Quantity = "gate") -> ClassSubsets | None:
    if not len(drawn):
        return None
    measured = {gate.name for gate in measured_blocks(recording, quantity)}
    nothing = (np.full(len(drawn), np.nan),) * 2
    shares = [
        measure_subsets(recording.moments(gate.name, quantity), drawn) if gate.name in measured else nothing
        for gate in recording.blocks
    ]
    omega, between = (np.stack(columns, axis=1) for columns in zip(*shares))
    return ClassSubsets(drawn.shape[1], omega, between)


def _further(
    recording: Recording, superclasses: Superclasses | None, seed: int, tell: Callable[[int, str], None]
) -> dict[str, Any]:
    """Decoding, CKA, superclasses, right against wrong: tables, or the sentence why there is none."""
    extra: dict[str, Any] = {}
    done = 0
    for quantity, key in _DECODED.items():
        extra[key] = _try(partial(_decode, recording, quantity, seed, done, tell))
        done += len(list(measured_blocks(recording, quantity)))
    tell(done, "CKA")
    extra["cka"] = _try(lambda: compare_representations(recording, seed=seed).table())
    tell(done + 1, "superclasses")
    extra["superclasses"] = _try(
        lambda: partition_recording(recording, superclasses or wordnet_superclasses(recording.classes)).table()
    )
    tell(done + 2, "right and wrong")
    extra["outcomes"] = _try(lambda: _outcomes(recording, seed))
    return extra


def _decode(
    recording: Recording, quantity: Quantity, seed: int, first: int, tell: Callable[[int, str], None]
) -> pd.DataFrame:
    what = f"decoding from {QUANTITY_WORDS[quantity]}"
    tell(first, what)
    found = decode_classes(
        recording, quantity=quantity, seed=seed, on_progress=lambda done, _: tell(first + done, what)
    )
    return found.table()


def _try(make: Callable[[], pd.DataFrame]) -> dict[str, Any]:
    """A table as rows, or why it could not be made."""
    try:
        return {"reason": "", "rows": make().to_dict("records")}
    except (RecordingError, ArgumentError) as error:
        return {"reason": str(error), "rows": []}


def _outcomes(recording: Recording, seed: int) -> pd.DataFrame:
    plan = plan_outcomes(recording, seed=seed)
    return pd.DataFrame(
        {"block": gate.label, **compare_outcomes(plan, recording.gates(gate.name)).row()} for gate in recording.blocks
    )
