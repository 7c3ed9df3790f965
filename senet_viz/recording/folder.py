"""A folder that is being written: `job.lock`, so that it has one writer, and `progress.json`, what it tells whoever watches."""

import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.files import as_recording_errors, read_data, replace_json
from senet_viz.schema import to_tree

LOCK = "job.lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock.

    Attributes:
        pid: process id.
        host: name of the machine.
        started: when it took the lock, ISO 8601 in UTC.
        birth: the process's start in the kernel's ticks, which tells it from a later one of the same pid; None
            where the system does not say.
    """

    pid: int
    host: str
    started: str
    birth: int | None

    @classmethod
    def me(cls) -> "Holder":
        """This process."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> "Holder":
        """A process of this machine that was started just now."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(pid, socket.gethostname(), now, _birth(pid))

    def lives(self) -> bool:
        """Whether the process may still run; always true of one on another machine, never of one that has ended."""
        if self.host != socket.gethostname() or os.name != "posix":
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        if _stat(self.pid)[:1] == ["Z"]:  # ended, and its parent has not asked how
            return False
        birth = _birth(self.pid)
        return self.birth is None or birth is None or birth == self.birth


class FolderLock:
    """The lock of one folder, held from `acquire` to `release`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mine: Holder | None = None

    def acquire(self) -> None:
        """Take the lock; one that a dead process of this machine left is taken over.

        Raises:
            RecordingError: another process holds it; the message names it.
        """
        me = Holder.me()
        offer = self._folder / f"{LOCK}.{me.pid}.tmp"
        offer.write_text(json.dumps(to_tree(me)), "utf-8")
        try:
            with _one_at_a_time(self._folder):
                if not self._claim(offer):
                    holder = read_lock(self._folder)
                    if holder is not None and holder.lives():
                        raise RecordingError(_held_sentence(self._folder, holder))
                    offer.replace(self._folder / LOCK)
        finally:
            with contextlib.suppress(OSError):
                offer.unlink(missing_ok=True)
        if read_lock(self._folder) != me:
            raise RecordingError(f"{self._folder} was locked by another process at the same moment: try again.")
        self._mine = me

    def _claim(self, offer: Path) -> bool:
        """Whether the lock was free; a link appears with its content or not at all."""
        lock = self._folder / LOCK
        try:
            os.link(offer, lock)
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            if lock.exists():
                return False
            offer.replace(lock)
        return True

    def release(self) -> None:
        """Give the lock back, if it is still ours."""
        if self._mine is not None and read_lock(self._folder) == self._mine:
            with contextlib.suppress(OSError):
                (self._folder / LOCK).unlink()
        self._mine = None


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Keeps two processes of this machine from taking over the same dead process's lock, one after the other."""
    if sys.platform == "win32":  # where no lock is taken over
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a network file system that locks no folders
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read_lock(folder: Path) -> Holder | None:
    """Who a lock file names; None where there is none or none that can be read."""
    with contextlib.suppress(RecordingError):
        return read_data(folder / LOCK, Holder, "delete it")
    return None


def _held_sentence(folder: Path, holder: Holder) -> str:
    return (
        f"{folder} is being written by process {holder.pid} on {holder.host} since {holder.started}: "
        f"wait for it, or delete {LOCK} if that process no longer runs."
    )


def _birth(pid: int) -> int | None:
    try:
        return int(_stat(pid)[19])
    except (ValueError, IndexError):
        return None


def _stat(pid: int) -> list[str]:
    """The kernel's fields about a process from its state on; none where the system does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []


PROGRESS = "progress.json"
STATES = ("running", "finished", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recording is.

    Attributes:
        state: "running", "finished", "failed" or "cancelled".
        consumed: images done, unreadable ones among them.
        total: images in all.
        errors: images that could not be read.
        rate: images a second in this run; None before the first batch.
        seconds_left: None before the first batch.
        updated: when this was written, ISO 8601 in UTC.
        pid: the process that wrote it.
        message: one sentence, e.g. why it failed.
    """

    state: str
    consumed: int
    total: int
    errors: int
    rate: float | None
    seconds_left: float | None
    updated: str
    pid: int
    message: str = ""


def write_progress(folder: str | Path, state: str, values: Mapping[str, Any], *, message: str = "") -> None:
    """Replace `progress.json`; a reader sees the old one or the new one.

    Args:
        folder: of the recording; it exists.
        state: one of `STATES`.
        values: consumed, total, errors, rate, seconds_left.
        message: one sentence.

    Raises:
        ArgumentError: an unknown state.
        RecordingError: the folder can not be written.
    """
    if state not in STATES:
        raise ArgumentError(f"{state!r} is no state of a recording: use one of {', '.join(STATES)}.")
    names = ("consumed", "total", "errors", "rate", "seconds_left")
    tree: dict[str, Any] = {"state": state} | {name: values.get(name) for name in names}
    tree |= {"updated": datetime.now(UTC).isoformat(timespec="seconds"), "pid": os.getpid(), "message": message}
    with as_recording_errors(f"Writing {PROGRESS} in {folder}", "What was committed remains."):
        replace_json(Path(folder), PROGRESS, tree, durable=False)


def read_progress(folder: str | Path) -> Progress | None:
    """The last progress written in a folder; None where there is none that can be read."""
    with contextlib.suppress(RecordingError):
        return read_data(Path(folder) / PROGRESS, Progress, "delete it")
    return None
