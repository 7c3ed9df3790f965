"""From inputs to verdicts, with the nulls and controls that are read beside them."""

import math
from dataclasses import replace

import numpy as np

from senet_viz.claims.agreement import SUBSET_SIZE, Agreement
from senet_viz.claims.declarations import CLAIMS
from senet_viz.claims.declaring import READINGS, Claim, Part, Reading, ReadingName, say_interval, say_part
from senet_viz.claims.effects import EffectStatistic
from senet_viz.claims.evidence import Beside, ClaimReport, Evidence, JudgedClaim, PartEvidence
from senet_viz.claims.inputs import (
    ROLE_WORDS,
    BlockIntervals,
    BlockSeries,
    ClaimInputs,
    ClassSubsets,
    Layout,
    Role,
    find_roles,
)
from senet_viz.claims.statistics import (
    Found,
    Sd,
    Verdict,
    join_verdicts,
    judge_interval,
    measure_series,
    not_found,
)
from senet_viz.stats.estimates import FEWEST_CLASSES, LEVEL, Interval
from senet_viz.stats.shares import STATISTICS


def beside_part(part: Part, name: ReadingName, found: Found, inputs: ClaimInputs, layout: Layout) -> tuple[Beside, ...]:
    """The same number of the random-weights control, the excess over it, and of z; of interventions, other targets.

    z has another unit than s, so that it stands beside relative readings only.
    """
    statistic = part.statistic
    if isinstance(statistic, EffectStatistic):
        return tuple(_beside_effect(part, statistic, found, inputs, layout))
    shown = _random_weights(part, found, inputs, layout)
    if inputs.squeeze is not None and name == "relative":
        shown.append(_squeeze(part, inputs.squeeze, inputs, layout))
    along_mean = not isinstance(statistic, Agreement) and statistic.series == "direction_share"
    if along_mean and inputs.random_direction is not None:
        null = float(inputs.random_direction[layout.roles[statistic.roles[0]]])
        shown.append(Beside("random direction", "95 % quantile over random directions", null))
    return tuple(shown)


def _beside_effect(
    part: Part, statistic: EffectStatistic, found: Found, inputs: ClaimInputs, layout: Layout
) -> list[Beside]:
    """A causal number's interval over classes, and other targets; where one was not made, why."""
    shown = []
    over = statistic.like_these(inputs.effects or (), layout)
    if not math.isnan(over.low):
        spread = f"{over.level:.0%} interval over classes"
        shown.append(Beside("classes like these", part.words, found.value, over.low, over.high, spread))
    for words, other in part.also:
        if set(other.roles) <= set(layout.roles):
            beside = other.measure(inputs.effects or (), layout, part.level)
            spread = beside.problem or f"{part.level:.0%} interval over images"
            shown.append(Beside("other target", words, beside.value, beside.interval.low, beside.interval.high, spread))
    return shown


def _random_weights(part: Part, found: Found, inputs: ClaimInputs, layout: Layout) -> list[Beside]:
    if not inputs.controls:
        return []
    subsets = inputs.control_subsets or (None,) * len(inputs.controls)
    made = [_measure(part, *control, layout) for control in zip(inputs.controls, subsets, strict=True)]
    words = f"{part.words}, of random weights"
    values = np.array([one.value for one in made if not math.isnan(one.value)])
    if not len(values):
        why = _why(made[0], "the gates of its single images (--keep all)")
        return [Beside("random weights", words, math.nan, spread=why)]
    spread = f"range over {len(values)} seeds" if len(values) > 1 else "one seed"
    low, mean, high = float(values.min()), float(values.mean()), float(values.max())
    excess = found.value - values
    least, most = float(excess.min()), float(excess.max())
    less = f"{part.words}, less that of random weights"
    return [
        Beside("random weights", words, mean, low, high, spread),
        Beside("excess over random weights", less, found.value - mean, least, most, spread),
    ]


def _squeeze(part: Part, known: BlockSeries, inputs: ClaimInputs, layout: Layout) -> Beside:
    z = _measure(part, known, inputs.squeeze_subsets, layout)
    words, (low, high) = f"{part.words}, of z", (z.interval.low, z.interval.high)
    if math.isnan(z.value):
        return Beside("squeeze", words, z.value, spread=_why(z, "z of single images (--keep-squeeze)"))
    over = "subsets" if isinstance(part.statistic, Agreement) else "images"
    spread = "" if math.isnan(low) else f"{part.level:.0%} interval over {over}"
    return Beside("squeeze", words, z.value, low, high, spread)


def _measure(part: Part, known: BlockSeries, subsets: ClassSubsets | None, layout: Layout) -> Found:
    """A part's number of the gates, of z or of a control."""
    assert not isinstance(part.statistic, EffectStatistic), "interventions were made on the judged network alone"
    if not isinstance(part.statistic, Agreement):
        return measure_series(part.statistic, known, layout, part.level)
    if subsets is None or not len(subsets.omega_squared):
        return not_found("no subsets of the classes were measured", part.level)
    return part.statistic.measure(subsets, known, layout, part.level)


def _why(found: Found, needed: str) -> str:
    """Why a number is missing: what is read along the mean profile needs single images, which a recording may not keep."""
    along = any(one.words in found.problem for one in STATISTICS if one.along_mean)
    return f"not known: {found.problem}" + (f"; it needs {needed}" if along else "")


def beside_reading(reading: Reading, name: ReadingName, inputs: ClaimInputs, layout: Layout) -> tuple[Beside, ...]:
    """For shares of variance: ω² with shuffled labels and, from 20 classes on, what *classes like these* would give."""
    reads_shares = any(getattr(part.statistic, "series", "") == "omega_squared" for part in reading.parts)
    if name != "relative" or not reads_shares:
        return ()
    shown = _per_block(
        "shuffled labels", "ω² of {} with shuffled labels", inputs.shuffled, "of permutations", reading, layout
    )
    if inputs.classes >= FEWEST_CLASSES:
        shown += _per_block(
            "classes like these", "ICC of {}", inputs.like_these, "interval over classes", reading, layout
        )
    return tuple(shown)


def _per_block(
    kind: str, words: str, values: BlockIntervals | None, spread: str, reading: Reading, layout: Layout
) -> list[Beside]:
    if values is None:
        return []
    return [
        Beside(
            kind, words.format(layout.name(role)), float(values.values[place]), float(values.low[place]),
            float(values.high[place]), f"{LEVEL:.0%} {spread}",
        )
        for role in reading.roles
        if not math.isnan(values.values[place := layout.roles[role]])
    ]  # fmt: skip


NO_INTERVENTIONS = (
    "No interventions were given: `senet-viz intervene --model MODEL --data DATA --out FOLDER` makes them, and "
    "`senet-viz assess RECORDING --interventions FOLDER` judges by them."
)
_WORDS: dict[Verdict, str] = {
    "supported": "the whole interval lies on the claimed side",
    "refuted": "the whole interval lies on the other side",
    "inconclusive": "the interval reaches across the bound",
}


def judge_claims(inputs: ClaimInputs) -> ClaimReport:
    """Judge every claim by every reading it has.

    Verdicts rest on intervals over images alone: they are for *this network on these images*.
    """
    layout = find_roles(inputs.blocks)
    claims = tuple(_judge_claim(claim, inputs, layout) for claim in CLAIMS)
    roles = {role: layout.blocks[place].label for role, place in layout.roles.items()}
    return ClaimReport(
        inputs.recording_id, inputs.images, inputs.classes, inputs.smallest_class, inputs.gates.groups, roles, claims
    )


def _judge_claim(claim: Claim, inputs: ClaimInputs, layout: Layout) -> JudgedClaim:
    readings = {n: _judge_reading(claim.readings[n], n, inputs, layout) for n in READINGS if n in claim.readings}
    return JudgedClaim(claim.id, claim.statement, claim.paper, readings)


def _judge_reading(reading: Reading, name: ReadingName, inputs: ClaimInputs, layout: Layout) -> Evidence:
    obstacle = _find_obstacle(reading, name, inputs, layout)
    level = reading.parts[0].level if reading.parts else LEVEL
    nowhere = Interval(math.nan, math.nan, level)
    images, classes = inputs.images, inputs.classes
    if name == "causal" and inputs.intervened is not None:
        images, classes = inputs.intervened
    evidence = Evidence("not applicable", obstacle, math.nan, nowhere, images, classes, note=reading.note)
    if obstacle:
        return evidence
    parts = tuple(_judge_part(part, name, inputs, layout) for part in reading.parts)
    if reading.differ_at and (missing := _no_difference(reading.differ_at, inputs, layout)):
        parts = tuple(replace(part, verdict="not applicable", reason=missing) for part in parts)
    verdict = join_verdicts([part.verdict for part in parts if part.counts])
    return replace(
        evidence,
        verdict=verdict,
        reason=_explain(verdict, parts),
        effect=parts[0].estimate,
        interval=parts[0].interval,
        parts=parts,
        beside=beside_reading(reading, name, inputs, layout),
    )


def _find_obstacle(reading: Reading, name: ReadingName, inputs: ClaimInputs, layout: Layout) -> str:
    """Why nothing can be measured for a reading; empty where it can be tried."""
    if reading.never:
        return reading.never
    if name == "causal" and inputs.effects is None:
        return inputs.no_effects or NO_INTERVENTIONS
    for role in reading.roles:
        if role not in layout.roles:
            return f"This network has no block in the role of {role} ({ROLE_WORDS[role]})."
    if name == "causal":
        return ""
    if inputs.classes < 2:
        return "There are not two classes with images."
    for gate in (layout.blocks[layout.roles[role]] for role in reading.roles):
        if reading.needs_range and tuple(gate.range) != (0.0, 1.0):
            low, high = (f"{end:g}".replace("-", "−").replace("inf", "∞") for end in gate.range)
            return f"Its bounds suppose gates that go from 0 to 1; those of {gate.label} go from {low} to {high}."
    if reading.needs_fp32 and inputs.precision != "fp32":
        return f"Saturation is judged on fp32 gates only; these were recorded in {inputs.precision}."
    return ""


def _judge_part(part: Part, name: ReadingName, inputs: ClaimInputs, layout: Layout) -> PartEvidence:
    also = tuple((layout.tell(words), statistic) for words, statistic in part.also)
    part = replace(part, words=layout.tell(part.words), also=also)
    found = _measure_judged(part, inputs, layout)
    verdict, reason = _decide(part, found, inputs)
    return PartEvidence(
        **{name: getattr(part, name) for name in ("words", "formula", "unit", "side", "bound", "equivalence")},
        estimate=found.value,
        interval=found.interval,
        verdict=verdict,
        reason=reason,
        note=found.note,
        counts=not found.nothing,
        beside=beside_part(part, name, found, inputs, layout),
    )


def _measure_judged(part: Part, inputs: ClaimInputs, layout: Layout) -> Found:
    if isinstance(part.statistic, EffectStatistic):
        return part.statistic.measure(inputs.effects or (), layout, part.level)
    if isinstance(part.statistic, Agreement) and inputs.gates.groups < 2:
        return not_found("C1 to C3 have no interval over images, and so no verdict to agree with", part.level)
    if isinstance(part.statistic, Agreement) and inputs.classes <= SUBSET_SIZE:
        return not_found(f"of {inputs.classes} classes no subset of {SUBSET_SIZE} leaves one out", part.level)
    return _measure(part, inputs.gates, inputs.subsets, layout)


def _decide(part: Part, found: Found, inputs: ClaimInputs) -> tuple[Verdict, str]:
    if found.problem or found.nothing:
        problem = found.problem or found.nothing
        return "not applicable", f"{problem[0].upper()}{problem[1:]}."
    if math.isnan(found.interval.low) or math.isnan(found.interval.high):
        few = ""
        if inputs.smallest_class < 5 and not isinstance(part.statistic, EffectStatistic):
            few = f"; the smallest class has {inputs.smallest_class} images"
        return "not applicable", f"No interval over images was made{few}."
    verdict = judge_interval(found.interval, part.side, part.bound)
    return verdict, f"{say_part(part, found)}: {_WORDS[verdict]}."


def _no_difference(role: Role, inputs: ClaimInputs, layout: Layout) -> str:
    """A sentence where classes are not shown to differ in a block, so that there is no pattern of theirs to describe."""
    found = measure_series(Sd("between_variance", (role,)), inputs.gates, layout, LEVEL)
    if found.interval.low > 0 or inputs.gates.groups < 2:
        return ""
    shown = found.problem or f"between-class SD {say_interval(found.value, found.interval, 'units of s')}"
    return f"Classes are not shown to differ at {layout.name(role)} ({shown}), so that there is no pattern of theirs."


def _explain(verdict: Verdict, parts: tuple[PartEvidence, ...]) -> str:
    """The reason of the part that decides."""
    return next((part.reason for part in parts if part.counts and part.verdict == verdict), parts[0].reason)
