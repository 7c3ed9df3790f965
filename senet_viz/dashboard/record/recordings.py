"""Parts of the page Record: running and ended jobs, and the recordings of a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import streamlit as st

from senet_viz.dashboard.jobs.keeping import (
    KeptRecording,
    delete_recording,
    list_contents,
    list_recordings,
    rename_recording,
)
from senet_viz.dashboard.jobs.running import (
    JobStatus,
    RecordingJob,
    cancel_job,
    find_jobs,
    forget_job,
    read_log,
    read_status,
    resume_job,
)
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import telling_problems
from senet_viz.dashboard.recordings import find_recordings, name_of
from senet_viz.errors import SenetVizError
from senet_viz.paths import expand_home, explain_refusal
from senet_viz.recording.writer import holds_recording
from senet_viz.text import bytes_text, seconds_text

Colour = Literal["red", "orange", "blue", "green", "gray"]
_REFUSAL = "record_refusal"
_DISTRIBUTIONS = Path(__file__).parents[1] / "pages" / "distributions.py"


def attempt(action: Callable[[], object]) -> None:
    """Do it and draw the page anew; why it was refused stands on top of that."""
    try:
        action()
    except SenetVizError as error:
        st.session_state[_REFUSAL] = str(error)
    st.rerun()


def show_refusal() -> None:
    """Why the last action was refused, until the next."""
    if refusal := st.session_state.pop(_REFUSAL, None):
        st.error(escape(refusal), icon=":material/block:")


def open_recording_page(path: Path) -> None:
    """Leave for the page Distributions with a recording opened."""
    st.session_state.pop("recording", None)  # what was picked before
    st.switch_page(_DISTRIBUTIONS, query_params={"recording": name_of(path, find_recordings())})


_BADGES: dict[str, tuple[str, Colour]] = {  # of jobs, then of recordings
    "waiting": ("hourglass", "gray"),
    "starting": ("hourglass", "blue"),
    "running": ("play_arrow", "blue"),
    "stopping": ("hourglass", "orange"),
    "finished": ("check_circle", "green"),
    "failed": ("error", "red"),
    "cancelled": ("cancel", "gray"),
    "interrupted": ("power_off", "orange"),
    "complete": ("check_circle", "green"),
    "slim": ("compress", "gray"),
    "unfinished": ("hourglass", "orange"),
    "being written": ("edit", "blue"),
    "damaged": ("error", "red"),
}


def draw_head(name: str, state: str) -> None:
    """A name with the badge of its state."""
    icon, colour = _BADGES[state]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown(f"**{escape(name)}**", width="content")
        st.badge(state, icon=f":material/{icon}:", color=colour)


def show_jobs(root: Path) -> None:
    """A card for every job; cards of jobs that run are drawn anew every second."""
    states = {job.name: read_status(job) for job in find_jobs(root)}
    pace = 1.0 if any(status.live for status in states.values()) else 5.0
    st.fragment(_draw_jobs, run_every=pace)(root, {name: status.state for name, status in states.items()})


def _draw_jobs(root: Path, known: dict[str, str]) -> None:
    jobs = [(job, read_status(job)) for job in find_jobs(root)]
    if {job.name: status.state for job, status in jobs} != known:
        st.rerun()  # one began, went on or ended: the list of recordings and the pace change
    if jobs:
        st.header("Jobs", anchor=False)
    for job, status in jobs:
        with st.container(border=True, key=f"job_{job.name}"):
            _draw_job(job, status)


def _draw_job(job: RecordingJob, status: JobStatus) -> None:
    draw_head(job.name, status.state)
    st.caption(
        f"{escape(job.request.model)} on {escape(job.request.data)} · started {_minute(job.process.started)} UTC"
    )
    if status.live or (status.resumable and status.progress is not None):
        st.progress(status.share, text=describe_progress(status))
    if status.state == "failed":
        st.error(escape(status.reason), icon=":material/error:")
    elif status.state == "interrupted":
        st.warning(
            "Its process went away without a word: it was killed, memory ran out, or the machine was restarted. What was "
            "committed until then is kept.",
            icon=":material/power_off:",
        )  # fmt: skip
    _draw_buttons(job, status)
    if status.state == "failed":
        st.caption(f"The command that repeats it, to be run in {escape(job.workplace)}:")
        st.code(job.command, language=None, wrap_lines=True)
    _draw_log(job, status)


def _draw_buttons(job: RecordingJob, status: JobStatus) -> None:
    with st.container(horizontal=True, gap="small"):
        if status.state == "finished" and st.button(
            "Open", icon=":material/ssid_chart:", type="primary", key=f"job_open_{job.name}"
        ):
            open_recording_page(job.out)
        if status.live and st.button(
            "Cancel", icon=":material/stop:", key=f"job_cancel_{job.name}", disabled=not status.can_cancel,
            help="What was recorded so far is kept, and can be gone on with.",
        ):  # fmt: skip
            attempt(lambda: cancel_job(job))
        if status.resumable and st.button(
            "Resume" if status.progress else "Try again", icon=":material/play_arrow:", type="primary", key=f"job_resume_{job.name}",
            help="The same command goes on where it stopped.",
        ):  # fmt: skip
            attempt(lambda: resume_job(job))
        if not status.live and st.button(
            "Dismiss", icon=":material/close:", type="tertiary", key=f"job_forget_{job.name}",
            help="Forgets the command and the log. The recording stays.",
        ):  # fmt: skip
            attempt(lambda: forget_job(job))


def _draw_log(job: RecordingJob, status: JobStatus) -> None:
    fold = st.expander("Log", icon=":material/notes:", key=f"job_log_{job.name}", on_change="rerun", type="compact")
    if fold.open:
        fold.code(read_log(job) or "Nothing was said yet.", language=None, height=220)
        if status.state != "failed":
            fold.caption(f"The command, run in {escape(job.workplace)}:")
            fold.code(job.command, language=None, wrap_lines=True)


def describe_progress(status: JobStatus) -> str:
    """How far a job is, in words."""
    progress = status.progress
    if status.state == "starting":
        return "The model is being loaded …"
    if progress is None:
        return "It ends before anything was recorded."
    parts = [f"{progress.consumed:,} of {progress.total:,} images"]
    if status.state == "running" and progress.rate is not None and progress.seconds_left is not None:
        parts += [f"{progress.rate:,.0f} images/s", f"{seconds_text(progress.seconds_left)} left"]
    if progress.errors:
        parts.append(f"{progress.errors:,} left out (unreadable or not finite)")
    if status.state == "stopping":
        parts.append("what was done is being written")
    return ", ".join(parts)


def _minute(moment: str) -> str:
    """A moment to the minute, as a person writes it."""
    return moment[:16].replace("T", " ")


_FIRST_SHOWN = 20
_ASKED = "record_asked"


def show_recordings(root: Path) -> None:
    """A row for every recording of the folder."""
    kept = list_recordings(root)
    st.header("Recordings in this folder", anchor=False)
    if not kept:
        st.info("There is none yet: check and start one above.", icon=":material/inventory_2:")
    every = len(kept) <= _FIRST_SHOWN or st.toggle(f"Show all {len(kept):,}", key="record_show_all")
    for row in kept if every else kept[:_FIRST_SHOWN]:
        with st.container(border=True, key=f"kept_{row.name}"):
            _draw_row(row)
    question, name = st.session_state.get(_ASKED, ("", ""))
    asked = next((row for row in kept if row.name == name), None)
    if asked is not None and question == "rename":
        _rename(root, name)
    elif asked is not None:
        _delete(root, asked)


def _draw_row(row: KeptRecording) -> None:
    told, buttons = st.columns([2, 1], gap="small", vertical_alignment="center")
    with told, st.container(gap=None):
        draw_head(row.name, row.state)
        st.caption(_describe(row))
    busy = row.state == "being written"
    with buttons, st.container(horizontal=True, gap="small", vertical_alignment="center", horizontal_alignment="right"):
        if st.button(
            "Open", icon=":material/ssid_chart:", key=f"kept_open_{row.name}", disabled=row.state == "damaged"
        ):
            open_recording_page(row.path)
        st.button(
            "Rename", icon=":material/edit:", type="tertiary", key=f"kept_rename_{row.name}",
            disabled=busy or row.state == "damaged", on_click=_ask, args=("rename", row.name),
        )  # fmt: skip
        st.button(
            "Delete", icon=":material/delete:", type="tertiary", key=f"kept_delete_{row.name}", disabled=busy,
            on_click=_ask, args=("delete", row.name),
        )  # fmt: skip


def _describe(row: KeptRecording) -> str:
    if row.problem:
        return escape(row.problem)
    images = f"{row.images:,} images" if row.images == row.total else f"{row.images:,} of {row.total:,} images"
    return (
        f"{escape(row.model)} on {escape(row.data)} · {images} · {bytes_text(row.bytes)} · {_minute(row.changed)} UTC"
    )


def _ask(question: str, name: str) -> None:
    """Opens a dialog; it stays open when a job ends meanwhile and the page is drawn anew."""
    st.session_state[_ASKED] = (question, name)


def _answered() -> None:
    st.session_state.pop(_ASKED, None)


@st.dialog("Rename a recording", icon=":material/edit:", on_dismiss=_answered)
def _rename(root: Path, name: str) -> None:
    new = st.text_input("New name", name, key=f"rename_{name}")
    if st.button("Rename it", type="primary", key="rename_confirm"):
        with telling_problems("block"):
            rename_recording(root, name, new or "")
            _answered()
            st.rerun()


@st.dialog("Delete a recording for good?", icon=":material/delete:", on_dismiss=_answered)
def _delete(root: Path, row: KeptRecording) -> None:
    with telling_problems("block"):
        contents = list_contents(root, row.name)
        st.markdown(f"**{escape(row.name)}**: {_describe(row)}")
        st.markdown(f"{len(contents.names)} files are deleted with their folder. It can not be undone.")
        st.code(str(contents.path), language=None, wrap_lines=True)
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Keep it", key="delete_dismiss"):
                _answered()
                st.rerun()
            if st.button("Delete it", type="primary", icon=":material/delete:", key="delete_confirm"):
                _answered()
                attempt(lambda: delete_recording(root, row.name))


def open_elsewhere() -> None:
    """A recording anywhere, by its path."""
    with st.form("record_elsewhere", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input("Open a recording elsewhere", placeholder="path of its folder", key="record_path")
        asked = st.form_submit_button("Open", icon=":material/folder_open:", key="record_path_open")
    if not asked or not typed:
        return
    path = expand_home(typed.strip())
    if holds_recording(path):
        open_recording_page(path.absolute())
    reason = explain_refusal(path)
    problem = (
        f"could not be opened ({reason}): check it."
        if reason
        else "holds no recording: give a folder that `senet-viz record` wrote."
    )
    st.error(escape(f"{path} {problem}"), icon=":material/folder_off:")
