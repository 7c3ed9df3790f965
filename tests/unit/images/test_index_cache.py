"""An index that is made once: what makes it anew, and that nothing but time depends on it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from senet_viz.images import parquet, webdataset
from senet_viz.images.opening import open_images
from tests.support import image_files as draw
from tests.support.shards import build_tar, label_images, serve, write_tar

IMAGES = [draw.draw_plain((i, 0, 0), size=(2, 2), kind="PNG") for i in range(6)]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENET_VIZ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/shard-indexes"


@pytest.fixture
def indexed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the shards that were read for their index."""
    names: list[str] = []
    for module, word in ((webdataset, "_index"), (parquet, "_index_shard")):
        real = getattr(module, word)

        def note(file: Any, rest: Any, real: Any = real) -> Any:
            names.append(file.name)
            return real(file, rest)

        monkeypatch.setattr(module, word, note)
    return names


@pytest.fixture
def memory() -> Iterator[Any]:
    files = fsspec.filesystem("memory")
    files.mkdir("/i")
    yield files
    files.rm("/i", recursive=True)


def test_a_tar_is_indexed_once_and_again_when_it_or_what_is_asked_changes(
    tmp_path: Path, cache: Path, indexed: list[str]
) -> None:
    for shard in "abc":
        write_tar(tmp_path / f"{shard}.tar", label_images(IMAGES, [0, 1, 0, 1, 0, 1]))
    first = open_images(tmp_path / "*.tar")
    assert indexed == ["a.tar", "b.tar", "c.tar"]
    again = open_images(tmp_path / "*.tar")
    assert indexed == ["a.tar", "b.tar", "c.tar"]
    assert (again.digest, again.labels.tolist(), again.notes) == (first.digest, first.labels.tolist(), first.notes)
    assert [again.load(i).getpixel((0, 0)) for i in range(18)] == [first.load(i).getpixel((0, 0)) for i in range(18)]
    write_tar(tmp_path / "b.tar", label_images(IMAGES, [1, 1, 1, 1, 0, 1]))
    changed = open_images(tmp_path / "*.tar")
    assert indexed[3:] == ["b.tar"]
    assert changed.labels[6:12].tolist() == [1, 1, 1, 1, 0, 1]
    assert open_images(tmp_path / "*.tar", label_column="none").label_kind == "none"
    assert indexed[4:] == ["a.tar", "b.tar", "c.tar"]
    assert len(list(cache.iterdir())) == 7


@pytest.mark.usefixtures("memory")
def test_remote_tables_are_indexed_once_too(tmp_path: Path, cache: Path, indexed: list[str]) -> None:
    draw.write_parquet(tmp_path / "x.parquet", IMAGES, [0, 1, 0, 1, 0, None], group_rows=4)
    here = open_images(tmp_path / "x.parquet")
    assert not cache.exists()
    with serve(tmp_path, ranges=True) as (url, *_):
        indexed.clear()
        for _ in range(2):
            there = open_images(f"{url}/x.parquet?token=secret")
            assert (there.digest, there.labels.tolist()) == (here.digest, here.labels.tolist())
            assert there.path(5) == here.path(5)
            assert there.load(5).getpixel((0, 0)) == (5, 0, 0)
    assert indexed == ["x.parquet"]
    assert b"secret" not in next(cache.iterdir()).read_bytes()


@pytest.mark.parametrize("harm", ["cut", "flipped", "other", "empty", "columns"])
def test_a_damaged_index_is_made_anew(tmp_path: Path, cache: Path, indexed: list[str], harm: str) -> None:
    first = open_images(write_tar(tmp_path / "a.tar", label_images(IMAGES, [0, 1, 0, 1, 0, 1])))
    [kept] = cache.iterdir()
    data = bytearray(kept.read_bytes())
    if harm == "other":
        open_images(write_tar(tmp_path / "b.tar", label_images(IMAGES[:3], [0, 1, 0])))
        [other] = [file for file in cache.iterdir() if file != kept]
        other.replace(kept)
    elif harm == "columns":
        draw.write_parquet(kept, IMAGES)
    else:
        data[40] ^= 255
        kept.write_bytes({"cut": data[:-20], "flipped": data, "empty": b""}[harm])
    indexed.clear()
    assert open_images(tmp_path / "a.tar").digest == first.digest
    assert indexed == ["a.tar"]
    assert open_images(tmp_path / "a.tar").digest == first.digest
    assert indexed == ["a.tar"]


def test_without_a_folder_to_keep_it_in_it_is_made_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indexed: list[str]
) -> None:
    monkeypatch.setenv("SENET_VIZ_CACHE", str(draw.write_file(tmp_path / "file", b"")))
    path = write_tar(tmp_path / "a.tar", label_images(IMAGES, [0, 1, 0, 1, 0, 1]))
    assert open_images(path).digest == open_images(path).digest
    assert indexed == ["a.tar"] * 2


def test_a_shard_without_a_stamp_is_indexed_each_time(
    memory: Any, monkeypatch: pytest.MonkeyPatch, indexed: list[str], cache: Path
) -> None:
    memory.pipe_file("/i/a.tar", build_tar(label_images(IMAGES, [0, 1, 0, 1, 0, 1])))
    real = type(memory).info
    monkeypatch.setattr(type(memory), "info", lambda files, path: {**real(files, path), "created": None})
    assert open_images("memory://i/a.tar").digest == open_images("memory://i/a.tar").digest
    assert indexed == ["a.tar"] * 2
    assert not cache.exists()
