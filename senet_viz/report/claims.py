"""The claims as cards: a verdict is a word and an icon, its colour says nothing of its own."""

from html import escape

from senet_viz.claims import (
    PAPER_SAYS,
    READINGS,
    ClaimReport,
    Evidence,
    JudgedClaim,
    ReadingName,
    Verdict,
    describe_claim_disagreement,
    describe_disagreement,
    describe_scope,
    explain_controls,
    list_nulls,
    say_controls,
    say_estimate,
    say_number,
    summarize_reading,
    tabulate_report,
)
from senet_viz.report.markup import fold, paragraph, table

ICONS: dict[Verdict, str] = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "not applicable": "–"}


def show_claims(report: ClaimReport) -> list[str]:
    """Sentences, cards, and the table of every part."""
    sentences = [paragraph(summarize_reading(report, name), "answer") for name in READINGS]
    if disagreement := describe_disagreement(report):
        sentences.append(paragraph(disagreement, "answer"))
    cards = "\n".join(_card(claim) for claim in report.claims)
    return [
        paragraph(PAPER_SAYS),
        *sentences,
        paragraph(describe_scope(report), "soft"),
        f'<div class="cards">\n{cards}\n</div>',
        fold(
            "Every claim, reading and part as a table", table(tabulate_report(report), "Claims, bounds and intervals")
        ),
    ]


def _card(claim: JudgedClaim) -> str:
    readings = "\n".join(_reading(name, evidence) for name, evidence in claim.readings.items())
    split = paragraph(describe_claim_disagreement(claim)) if claim.readings_disagree else ""
    return (
        f'<article class="card" aria-labelledby="claim-{claim.id}"><h3 id="claim-{claim.id}">{claim.id} · '
        f"{escape(claim.statement)}</h3>\n{readings}{split}\n{fold('What the paper shows', paragraph(claim.paper))}</article>"
    )


def _reading(name: ReadingName, evidence: Evidence) -> str:
    verdict = evidence.verdict
    kind = verdict.replace(" ", "-")
    word = (
        f'<p><span class="verdict {kind}"><span aria-hidden="true">{ICONS[verdict]}</span> {name}: {verdict}</span></p>'
    )
    if not evidence.parts:
        return word + paragraph(evidence.reason, "numbers")
    lines = [
        say_estimate(part)
        + (f"; {controls}" if (controls := say_controls(part)) else "")
        + "".join(
            f"; {beside.words} {say_number(beside.value, part.unit)}"
            for beside in part.beside
            if beside.kind == "other target"
        )
        for part in evidence.parts
    ]
    told = "".join(paragraph(line, "numbers") for line in lines)
    why = paragraph(evidence.reason, "numbers") if verdict == "not applicable" else ""
    missing = explain_controls(name, evidence)
    more = [paragraph(line) for line in ([evidence.note] if evidence.note else []) + list_nulls(name, evidence)]
    told += paragraph(missing, "numbers") if missing else ""
    return word + told + why + (fold("What it means, and nulls", "".join(more)) if more else "")
