"""Two recordings: two networks, two sets of images or two precisions side by side."""

import shlex
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from senet_viz.analysis.blocks import ranks_are_quick
from senet_viz.analysis.pair import (
    PairSide,
    RecordingPair,
    count_verdict_changes,
    explain_pairing,
    pair_recordings,
    tabulate_verdicts,
)
from senet_viz.claims.assessment import Assessment
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.assessments import Stored, read_stored
from senet_viz.dashboard.frame import Opened, explain_problem, open_page, pick_recording, remember_texts
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.mode import read_public
from senet_viz.dashboard.parts import offer_table, show_answer, show_result, show_shell_command, telling_problems
from senet_viz.dashboard.recordings import find_recordings, name_of, resolve
from senet_viz.dashboard.results import Loaded, get_block_table, load_recording
from senet_viz.errors import SenetVizError
from senet_viz.figures.pair import draw_pair, draw_pair_differences
from senet_viz.recording.reader import Recording

_TABLE_HEIGHT = 420


@dataclass(frozen=True)
class Side:
    """One recording of the two.

    Attributes:
        recording: opened.
        side: its curves, from the assessment where there is one.
        stored: its assessment; None where it was not assessed, or where `problem` says why it can not be used.
        problem: a sentence, or "".
    """

    recording: Recording
    side: PairSide
    stored: Stored | None
    problem: str

    @property
    def assessment(self) -> Assessment | None:
        return None if self.stored is None else self.stored.assessment


def pick_second(page: Opened) -> Loaded | None:
    """A second recording; None where none is chosen, after saying so."""
    found = find_recordings()
    mine = name_of(page.recording.path, found)
    others = [name for name in found if name != mine]
    with st.sidebar:
        about = "What is compared with the recording above."
        choice = pick_recording("Second recording", others, "second", help_text=about)
    if not choice:
        st.info("There is no second recording yet.", icon=":material/inventory_2:")
        if read_public() is not None:
            return None
        st.markdown(
            "Record another network on the same images, the same network on other images, or in another precision, for example:"
        )
        show_shell_command("senet-viz record --model bundled --weights random --data digits --out runs/random")
        st.markdown("Recordings under `runs/` are found by themselves; others can be typed in the sidebar.")
        return None
    try:
        second = load_recording(resolve(choice, found))
    except (SenetVizError, OSError) as error:
        explain_problem(choice, found, error)
        return None
    if not second.recording.manifest.progress.get("images", 1):
        st.info("The second recording holds no image yet.", icon=":material/hourglass:")
        return None
    remember_texts(second.recording)
    return second


def open_side(opened: Loaded) -> Side:
    """Its stored assessment, else what moments tell."""
    recording, stored, problem = opened.recording, None, ""
    name = name_of(recording.path, find_recordings())
    try:
        stored = read_stored(opened)
    except SenetVizError as error:
        problem = str(error)
    if stored is not None:
        return Side(recording, PairSide.from_assessment(name, stored.assessment), stored, problem)
    table = get_block_table(opened, ranks_are_quick(recording))
    return Side(recording, PairSide.from_table(name, recording.blocks, table), None, problem)


def _facts(side: Side) -> dict[str, str]:
    manifest = side.recording.manifest
    return {
        "recording": side.side.name,
        "network": f"{manifest.model.get('name')}, {manifest.model.get('weights', 'weights unknown')}",
        "images": f"{side.side.images:,} of {manifest.data.get('name')}",
        "classes": f"{side.side.classes:,}",
        "blocks": f"{len(side.side.gates)}",
        "precision": str(manifest.options.get("precision", "fp32")),
        "form": side.recording.form,
        "intervals": f"{side.assessment.groups} groups" if side.assessment and side.assessment.groups else "none",
    }


def show_problems(sides: tuple[Side, Side]) -> None:
    """What is missing of an assessment, and the command that makes it."""
    for side in sides:
        if side.problem:
            st.warning(escape(side.problem), icon=":material/history:")
        elif side.stored is None:
            st.info(
                f"{escape(side.side.name)} has not been assessed: its curves have no intervals and there are no verdicts.",
                icon=":material/balance:",
            )
        if side.stored is None:
            show_shell_command(f"senet-viz assess {shlex.quote(str(side.recording.path))}")


def show_pair(page: Opened, pair: RecordingPair, name: str) -> None:
    """Both along the depth, then second minus first."""
    narrow = page.screen.narrow
    figure = draw_pair(pair, page.screen.look, narrow=narrow)
    show_result(
        figure, pair.table(), name=f"{name}-depth", key="pair", named=True,
        alt="Class share, between-class SD and share of s > .9 of both recordings.",
        caption=f"{captions.PAIR} {pair.match.sentence}",
    )  # fmt: skip
    st.header("Differences, block by block", anchor=False, help=glossary.PAIR)
    figure = draw_pair_differences(pair, page.screen.look, narrow=narrow)
    show_result(
        figure, pair.table(), name=f"{name}-differences", key="differences", named=True, explained=glossary.PAIR,
        alt="Second minus first in every block, with intervals where known.", caption=captions.PAIR_DIFFERENCES,
    )  # fmt: skip


def show_verdicts(first: Side, second: Side, name: str) -> None:
    """Verdicts of both, claim by claim."""
    st.header("Verdicts", anchor=False)
    if first.stored is None or second.stored is None:
        st.info("Verdicts of both need an assessment of both.", icon=":material/balance:")
        return
    table = tabulate_verdicts(first.stored.report, second.stored.report)
    st.markdown(count_verdict_changes(table))
    st.dataframe(table, hide_index=True, height=_TABLE_HEIGHT, alt="Table: verdicts of both recordings by claim")
    offer_table(table, key="verdicts", name=f"{name}-verdicts")


def show_both(page: Opened, first: Side, second: Side) -> None:
    """The whole page."""
    paired, assumed = explain_pairing(first.recording, second.recording, first.assessment, second.assessment)
    pair = pair_recordings(first.side, second.side, paired=paired)
    name = f"two-{first.recording.id[:8]}-{second.recording.id[:8]}"
    show_answer(pair.describe(), explained=glossary.PAIR)
    st.caption(assumed, help=glossary.PAIR)
    show_problems((first, second))
    table = pd.DataFrame({"first": _facts(first), "second": _facts(second)}).rename_axis("what").reset_index()
    with st.expander("What is compared", icon=":material/difference:", expanded=True):
        same = table["first"] == table["second"]
        st.dataframe(table.assign(same=same), hide_index=True, alt="Table: both recordings")
    show_pair(page, pair, name)
    show_verdicts(first, second, name)


opened = open_page("Two recordings", "How do the gates of two networks, or of one network on other images, differ?")
with telling_problems("folder_off"):
    chosen = pick_second(opened)
    links.show_notices()
    if chosen is not None:
        show_both(opened, open_side(opened), open_side(chosen))
