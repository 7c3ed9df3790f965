"""Record: the gates of a network on images of one's own, as a job that outlives the page."""

import streamlit as st

from senet_viz.dashboard.frame import open_plain_page
from senet_viz.dashboard.jobs.request import check_name
from senet_viz.dashboard.jobs.running import start_job
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.mode import read_public
from senet_viz.dashboard.record import form
from senet_viz.dashboard.record.public import show_public
from senet_viz.dashboard.record.recordings import attempt, open_elsewhere, show_jobs, show_recordings, show_refusal
from senet_viz.dashboard.recordings import recordings_folder
from senet_viz.errors import SenetVizError
from senet_viz.paths import explain_refusal

ROOT = recordings_folder()


def start(choices: form.Choices, decision: form.Decision) -> None:
    """Start the job; what it was checked with is done with."""
    if choices.request is not None:
        start_job(ROOT, choices.name, choices.request, decision.label_map)
        form.forget_choices()


def explain_incomplete(choices: form.Choices) -> str:
    """Why nothing can be checked yet."""
    if choices.lacking:
        return choices.lacking
    try:
        check_name(choices.name)
    except SenetVizError as error:
        return str(error)
    place = ROOT / choices.name
    if reason := explain_refusal(place):
        return f"{place} can not be written ({reason}): let SENET_VIZ_RECORDINGS name another folder."
    return f"{choices.name} exists already: choose another name." if place.exists() else ""


def show_record() -> None:
    """The page of the owner's own app."""
    chosen = form.choose_recording(ROOT)
    problem = explain_incomplete(chosen)
    buttons = st.container(horizontal=True, vertical_alignment="center")
    checked = form.last_check(chosen.request)
    with buttons:
        asked = st.button(
            "Check", icon=":material/fact_check:", key="record_check", disabled=bool(problem),
            type="secondary" if checked and checked.plan else "primary",
            help="Loads the model, times a few images and maps classes to outputs. Nothing is written.",
        )  # fmt: skip
    if asked and chosen.request is not None:
        form.check_choices(chosen.request, ROOT / chosen.name)
        st.rerun()
    decided = form.show_check(checked) if checked else form.Decision(False)
    with buttons:
        begin = st.button(
            "Start", icon=":material/fiber_manual_record:", key="record_start", disabled=bool(problem) or not decided.ready,
            type="primary" if decided.ready else "secondary", help="A process of its own: the page can be closed.",
        )  # fmt: skip
        if problem:
            st.caption(escape(problem))
        elif not checked:
            st.caption("Check first: it tells what the recording takes and whether the classes fit the model.")
    if begin and decided.ready and not problem:
        attempt(lambda: start(chosen, decided))
    show_jobs(ROOT)
    show_recordings(ROOT)
    open_elsewhere()


open_plain_page("Record", "How do I get a recording of my network on my images?")
show_refusal()
if (options := read_public()) is None:
    show_record()
else:
    show_public(options)
