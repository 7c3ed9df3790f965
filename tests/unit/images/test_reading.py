"""Parts of files behind URLs: right in any order and from threads, bounded, with changes and failures told."""

import io
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from senet_viz.images import reading, storage
from senet_viz.images.patterns import find_remote_shards
from senet_viz.images.reading import FileReader, OpenedFile, open_stored
from senet_viz.images.storage import StoredFile, find_local
from tests.support.shards import serve

DATA = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(reading, "KEPT_BLOCKS", 8)
    monkeypatch.setattr(reading, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(storage, "PAUSES", (0.0,))


@pytest.fixture
def memory() -> Iterator[Any]:
    files = fsspec.filesystem("memory")
    files.pipe_file("/r/x.tar", DATA)
    yield files
    files.rm("/r", recursive=True)


def find(url: str) -> StoredFile:
    return find_remote_shards(url, url)[0]


@pytest.mark.usefixtures("small", "memory")
def test_parts_in_any_order_and_from_threads() -> None:
    file, reader = find("memory://r/x.tar"), FileReader()
    spans = [(int(a), int(n)) for a, n in np.random.default_rng(1).integers(0, (300_000, 5000), (300, 2))]
    spans += [(0, 20_000), (299_999, 5), (300_000, 5), (400_000, 1), (5, 0), (0, 300_000)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda span: reader.read(file, *span), spans))
    assert found == [DATA[start : start + length] for start, length in spans]
    assert reader.held_bytes <= 8000


@pytest.mark.usefixtures("small")
def test_reading_in_order_asks_seldom_and_a_jump_asks_for_little(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(DATA)
    with serve(tmp_path, ranges=True) as (url, parts, _):
        file, reader = find(f"{url}/x.tar"), FileReader()
        assert b"".join(reader.read(file, at, 500) for at in range(0, 40_000, 500)) == DATA[:40_000]
        assert parts == [1000, *[4000] * 10][: len(parts)]
        assert sum(parts) <= 45_000
        parts.clear()
        assert reader.read(file, 200_100, 50) == DATA[200_100:200_150]
        assert parts == [1000]


@pytest.mark.usefixtures("small")
def test_a_server_of_whole_files_is_read_whole_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.tar").write_bytes(DATA)
    with serve(tmp_path, ranges=False) as (url, *_):
        file, reader = find(f"{url}/x.tar"), FileReader()
        assert [reader.read(file, at, 9) for at in (5000, 0, 299_999)] == [DATA[5000:5009], DATA[:9], DATA[299_999:]]
        assert reader.held_bytes <= len(DATA) + 8000
        monkeypatch.setattr(reading, "WHOLE_BYTES", 2**10)
        with pytest.raises(OSError, match=r"serves no parts of files .* download it"):
            FileReader().read(file, 5000, 9)


@pytest.mark.usefixtures("small")
def test_a_file_that_changes_or_goes_is_told(memory: Any) -> None:
    file, reader = find("memory://r/x.tar"), FileReader()
    assert reader.read(file, 0, 10) == DATA[:10]
    memory.pipe_file("/r/x.tar", DATA[::-1])
    assert reader.read(file, 5, 10) == DATA[5:15]  # what is in memory is of the file that was opened
    with pytest.raises(OSError, match="written again while it was in use"):
        reader.read(file, 100_000, 10)
    memory.pipe_file("/r/x.tar", DATA[:-1])
    with pytest.raises(OSError, match="it had 300,000 bytes and has 299,999"):
        reader.read(file, 200_000, 10)
    memory.rm("/r/x.tar")
    with pytest.raises(FileNotFoundError, match="it is no longer there"):
        reader.read(file, 200_000, 10)
    memory.pipe_file("/r/x.tar", DATA)


def test_a_file_here_that_changes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(DATA)
    file = find_local(path, tmp_path)
    assert FileReader().read(file, 10, 10) == DATA[10:20]
    path.write_bytes(DATA[::-1] + b"x")
    with pytest.raises(OSError, match="it had 300,000 bytes and has 300,001"):
        FileReader().read(file, 10, 10)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("failures", "reads"), [(2, True), (3, False)])
def test_a_hiccup_of_the_network_costs_no_image(
    memory: Any, monkeypatch: pytest.MonkeyPatch, failures: int, reads: bool
) -> None:
    file, left, real = find("memory://r/x.tar"), [failures], type(memory).open

    def fail(files: Any, *rest: Any, **named: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise RuntimeError("reset by memory://me:secret@peer/x?token=secret")
        return real(files, *rest, **named)

    monkeypatch.setattr(type(memory), "open", fail)
    if reads:
        assert FileReader().read(file, 0, 5) == DATA[:5]
    else:
        with pytest.raises(OSError, match=r"^reset by memory://peer/x$"):
            FileReader().read(file, 0, 5)


@pytest.mark.usefixtures("small", "memory")
def test_a_pickled_reader_begins_anew_and_reads_the_same() -> None:
    file, reader = find("memory://r/x.tar"), FileReader()
    reader.read(file, 0, 100)
    copy = pickle.loads(pickle.dumps(reader))
    assert copy.held_bytes == 0 < reader.held_bytes
    assert copy.read(file, 50, 100) == DATA[50:150]


@pytest.mark.usefixtures("small", "memory")
def test_an_opened_file_seeks_and_reads_like_a_file() -> None:
    file = find("memory://r/x.tar")
    for opened in (OpenedFile(file), open_stored(file)):
        assert (opened.seek(-5, io.SEEK_END), opened.read()) == (299_995, DATA[-5:])
        assert (opened.seek(7), opened.read(3), opened.tell()) == (7, DATA[7:10], 10)
        assert (opened.seek(5, io.SEEK_CUR), opened.read(4000)) == (15, DATA[15:4015])
        assert opened.readable()
        assert opened.seekable()


@pytest.mark.usefixtures("small")
def test_where_requests_are_counted_a_look_holds_for_a_while(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SELDOM", {"memory": 30.0})
    now, asked, real = [0.0], [0], StoredFile.check
    monkeypatch.setattr(reading.time, "monotonic", lambda: now[0])

    def count(file: StoredFile) -> None:
        asked[0] += 1
        real(file)

    monkeypatch.setattr(StoredFile, "check", count)
    file, reader = find("memory://r/x.tar"), FileReader()
    for at in range(0, 100_000, 10_000):
        reader.read(file, at, 10)
    assert asked == [1]
    memory.pipe_file("/r/x.tar", DATA[::-1])
    now[0] = 30.0
    with pytest.raises(OSError, match="written again"):
        reader.read(file, 150_000, 10)


@pytest.mark.usefixtures("small")
def test_a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(DATA)
    with serve(tmp_path, ranges=True) as (url, parts, failures):
        failures += [503] * 2  # asked by HEAD, then by GET
        file = find(f"{url}/x.tar")
        assert failures == []
        failures += [503, 503]
        assert FileReader().read(file, 0, 5) == DATA[:5]
        parts.clear()
        for code, said in ((404, "no longer there"), (403, "forbids it"), (410, "no longer there")):
            failures += [code]
            with pytest.raises(OSError, match=said):
                FileReader().read(file, 0, 5)
        assert (failures, parts) == ([], [])
        (tmp_path / "x.tar").unlink()
        with pytest.raises(FileNotFoundError, match="no longer there"):
            FileReader().read(file, 0, 5)
