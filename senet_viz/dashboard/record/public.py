"""The page Record in public: a few choices, a queue that all see, and only one's own recording to cancel."""

import re

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from senet_viz.dashboard.jobs.queue import JobQueue, WaitingJob
from senet_viz.dashboard.jobs.request import RecordRequest, suggest_name
from senet_viz.dashboard.jobs.running import JobStatus, RecordingJob, cancel_job, find_jobs, read_status
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.mode import PublicOptions
from senet_viz.dashboard.record.form import KEEPS, MODELS, Kind
from senet_viz.dashboard.record.recordings import attempt, describe_progress, draw_head, open_recording_page
from senet_viz.errors import ArgumentError
from senet_viz.paths import expand_home

_ZOOS = ("timm", "torchvision")
_NAME = re.compile(r"[A-Za-z0-9_.]+")
_DIGITS = "scikit-learn's digits"


@st.cache_resource(show_spinner=False)
def _queue(_options: PublicOptions, setting: str) -> JobQueue:
    del setting
    return JobQueue(expand_home(_options.jobs).absolute(), _options)


def show_public(options: PublicOptions) -> None:
    """The whole page below its title."""
    if not options.jobs:
        st.info("On this server nothing is recorded. On your own machine this records and opens the app:",
                icon=":material/lock:")  # fmt: skip
        st.code("senet-viz record --model bundled --data digits --out runs/digits\nsenet-viz app", language=None)
        return
    queue = _queue(options, options.to_setting())
    _show_form(queue)
    st.fragment(_show_queue, run_every=2.0)(queue, [job.name for job in find_jobs(queue.root)])


def _show_form(queue: JobQueue) -> None:
    options = queue.options
    images = {_DIGITS: "digits", **list_images(options)}
    with st.container(border=True, key="record_public"):
        left, middle, right = st.columns(3, gap="medium")
        with left:
            kinds = [label for label, kind in MODELS.items() if isinstance(kind, str) or label in _ZOOS]
            kind = st.selectbox("Model", kinds, key="public_model") or kinds[0]
            about, typed = MODELS[kind], ""
            if isinstance(about, Kind):
                typed = str(st.text_input(about.label, key=f"public_{kind}", placeholder=f"e.g. {about.example}") or "")
            weights = st.segmented_control(
                "Weights", ["Pretrained", "Random"], default="Pretrained", required=True, key="public_weights"
            )
        with middle:
            data = images[st.selectbox("Images", list(images), key="public_images") or _DIGITS]
            limit = st.number_input(
                "At most so many images", 1, options.job_images, min(500, options.job_images), key="public_limit"
            )
        with right:
            keep = st.segmented_control(
                "Keep gates of single images", list(KEEPS)[:2], default="All", required=True, key="public_keep"
            )
            name = str(
                st.text_input("Name of the recording", key="public_name", placeholder="a new name") or ""
            ).strip()
    if not st.button("Start", type="primary", icon=":material/fiber_manual_record:", key="public_start"):
        return

    def submit() -> None:
        model = about if isinstance(about, str) else about.prefix + check_zoo_name(typed.strip())
        request = RecordRequest(
            model=model, data=data, weights="random" if weights == "Random" else "pretrained", keep=KEEPS[keep or "All"],
            limit=int(limit or 1),
        )  # fmt: skip
        queue.submit(WaitingJob(name or suggest_name(queue.root, model, data), request, None, _visitor()))

    attempt(submit)


def list_images(options: PublicOptions) -> dict[str, str]:
    """Folders and files of images that may be recorded, by their names; links are left out, as they may lead elsewhere."""
    folder = expand_home(options.images) if options.images else None
    try:
        inside = sorted(folder.iterdir()) if folder else []
    except OSError:
        return {}
    return {path.name: str(path) for path in inside if not path.is_symlink() and not path.name.startswith(".")}


def check_zoo_name(name: str) -> str:
    """A name in timm or torchvision, which is no path, no address and no repository.

    Raises:
        ArgumentError: it is something else.
    """
    if not _NAME.fullmatch(name):
        raise ArgumentError(f"{name!r} is not a model's name: give one of letters, digits, dots and _.")
    return name


def _show_queue(queue: JobQueue, known: list[str]) -> None:
    jobs = find_jobs(queue.root)
    if [job.name for job in jobs] != known:
        st.rerun()  # the choices of recordings change
    waiting = queue.waiting()
    if jobs or waiting or queue.refused:
        st.header("Recordings of this server", anchor=False)
    for place, job in enumerate(waiting, start=1):
        with st.container(border=True, key=f"waiting_{job.name}"):
            draw_head(job.name, "waiting")
            mine = queue.belongs_to(job.name, _visitor())
            st.caption(
                f"Number {place} in the queue{', yours' if mine else ''}: {queue.options.running} run at a time."
            )
            if mine and st.button("Withdraw", icon=":material/close:", key=f"withdraw_{job.name}"):
                attempt(lambda name=job.name: queue.withdraw(name))  # type: ignore[misc]
    for name, sentence in queue.refused.items():
        st.error(escape(f"{name} was not started: {sentence}"), icon=":material/error:")
    for running in jobs:
        with st.container(border=True, key=f"public_job_{running.name}"):
            _draw_job(queue, running, read_status(running))


def _draw_job(queue: JobQueue, job: RecordingJob, status: JobStatus) -> None:
    draw_head(job.name, status.state)
    if status.live:
        st.progress(status.share, text=describe_progress(status))
    elif status.state == "failed":
        st.error(escape(status.reason), icon=":material/error:")
    if status.state == "finished" and st.button("Open", icon=":material/ssid_chart:", key=f"public_open_{job.name}"):
        open_recording_page(job.out)
    mine = queue.belongs_to(job.name, _visitor())
    if status.can_cancel and mine and st.button("Cancel", icon=":material/stop:", key=f"public_cancel_{job.name}"):
        attempt(lambda: cancel_job(job))


def _visitor() -> str:
    context = get_script_run_ctx()
    return "" if context is None else context.session_id
