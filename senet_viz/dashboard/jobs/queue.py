"""In public, recordings of visitors one after the other: some run, some wait in a queue that all see."""

import contextlib
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from senet_viz.dashboard.jobs.keeping import list_recordings
from senet_viz.dashboard.jobs.request import RecordRequest, check_name
from senet_viz.dashboard.jobs.running import RecordingJob, cancel_job, find_jobs, start_job
from senet_viz.dashboard.mode import PublicOptions
from senet_viz.errors import RecordingError, SenetVizError

_EVERY = 1.0  # seconds


@dataclass(frozen=True)
class WaitingJob:
    """A recording that waits, and for which visitor."""

    name: str
    request: RecordRequest
    label_map: Mapping[str, str | None] | None
    visitor: str


@dataclass
class JobQueue:
    """Who waits, who started what, and a thread that starts the next and ends what takes too long.

    What waits is forgotten when the server ends; what runs goes on.
    """

    root: Path
    options: PublicOptions
    refused: dict[str, str] = field(default_factory=dict)
    _waiting: list[WaitingJob] = field(default_factory=list)
    _owners: dict[str, str] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _thread: threading.Thread | None = None

    def submit(self, job: WaitingJob) -> int:
        """Starts a recording, or lets it wait; its place, 0 where it was started.

        Raises:
            ArgumentError: the name can not be used.
            RecordingError: the name is taken, the queue or the folder is full, or this visitor's last one is not done.
        """
        name = check_name(job.name)
        with self._lock:
            if os.path.lexists(self.root / name) or any(each.name == name for each in self._waiting):
                raise RecordingError(f"{name} exists already: choose another name.")
            mine = [each for each in self._running() if self.belongs_to(each.name, job.visitor)]
            if mine or any(each.visitor == job.visitor for each in self._waiting):
                raise RecordingError("Your last recording is not done: wait for it, or cancel it.")
            if len(list_recordings(self.root)) + len(self._waiting) >= self.options.kept:
                raise RecordingError(
                    f"This server keeps {self.options.kept} recordings, and there are as many: ask its owner."
                )
            if len(self._waiting) >= self.options.queued:
                raise RecordingError(
                    f"{len(self._waiting)} recordings wait, as many as this server lets: come again later."
                )
            self.refused.pop(name, None)
            self._owners[name] = job.visitor
            self._waiting.append(job)
            self.go_on()
            if name in self.refused:
                raise RecordingError(self.refused.pop(name))
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True, name="senet-viz-job-queue")
                self._thread.start()
            return self.find_place(name)

    def find_place(self, name: str) -> int:
        """In the queue, from 1; 0 where it does not wait."""
        return next((at for at, each in enumerate(self.waiting(), start=1) if each.name == name), 0)

    def waiting(self) -> tuple[WaitingJob, ...]:
        """Those that wait, in order."""
        with self._lock:
            return tuple(self._waiting)

    def belongs_to(self, name: str, visitor: str) -> bool:
        """Whether a visitor submitted it, so that they may cancel it."""
        return self._owners.get(name) == visitor

    def withdraw(self, name: str) -> None:
        """Takes one out of the queue."""
        with self._lock:
            self._waiting = [each for each in self._waiting if each.name != name]

    def go_on(self) -> None:
        """One step of the thread: ends what takes too long, starts what may run."""
        with self._lock:
            running = self._running()
            for each in running:
                begun = datetime.fromisoformat(each.process.started)
                if (datetime.now(UTC) - begun).total_seconds() > 60 * self.options.job_minutes:
                    with contextlib.suppress(SenetVizError, OSError):  # tried again at the next step
                        cancel_job(each)
            for job in self._waiting[: max(0, self.options.running - len(running))]:
                self._waiting.remove(job)
                try:
                    start_job(self.root, job.name, job.request, job.label_map)
                except (SenetVizError, OSError) as error:
                    self.refused[job.name] = str(error)

    def _running(self) -> list[RecordingJob]:
        return [job for job in find_jobs(self.root) if job.process.lives()]

    def _watch(self) -> None:
        while True:
            time.sleep(_EVERY)
            with contextlib.suppress(SenetVizError, OSError):  # a disk that recovers; the next step tries again
                self.go_on()
