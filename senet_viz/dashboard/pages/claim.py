"""Claim: does what the paper says of gates hold for this network on these images?"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from senet_viz.claims import sentences
from senet_viz.claims.assessment import Assessment
from senet_viz.claims.declarations import CLAIMS
from senet_viz.claims.declaring import READINGS, ReadingName, say_number
from senet_viz.claims.evidence import ClaimReport, Evidence, JudgedClaim
from senet_viz.claims.statistics import Verdict
from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.assessments import find_assessment
from senet_viz.dashboard.controls import pick_block, row
from senet_viz.dashboard.frame import Opened, open_page
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import show_answer, show_downloads, show_figure
from senet_viz.dashboard.screen import let_first_figure_draw
from senet_viz.figures.claims import draw_depth
from senet_viz.schema import label_blocks

BADGES: dict[Verdict, tuple[str, str]] = {  # colour and icon
    "supported": ("green", "check_circle"),
    "refuted": ("red", "cancel"),
    "inconclusive": ("orange", "help"),
    "not applicable": ("gray", "remove_circle"),
}
_A_ROW = 3
_CLICKED = "claim_clicked"


def show_readings(report: ClaimReport) -> None:
    """One sentence a reading, and one where they disagree."""
    answers = [sentences.summarize_reading(report, name) for name in READINGS]
    if disagreement := sentences.describe_disagreement(report):
        answers.append(f"**{disagreement}**")
    st.markdown(sentences.PAPER_SAYS)
    show_answer("\n\n".join(answers), explained=glossary.READINGS)
    st.caption(escape(sentences.describe_scope(report)))


def show_curves(page: Opened, assessment: Assessment) -> None:
    """Class share and between-class SD along the depth."""
    figure = draw_depth(assessment, page.screen.look, narrow=page.screen.narrow)
    name = f"claim-depth-{page.recording.id[:8]}"
    alt = "Class share of variance and between-class SD of the gates in every block."
    show_figure(figure, name=name, alt=alt, on_point=remember_block)
    if assessment.reason:
        st.info(escape(assessment.reason), icon=":material/info:")
    st.caption(
        "Above: how much of a gate's variance lies between classes. Below: how far classes move a gate, in units of s. A share "
        "can be large where gates hardly move. z is the gate's own input; networks with random weights show what low-level "
        "image statistics alone do. Blocks in bold have the roles of the paper's Fig. 6. A click on a point opens its block.",
        help=glossary.CLASS_SHARE,
    )
    show_downloads(assessment.table(), figure, key="claim", name=name)


def remember_block(point: Mapping[str, Any]) -> None:
    """A click on a point of the curves: its block is opened when the page runs."""
    st.session_state[_CLICKED] = int(point["x"])


def open_clicked_block(page: Opened) -> None:
    """Leaves for the block that was clicked, if one was."""
    depth = st.session_state.pop(_CLICKED, None)
    labels = label_blocks(page.recording.blocks)
    if depth is not None and 0 <= depth < len(labels):
        links.leave_for("distributions", {"map_block": labels[depth]}, at="one-block")


def show_block_links(page: Opened) -> None:
    """The same without a pointer: one block, and where it is seen more closely."""
    with row("claim_block"):
        label = page.label(pick_block(page.recording, key="claim_block", title="Look into a block"))
        links.link_page("distributions", "Its classes and channels", "ssid_chart", {"map_block": label}, at="one-block")
        links.link_page("blocks", "Its measures", "view_column", {"map_block": label}, at="one-block")
        links.link_page("lab", "What its gates do", "science", {"lab_target": label}, at="losers")


def show_cards(report: ClaimReport) -> None:
    """A card a claim, three to a row."""
    st.header("Claim by claim", anchor=False)
    for start in range(0, len(report.claims), _A_ROW):
        for column, claim in zip(st.columns(_A_ROW, gap="small"), report.claims[start : start + _A_ROW]):
            with column, st.container(border=True):
                show_card(claim, report)


def show_card(claim: JudgedClaim, report: ClaimReport) -> None:
    """The claim in plain words, a verdict a reading, what the paper shows, and where to see it."""
    lines = [f"**{claim.id}** · {claim.statement}"]
    for name, evidence in claim.readings.items():
        colour, icon = BADGES[evidence.verdict]
        badge = f":{colour}-badge[:material/{icon}: {name}: {evidence.verdict}]"
        lines.append(f"{badge}  \n{describe_readings(name, evidence)}")
    if split := sentences.describe_claim_disagreement(claim):
        lines.append(f"**{split}**")
    st.markdown("\n\n".join(lines))  # one element: a dozen cards of many hold up the figure above them
    fold = st.expander(
        "What the paper shows; nulls", icon=":material/article:", key=f"paper_{claim.id}", on_change="rerun"
    )
    if fold.open:
        fold.markdown(describe_background(claim))
    declared = next(c for c in CLAIMS if c.id == claim.id)
    parts = [part for reading in declared.readings.values() for part in reading.parts]
    blocks = [report.roles[role] for part in parts for role in part.statistic.roles if role in report.roles]
    if blocks:
        links.link_page("distributions", "Show me", "ssid_chart", {"block": list(dict.fromkeys(blocks))})
    if claim.readings.get("causal") and claim.readings["causal"].parts:
        links.link_page("lab", "What the gates do", "science", {"lab_target": blocks[0]} if blocks else {}, at="costs")


def describe_background(claim: JudgedClaim) -> str:
    """What the paper shows, what a reader of the verdicts must know, and the nulls beside them."""
    notes = dict.fromkeys(evidence.note for evidence in claim.readings.values() if evidence.note)
    nulls = [
        f"- {escape(line)}"
        for name, evidence in claim.readings.items()
        for line in sentences.list_nulls(name, evidence)
    ]
    beside = ["Beside the numbers, without a verdict:\n" + "\n".join(nulls)] if nulls else []
    return "\n\n".join([claim.paper, *map(escape, notes), *beside])


def describe_readings(name: ReadingName, evidence: Evidence) -> str:
    """Each part's number with its interval, the bound that was declared and its controls, or why there is none."""
    lines = []
    for part in evidence.parts:
        lines.append(sentences.say_estimate(part))
        if controls := sentences.say_controls(part):
            lines.append(f"Beside it: {controls}")
    others = [
        f"{beside.words}: {say_number(beside.value, part.unit)}"
        for part in evidence.parts
        for beside in part.beside
        if beside.kind == "other target"
    ]
    missing = [sentences.explain_controls(name, evidence)]
    return "  \n".join(f":small[{escape(line)}]" for line in (lines or [evidence.reason]) + others + missing if line)


def show_claim_methods(report: ClaimReport) -> None:
    """Thresholds, methods and limits in a fold."""
    fold = st.expander("Thresholds, methods and limits", icon=":material/rule:", key="methods", on_change="rerun")
    if not fold.open:
        return
    with fold:
        st.markdown(glossary.METHODS)
        alt = "Every claim, reading and part with its bound and interval"
        st.dataframe(sentences.tabulate_report(report), hide_index=True, height=360, alt=alt)


opened = open_page("Claim", "Does what the paper says of gates hold for this network on these images?")
open_clicked_block(opened)
stored = find_assessment(opened)
if stored is not None:
    readings, curves, onwards = (st.container(key=name) for name in ("readings", "curves", "onwards"))
    with curves:  # first: the browser fetches Plotly, its largest part, when it meets a figure
        show_curves(opened, stored.assessment)
    with readings:
        show_readings(stored.report)
    let_first_figure_draw()
    with onwards:
        show_block_links(opened)
    links.show_notices()
    show_cards(stored.report)
    show_claim_methods(stored.report)
