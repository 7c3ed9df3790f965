"""How a job stands, read from disk: its process, its progress, its log."""

import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import Path

from senet_viz.dashboard.jobs.running import LOG, Job, may_cancel
from senet_viz.errors import RecordingError
from senet_viz.recording.progress import Progress, read_progress
from senet_viz.recording.writer import stored_manifest
from senet_viz.schema import Manifest

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


def read_status(job: Job) -> JobStatus:
    """How a job stands at this moment."""
    lives = job.process.lives()  # asked first: what it wrote at its end is read after it
    progress = read_progress(job.out)
    told = progress is not None and progress.pid == job.process.pid
    if lives:
        state = "stopping" if job.cancelled else "running" if told else "starting"
        return JobStatus(state, progress, can_cancel=may_cancel(job))
    manifest = _manifest(job.out)
    if manifest is not None and manifest.complete:
        return JobStatus("finished", progress)
    if told and progress is not None and progress.state in ("failed", "cancelled"):
        reason = progress.message if progress.state == "failed" else ""
        return JobStatus(progress.state, progress, reason or (_reason(job) if progress.state == "failed" else ""))
    if job.cancelled:
        return JobStatus("cancelled", progress)
    reason = _reason(job)
    if reason == _STOPPED:  # a signal from elsewhere while the model was loading
        return JobStatus("cancelled", progress)
    if reason:
        return JobStatus("failed", progress, reason)
    return JobStatus("interrupted", progress and _committed(progress, manifest))


def read_log(job: Job, *, most: int = _LOG_BYTES) -> str:
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


def _reason(job: Job) -> str:
    return last_sentence(read_log(job))


def _manifest(folder: Path) -> Manifest | None:
    """The manifest of a recording; None where there is none that can be read."""
    try:
        return stored_manifest(folder)
    except RecordingError:
        return None


def _committed(progress: Progress, manifest: Manifest | None) -> Progress:
    """What a process that was killed leaves: all since the last commit is done again."""
    consumed = 0 if manifest is None else int(manifest.progress.get("consumed", 0))
    return dataclasses.replace(progress, consumed=consumed)
