import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from senet_viz.errors import RecordingError
from senet_viz.recording.folder import LOCK, FolderLock, Holder, read_lock
from tests.e2e.command import environment


def leave_lock(folder: Path, pid: int, host: str, birth: int | None = None) -> None:
    tree = {"pid": pid, "host": host, "started": "2026-01-01T00:00:00+00:00", "birth": birth}
    (folder / LOCK).write_text(json.dumps(tree), encoding="utf-8")


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


def test_a_lock_names_its_holder_and_goes_when_released(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.acquire()
    holder = read_lock(tmp_path)
    assert (holder.pid, holder.host) == (os.getpid(), socket.gethostname())
    with pytest.raises(RecordingError, match=f"process {os.getpid()} on {holder.host} since {holder.started[:10]}"):
        FolderLock(tmp_path).acquire()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_dead_process_stands_in_nobodys_way(tmp_path: Path) -> None:
    leave_lock(tmp_path, dead_pid(), socket.gethostname())
    FolderLock(tmp_path).acquire()
    assert read_lock(tmp_path).pid == os.getpid()


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="the system has no /proc to tell a process's start from"
)
def test_a_later_process_of_the_same_pid_is_no_holder(tmp_path: Path) -> None:
    me = Holder.of(os.getpid())
    assert me.birth is not None
    leave_lock(tmp_path, me.pid, me.host, me.birth - 1)
    FolderLock(tmp_path).acquire()
    assert read_lock(tmp_path).birth == me.birth


RIVAL = """
import sys
from pathlib import Path
from senet_viz.recording.folder import FolderLock
print("ready", flush=True)
FolderLock(Path(sys.argv[1])).acquire()
"""


@pytest.mark.skipif(os.name != "posix", reason="no lock is taken over there")
def test_a_dead_process_has_one_heir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rival that comes between the look at a dead process's lock and its take-over does not get it too."""
    leave_lock(tmp_path, dead_pid(), socket.gethostname())
    lives, rivals = Holder.lives, []

    def look_while_a_rival_comes(holder: Holder) -> bool:
        answer = lives(holder)
        command = [sys.executable, "-c", RIVAL, str(tmp_path)]
        pipe = subprocess.PIPE
        rivals.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment()))
        assert rivals[0].stdout.readline() == "ready\n"
        with contextlib.suppress(subprocess.TimeoutExpired):
            rivals[0].wait(timeout=0.5)
        return answer

    monkeypatch.setattr(Holder, "lives", look_while_a_rival_comes)
    FolderLock(tmp_path).acquire()
    _, error = rivals[0].communicate(timeout=60)
    assert rivals[0].returncode == 1
    assert f"is being written by process {os.getpid()}" in error


def test_another_machines_lock_holds(tmp_path: Path) -> None:
    leave_lock(tmp_path, dead_pid(), "elsewhere")
    with pytest.raises(RecordingError, match=r"on elsewhere .* or delete job\.lock"):
        FolderLock(tmp_path).acquire()
    assert [p.name for p in tmp_path.iterdir()] == [LOCK]


def test_an_unreadable_lock_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_bytes(b"")
    FolderLock(tmp_path).acquire()
    assert read_lock(tmp_path).pid == os.getpid()


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    FolderLock(tmp_path).acquire()
    with pytest.raises(RecordingError, match="is being written"):
        FolderLock(tmp_path).acquire()


def test_release_leaves_anothers_lock(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.acquire()
    leave_lock(tmp_path, 1, "elsewhere")
    lock.release()
    assert read_lock(tmp_path).host == "elsewhere"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system has no /proc to tell a zombie from")
def test_a_process_that_has_ended_is_no_holder_even_if_nobody_asked_how() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as process:
        holder = Holder.of(process.pid)
        assert holder.lives()
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, not reaped
        assert not holder.lives()
