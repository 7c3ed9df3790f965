"""Files of which no byte is believed before it is known to be what was written.

A file is hashed at its first read in a process and compared with the sha256 that its manifest lists. Under the same state (device, inode,
size, times of change) it is not hashed again; in another state it is. What is hashed and what is read is the same open file.
"""

import contextlib
import hashlib
import io
import os
import shlex
import stat
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from senet_viz.errors import RecordingError

FileState = tuple[int, ...]
_Made = TypeVar("_Made")
_TICK = 20_000_000  # ns: two changes within a tick of the kernel's clock have the same time
_MOST_KNOWN = 200_000
_known: dict[FileState, str] = {}
_locks = tuple(threading.Lock() for _ in range(64))


def open_plain(path: Path) -> int:
    """A descriptor, for reading, of a file that is one: no pipe or device, which might never end, and no link out of its folder.

    Raises:
        OSError: it is none, is missing or may not be read.
    """
    if path.is_symlink():
        path = _follow(path)
    _check_plain(os.lstat(path))
    flags = ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK")
    descriptor = os.open(path, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in flags))
    try:
        _check_plain(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def plain_size(path: Path) -> int:
    """Bytes of a file that `open_plain` would open.

    Raises:
        OSError: as there.
    """
    about = os.lstat(path)
    if stat.S_ISLNK(about.st_mode):
        about = os.lstat(_follow(path))
    _check_plain(about)
    return about.st_size


def read_plain(path: Path, most: int) -> bytes:
    """The bytes of a plain file.

    Raises:
        OSError: as in `open_plain`, or it has more than `most`.
    """
    with open(open_plain(path), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(f"it has more than {most:,} bytes")
    return data


def sha256_of(path: Path) -> str:
    """Hex digest of a plain file's bytes, hashed anew.

    Raises:
        OSError: as in `open_plain`.
    """
    with open(open_plain(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _follow(link: Path) -> Path:
    target = Path(os.path.realpath(link))
    if not target.is_relative_to(link.parent.resolve()):
        raise OSError("it is a link that leads out of its folder; `cp -rL` copies what links lead to")
    return target


def _check_plain(about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise OSError("it is not a plain file")


class CheckedFile:
    """A file that is held open, and whose bytes are read in `believed` alone.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, sha256: str, advice: str | None = None) -> None:
        """Opens it; nothing is read yet.

        Args:
            path: of the file.
            sha256: of its bytes, in hex.
            advice: what to do where they are others, for the message.

        Raises:
            OSError: as in `open_plain`.
        """
        self.path = path
        self._sha256 = sha256
        self._advice = advice
        self._descriptor = open_plain(path)
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._file = io.FileIO(self._descriptor, "rb", closefd=False)
        self._lock = threading.Lock()
        self._believed: FileState | None = None

    @contextlib.contextmanager
    def believed(self) -> Iterator[io.FileIO]:
        """The file at its start; one thread at a time reads it.

        Raises:
            RecordingError: its bytes are others than were written, or were changed before the `with` ended.
            OSError: the disk is gone.
        """
        with self._lock:
            state = self._check()
            self._file.seek(0)
            yield self._file
            self._refuse_change(state)

    def _check(self) -> FileState:
        about = os.fstat(self._descriptor)
        state = _state(about)
        if about.st_nlink == 0 and self._believed is not None and self._believed[:-1] == state[:-1]:
            return state  # a commit has removed it since: see `_refuse_change`
        with _locks[hash(state) % len(_locks)]:
            if (found := _known.get(state)) is None:
                state = self._settle()
                self._file.seek(0)
                found = hashlib.file_digest(self._file, "sha256").hexdigest()
                self._refuse_change(state)
                if len(_known) >= _MOST_KNOWN:
                    _known.clear()
                _known[state] = found
        if found != self._sha256:
            here = shlex.quote(str(self.path.parent))
            advice = self._advice or f"restore it or record again (`senet-viz verify {here}` lists all that differ)"
            raise RecordingError(
                f"{self.path} is not as it was written: its sha256 is {found[:12]}…, {self._sha256[:12]}… expected; {advice}."
            )
        self._believed = state
        return state

    def _settle(self) -> FileState:
        """The state, once any later change would show in it."""
        for _ in range(50):
            about = os.fstat(self._descriptor)
            age = _age(_state(about))
            if not 0 <= age < _TICK:
                return _state(about)
            time.sleep(min(_TICK, max(0, _TICK - age)) / 1e9)
        raise RecordingError(f"{self.path} is being written all the time: try again when nothing writes to it.")

    def _refuse_change(self, state: FileState) -> None:
        about = os.fstat(self._descriptor)
        now = _state(about)
        if about.st_nlink == 0:  # a commit has removed it: that changes its last time, and nobody else has it open
            now, state = now[:-1], state[:-1]
        if now != state:
            raise RecordingError(f"{self.path} was changed while it was read: try again when nothing writes to it.")

    def close(self) -> None:
        """Closes it; it also is when nothing refers to this object any more."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _state(about: os.stat_result) -> FileState:
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _age(state: FileState) -> int:
    """Nanoseconds since its last change; elsewhere than on POSIX the last time is that of its making."""
    return time.time_ns() - state[-1 if os.name == "posix" else -2]


def state_of(path: Path) -> FileState | None:
    """What changes when a file does, or is replaced by another one; None where there is none."""
    try:
        about = os.lstat(path)
        if stat.S_ISLNK(about.st_mode):
            about = os.lstat(_follow(path))
    except (OSError, ValueError):  # no path
        return None
    return _state(about)


class Remembered(Generic[_Made]):
    """What was made of files, as long as they are what they were; the oldest is forgotten first. All get the same: none changes it."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._made: dict[FileState, _Made] = {}

    def get(self, path: Path, make: Callable[[], _Made]) -> _Made:
        """What `make` made of the file in this state; what it raises is not remembered."""
        state = state_of(path)
        if state is not None and _age(state) < _TICK:  # a change at once would not show
            state = None
        with self._lock:
            if state is not None and state in self._made:
                self._made[state] = self._made.pop(state)  # the newest now
                return self._made[state]
        made = make()
        if state is not None and state_of(path) == state:
            with self._lock:
                self._made[state] = made
                while len(self._made) > self._most:
                    del self._made[next(iter(self._made))]
        return made
