"""The stored assessment of a recording on a page: read, missing, stale, or made at a click."""

from dataclasses import dataclass

import streamlit as st

from senet_viz.assessment import Assessment, read_assessment, read_tree, tell_nothing_to_assess
from senet_viz.claims import ClaimReport
from senet_viz.dashboard.frame import Opened, escape
from senet_viz.errors import SenetVizError


@dataclass(frozen=True)
class Stored:
    """What `assess` wrote beside a recording."""

    assessment: Assessment
    report: ClaimReport


def find_assessment(page: Opened) -> Stored | None:
    """The stored assessment; where it is missing or stale the page says so and offers what makes it."""
    try:
        tree, assessment = read_tree(page.recording), read_assessment(page.recording)
        if tree is not None and assessment is not None:
            return Stored(assessment, ClaimReport.from_json(tree["claims"]))
    except SenetVizError as error:
        st.warning(escape(str(error)), icon=":material/history:")
    _offer(page)
    return None


def _offer(page: Opened) -> None:
    recording = page.recording
    if problem := _find_problem(page):
        st.info(escape(problem), icon=":material/label_off:")
        return
    st.info("This recording has not been assessed yet.", icon=":material/balance:")
    if recording.form == "slim":
        st.markdown("A slim recording is assessed from the full one that it was made of:")
        st.code(f"senet-viz assess FULL_RECORDING --into '{recording.path}'", language=None)
        return
    if not recording.complete:
        st.markdown("It is assessed when it is finished.")
        return
    st.markdown(
        "The assessment reads the recorded gates and no network: about half a minute for 10,000 images, longer for larger "
        "sets. Random-weights controls are given on the command line:"
    )
    st.code(f"senet-viz assess '{recording.path}' --control RANDOM_WEIGHTS_RECORDING", language=None)
    if st.button("Assess now", icon=":material/balance:", type="primary", key="assess_now"):
        _assess(page)


def _find_problem(page: Opened) -> str | None:
    """Why the recording can not be assessed at all; an unfinished one may yet get more classes."""
    if not page.recording.complete:
        return None
    try:
        return tell_nothing_to_assess(page.recording)
    except SenetVizError as error:
        return str(error)


def _assess(page: Opened) -> None:
    from senet_viz.assessing import assess

    bar = st.progress(0.0, "Assessing…")

    def tell(done: int, total: int, what: str) -> None:
        bar.progress(done / total, f"Assessing: {what}")

    try:
        assess(page.recording, on_progress=tell)
    except SenetVizError as error:
        bar.empty()
        st.error(escape(str(error)), icon=":material/error:")
        return
    st.rerun()
