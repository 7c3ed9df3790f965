"""Folders of class folders, flat folders, and lists of paths in CSV."""

import os
import sys
from pathlib import Path

import pytest

from senet_viz.errors import ImageError, SourceError
from senet_viz.images.labels import map_labels
from senet_viz.images.opening import open_images
from senet_viz.images.source import ImageSource
from senet_viz.schema import ClassTable
from tests.support import image_files as draw


def list_samples(source: ImageSource) -> dict[str, int]:
    return {source.sample_id(i): int(source.labels[i]) for i in range(len(source))}


def test_class_folders_in_sorted_order(tmp_path: Path) -> None:
    draw.write_class_folders(tmp_path, ["zebra", "Ant", "bee"])
    draw.write_file(tmp_path / "bee/deep/er/x.PNG", draw.draw_plain(kind="PNG"))
    draw.write_file(tmp_path / "bee/.hidden.jpg", b"")
    draw.write_file(tmp_path / ".cache/x.jpg", b"")
    source = open_images(tmp_path)
    assert (source.kind, source.name, source.label_kind) == ("folder", str(tmp_path), "classes")
    assert source.classes == ClassTable(("Ant", "bee", "zebra"))
    assert list_samples(source) == {
        "Ant/0.jpg": 0, "Ant/1.jpg": 0, "bee/0.jpg": 1, "bee/1.jpg": 1, "bee/deep/er/x.PNG": 1, "zebra/0.jpg": 2,
        "zebra/1.jpg": 2,
    }  # fmt: skip
    assert source.notes == ()
    assert source.load(4).getpixel((0, 0)) == draw.RED
    assert source.path(4) == str(tmp_path / "bee/deep/er/x.PNG")
    assert not source.labels.flags.writeable


def test_exactly_the_unreadable_files_become_errors(tmp_path: Path) -> None:
    wanted = draw.write_hostile_folder(tmp_path)
    source = open_images(tmp_path)
    assert source.classes.names == ("cats", "dogs", "empty")
    assert source.notes == ("Class folder 'empty' is empty.",)
    found, images, sentences = {}, {}, {}
    for index in range(len(source)):
        try:
            images[source.sample_id(index)] = source.load(index)
            found[source.sample_id(index)] = "image"
        except ImageError as error:
            sentences[source.path(index)] = str(error)
            found[source.sample_id(index)] = "error"
    assert found == wanted
    assert all(sentence.startswith(path) for path, sentence in sentences.items())
    assert images["cats/sixteen.png"].getpixel((1, 1)) == (128, 128, 128)
    assert images["cats/ink.jpg"].getpixel((5, 5)) in (draw.RED, (254, 0, 0))
    assert images["dogs/animation.gif"].getpixel((5, 5)) == draw.GREEN
    assert images["dogs/alpha.png"].getpixel((0, 0)) == draw.WHITE
    assert images["dogs/rotated.jpg"].size == (8, 16)
    top, bottom = (images["dogs/rotated.jpg"].getpixel((4, y)) for y in (2, 13))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 200 > 60 > top[2]
    assert bottom[2] > 200 > 60 > bottom[0]


def test_other_files_are_noted(tmp_path: Path) -> None:
    draw.write_class_folders(tmp_path, ["a"])
    draw.write_file(tmp_path / "a/Thumbs.db", b"x")
    draw.write_file(tmp_path / "readme.txt", b"x")
    draw.write_file(tmp_path / "loose.jpg", draw.draw_plain())
    notes = " ".join(open_images(tmp_path).notes)
    assert "2 files have no image's ending and were left out: 'a/Thumbs.db', 'readme.txt'." in notes
    assert "1 images beside the class folders" in notes


def test_a_flat_folder_is_unlabelled(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.png"):
        draw.write_file(tmp_path / name, draw.draw_plain())
    source = open_images(str(tmp_path))
    assert list_samples(source) == {"a.png": -1, "b.jpg": -1}
    assert (source.label_kind, len(source.classes)) == ("none", 0)
    assert map_labels(source.classes, source.label_kind, None, 10).outputs == ()


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "holds no image file"),
        (["a/readme.txt"], "holds no image file"),
        (["train/cat/a.jpg", "val/cat/a.jpg"], r"are splits \(train, val\).*val"),
        (["meta/a.jpg", "train/cat/a.jpg", "val/cat/a.jpg"], r"are splits \(train, val\).*val"),
    ],
)
def test_folders_without_classes_are_refused(tmp_path: Path, files: list[str], sentence: str) -> None:
    for name in files:
        draw.write_file(tmp_path / name, draw.draw_plain())
    with pytest.raises(SourceError, match=sentence):
        open_images(tmp_path)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("bus/a.jpg", "train/steam/a.jpg"):
        draw.write_file(tmp_path / name, draw.draw_plain())
    assert open_images(tmp_path).classes.names == ("bus", "train")


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes are Linux's")
def test_links_and_odd_names(tmp_path: Path) -> None:
    data = tmp_path / "data"
    draw.write_class_folders(tmp_path / "elsewhere", ["real"])
    draw.write_class_folders(data, ["a"])
    (data / "linked").symlink_to(tmp_path / "elsewhere/real")
    (data / "a/loop").symlink_to(data / "a")
    (data / "a/broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (data / "a" / os.fsdecode(b"latin-\xe9.jpg")).write_bytes(draw.draw_plain())
    source = open_images(data)
    assert sorted(list_samples(source)) == [
        "a/0.jpg", "a/1.jpg", "a/broken.jpg", "a/latin-\\xe9.jpg", "linked/0.jpg", "linked/1.jpg",
    ]  # fmt: skip
    with pytest.raises(ImageError, match="does not exist"):
        source.load(2)
    assert source.load(3).size == (16, 12)


def test_the_digest_knows_names_sizes_and_labels_but_not_the_place(tmp_path: Path) -> None:
    def digest(name: str) -> str:
        return open_images(tmp_path / name).digest

    for name in ("one", "two"):
        draw.write_class_folders(tmp_path / name, ["a", "b"])
    first = digest("one")
    assert digest("two") == first
    seen = {first}

    def expect_new() -> None:
        assert digest("two") not in seen
        seen.add(digest("two"))

    added = draw.write_file(tmp_path / "two/a/9.jpg", draw.draw_plain())
    expect_new()
    added.write_bytes(added.read_bytes() + b"x")
    expect_new()
    added.rename(tmp_path / "two/a/8.jpg")
    expect_new()
    (tmp_path / "two/a/8.jpg").rename(tmp_path / "two/b/8.jpg")
    expect_new()
    (tmp_path / "two/c").mkdir()
    expect_new()
    (tmp_path / "two/c").rmdir()
    (tmp_path / "two/b/8.jpg").unlink()
    assert digest("two") == first


@pytest.mark.parametrize("place", ["data/classes.csv", "classes.csv"])
def test_classes_csv_beside_or_above_names_folders(tmp_path: Path, place: str) -> None:
    folder = draw.write_class_folders(tmp_path / "data", ["n02124075", "goldfish", "7", "stranger"])
    text = 'label,wnid,name\n3,n02124075,Egyptian cat\n5,n01443537,"goldfish, Carassius auratus"\n7,n07747607,orange\n'
    draw.write_file(tmp_path / place, text.encode())
    source = open_images(folder)
    assert source.classes.names == ("orange", "goldfish, Carassius auratus", "Egyptian cat", "stranger")
    assert source.classes.wnids == ("n07747607", "n01443537", "n02124075", "")
    assert source.notes == ("classes.csv does not name 1 of the classes, e.g. 'stranger'.",)


def test_classes_csv_of_something_else_is_not_used(tmp_path: Path) -> None:
    folder = draw.write_class_folders(tmp_path / "data", ["n02124075_cat", "x"])
    draw.write_file(tmp_path / "classes.csv", b"label,name\n0,dog\n")
    source = open_images(folder)
    assert source.classes == ClassTable(("n02124075_cat", "x"), ("n02124075", ""))
    assert "was not used" in source.notes[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n", "lacks the header label,wnid,name"),
        ("label,name\nx,y\n", "Row 2 of"),
        ("label,name\n1,cat, Felis\n", "Row 2 of"),
        ("label,name\n1,cat\n1,dog\n", "one label twice"),
        ("label,wnid,name\n1,a,cat\n2,b,dog\n", "are the same class"),
        (b"label,name\n1,\xff\xfe\n", "CSV in UTF-8"),
    ],
)
def test_a_damaged_classes_csv_is_refused(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    folder = draw.write_class_folders(tmp_path, ["cat", "a"])
    draw.write_file(tmp_path / "classes.csv", text.encode() if isinstance(text, str) else text)
    with pytest.raises(SourceError, match=sentence):
        open_images(folder)


def write_listed(folder: Path, text: str, name: str = "list.csv") -> Path:
    for file in ("img/a.jpg", "img/b.jpg", "img/c d.jpg"):
        draw.write_file(folder / file, draw.draw_plain())
    return draw.write_file(folder / name, text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "path,label\nimg/a.jpg,dog\nimg/b.jpg,cat\nimg/c d.jpg,\n",
        "img/a.jpg,dog\nimg/b.jpg,cat\n\nimg/c d.jpg,\n",
        "id,Label,Image\n1,dog,img/a.jpg\n2,cat,img/b.jpg\n3,,img/c d.jpg\n",
        '\ufefffile,class\r\n"img/a.jpg",dog\r\nimg/b.jpg,cat\r\nimg/c d.jpg\r\n',
    ],
)
def test_csv_of_path_and_label(tmp_path: Path, text: str) -> None:
    source = open_images(write_listed(tmp_path, text))
    assert (source.kind, source.label_kind, source.classes) == ("csv", "classes", ClassTable(("cat", "dog")))
    assert list_samples(source) == {"img/a.jpg": 1, "img/b.jpg": 0, "img/c d.jpg": -1}
    assert source.load(2).size == (16, 12)


def test_csv_with_tabs_absolute_paths_and_repeated_rows(tmp_path: Path) -> None:
    text = f"{tmp_path}/img/a.jpg\tdog\nimg/b.jpg\tcat\nimg/b.jpg\tcat\nnone.jpg\tcat\n"
    source = open_images(write_listed(tmp_path, text, "list.tsv"))
    assert list_samples(source) == {f"{tmp_path}/img/a.jpg": 1, "img/b.jpg": 0, "none.jpg": 0}
    assert source.notes == ("1 rows repeat an image and were left out.",)
    assert source.load(0).size == (16, 12)
    with pytest.raises(ImageError, match=r"none\.jpg does not exist"):
        source.load(2)


def test_csv_of_paths_alone_is_unlabelled(tmp_path: Path) -> None:
    source = open_images(write_listed(tmp_path, "img/a.jpg\nimg/b.jpg\n"))
    assert (source.label_kind, source.labels.tolist()) == ("none", [-1, -1])


def test_numbers_in_a_csv_are_names_unless_classes_csv_names_them(tmp_path: Path) -> None:
    path = write_listed(tmp_path, "img/a.jpg,10\nimg/b.jpg,2\nimg/c d.jpg,-1\n")
    source = open_images(path)
    assert (source.classes.names, source.labels.tolist()) == (("2", "10"), [1, 0, -1])
    names = [f"class {i}" for i in range(11)]
    rows = "".join(f"{i},{name}\n" for i, name in enumerate(names))
    draw.write_file(tmp_path / "classes.csv", f"label,name\n{rows}".encode())
    source = open_images(path)
    assert (source.classes.names, source.labels.tolist()) == (tuple(names), [10, 2, -1])
    draw.write_file(tmp_path / "classes.csv", b"label,name\n0,a\n1,b\n")
    with pytest.raises(SourceError, match="label 10, but there are 2 classes"):
        open_images(path)


def test_names_in_a_csv_take_the_order_of_classes_csv(tmp_path: Path) -> None:
    path = write_listed(tmp_path, "img/a.jpg,dog\nimg/b.jpg,n02124075\n")
    draw.write_file(tmp_path / "classes.csv", b"label,wnid,name\n0,n02084071,dog\n1,n02124075,cat\n2,n01443537,fish\n")
    source = open_images(path)
    assert (source.classes.names, source.labels.tolist()) == (("dog", "cat", "fish"), [0, 1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("path,label\n", "lists no image"),
        ("name,label\na,x\n", "no column called path"),
        ("a.jpg,x,y\n", "no column called path"),
        ("path,sunny,rainy\na.jpg,0,1\n", "multi-label"),
        ("path,label\na.jpg,cat\na.jpg,dog\n", "two labels"),
        ("path,label\na.jpg,cat,dog\n", "Row 2 of .* has 3 cells"),
        ("path,label\n,cat\n", "Row 2 of .* has no path"),
    ],
)
def test_a_damaged_csv_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        open_images(draw.write_file(tmp_path / "list.csv", text.encode()))


def test_labels_beyond_any_number_are_refused(tmp_path: Path) -> None:
    draw.write_file(tmp_path / "classes.csv", b"label,name\n0,a\n")
    with pytest.raises(SourceError, match="beyond 64 bits"):
        open_images(draw.write_file(tmp_path / "list.csv", b"a.jpg,99999999999999999999\n"))


@pytest.mark.parametrize("spec", ["nowhere", "nowhere/*.parquet", "x\0y", "torchvision:Nonsense", __file__])
def test_what_is_no_source_is_refused_in_one_sentence(spec: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_images(spec)
    assert "\n" not in str(caught.value)
