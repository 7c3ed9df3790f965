"""Running and ended jobs, read anew from disk every second."""

from pathlib import Path

import streamlit as st

from senet_viz.dashboard.frame import escape
from senet_viz.dashboard.jobs import (
    Job,
    JobStatus,
    cancel_job,
    find_jobs,
    forget_job,
    read_log,
    read_status,
    resume_job,
)
from senet_viz.dashboard.notices import Colour, attempt, open_recording_page
from senet_viz.text import seconds_text

_BADGES: dict[str, tuple[str, str, Colour]] = {
    "starting": ("starting", ":material/hourglass:", "blue"),
    "running": ("running", ":material/play_arrow:", "blue"),
    "stopping": ("stopping", ":material/hourglass:", "orange"),
    "finished": ("finished", ":material/check_circle:", "green"),
    "failed": ("failed", ":material/error:", "red"),
    "cancelled": ("cancelled", ":material/cancel:", "gray"),
    "interrupted": ("interrupted", ":material/power_off:", "orange"),
}


def show_jobs(root: Path) -> None:
    """A card for every job; cards of jobs that run are drawn anew every second."""
    jobs = _read(root)
    pace = 1.0 if any(status.live for _, status in jobs) else 5.0
    st.fragment(_draw_jobs, run_every=pace)(root, _states(jobs))


def _read(root: Path) -> list[tuple[Job, JobStatus]]:
    return [(job, read_status(job)) for job in find_jobs(root)]


def _states(jobs: list[tuple[Job, JobStatus]]) -> dict[str, str]:
    return {job.name: status.state for job, status in jobs}


def _draw_jobs(root: Path, known: dict[str, str]) -> None:
    jobs = _read(root)
    if _states(jobs) != known:
        st.rerun()  # one began, went on or ended: the list of recordings and the pace change
    if jobs:
        st.header("Jobs", anchor=False)
    for job, status in jobs:
        with st.container(border=True, key=f"job_{job.name}"):
            _draw_job(job, status)


def _draw_job(job: Job, status: JobStatus) -> None:
    label, icon, colour = _BADGES[status.state]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown(f"**{escape(job.name)}**", width="content")
        st.badge(label, icon=icon, color=colour)
    st.caption(
        f"{escape(job.request.model)} on {escape(job.request.data)} · started {_minute(job.process.started)} UTC"
    )
    if status.live or (status.resumable and status.progress is not None):
        st.progress(status.share, text=_tell_progress(status))
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


def _draw_buttons(job: Job, status: JobStatus) -> None:
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


def _draw_log(job: Job, status: JobStatus) -> None:
    fold = st.expander("Log", icon=":material/notes:", key=f"job_log_{job.name}", on_change="rerun", type="compact")
    if not fold.open:
        return
    with fold:
        st.code(read_log(job) or "Nothing was said yet.", language=None, height=220)
        if status.state != "failed":
            st.caption(f"The command, run in {escape(job.workplace)}:")
            st.code(job.command, language=None, wrap_lines=True)


def _tell_progress(status: JobStatus) -> str:
    progress = status.progress
    if status.state == "starting":
        return "The model is being loaded …"
    if progress is None:
        return "It ends before anything was recorded."
    parts = [f"{progress.consumed:,} of {progress.total:,} images"]
    if status.state == "running" and progress.rate is not None and progress.seconds_left is not None:
        parts += [f"{progress.rate:,.0f} images/s", f"{seconds_text(progress.seconds_left)} left"]
    if progress.errors:
        parts.append(f"{progress.errors:,} could not be read")
    if status.state == "stopping":
        parts.append("what was done is being written")
    return ", ".join(parts)


def _minute(moment: str) -> str:
    """A moment to the minute, as a person writes it."""
    return moment[:16].replace("T", " ")
