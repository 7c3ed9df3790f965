"""Files that a page writes: in the background, one at a time, kept while the session lasts."""

import shutil
import tempfile
import threading
import weakref
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from senet_viz.dashboard.mode import read_public
from senet_viz.errors import RecordingError, SenetVizError
from senet_viz.paths import explain_refusal
from senet_viz.recording.export import SIDE_ENDING, export_statistics, free_path, side_file
from senet_viz.recording.reader import open_recording
from senet_viz.text import bytes_text

MOST_DOWNLOAD = 200_000_000  # bytes: Streamlit holds a download in memory
_MOST_KEPT = 4
_KEY = "writing_room"


@dataclass(frozen=True)
class Wanted:
    """What is to be written: the recording's folder, module names of blocks and class ids, None for all."""

    recording: Path
    blocks: tuple[str, ...] | None
    classes: tuple[int, ...] | None


class _StoppedError(Exception):
    """Raised in the middle of an export that is no longer wanted."""


class WritingJob:
    """An export that goes on while the reader does something else.

    Attributes:
        path: of the file.
        done: blocks written.
        total: blocks in all; 0 before the first is begun.
        error: a sentence; None where nothing went wrong.
    """

    def __init__(self, wanted: Wanted, path: Path) -> None:
        self.path = path
        self.done = 0
        self.total = 0
        self.error: str | None = None
        self._wanted = wanted
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"export {path.name}", daemon=True)

    @property
    def running(self) -> bool:
        """Whether it is still being written."""
        return self._thread.is_alive()

    @property
    def stopped(self) -> bool:
        """Whether the reader stopped it."""
        return self._stop.is_set()

    @property
    def ready(self) -> bool:
        """Whether the file is there."""
        return not self.running and self.error is None and not self.stopped and self.path.is_file()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    @property
    def side(self) -> Path:
        """The file beside it."""
        return side_file(self.path)

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Returns when it is done, or after so many seconds."""
        self._thread.join(seconds)

    def stop(self) -> None:
        """Ends it before the next block; nothing is left."""
        self._stop.set()

    def _run(self) -> None:
        try:
            recording = open_recording(self._wanted.recording)
            export_statistics(
                recording, self.path, blocks=self._wanted.blocks, classes=self._wanted.classes, on_progress=self._told
            )
        except _StoppedError:
            return
        except (SenetVizError, OSError, MemoryError) as error:
            self.error = str(error) or type(error).__name__

    def _told(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self._stop.is_set():
            raise _StoppedError


class WritingRoom:
    """A session's jobs and its temporary folder, which goes with the session or, at the latest, with the process."""

    def __init__(self) -> None:
        self._jobs: dict[Hashable, WritingJob] = {}
        self._folder: Path | None = None

    def find(self, key: Hashable) -> WritingJob | None:
        """The job of these choices, if there is one."""
        return self._jobs.get(key)

    def start(self, key: Hashable, wanted: Wanted, name: str, *, bytes_needed: int, folder: Path | None) -> WritingJob:
        """Writes a file of this name into a folder, or into the session's temporary one; a running job is stopped.

        A file that is there is left alone: the new one then has a number behind its name.

        Raises:
            RecordingError: the folder is none, or has no room.
        """
        for other in self._jobs.values():
            if other.running:
                other.stop()
        place = self._place(folder, len(self._jobs))
        free = shutil.disk_usage(place).free
        if bytes_needed > free:
            raise RecordingError(
                f"{place} has {bytes_text(free)} free and about {bytes_text(bytes_needed)} are needed: name another folder "
                "or choose fewer blocks or classes."
            )
        job = WritingJob(wanted, free_path(place / name, SIDE_ENDING))
        self._jobs.pop(key, None)
        self._jobs[key] = job
        self._forget()
        job.start()
        return job

    def _place(self, folder: Path | None, number: int) -> Path:
        if folder is not None:
            if explain_refusal(folder) or not folder.is_dir():
                raise RecordingError(f"{folder} is no folder: name one that exists.")
            return folder
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="senet-viz-"))
            _open_rooms[:] = [room for room in _open_rooms if room.alive]
            _open_rooms.append(weakref.finalize(self, _clear, self._folder, self._jobs))
        return Path(tempfile.mkdtemp(prefix=f"{number}-", dir=self._folder))

    def _forget(self) -> None:
        """Only the latest files are kept; what was written into a reader's folder stays there."""
        for key in list(self._jobs)[:-_MOST_KEPT]:
            job = self._jobs.pop(key)
            if self._folder is not None and self._folder in job.path.parents:
                shutil.rmtree(job.path.parent, ignore_errors=True)


_open_rooms: "list[weakref.finalize[[Path, dict[Hashable, WritingJob]], WritingRoom]]" = []


def close_rooms() -> None:
    """Removes the temporary folders of all sessions: a server that a signal ends runs no finalizers."""
    while _open_rooms:
        _open_rooms.pop()()


def _clear(folder: Path, jobs: dict[Hashable, WritingJob]) -> None:
    for job in jobs.values():
        job.stop()
        job.wait(5)
    shutil.rmtree(folder, ignore_errors=True)


def most_download() -> int:
    """Bytes of the largest file that is sent through the browser."""
    public = read_public()
    return MOST_DOWNLOAD if public is None else public.export_megabytes * 1_000_000


def writing_room() -> WritingRoom:
    """The session's."""
    room: WritingRoom = st.session_state.setdefault(_KEY, WritingRoom())
    return room
