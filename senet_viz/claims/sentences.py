"""A claim report in sentences and as a table."""

import math
from collections.abc import Mapping

import pandas as pd

from senet_viz.claims.declaring import READINGS, ReadingName, Unit, say_bound, say_interval, say_number, say_unit
from senet_viz.claims.evidence import Beside, ClaimReport, Evidence, JudgedClaim, PartEvidence
from senet_viz.stats.estimates import FEWEST_CLASSES, LEVEL, Interval
from senet_viz.text import join_words

SOURCE = "Stripe Observation, ECCV 2024, arXiv 2304.06345"
SELECTIVITY = "Morcos et al. 2018, arXiv 1803.06959"
PAPER_SAYS = (
    "The paper says that early SE blocks gate all classes alike, that later ones tell classes apart, and that the last two blocks "
    "hardly recalibrate. Its statements, C1 to C12, are put to the test one by one."
)
READING_WORDS: Mapping[ReadingName, str] = {
    "relative": "how much of a gate's variance is class",
    "absolute": "how far classes move a gate",
    "causal": "what the network loses when gates are moved",
}


def describe_scope(report: ClaimReport) -> str:
    """What the verdicts are about."""
    scope = f"Verdicts are for this network on these {report.images:,} images of {report.classes:,} classes"
    like_these = "intervals for classes like these stand beside them, without a verdict"
    if report.classes < FEWEST_CLASSES:
        like_these = f"{FEWEST_CLASSES} classes would be needed for a word about classes like these"
    others = [f"{role} is {label}" for role, label in report.roles.items() if label != role]
    if not others:
        return f"{scope}; {like_these}."
    return (
        f"{scope}; {like_these}. Claims name the paper's blocks; in their place stand this network's own: "
        f"{join_words(others)}."
    )


def summarize_reading(report: ClaimReport, name: ReadingName) -> str:
    """How many claims hold on a reading, which do not, and which can not be told; those not applicable do not count."""
    read = {claim.id: claim.readings[name] for claim in report.claims if name in claim.readings}
    judged = {claim: evidence for claim, evidence in read.items() if evidence.verdict != "not applicable"}
    if not judged:
        reasons = [evidence.reason for evidence in read.values()]
        most_common = max(reasons, key=reasons.count, default="")
        return f"On the {name} reading ({READING_WORDS[name]}) no claim can be judged. {most_common}".strip()
    by_verdict = {v: [c for c, e in judged.items() if e.verdict == v] for v in ("supported", "refuted", "inconclusive")}
    held = by_verdict["supported"]
    holds = "claim holds" if len(judged) == 1 else "claims hold" if len(held) != 1 else "claims holds"
    parts = [f"On the {name} reading ({READING_WORDS[name]}), {len(held)} of {len(judged)} {holds}{_ids(held)}"]
    if refuted := by_verdict["refuted"]:
        parts.append(f"{len(refuted)} {'is' if len(refuted) == 1 else 'are'} refuted{_ids(refuted)}")
    if unclear := by_verdict["inconclusive"]:
        parts.append(f"{len(unclear)} can not be told{_ids(unclear)}")
    return f"{'; '.join(parts)}."


def describe_claim_disagreement(claim: JudgedClaim) -> str:
    """One sentence where one reading of a claim supports what another refutes; empty where none does."""
    if not claim.readings_disagree:
        return ""
    verdicts = ", ".join(f"{name} {e.verdict}" for name, e in claim.readings.items() if e.verdict != "not applicable")
    return f"The readings of {claim.id} disagree ({verdicts}): what is true of shares need not be true of sizes or effects."


def describe_disagreement(report: ClaimReport) -> str:
    """A sentence for claims whose statistical readings disagree, one for those where interventions do; empty for none."""
    split = [claim.id for claim in report.claims if _opposed(claim, ("relative", "absolute"))]
    sentences = []
    if split:
        sentences.append(
            f"Readings disagree on {join_words(split)}. The field disagrees on the same point: most of a gate's variance can be "
            f"class although the gate hardly moves ({SOURCE})."
        )
    unused = [c.id for c in report.claims if _opposed(c, ("relative", "causal")) or _opposed(c, ("absolute", "causal"))]
    if unused:
        sentences.append(
            f"Interventions disagree with the statistics of the gates on {join_words(unused)}: what gates carry and what "
            f"the network uses can differ, on which the field disagrees ({SOURCE}), and selectivity is a poor predictor of "
            f"importance ({SELECTIVITY})."
        )
    return " ".join(sentences)


def _opposed(claim: JudgedClaim, names: tuple[ReadingName, ReadingName]) -> bool:
    return {claim.readings[name].verdict for name in names if name in claim.readings} == {"supported", "refuted"}


def tabulate_report(report: ClaimReport) -> pd.DataFrame:
    """A row per claim, reading and part; a reading without parts has one row."""
    rows = []
    for claim in report.claims:
        for name in (n for n in READINGS if n in claim.readings):
            evidence = claim.readings[name]
            head = {
                "claim": claim.id, "statement": claim.statement, "reading": name, "verdict": evidence.verdict,
                "reason": evidence.reason,
            }  # fmt: skip
            tail = {"images": evidence.images, "classes": evidence.classes}
            rows += [{**head, **row, **tail} for row in _part_rows(evidence)]
    return pd.DataFrame(rows)


def _part_rows(evidence: Evidence) -> list[dict[str, object]]:
    return [
        {
            "part": part.words,
            "formula": part.formula,
            "unit": part.unit,
            "estimate": part.estimate,
            "low": part.interval.low,
            "high": part.interval.high,
            "level": part.interval.level,
            "side": part.side,
            "bound": part.bound,
            "part verdict": part.verdict,
            "random weights": next((b.value for b in part.beside if b.kind == "random weights"), float("nan")),
            "z": next((b.value for b in part.beside if b.kind == "squeeze"), float("nan")),
        }
        for part in evidence.parts
    ] or [{}]


def say_estimate(part: PartEvidence) -> str:
    """A part's number with its interval, its unit, the interval's level and the declared bound."""
    return (
        f"{part.words}: {say_interval(part.estimate, part.interval, part.unit)}{say_unit(part.unit)} "
        f"({part.interval.level:.0%}; declared {say_bound(part.side, part.bound)})"
    )


def say_controls(part: PartEvidence) -> str:
    """The same number of z and of networks with random weights: "z 0.256; random weights 0.114 (seeds 0.107 to 0.127)".

    Where one is not known its reason stands instead; empty where there is neither.
    """
    told = {}
    for beside in part.beside:
        value = beside.spread if math.isnan(beside.value) else say_number(beside.value, part.unit)
        if beside.kind == "squeeze":
            told["z"] = f"z {value}"
        if beside.kind == "random weights":
            low, high = say_number(beside.low, part.unit), say_number(beside.high, part.unit)
            told["random"] = f"random weights {value}" + (f" (seeds {low} to {high})" if low != high else "")
    return "; ".join(told[name] for name in ("z", "random") if name in told)


def explain_controls(name: ReadingName, evidence: Evidence) -> str:
    """Why z or random weights do not stand beside a judged reading; empty where both do."""
    if not evidence.parts:
        return ""
    if name == "causal":
        return "No z or random weights beside it: gates were moved in this network alone."
    kinds = {beside.kind for part in evidence.parts for beside in part.beside}
    missing = []
    if "squeeze" not in kinds:
        missing.append("no z, which has another unit" if name == "absolute" else "no z, which is no vector here")
    if "random weights" not in kinds:
        missing.append("no random weights, since no recording of them was given (`assess --control`)")
    return f"Beside it {' and '.join(missing)}." if missing else ""


def list_nulls(name: ReadingName, evidence: Evidence) -> list[str]:
    """What else stands beside a reading, without a verdict: nulls, the excess over the control, classes like these."""
    told_elsewhere = ("squeeze", "random weights", "other target")
    shown = [(b, part.unit) for part in evidence.parts for b in part.beside if b.kind not in told_elsewhere]
    lines = [_say_beside(beside, unit) for beside, unit in shown]
    lines += [_say_beside(beside, "share of variance") for beside in evidence.beside]
    return [f"{name}: {line}" for line in lines]


def _say_beside(beside: Beside, unit: Unit) -> str:
    value = say_interval(beside.value, Interval(beside.low, beside.high, LEVEL), unit)
    spread = f" ({beside.spread})" if beside.spread and not math.isnan(beside.low) else ""
    kind = "" if beside.kind.split(" ")[0] in beside.words else f"{beside.kind}: "
    return f"{kind}{beside.words}: {value}{spread}"


def _ids(claims: list[str]) -> str:
    return f" ({', '.join(claims)})" if claims else ""
