"""Columns of a Parquet as people name them, and rows that hold a path instead of an image."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from senet_viz.errors import ImageError, SourceError
from senet_viz.images.opening import open_images, open_recorded
from tests.support import image_files as draw


def draw_two() -> list[bytes]:
    return [draw.draw_plain((k * 200, 0, 0), size=(2, 2), kind="PNG") for k in range(2)]


def write_table(path: Path, declared: dict[str, list[str]] | None = None, **columns: object) -> Path:
    features = {name: {"names": names, "_type": "ClassLabel"} for name, names in (declared or {}).items()}
    table = pa.table(columns).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path)
    return path


def classes_of(path: Path, **named: str) -> list[str]:
    """What each image is called, and that it can be read."""
    source = open_images(path, **named)
    assert [source.load(k).getpixel((0, 0)) for k in range(2)] == [(0, 0, 0), (200, 0, 0)]
    return ["" if k < 0 else source.classes.names[k] for k in source.labels]


@pytest.mark.parametrize("image", ["image", "jpg", "Image", "img_bytes", "images", "anything"])
@pytest.mark.parametrize(
    "label", ["class_id", "category", "cls", "target", "categoryId", "class_label", "y", "species", "whatever"]
)
def test_columns_of_other_names_are_found(tmp_path: Path, image: str, label: str) -> None:
    path = write_table(
        tmp_path / "x.parquet", **{"id": [7, 8], image: draw_two(), label: [1, 0], "caption": ["a", "b"]}
    )
    assert classes_of(path) == ["1", "0"]


def test_a_declared_feature_or_a_category_goes_before_what_is_only_a_number(tmp_path: Path) -> None:
    names = {"kind": ["cat", "dog"]}
    path = write_table(tmp_path / "x.parquet", names, image=draw_two(), year=[1, 2], kind=[1, 0], site=["p", "q"])
    assert classes_of(path) == ["dog", "cat"]
    path = write_table(tmp_path / "x.parquet", image=draw_two(), kind=pa.array(["dog", "cat"]).dictionary_encode())
    assert classes_of(path) == ["dog", "cat"]


@pytest.mark.parametrize(
    "labels",
    [pa.array([1.0, 0.0]), pa.array(["1", "0"], pa.large_string()), pa.array(["1", "0"]).cast(pa.string_view())],
)
def test_labels_of_other_types(tmp_path: Path, labels: pa.Array) -> None:
    assert classes_of(write_table(tmp_path / "x.parquet", image=draw_two(), label=labels)) == ["1", "0"]


def test_labels_that_are_true_or_false_are_two_classes(tmp_path: Path) -> None:
    path = write_table(tmp_path / "x.parquet", image=draw_two(), label=pa.array([True, False]))
    assert classes_of(path) == ["true", "false"]


def test_a_missing_label_makes_pandas_write_floats(tmp_path: Path) -> None:
    path = write_table(tmp_path / "x.parquet", image=pa.array(draw_two(), pa.binary_view()), label=[float("nan"), 3.0])
    assert classes_of(path) == ["", "3"]


@pytest.mark.parametrize(
    "columns",
    [
        {"year": [0, 1], "month": [0, 1]},
        {"diagnosed": ["cat", "dog"]},
        {"genus": ["cat", "dog"], "site": ["cat", "dog"]},
    ],
)
def test_columns_that_may_be_labels_are_named(tmp_path: Path, columns: dict[str, list[object]]) -> None:
    path = write_table(tmp_path / "x.parquet", image=draw_two(), **columns)
    first = next(iter(columns))
    with pytest.raises(
        SourceError, match=rf"x\.parquet has no column called label, and '{first}'.*--label-column none"
    ):
        open_images(path)
    assert classes_of(path, label_column=first) == [str(value) for value in columns[first]]
    assert classes_of(path, label_column="none") == ["", ""]


def test_what_is_never_a_label_leaves_images_unlabelled(tmp_path: Path) -> None:
    path = write_table(
        tmp_path / "x.parquet", image=draw_two(), id=[0, 1], caption=["a", "b"], width=[2, 2], __index_level_0__=[0, 1]
    )
    assert classes_of(path) == ["", ""]


def test_columns_that_are_not_there_or_unfit_are_refused_by_name(tmp_path: Path) -> None:
    path = write_table(tmp_path / "x.parquet", left=draw_two(), right=draw_two()[::-1], kind=[0, 1])
    with pytest.raises(
        SourceError, match=r"several columns of images.* it has left, right, kind; name it with --image-column"
    ):
        open_images(path)
    assert classes_of(path, image_column="left") == ["0", "1"]
    with pytest.raises(SourceError, match=r"has no column 'middle': it has left, right, kind"):
        open_images(path, image_column="middle")
    with pytest.raises(SourceError, match=r"has no column 'species': it has left, right, kind"):
        open_images(path, image_column="left", label_column="species")
    with pytest.raises(SourceError, match=r"'left' of .* labels are whole numbers or names"):
        open_images(path, image_column="right", label_column="left")
    with pytest.raises(SourceError, match="no column of images"):
        open_images(path, image_column="kind")


def test_a_recording_finds_its_columns_again(tmp_path: Path) -> None:
    path = write_table(
        tmp_path / "x.parquet", left=draw_two(), right=draw_two()[::-1], genus=["a", "b"], kind=["c", "d"]
    )
    named = {"image_column": "left", "label_column": "kind"}
    data = {"name": "x", "kind": "parquet", "digest": open_images(path, **named).digest, "images": 2, **named}
    assert open_recorded(path, data).load(1).getpixel((0, 0)) == (200, 0, 0)


@pytest.mark.parametrize("form", ["struct", "text", "windows", "absolute", "mixed"])
def test_paths_without_bytes_lead_to_files_beside_the_parquet(tmp_path: Path, form: str) -> None:
    for k, image in enumerate(draw_two()):
        draw.write_file(tmp_path / f"img/{k}.png", image)
    names = [f"img/{k}.png" for k in range(2)]
    if form == "windows":
        names = [name.replace("/", "\\") for name in names]
    if form == "absolute":
        names = [str(tmp_path / name) for name in names]
    if form == "text":
        path = write_table(tmp_path / "x.parquet", file_name=names, label=["cat", "dog"])
    else:
        images = [None, draw_two()[1]] if form == "mixed" else [None, None]
        path = draw.write_parquet(tmp_path / "x.parquet", images, ["cat", "dog"], paths=names)
    assert classes_of(path) == ["cat", "dog"]


@pytest.mark.parametrize("name", ["none.png", "https://example.org/a.png", "", None, "x\0y", "a" * 5000])
def test_a_path_that_leads_nowhere_is_told(tmp_path: Path, name: str | None) -> None:
    source = open_images(draw.write_parquet(tmp_path / "x.parquet", [None], [0], paths=[name]))
    with pytest.raises(ImageError, match=r"x\.parquet#0.* holds no image bytes, and no path of a file here"):
        source.load(0)
