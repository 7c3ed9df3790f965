"""Bytes are believed only when they are those that were written."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from senet_viz.errors import RecordingError
from senet_viz.recording import checked
from senet_viz.recording.checked import CheckedFile, Remembered, open_plain, plain_size, read_plain, sha256_of


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every file that is hashed."""
    found: list[int] = []
    digest = checked.hashlib.file_digest

    def count(file, name):
        found.append(1)
        return digest(file, name)

    monkeypatch.setattr(checked.hashlib, "file_digest", count)
    return found


def read(path: Path, sha256: str) -> bytes:
    with CheckedFile(path, sha256) as file, file.believed() as raw:
        return raw.read()


def test_it_is_hashed_once_a_state(tmp_path: Path, hashed: list[int]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"right")
    sha256 = sha256_of(path)
    hashed.clear()
    assert [read(path, sha256) for _ in range(3)] == [b"right"] * 3
    assert len(hashed) == 1
    path.write_bytes(b"wrong")
    for _ in range(2):
        with pytest.raises(RecordingError, match=r"a is not as it was written.*`senet-viz verify .*` lists all"):
            read(path, sha256)
    assert len(hashed) == 2
    path.write_bytes(b"right")
    assert read(path, sha256) == b"right"


def test_a_change_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"right")
    sha256, about = sha256_of(path), path.stat()
    assert read(path, sha256) == b"right"
    path.write_bytes(b"wrong")
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    with pytest.raises(RecordingError, match="is not as it was written"):
        read(path, sha256)


def test_a_change_at_once_after_the_first_read_is_seen(tmp_path: Path) -> None:
    for number in range(20):  # within a tick of the kernel's clock both would have the same time
        path = tmp_path / str(number)
        path.write_bytes(b"right")
        sha256 = sha256_of(path)
        read(path, sha256)
        path.write_bytes(b"wrong")
        with pytest.raises(RecordingError, match="is not as it was written"):
            read(path, sha256)


def test_a_file_that_is_open_is_checked_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"right")
    with CheckedFile(path, sha256_of(path)) as file:
        with file.believed() as raw:
            assert raw.read() == b"right"
        path.write_bytes(b"wrong")
        with pytest.raises(RecordingError, match="is not as it was written"), file.believed():
            raise AssertionError
        path.write_bytes(b"right")
        with file.believed() as raw:
            assert raw.read() == b"right"


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"right")
    with (
        CheckedFile(path, sha256_of(path)) as file,
        pytest.raises(RecordingError, match="was changed while it was read"),
        file.believed(),
    ):
        path.write_bytes(b"wrong")


def test_a_file_that_was_replaced_is_another_one(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"right")
    other.write_bytes(b"wrong")
    sha256 = sha256_of(path)
    with CheckedFile(path, sha256) as file:
        other.replace(path)
        with file.believed() as raw:  # what is open is what was checked
            assert raw.read() == b"right"
    with pytest.raises(RecordingError, match="is not as it was written"):
        read(path, sha256)


def test_many_threads_hash_it_once_and_read_the_same(tmp_path: Path, hashed: list[int]) -> None:
    path = tmp_path / "a"
    path.write_bytes(os.urandom(3_000_000))
    sha256, content = sha256_of(path), path.read_bytes()
    time.sleep(0.05)
    hashed.clear()
    start = threading.Barrier(8)

    def work(_: int) -> bytes:
        start.wait()
        return read(path, sha256)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(8))) == {content}
    assert len(hashed) == 1


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "run" / "there"
    inside.parent.mkdir()
    for path in (outside, inside):
        path.write_bytes(b"x")
    os.mkfifo(inside.parent / "pipe")
    (inside.parent / "folder").mkdir()
    for name, target in (("out", outside), ("device", "/dev/zero"), ("in", "there"), ("loop", "loop"), ("gone", "no")):
        (inside.parent / name).symlink_to(target)
    assert read_plain(inside.parent / "in", 9) == b"x"
    assert plain_size(inside.parent / "in") == 1
    for name, reason in (
        ("pipe", "not a plain file"),
        ("folder", "not a plain file"),
        ("out", "a link that leads out of its folder"),
        ("device", "a link that leads out of its folder"),
        ("loop", "not a plain file"),
        ("gone", "No such file"),
    ):
        for look in (open_plain, plain_size):
            with pytest.raises(OSError, match=reason):
                look(inside.parent / name)
    with pytest.raises(OSError, match="more than 0 bytes"):
        read_plain(inside, 0)


def test_what_was_made_of_a_file_is_made_anew_when_it_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made = tmp_path / "f", Remembered[str](2)

    def get(where: Path = path) -> str:
        return made.get(where, lambda: read_plain(where, 100).decode() + f" {next(numbers)}")

    numbers = iter(range(100))
    path.write_bytes(b"a")
    with monkeypatch.context() as patch:
        patch.setattr(checked.time, "time_ns", lambda: path.stat().st_ctime_ns + 1)
        assert [get(), get()] == ["a 0", "a 1"], "a change at once would not show: nothing is kept yet"
    time.sleep(0.03)
    assert [get(), get(), get()] == ["a 2"] * 3
    other = tmp_path / "other"
    other.write_bytes(b"b")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    time.sleep(0.03)
    assert [get(), get()] == ["b 3"] * 2
    for name in "xy":
        (tmp_path / name).write_bytes(b"c")
    time.sleep(0.03)
    assert [get(tmp_path / name) for name in "xyxy"] == ["c 4", "c 5"] * 2
    assert get() == "b 6", "the oldest was forgotten"
    path.unlink()
    with pytest.raises(FileNotFoundError):
        get()
