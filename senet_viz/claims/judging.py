"""From inputs to verdicts."""

import math
from dataclasses import replace

from senet_viz.claims.agreement import SUBSET_SIZE, Agreement
from senet_viz.claims.declarations import CLAIMS
from senet_viz.claims.declaring import READINGS, Claim, Part, Reading, ReadingName
from senet_viz.claims.effects import BelowMedian, EffectSum
from senet_viz.claims.evidence import ClaimReport, Evidence, JudgedClaim, PartEvidence
from senet_viz.claims.inputs import ClaimInputs
from senet_viz.claims.nulls import beside_part, beside_reading
from senet_viz.claims.roles import ROLE_WORDS, Layout, Role, find_roles
from senet_viz.claims.statistics import Found, Sd, measure_series, not_found
from senet_viz.claims.verdicts import Verdict, join_verdicts, judge_interval
from senet_viz.claims.words import say_interval, say_part
from senet_viz.stats.resampling import LEVEL, Interval

NO_INTERVENTIONS = (
    "No interventions were given: `senet-viz intervene --model MODEL --data DATA --out FOLDER` makes them, and "
    "`senet-viz assess RECORDING --interventions FOLDER` judges by them."
)
_WORDS: dict[Verdict, str] = {
    "supported": "the whole interval lies on the claimed side",
    "refuted": "the whole interval lies on the other side",
    "inconclusive": "the interval reaches across the bound",
}


def judge(inputs: ClaimInputs) -> ClaimReport:
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
        return NO_INTERVENTIONS
    for role in reading.roles:
        if role not in layout.roles:
            return f"This network has no block in the role of {role} ({ROLE_WORDS[role]})."
    if name == "causal":
        return ""
    if inputs.classes < 2:
        return "There are not two classes with images."
    for gate in (layout.blocks[layout.roles[role]] for role in reading.roles):
        if reading.needs_range and tuple(gate.range) != (0.0, 1.0):
            low, high = gate.range
            return f"Its bounds suppose gates that go from 0 to 1; those of {gate.label} go from {low:g} to {high:g}."
    if reading.needs_fp32 and inputs.precision != "fp32":
        return f"Saturation is judged on fp32 gates only; these were recorded in {inputs.precision}."
    return ""


def _judge_part(part: Part, name: ReadingName, inputs: ClaimInputs, layout: Layout) -> PartEvidence:
    also = tuple((layout.tell(words), statistic) for words, statistic in part.also)
    part = replace(part, words=layout.tell(part.words), also=also)
    found = _measure(part, inputs, layout)
    verdict, reason = _decide(part, found, inputs)
    return PartEvidence(
        words=part.words,
        formula=part.formula,
        unit=part.unit,
        side=part.side,
        bound=part.bound,
        equivalence=part.equivalence,
        estimate=found.value,
        interval=found.interval,
        verdict=verdict,
        reason=reason,
        note=found.note,
        counts=not found.nothing,
        beside=beside_part(part, name, found, inputs, layout),
    )


def _measure(part: Part, inputs: ClaimInputs, layout: Layout) -> Found:
    statistic = part.statistic
    if isinstance(statistic, EffectSum | BelowMedian):
        return statistic.measure(inputs.effects or (), layout, part.level)
    if not isinstance(statistic, Agreement):
        return measure_series(statistic, inputs.gates, layout, part.level)
    if inputs.gates.groups < 2:
        return not_found("C1 to C3 have no interval over images, and so no verdict to agree with", part.level)
    if inputs.classes <= SUBSET_SIZE:
        return not_found(f"of {inputs.classes} classes no subset of {SUBSET_SIZE} leaves one out", part.level)
    if inputs.subsets is None or not len(inputs.subsets.omega_squared):
        return not_found("no subsets of the classes were measured", part.level)
    return statistic.measure(inputs.subsets, inputs.gates, layout, part.level)


def _decide(part: Part, found: Found, inputs: ClaimInputs) -> tuple[Verdict, str]:
    if found.problem or found.nothing:
        problem = found.problem or found.nothing
        return "not applicable", f"{problem[0].upper()}{problem[1:]}."
    if math.isnan(found.interval.low) or math.isnan(found.interval.high):
        causal = isinstance(part.statistic, EffectSum | BelowMedian)
        few = (
            f"; the smallest class has {inputs.smallest_class} images"
            if inputs.smallest_class < 5 and not causal
            else ""
        )
        return "not applicable", f"No interval over images was made{few}."
    verdict = judge_interval(found.interval, part.side, part.bound)
    return verdict, f"{say_part(part, found)}: {_WORDS[verdict]}."


def _no_difference(role: Role, inputs: ClaimInputs, layout: Layout) -> str:
    """A sentence where classes are not shown to differ in a block, so that there is no pattern of theirs to describe."""
    found = measure_series(Sd("between_variance", role), inputs.gates, layout, LEVEL)
    if found.interval.low > 0 or inputs.gates.groups < 2:
        return ""
    shown = found.problem or f"between-class SD {say_interval(found.value, found.interval, 'units of s')}"
    return f"Classes are not shown to differ at {layout.name(role)} ({shown}), so that there is no pattern of theirs."


def _explain(verdict: Verdict, parts: tuple[PartEvidence, ...]) -> str:
    """The reason of the part that decides."""
    for part in parts:
        if part.counts and part.verdict == verdict:
            return part.reason
    return parts[0].reason
