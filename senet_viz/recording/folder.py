"""A folder that a job writes: one writer (`job.lock`), one commit point, one identity, and how far it is (`progress.json`)."""

import contextlib
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, get_args

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.paths import expand_home, explain_refusal, is_running, name_beside
from senet_viz.recording.files import (
    as_recording_errors,
    manifest_problems,
    read_data,
    replace_json,
    size_problem,
    sync_folder,
)
from senet_viz.schema import ClassTable, Count, FileEntry, Gate, Manifest, Width, to_tree

LOCK = "job.lock"
Stored = TypeVar("Stored")
AnyManifest = TypeVar("AnyManifest", bound=Manifest)


class StoredFolder(Generic[AnyManifest]):
    """A folder that a job wrote, open for reading.

    Attributes:
        path: the folder.
        manifest: what it is and what made it.
    """

    def __init__(self, path: Path, manifest: AnyManifest) -> None:
        self.path = path
        self.manifest = manifest

    @property
    def id(self) -> str:
        """32 hex digits."""
        return self.manifest.id

    @property
    def complete(self) -> bool:
        """Whether all images were done."""
        return self.manifest.complete

    @property
    def blocks(self) -> tuple[Gate, ...]:
        """The network's gates in order of depth."""
        return self.manifest.gates

    @property
    def classes(self) -> ClassTable:
        """The data's classes, K of them."""
        return self.manifest.classes

    def _files(self, role: str) -> list[FileEntry]:
        return [f for f in self.manifest.files if f.role == role]


def open_stored(
    path: str | Path, read: Callable[[Path], AnyManifest | None], wanted: str, advice: str
) -> tuple[Path, AnyManifest]:
    """A folder and its manifest, once every file that this lists is there in its size.

    Args:
        path: of the folder.
        read: its manifest; None where it has none.
        wanted: what to give instead, e.g. "a recording's folder".
        advice: what to do where files are missing or of another size.

    Raises:
        RecordingError: no such folder, or one that is not whole.
    """
    folder = expand_home(path)
    if reason := explain_refusal(folder):
        raise RecordingError(f"{folder} could not be opened ({reason}): check the path and its permissions.")
    if not folder.is_dir():
        raise RecordingError(f"{folder} is no folder: give {wanted}.")
    manifest = read(folder)
    if manifest is None:
        raise RecordingError(f"{folder} has no manifest.json: give {wanted}.")
    for entry in manifest.files:
        if problem := size_problem(folder, entry):
            raise RecordingError(f"{folder}: {problem}; {advice}.")
    if problems := manifest_problems(manifest):
        raise RecordingError(f"{folder}, manifest.json: {problems[0]}; {advice}.")
    return folder, manifest


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

    pid: Width
    host: str
    started: str
    birth: int | None

    @classmethod
    def of(cls, pid: int) -> "Holder":
        """A process of this machine that was started just now."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(pid, socket.gethostname(), now, _birth(pid))

    def lives(self) -> bool:
        """Whether the process may still run; always true of one on another machine, never of one that has ended."""
        if self.host != socket.gethostname():
            return True
        if not is_running(self.pid):
            return False
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
        me = Holder.of(os.getpid())
        offer = name_beside(self._folder / LOCK)
        offer.write_text(json.dumps(to_tree(me)), "utf-8")
        try:
            with _one_at_a_time(self._folder):
                if not self._claim(offer):
                    holder = read_lock(self._folder)
                    if holder is not None and holder.lives():
                        raise RecordingError(
                            f"{self._folder} is being written by process {holder.pid} on {holder.host} since "
                            f"{holder.started}: wait for it, or delete {LOCK} if that process no longer runs."
                        )
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


class JobFolder:
    """A folder that one process at a time writes, inside of `with`.

    What lies in it is a job's, and its manifest is the only commit point.

    Attributes:
        folder: the folder.
    """

    def __init__(self, folder: Path, doing: str, *, own: re.Pattern[str], manifest: str | None = None) -> None:
        """Makes the folder where there is none, and takes its lock.

        Args:
            folder: to be written.
            doing: for a person, e.g. "Recording into runs/x".
            own: names of files that may lie in a folder that is begun.
            manifest: whose presence says that the folder is a job's already.

        Raises:
            RecordingError: the folder is locked, cannot be written, or is something else's.
        """
        self.folder = folder
        self._lock = FolderLock(folder)
        with as_recording_errors(doing, "Give a folder that can be written."):
            self._check_free(own, manifest)
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()

    def _check_free(self, own: re.Pattern[str], manifest: str | None) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise RecordingError(f"{self.folder} is a file: give a folder.")
        if not self.folder.exists() or (manifest is not None and (self.folder / manifest).exists()):
            return
        foreign = sorted(path.name for path in self.folder.iterdir() if not own.fullmatch(path.name))
        if foreign:
            raise RecordingError(f"{self.folder} is not empty and holds {foreign[0]}: give another folder.")

    def read_stored(self, read: Callable[[Path], Stored]) -> Stored:
        """What was begun in the folder; the lock is given back where it cannot be read."""
        try:
            return read(self.folder)
        except BaseException:
            self.release()
            raise

    def replace_manifest(self, manifest: str, tree: Any) -> None:
        """Replaces the manifest, after what it lists is on the disk."""
        sync_folder(self.folder)
        replace_json(self.folder, manifest, tree, sealed=True)

    def remove_unlisted(self, files: Iterable[FileEntry], leftover: re.Pattern[str]) -> None:
        """Removes what an interrupted commit left: files of such names that are not listed."""
        names = {entry.name for entry in files}
        with as_recording_errors(f"Clearing {self.folder}", "Give a folder that can be written."):
            for path in self.folder.iterdir():
                if leftover.fullmatch(path.name) and path.name not in names:
                    path.unlink(missing_ok=True)

    def release(self) -> None:
        """Gives the lock back."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def check_same(old: Any, new: Any, name: str, where: str) -> None:
    """Refuses to go on with other choices than a folder was begun with.

    Args:
        old: JSON tree of the first run.
        new: of this one.
        name: of the tree, e.g. "options".
        where: the folder.

    Raises:
        RecordingError: names the first value that differs, with both values.
    """
    for path, was, now in differences(old, new, name):
        raise RecordingError(
            f"{where} was made with {path} = {shorten_value(was)}, this run has {shorten_value(now)}: repeat the first "
            "run's choices, or give another folder."
        )


def differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Every leaf in which two JSON trees differ: its path, its value in each (None where it is missing)."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new)):
            yield from differences(left, right, f"{path}[{index}]")
    elif old != new:
        yield path, old, new


def shorten_value(value: Any) -> str:
    """A value as Python writes it, cut at 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


PROGRESS = "progress.json"
ProgressState = Literal["running", "finished", "failed", "cancelled"]
STATES: tuple[ProgressState, ...] = get_args(ProgressState)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recording is.

    Attributes:
        state: "running", "finished", "failed" or "cancelled".
        consumed: images done, unreadable ones among them.
        total: images in all.
        errors: images that could not be read or are not finite.
        rate: images a second in this run; None before the first batch.
        seconds_left: None before the first batch.
        updated: when this was written, ISO 8601 in UTC.
        pid: the process that wrote it.
        message: one sentence, e.g. why it failed.
    """

    state: ProgressState
    consumed: Count
    total: Count
    errors: Count
    rate: float | None
    seconds_left: float | None
    updated: str
    pid: Width
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
