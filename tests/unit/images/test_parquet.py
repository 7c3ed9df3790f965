"""Parquet in the Hugging Face layout: shards, labels, class names, damage, memory."""

import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from senet_viz.errors import ImageError, SourceError
from senet_viz.images import row_cache
from senet_viz.images.decoding import decode_image
from senet_viz.images.labels import map_labels, name_classes
from senet_viz.images.loading import load_batches
from senet_viz.images.opening import open_images
from senet_viz.images.parquet import ParquetSource
from senet_viz.schema import ClassTable
from tests.support import image_files as draw


def draw_numbered(count: int) -> list[bytes]:
    """PNGs whose red and green tell their number."""
    return [draw.draw_plain((i % 256, i // 256, 0), size=(2, 2), kind="PNG") for i in range(count)]


def read_number(source: object, index: int) -> int:
    assert isinstance(source, ParquetSource)
    red, green, _ = source.load(index).getpixel((0, 0))
    return int(red) + 256 * int(green)


def test_unnamed_labels_are_classes_without_outputs_until_a_person_says_that_they_index_them(tmp_path: Path) -> None:
    path = draw.write_parquet(tmp_path / "x.parquet", draw_numbered(5), [3, 0, -1, None, 1])
    source = open_images(path)
    assert (source.kind, source.label_kind) == ("parquet", "classes")
    assert source.labels.tolist() == [3, 0, -1, -1, 1]
    assert source.classes.names == ("0", "1", "2", "3")
    assert (source.sample_id(2), source.path(2)) == ("x.parquet#2", "x.parquet#2 (2.jpg)")
    outputs = ClassTable(("a", "b", "c"))
    unasked = map_labels(source.classes, source.label_kind, outputs, 3)
    assert (unasked.outputs, unasked.method) == ((None,) * 4, "none")
    assert "--label-map outputs" in unasked.note
    assert "--label-map outputs" in map_labels(source.classes, source.label_kind, None, 3).note
    assert name_classes(source.classes, unasked, outputs) == source.classes
    mapping = map_labels(source.classes, source.label_kind, outputs, 3, label_map=Path("outputs"))
    assert (mapping.outputs, mapping.method) == ((0, 1, 2, None), "output index")
    assert "1 of 4 classes" in mapping.note
    assert name_classes(source.classes, mapping, outputs).names == ("a", "b", "c", "3")


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint16(), pa.int32()])
def test_no_type_of_unnamed_whole_numbers_is_an_output_unasked(tmp_path: Path, kind: pa.DataType) -> None:
    outputs = ClassTable(("tench", "goldfish", "great white shark"))
    for labels in (pa.array([2, 0, 1], kind), pa.array([2, 0, 1], kind).dictionary_encode()):
        source = open_images(draw.write_parquet(tmp_path / "x.parquet", draw_numbered(3), labels))
        assert map_labels(source.classes, source.label_kind, outputs, 3).outputs == (None, None, None)


@pytest.mark.parametrize("shape", ["file", "glob", "folder"])
def test_shards_in_sorted_order(tmp_path: Path, shape: str) -> None:
    images = draw_numbered(30)
    for start in (20, 0, 10):  # written in another order
        draw.write_parquet(tmp_path / f"d/part-{start:02}.parquet", images[start : start + 10], list(range(10)))
    draw.write_file(tmp_path / "d/.hidden.parquet", b"")
    spec = {"file": "part-10.parquet", "glob": "part-*.parquet", "folder": ""}[shape]
    source = open_images(f"{tmp_path}/d/{spec}")
    first = 10 if shape == "file" else 0
    assert len(source) == (10 if shape == "file" else 30)
    assert [read_number(source, i) for i in range(len(source))] == list(range(first, first + len(source)))
    assert source.sample_id(0) == f"part-{first:02}.parquet#0"
    assert len({source.sample_id(i) for i in range(len(source))}) == len(source)
    with pytest.raises(IndexError):
        source.load(len(source))


@pytest.mark.parametrize(
    "files",
    [
        ["train-00000-of-00002", "train-00001-of-00002", "val"],
        ["test", "validation"],
        ["train-00000-of-00001-1359597a978bc4fa", "valid-00000-of-00001-70d52db3c749a935"],
    ],
)
def test_splits_are_never_mixed(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        draw.write_parquet(tmp_path / f"{name}.parquet", draw_numbered(1), [0])
    with pytest.raises(SourceError, match=r"mixes splits .*\*\.parquet"):
        open_images(tmp_path)
    assert len(open_images(tmp_path / f"{files[0]}.parquet")) == 1


def test_splits_in_folders_are_never_mixed(tmp_path: Path) -> None:
    for name in ("train/0000", "train/0001", "validation/0000"):
        draw.write_parquet(tmp_path / f"{name}.parquet", draw_numbered(1), [0])
    with pytest.raises(SourceError, match=r"mixes splits \(train, validation\).*validation/\*\.parquet"):
        open_images(f"{tmp_path}/*/*.parquet")
    assert len(open_images(f"{tmp_path}/tr*/*.parquet")) == 2


def test_shards_that_name_other_classes_are_refused(tmp_path: Path) -> None:
    for name, classes in [("a", ["cat", "dog"]), ("b", ["cat", "dog"])]:
        draw.write_parquet(tmp_path / f"{name}.parquet", draw_numbered(1), [0], class_names=classes)
    assert open_images(tmp_path).classes.names == ("cat", "dog")
    draw.write_parquet(tmp_path / "b.parquet", draw_numbered(1), [0], class_names=["dog", "cat"])
    with pytest.raises(SourceError, match=r"b\.parquet names other classes than the shards before it"):
        open_images(tmp_path)


def test_class_names_of_hugging_face(tmp_path: Path) -> None:
    path = draw.write_parquet(tmp_path / "x.parquet", draw_numbered(2), [1, 0], class_names=["n01443537", "dog"])
    source = open_images(path)
    assert (source.label_kind, source.classes) == ("classes", ClassTable(("n01443537", "dog"), ("n01443537", "")))


@pytest.mark.parametrize(("place", "names"), [("d/classes.csv", ("c0", "c1")), ("classes.csv", ("h0", "h1"))])
def test_classes_csv_beside_goes_before_metadata_and_above_after(
    tmp_path: Path, place: str, names: tuple[str, ...]
) -> None:
    draw.write_file(tmp_path / place, b"label,name\n1,c1\n0,c0\n")
    draw.write_parquet(tmp_path / "d/x.parquet", draw_numbered(2), [1, 0], class_names=["h0", "h1"])
    assert open_images(tmp_path / "d/x.parquet").classes.names == names


def test_classes_csv_above_names_unnamed_labels(tmp_path: Path) -> None:
    draw.write_file(tmp_path / "classes.csv", b"label,name\n1,c1\n0,c0\n")
    source = open_images(draw.write_parquet(tmp_path / "d/x.parquet", draw_numbered(2), [1, 0]))
    assert (source.label_kind, source.classes.names) == ("classes", ("c0", "c1"))
    draw.write_file(tmp_path / "classes.csv", b"label,name\n0,c0\n2,c2\n")
    with pytest.raises(SourceError, match="every label from 0 on"):
        open_images(tmp_path / "d")


def test_text_labels_and_other_column_names(tmp_path: Path) -> None:
    labels = pa.array(["cat", None, "ant"]).dictionary_encode()
    path = draw.write_parquet(
        tmp_path / "x.parquet", draw_numbered(3), labels, image_column="img", label_column="fine_label"
    )
    source = open_images(path)
    assert (source.classes.names, source.labels.tolist(), source.label_kind) == (("ant", "cat"), [1, -1, 0], "classes")
    pq.write_table(pa.table({"photograph": draw_numbered(2)}), tmp_path / "y.parquet")
    source = open_images(tmp_path / "y.parquet")
    assert (source.label_kind, source.labels.tolist(), source.path(1)) == ("none", [-1, -1], "y.parquet#1")
    assert read_number(source, 1) == 1


@pytest.mark.parametrize(
    ("labels", "names", "sentence"),
    [
        (pa.array([[0, 1], [1]]), None, "multi-label"),
        (pa.array([0.5, 1.0]), None, "labels are whole numbers or names"),
        (pa.array([0, 2]), ["a", "b"], "label 2, but there are 2 classes"),
        (pa.array([0, -2]), None, "label -2"),
        (pa.array([0, 10**7]), None, "go up to 10000000"),
        (pa.array([0, 2**63], pa.uint64()), None, "could not be read as Parquet"),
    ],
)
def test_unusable_labels_are_refused(tmp_path: Path, labels: pa.Array, names: list[str] | None, sentence: str) -> None:
    path = draw.write_parquet(tmp_path / "x.parquet", draw_numbered(2), labels, class_names=names)
    with pytest.raises(SourceError, match=sentence):
        open_images(path)


def test_unusable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"text\.parquet could not be read as Parquet"):
        open_images(draw.write_file(tmp_path / "text.parquet", draw.draw_text()))
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "columns.parquet")
    with pytest.raises(SourceError, match=r"no column of images .* it has a, b"):
        open_images(tmp_path / "columns.parquet")
    draw.write_parquet(tmp_path / "s/a.parquet", draw_numbered(1), [0])
    draw.write_parquet(tmp_path / "s/b.parquet", draw_numbered(1), ["x"])
    with pytest.raises(SourceError, match="Some shards of"):
        open_images(tmp_path / "s")
    draw.write_parquet(tmp_path / "s/b.parquet", draw_numbered(1))
    with pytest.raises(SourceError, match="no column 'label'"):
        open_images(tmp_path / "s")


def test_rows_without_bytes_and_broken_images(tmp_path: Path) -> None:
    images = [None, draw.draw_truncated_jpeg(), *draw_numbered(3)[2:]]
    source = open_images(draw.write_parquet(tmp_path / "x.parquet", images, [0, 0, 0]))
    with pytest.raises(ImageError, match=r"x\.parquet#0 \(0\.jpg\) holds no image bytes"):
        source.load(0)
    with pytest.raises(ImageError, match=r"x\.parquet#1 \(1\.jpg\) is damaged"):
        source.load(1)
    assert read_number(source, 2) == 2


def test_a_flipped_byte_is_an_error_of_its_rows_alone(tmp_path: Path) -> None:
    path = draw.write_parquet(tmp_path / "x.parquet", draw_numbered(30), [0] * 30, group_rows=10)
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data[start + chunk.total_compressed_size - 20] ^= 0xFF
    path.write_bytes(data)
    source = open_images(path)
    assert [read_number(source, i) for i in (*range(10), *range(20, 30))] == [*range(10), *range(20, 30)]
    for index in (10, 19):
        with pytest.raises(ImageError, match=rf"Row {index} of .*x\.parquet could not be read"):
            source.load(index)


def test_the_digest_of_shards(tmp_path: Path) -> None:
    images = draw_numbered(4)
    first = open_images(draw.write_parquet(tmp_path / "a/x.parquet", images, [0, 1, 0, 1])).digest
    assert open_images(draw.write_parquet(tmp_path / "b/x.parquet", images, [0, 1, 0, 1])).digest == first
    others = [
        draw.write_parquet(tmp_path / "c/x.parquet", images, [0, 1, 1, 0]),
        draw.write_parquet(tmp_path / "d/y.parquet", images, [0, 1, 0, 1]),
        draw.write_parquet(tmp_path / "e/x.parquet", images[:3], [0, 1, 0]),
        draw.write_parquet(tmp_path / "f/x.parquet", images, [0, 1, 0, 1], class_names=["a", "b"]),
    ]
    assert len({first, *(open_images(path).digest for path in others)}) == 5


@pytest.mark.parametrize("block_bytes", [2000, 10**9])
def test_any_order_and_threads_read_the_right_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(row_cache, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(row_cache, "CACHE_BYTES", 8000)
    images = draw_numbered(600)
    draw.write_parquet(tmp_path / "a.parquet", images[:400], [0] * 400, group_rows=150)
    draw.write_parquet(tmp_path / "b.parquet", images[400:], [0] * 200, group_rows=150)
    source = open_images(tmp_path)
    order = np.random.default_rng(0).permutation(600)[:150].tolist()
    assert [read_number(source, i) for i in order] == order
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda i: read_number(source, i), range(600))) == list(range(600))


def test_threads_do_not_read_a_row_group_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_cache, "BLOCK_BYTES", 2000)
    monkeypatch.setattr(row_cache, "CACHE_BYTES", 20_000)
    source = open_images(draw.write_parquet(tmp_path / "a.parquet", draw_numbered(3000), [0] * 3000, group_rows=1000))
    opened = []
    original = row_cache.RowCache._open_group

    def count(cache: row_cache.RowCache, shard: int, row: int) -> object:
        opened.append(row)
        return original(cache, shard, row)

    monkeypatch.setattr(row_cache.RowCache, "_open_group", count)
    batches = np.array_split(np.arange(3000), 20)
    loaded = [batch.loaded for batch in load_batches(source, batches, lambda _: torch.zeros(3, 1, 1), workers=3)]
    assert np.concatenate(loaded).tolist() == list(range(3000))
    assert len(opened) <= 12  # three row groups, seldom a thread that fell behind; each group has 50 blocks


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_cache, "BLOCK_BYTES", 2**20)
    monkeypatch.setattr(row_cache, "CACHE_BYTES", 4 * 2**20)
    head = draw.draw_plain(size=(2, 2))
    rng = np.random.default_rng(0)
    writer = None
    for _ in range(2):  # two row groups of 32 MB, JPEGs with 64 KiB behind their end
        images = [{"bytes": head + rng.bytes(65_536), "path": None} for _ in range(512)]
        table = pa.table({"image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))})
        writer = writer or pq.ParquetWriter(
            tmp_path / "big.parquet", table.schema, use_dictionary=False, write_batch_size=8
        )
        writer.write_table(table, row_group_size=512)
    assert writer is not None
    writer.close()
    del images, table
    source = open_images(tmp_path / "big.parquet")
    assert isinstance(source, ParquetSource)
    before, peak_arrow, peak_held = pa.total_allocated_bytes(), 0, 0
    tracemalloc.start()
    try:
        for index in range(len(source)):
            assert source.load(index).size == (2, 2)
            peak_arrow = max(peak_arrow, pa.total_allocated_bytes() - before)
            peak_held = max(peak_held, source.rows.held_bytes)
        peak_python = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_held <= 4 * 2**20
    assert peak_arrow < 12 * 2**20
    assert peak_python < 2 * 2**20


@pytest.mark.tiny_imagenet
@pytest.mark.skipif("SENET_VIZ_TINY_IMAGENET" not in os.environ, reason="SENET_VIZ_TINY_IMAGENET is not set")
def test_tiny_imagenet() -> None:
    folder = Path(os.environ["SENET_VIZ_TINY_IMAGENET"])
    source = open_images(folder / "val.parquet")
    assert (len(source), len(source.classes), source.label_kind) == (10_000, 200, "classes")
    assert source.classes.find("goldfish") == source.classes.find("n01443537") == 0
    assert np.bincount(source.labels).tolist() == [50] * 200
    for index in range(0, 10_000, 501):
        assert source.load(index).size == (64, 64)
    row = pq.read_table(folder / "val.parquet", columns=["image"]).column(0)[9_999].as_py()
    assert source.load(9_999).tobytes() == decode_image(row["bytes"]).tobytes()


def test_a_shard_that_is_written_again_or_goes_while_it_is_in_use_is_told(tmp_path: Path) -> None:
    path = draw.write_parquet(tmp_path / "x.parquet", draw_numbered(20), [0] * 20, group_rows=5)
    source = open_images(path)
    assert read_number(source, 3) == 3
    draw.write_parquet(path, draw_numbered(20)[::-1], [0] * 20, group_rows=5)
    assert read_number(source, 4) == 4  # of the group that is in memory
    with pytest.raises(
        ImageError, match=r"Row 10 of .*x\.parquet could not be read \(it (changed|was written again) while"
    ):
        source.load(10)
    path.unlink()
    with pytest.raises(ImageError, match=r"Row 15 of .*x\.parquet could not be read \(it is no longer there\)"):
        source.load(15)
