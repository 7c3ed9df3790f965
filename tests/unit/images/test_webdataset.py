"""Sources of tars: the same images as other forms give, here and behind URLs; shards that are damaged, change or go."""

import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from senet_viz.errors import ImageError, SourceError
from senet_viz.images import reading
from senet_viz.images.opening import open_images
from senet_viz.images.source import ImageSource, choose_indices, take_classes
from tests.support import image_files as draw
from tests.support.shards import build_tar, label_images, serve, write_tar

NAMES = ["cat", "dog", "fish"]


def draw_numbered(count: int) -> list[bytes]:
    """PNGs whose red and green tell their number."""
    return [draw.draw_plain((i % 256, i // 256, 0), size=(2, 2), kind="PNG") for i in range(count)]


def read_numbers(source: ImageSource) -> list[int]:
    pixels = [source.load(index).getpixel((0, 0)) for index in range(len(source))]
    return [red + 256 * green for red, green, _ in pixels]  # type: ignore[misc]


def write_shards(folder: Path) -> Path:
    images = draw_numbered(30)
    for shard in range(3):
        labels = [number % 3 for number in range(10 * shard, 10 * shard + 10)]
        write_tar(
            folder / f"val-{shard:02}.tar", label_images(images[10 * shard :][:10], labels, first=0)
        )  # keys may come again in other shards
    draw.write_file(folder / "classes.csv", b"label,wnid,name\n0,,cat\n1,,dog\n2,,fish\n")
    return folder


@pytest.fixture
def memory() -> Iterator[Any]:
    files = fsspec.filesystem("memory")
    yield files
    files.rm("/w", recursive=True)


@pytest.mark.parametrize("spec", ["", "/val-*.tar", "/val-{00..02}.tar"])
def test_tars_here(tmp_path: Path, spec: str) -> None:
    source = open_images(f"{write_shards(tmp_path / 'd')}{spec}")
    assert (source.kind, source.label_kind, source.notes) == ("webdataset", "classes", ())
    assert source.labels.tolist() == [number % 3 for number in range(30)]
    assert source.classes.names == tuple(NAMES)
    assert read_numbers(source) == list(range(30))
    assert (source.sample_id(11), source.path(11)) == ("val-01.tar#00001", "val-01.tar#00001.png")
    assert len({source.sample_id(index) for index in range(30)}) == 30
    with pytest.raises(IndexError):
        source.load(30)


@pytest.mark.parametrize("ranges", [True, False])
def test_tars_and_parquet_behind_http_are_those_here(tmp_path: Path, ranges: bool) -> None:
    folder = write_shards(tmp_path / "d")
    draw.write_parquet(folder / "p/x.parquet", draw_numbered(30), [n % 3 for n in range(30)], group_rows=7)
    with serve(folder, ranges=ranges) as (url, *_):
        for spec in ("val-{00..02}.tar", "val-*.tar", "p/x.parquet", "p/"):
            here, there = open_images(f"{folder}/{spec}"), open_images(f"{url}/{spec}?token=secret")
            assert there.name == f"{url}/{spec}"
            assert (there.digest, there.classes) == (here.digest, here.classes)
            assert read_numbers(there) == list(range(30))
            assert "secret" not in f"{there.sample_id(0)}{there.path(0)}{there.notes}{there!r}"


def test_file_urls_are_paths(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "a b")
    assert open_images(folder.as_uri()).digest == open_images(folder).digest
    assert len(open_images(f"file://{folder}/val-*.tar")) == 30


def test_the_classes_file_of_a_url_is_beside_or_above(memory: Any) -> None:
    memory.pipe_file("/w/a/x.tar", build_tar(label_images(draw_numbered(2), [1, 0])))
    assert open_images("memory://w/a/x.tar").classes.names == ("0", "1")
    memory.pipe_file("/w/classes.csv", b"label,name\n0,cat\n1,dog\n2,fish\n")
    assert open_images("memory://w/a/x.tar").classes.names == tuple(NAMES)
    memory.pipe_file("/w/a/classes.csv", b"label,name\n0,a\n1,b\n")
    assert open_images("memory://w/a/*.tar").classes.names == ("a", "b")
    memory.pipe_file("/w/a/classes.csv", b"label\n0\n")
    with pytest.raises(SourceError, match=r"memory:///w/a/classes\.csv lacks the header"):
        open_images("memory://w/a/x.tar")


def test_names_are_classes_and_images_may_have_none(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", label_images(draw_numbered(4), ["dog", None, "cat", "dog"]))
    source = open_images(path)
    assert (source.classes.names, source.labels.tolist()) == (("cat", "dog"), [1, -1, 0, 1])
    bare = open_images(write_tar(tmp_path / "y.tar", label_images(draw_numbered(2), [None, None])))
    assert (bare.label_kind, bare.labels.tolist(), len(bare.classes)) == ("none", [-1, -1], 0)
    assert open_images(path, label_column="none").label_kind == "none"


def test_one_shard_may_have_no_labels_but_not_others(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", label_images(draw_numbered(2), [None, None]))
    write_tar(tmp_path / "b.tar", label_images(draw_numbered(2), [1, 0]))
    assert open_images(tmp_path).labels.tolist() == [-1, -1, 1, 0]
    write_tar(tmp_path / "c.tar", label_images(draw_numbered(1), ["cat"]))
    with pytest.raises(SourceError, match=r"Some shards of .* label by name and some by number"):
        open_images(tmp_path)
    write_tar(tmp_path / "c.tar", [("k.png", draw_numbered(1)[0]), ("k.json", b'{"label": 1}')])
    with pytest.raises(
        SourceError, match=r"labels from \.cls, some from label of \.json: name one with --label-column"
    ):
        open_images(tmp_path)


def test_what_is_no_such_source(tmp_path: Path) -> None:
    for name, members in {"train-0.tar": ["a.png"], "val-0.tar": ["a.png"], "none.tar": ["a.cls"]}.items():
        write_tar(tmp_path / name, [(member, draw.draw_plain(kind="PNG")) for member in members if member != "a.cls"])
    with pytest.raises(SourceError, match=r"mixes splits \(train, val\): give one of them, .* such as .*/val\*\.tar"):
        open_images(tmp_path / "*.tar")
    with pytest.raises(SourceError, match="holds no image: give tars"):
        open_images(tmp_path / "none.tar")
    draw.write_file(tmp_path / "x.tar.gz", b"")
    with pytest.raises(SourceError, match="is no source"):
        open_images(tmp_path / "x.tar.gz")


def test_notes_name_what_was_left_out(tmp_path: Path) -> None:
    image = draw.draw_plain(kind="PNG")
    path = write_tar(tmp_path / "x.tar", [("a.png", image), *((f"{key}.txt", b"x") for key in "bcdef")])
    assert open_images(path).notes == (f"5 keys have no image and were left out of {path}: 'b', 'c', 'd' and 2 more.",)


def test_a_folder_of_images_with_a_tar_in_it_stays_one_of_images(tmp_path: Path) -> None:
    draw.write_class_folders(tmp_path, NAMES)
    write_tar(tmp_path / "old.tar", label_images(draw_numbered(1), [0]))
    assert open_images(tmp_path).kind == "folder"


def test_a_bad_image_is_told_and_stops_no_other(tmp_path: Path) -> None:
    members = [("a.jpg", draw.draw_truncated_jpeg()), ("b.jpg", b""), ("c.png", draw.draw_plain(kind="PNG"))]
    source = open_images(write_tar(tmp_path / "x.tar", members))
    for index, said in ((0, r"x\.tar#a\.jpg is damaged or cut short"), (1, r"x\.tar#b\.jpg is empty")):
        with pytest.raises(ImageError, match=said):
            source.load(index)
    assert source.load(2).size == (16, 12)


def test_a_shard_that_changes_or_goes_is_told_by_name_for_each_image(tmp_path: Path) -> None:
    source = open_images(write_shards(tmp_path / "d"))
    shard = tmp_path / "d/val-01.tar"
    content = shard.read_bytes()
    shard.write_bytes(content[:3000])
    for index in (10, 19):
        with pytest.raises(
            ImageError, match=rf"val-01\.tar#0000{index - 10}\.png could not be read from .*val-01\.tar \(it changed"
        ):
            source.load(index)
    shard.unlink()
    with pytest.raises(ImageError, match=r"from .*val-01\.tar \(it is no longer there"):
        source.load(12)
    assert source.load(25).size == (2, 2)
    with pytest.raises(SourceError, match=r"val-01\.tar, which .* names, does not exist"):
        open_images(f"{tmp_path}/d/val-{{00..02}}.tar")
    shard.write_bytes(content[:3000])
    with pytest.raises(SourceError, match=r"val-01\.tar could not be read as a tar"):
        open_images(tmp_path / "d")


def test_a_remote_shard_that_changes_is_told_by_name(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1000)
    images = draw_numbered(20)
    memory.pipe_file("/w/x.tar", build_tar(label_images(images, [0] * 20)))
    rows = tmp_parquet(memory, images)
    for source in (open_images("memory://w/x.tar"), rows):
        where = source.name.rpartition("/")[2]
        memory.pipe_file(f"/w/{where}", b"something else")
        with pytest.raises(ImageError, match=rf"memory:///w/{where} .*\(it changed while it was in use"):
            source.load(0)
        memory.rm(f"/w/{where}")
        with pytest.raises(ImageError, match=rf"memory:///w/{where}.*no longer there"):
            source.load(19)
    memory.pipe_file("/w/x.tar", b"")  # for the fixture to remove


def tmp_parquet(memory: Any, images: list[bytes]) -> ImageSource:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = draw.write_parquet(Path(folder) / "x.parquet", images, [0] * 20, group_rows=10)
        memory.pipe_file("/w/x.parquet", path.read_bytes())
    return open_images("memory://w/x.parquet")


def test_threads_read_the_right_images(tmp_path: Path) -> None:
    source = open_images(write_shards(tmp_path))
    order = np.random.default_rng(0).permutation(30).tolist()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda index: source.load(index).getpixel((0, 0))[0], order))  # type: ignore[index]
    assert found == order


def test_the_digest_is_of_names_sizes_places_and_labels(tmp_path: Path) -> None:
    images = draw_numbered(4)
    first = open_images(write_tar(tmp_path / "a/x.tar", label_images(images, [0, 1, 0, 1]))).digest
    assert open_images(write_tar(tmp_path / "b/x.tar", label_images(images, [0, 1, 0, 1]))).digest == first
    others = [
        write_tar(tmp_path / "c/x.tar", label_images(images, [0, 1, 1, 0])),
        write_tar(tmp_path / "d/y.tar", label_images(images, [0, 1, 0, 1])),
        write_tar(tmp_path / "e/x.tar", label_images(images, [0, 1, 0, 1], first=1)),
        write_tar(tmp_path / "f/x.tar", label_images(images[:3], [0, 1, 0])),
    ]
    assert len({first, *(open_images(path).digest for path in others)}) == 5


def test_a_limit_and_classes_take_from_tars_as_from_others(tmp_path: Path) -> None:
    source = open_images(write_shards(tmp_path))
    chosen = choose_indices(source.labels, limit=9, seed=3)
    assert np.bincount(source.labels[chosen]).tolist() == [3, 3, 3]
    part = take_classes(source, 2)
    assert read_numbers(part) == [number for number in range(30) if number % 3 != 2]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_tar(memory: Any) -> None:
    head = draw.draw_plain(size=(2, 2))
    noise = np.random.default_rng(0).integers(0, 256, 2**18, dtype=np.uint8).tobytes()
    memory.pipe_file("/w/x.tar", build_tar([(f"{at:03}.jpg", head + noise) for at in range(300)]))  # 75 MiB
    tracemalloc.start()
    source = open_images("memory://w/x.tar")
    for index in range(300):
        source.load(index)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (reading.KEPT_BLOCKS + 2 * reading.AHEAD + 4) * 2**20
