"""A recording as a process of its own whose state lies on disk: it survives whoever started it."""

import contextlib
import dataclasses
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from senet_viz.dashboard.jobs.request import (
    JOBS,
    RecordRequest,
    alone_in,
    check_name,
    command_line,
    job_environment,
    job_folder,
    refuse_if_written,
    shown_command,
)
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.files import read_json, replace_json
from senet_viz.recording.folder import LOCK, Holder, Progress, read_progress
from senet_viz.recording.writer import stored_manifest
from senet_viz.schema import Layout, from_tree, to_tree

COMMAND, LOG, LABEL_MAP = "command.json", "log.txt", "label-map.json"
PATIENCE = 60.0  # a second signal would cut a commit short


@dataclass(frozen=True, slots=True)
class RecordingJob:
    """A recording that was started from a page; what `.jobs/<name>/command.json` holds.

    Attributes:
        root: the folder of recordings.
        name: of the recording in it.
        request: its choices.
        mapped: a label map lies beside the command and is used.
        workplace: the folder it was started in; relative paths mean that.
        process: who runs it or ran it last.
        cancelled: when it was asked to stop, ISO 8601 in UTC; None where it was not.
    """

    root: Path
    name: str
    request: RecordRequest
    mapped: bool
    workplace: str
    process: Holder
    cancelled: str | None = None

    @property
    def folder(self) -> Path:
        """Where command, log and label map lie."""
        return job_folder(self.root, self.name)

    @property
    def out(self) -> Path:
        """The recording's folder."""
        return self.root / self.name

    @property
    def arguments(self) -> tuple[str, ...]:
        """Arguments of `senet-viz`."""
        request = self.request
        if self.mapped:
            request = dataclasses.replace(request, label_map=str(self.folder / LABEL_MAP))
        return request.arguments(self.out)

    @property
    def command(self) -> str:
        """The command that repeats or resumes it, to be copied into a shell."""
        return shown_command(self.arguments)


def start_job(
    root: Path, name: str, request: RecordRequest, label_map: Mapping[str, str | None] | None = None
) -> RecordingJob:
    """Start a recording in a process of its own.

    Args:
        root: the folder of recordings; made where it is missing.
        name: of the new recording in it.
        request: its choices.
        label_map: output's name by class's, written beside the command and given by `--label-map`.

    Raises:
        ArgumentError: the name can not be used.
        RecordingError: there is such a recording, it is being written, or the folder can not be written.
    """
    name, root = check_name(name), root.absolute()
    with alone_in(root):
        folder = job_folder(root, name)
        before = _read_job(folder)
        if before is not None and before.process.lives():
            raise RecordingError(f"{root / name} is being recorded: cancel that first, or choose another name.")
        refuse_if_written(root / name)
        if os.path.lexists(root / name):
            raise RecordingError(f"{root / name} exists already: choose another name, or resume or delete that one.")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOG).unlink(missing_ok=True)
        if label_map is not None:
            replace_json(folder, LABEL_MAP, label_map)
        job = RecordingJob(root, name, request, label_map is not None, str(Path.cwd()), Holder.of(os.getpid()))
        return _spawn(job)  # by another process than this one, which is then the job's


def resume_job(job: RecordingJob) -> RecordingJob:
    """Run a job's command again: it goes on where it stopped.

    Raises:
        RecordingError: it runs, or can not be started.
    """
    with alone_in(job.root):
        now = _read_job(job.folder) or job
        if now.process.lives():
            raise RecordingError(f"{now.out} is being recorded already.")
        refuse_if_written(now.out)
        now.folder.mkdir(parents=True, exist_ok=True)
        return _spawn(now)


def cancel_job(job: RecordingJob) -> RecordingJob:
    """Ask a job to commit and end; one that was asked less than a minute ago is left to it.

    Raises:
        RecordingError: it runs on another machine.
    """
    with alone_in(job.root):
        now = _read_job(job.folder) or job
        if not now.process.lives() or not may_cancel(now):
            return now
        if now.process.host != socket.gethostname():
            raise RecordingError(f"{now.out} is being recorded on {now.process.host}: cancel it there.")
        asked = dataclasses.replace(now, cancelled=_now())
        _write_job(asked)
        with contextlib.suppress(ProcessLookupError):
            os.kill(now.process.pid, signal.SIGTERM)
        return asked


def forget_job(job: RecordingJob) -> None:
    """Remove a job's command, log and label map; its recording stays.

    Raises:
        RecordingError: it runs.
    """
    with alone_in(job.root):
        remove_job(job.root, job.name)


def remove_job(root: Path, name: str) -> None:
    """`forget_job` for who is alone in the folder already; nothing where there is no such job."""
    folder = job_folder(root, name)
    job = _read_job(folder)
    if job is not None and job.process.lives():
        raise RecordingError(f"{job.out} is being recorded: cancel that first.")
    if folder.is_symlink() or not folder.is_dir():
        return
    for own in (LOG, LABEL_MAP, f"{LABEL_MAP}.tmp", f"{COMMAND}.tmp", LOCK, COMMAND):
        (folder / own).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something else lies there
        folder.rmdir()


def find_job(root: Path, name: str) -> RecordingJob | None:
    """The job of a recording; None where it was not started from a page."""
    return _read_job(job_folder(root.absolute(), name))


def find_jobs(root: Path) -> tuple[RecordingJob, ...]:
    """All jobs of a folder of recordings, the latest first."""
    try:
        folders = [path for path in (root.absolute() / JOBS).iterdir() if path.is_dir()]
    except OSError:
        return ()
    jobs = [job for job in map(_read_job, folders) if job is not None]
    return tuple(sorted(jobs, key=lambda job: (job.process.started, job.name), reverse=True))


def may_cancel(job: RecordingJob) -> bool:
    """Whether a signal can be sent: none was, or the last one long ago."""
    if job.cancelled is None:
        return True
    passed = datetime.now(UTC) - datetime.fromisoformat(job.cancelled)
    return passed.total_seconds() > PATIENCE


def _spawn(job: RecordingJob) -> RecordingJob:
    """The same job with the process that now runs it."""
    with (job.folder / LOG).open("ab") as log:
        log.write(f"--- {_now()}\n".encode())
        log.flush()
        try:
            process = subprocess.Popen(
                command_line(job.arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, cwd=job.workplace, env=job_environment(),
            )  # fmt: skip
        except (OSError, ValueError) as error:  # the workplace went away, a null character
            raise RecordingError(f"The recording could not be started ({error}): correct the choices.") from error
    threading.Thread(target=process.wait, daemon=True, name=f"senet-viz-job-{process.pid}").start()  # leaves no zombie
    job = dataclasses.replace(job, process=Holder.of(process.pid), cancelled=None)
    try:
        _write_job(job)
    except OSError:  # nobody could watch it
        process.terminate()
        raise
    return job


def _write_job(job: RecordingJob) -> None:
    tree = to_tree(job)
    replace_json(job.folder, COMMAND, {name: tree[name] for name in tree if name not in ("root", "name")})


def _read_job(folder: Path) -> RecordingJob | None:
    """The job of a folder; None where there is none that can be read."""
    file, advice = folder / COMMAND, "start it anew"
    with contextlib.suppress(RecordingError, ArgumentError):
        place = {"root": folder.parents[1], "name": check_name(folder.name)}
        tree = read_json(file, advice)
        layouts: Mapping[type, Layout] = {RecordingJob: lambda stored: {**stored, **place}}
        return None if tree is None else from_tree(RecordingJob, tree, str(file), advice, layouts=layouts)
    return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


LIVE = ("starting", "running", "stopping")
_ENDING = re.compile(r"(?:senet-viz: |Error: )(.+)|((?:\w+\.)*\w*(?:Error|Exception)\b.*)")
_STOPPED = "stopped; what was committed is kept."
_LOG_BYTES = 40_000


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How a job stands.

    Attributes:
        state: "starting" (the model loads), "running", "stopping", "finished", "failed", "cancelled" or
            "interrupted" (its process went away without a word).
        progress: the last that its recording told, of an interrupted one what was committed; None before it began.
        reason: why it failed, in one sentence; empty otherwise.
        can_cancel: it runs, and was not asked to stop a moment ago.
    """

    state: str
    progress: Progress | None
    reason: str = ""
    can_cancel: bool = False

    @property
    def live(self) -> bool:
        """Whether a process works on it."""
        return self.state in LIVE

    @property
    def resumable(self) -> bool:
        """Whether running its command again is of use."""
        return self.state in ("failed", "cancelled", "interrupted")

    @property
    def share(self) -> float:
        """Share of the images that are done, 0 to 1."""
        if self.state == "finished":
            return 1.0
        if self.progress is None or self.state == "starting" or not self.progress.total:
            return 0.0
        return min(1.0, max(0.0, self.progress.consumed / self.progress.total))


def read_status(job: RecordingJob) -> JobStatus:
    """How a job stands at this moment."""
    lives = job.process.lives()  # asked first: what it wrote at its end is read after it
    progress = read_progress(job.out)
    told = progress is not None and progress.pid == job.process.pid
    if lives:
        state = "stopping" if job.cancelled else "running" if told else "starting"
        return JobStatus(state, progress, can_cancel=may_cancel(job))
    manifest = None
    with contextlib.suppress(RecordingError):
        manifest = stored_manifest(job.out)
    if manifest is not None and manifest.complete:
        return JobStatus("finished", progress)
    reason = last_sentence(read_log(job))
    if told and progress is not None and progress.state == "failed":
        return JobStatus("failed", progress, progress.message or reason)
    # The last is a signal from elsewhere while the model was loading.
    if (told and progress is not None and progress.state == "cancelled") or job.cancelled or reason == _STOPPED:
        return JobStatus("cancelled", progress)
    if reason:
        return JobStatus("failed", progress, reason)
    if progress is not None:  # a process that was killed: all since the last commit is done again
        consumed = 0 if manifest is None else int(manifest.progress.get("consumed", 0))
        progress = dataclasses.replace(progress, consumed=consumed)
    return JobStatus("interrupted", progress)


def read_log(job: RecordingJob, *, most: int = _LOG_BYTES) -> str:
    """The last lines of what a job said."""
    try:
        with (job.folder / LOG).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= most else text.partition("\n")[2]


def last_sentence(text: str) -> str:
    """The error that a command ended with: its last line, where that is one; else nothing."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = _ENDING.fullmatch(lines[-1]) if lines else None
    return (found.group(1) or found.group(2)) if found else ""
