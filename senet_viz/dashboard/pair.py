"""The two sides of the page Two recordings: the one of the sidebar and a second one, assessed or not."""

from dataclasses import dataclass

import streamlit as st

from senet_viz.analysis.blocks import ranks_are_quick
from senet_viz.analysis.pair import PairSide
from senet_viz.claims.assessment import Assessment
from senet_viz.claims.evidence import ClaimReport
from senet_viz.dashboard import links
from senet_viz.dashboard.assessments import read_stored
from senet_viz.dashboard.frame import Opened, explain_problem
from senet_viz.dashboard.parts import show_shell_command
from senet_viz.dashboard.recordings import find_recordings, name_of, resolve
from senet_viz.dashboard.results import Loaded, get_block_table, load_recording
from senet_viz.errors import SenetVizError
from senet_viz.recording.reader import Recording


@dataclass(frozen=True)
class Side:
    """One recording of the two.

    Attributes:
        recording: opened.
        side: its curves, from the assessment where there is one.
        assessment, report: None where it was not assessed, or where `problem` says why they can not be used.
        problem: a sentence, or "".
    """

    recording: Recording
    side: PairSide
    assessment: Assessment | None
    report: ClaimReport | None
    problem: str


def pick_second(page: Opened) -> Loaded | None:
    """A second recording; None where none is chosen, after saying so."""
    found = find_recordings()
    mine = name_of(page.recording.path, found)
    others = [name for name in found if name != mine]
    with st.sidebar:
        choice = st.selectbox(
            "Second recording", others, index=0 if others else None, key="second", bind="query-params",
            persist_state="session", accept_new_options=True, placeholder="Type a folder",
            on_change=links.forget_notices, help="What is compared with the recording above. Or type a folder's path.",
        )  # fmt: skip
    if not choice:
        _explain_second()
        return None
    path = resolve(choice, found)
    try:
        second = load_recording(path)
    except (SenetVizError, OSError) as error:
        explain_problem(path, error)
        return None
    if not second.recording.manifest.progress.get("images", 1):
        st.info("The second recording holds no image yet.", icon=":material/hourglass:")
        return None
    return second


def open_side(opened: Loaded) -> Side:
    """Its stored assessment, else what moments tell."""
    recording = opened.recording
    name = name_of(recording.path, find_recordings())
    assessment, report, problem = _stored(opened)
    if assessment is not None:
        return Side(recording, PairSide.from_assessment(name, assessment), assessment, report, problem)
    table = get_block_table(opened, ranks_are_quick(recording))
    return Side(recording, PairSide.from_table(name, recording.blocks, table), None, None, problem)


def _stored(opened: Loaded) -> tuple[Assessment | None, ClaimReport | None, str]:
    try:
        if (stored := read_stored(opened)) is None:
            return None, None, ""
        return stored.assessment, stored.report, ""
    except SenetVizError as error:
        return None, None, str(error)


def _explain_second() -> None:
    st.info("There is no second recording yet.", icon=":material/inventory_2:")
    st.markdown(
        "Record another network on the same images, the same network on other images, or in another precision, for example:"
    )
    show_shell_command("senet-viz record --model bundled --weights random --data digits --out runs/random")
    st.markdown("Recordings under `runs/` are found by themselves; others can be typed in the sidebar.")
