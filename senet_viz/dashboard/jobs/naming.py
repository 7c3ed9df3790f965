"""Names of recordings in a folder, and where a job's own files lie beside them."""

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.files import as_recording_errors
from senet_viz.recording.lock import FolderLock, read_lock

JOBS = ".jobs"
MOST_BYTES = 120
_FORBIDDEN = frozenset('/\\:*?"<>|')
_one_thread = threading.RLock()


def check_name(name: str) -> str:
    """A name for a recording's folder, stripped of outer spaces.

    Raises:
        ArgumentError: it is empty, too long, begins with a dot, or holds a path separator or another character
            that some file system refuses.
    """
    name = name.strip()
    if not name:
        raise ArgumentError("The recording has no name yet: give one.")
    found = sorted({character for character in name if character in _FORBIDDEN or not character.isprintable()})
    if found:
        raise ArgumentError(f"The name {name!r} holds {found[0]!r}: use letters, digits, spaces, dots, - and _.")
    if name.startswith("."):
        raise ArgumentError(f"The name {name!r} begins with a dot, which hides a folder: begin it otherwise.")
    if len(os.fsencode(name)) > MOST_BYTES:
        raise ArgumentError(f"The name is {len(os.fsencode(name))} bytes long: give one of at most {MOST_BYTES}.")
    return name


def suggest_name(root: Path, model: str, data: str) -> str:
    """A free name for a recording of a model on data, e.g. "seresnet50-digits"."""
    parts = [re.split(r"[/\\:]", text.rstrip("/\\"))[-1] for text in (model, data)]
    plain = "-".join(re.sub(r"[^\w.-]+", "_", part).strip("._-") for part in parts).strip("-")[:60] or "recording"
    names = (plain, *(f"{plain}-{number}" for number in range(2, 1000)))
    return next((name for name in names if not os.path.lexists(root / name)), plain)


def job_folder(root: Path, name: str) -> Path:
    """Where the command, the log and the label map of the job of one name lie."""
    return root / JOBS / check_name(name)


@contextlib.contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """One at a time starts, resumes, renames or deletes in a folder of recordings, over threads and servers.

    Raises:
        RecordingError: another server does so at this moment, or the folder can not be written.
    """
    folder = root / JOBS
    with _one_thread, as_recording_errors(f"Writing in {root}", "Give a folder that can be written."):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder)
        lock.acquire()
        try:
            yield
        finally:
            lock.release()


def refuse_if_written(folder: Path) -> None:
    """Refuse a recording that a process is writing.

    Raises:
        RecordingError: names the process.
    """
    holder = read_lock(folder)
    if holder is not None and holder.lives():
        raise RecordingError(
            f"{folder} is being written by process {holder.pid} on {holder.host} since {holder.started}: "
            "wait for it, or cancel it first."
        )
