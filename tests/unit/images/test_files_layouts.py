"""Folders as archives, notebooks and data sets leave them: what is no class, where the classes are, and their order."""

from pathlib import Path

import pytest

from senet_viz.errors import SourceError
from senet_viz.images.labels import map_labels, name_classes
from senet_viz.images.opening import open_images
from senet_viz.schema import ClassTable
from tests.support import image_files as draw


def write_images(folder: Path, *files: str) -> Path:
    for file in files:
        draw.write_file(folder / file, draw.draw_plain())
    return folder


def read_classes(folder: Path) -> dict[str, list[str]]:
    """Samples by class, "" where there is none."""
    source = open_images(folder)
    found: dict[str, list[str]] = {name: [] for name in source.classes.names}
    for index, label in enumerate(source.labels):
        source.load(index)
        found.setdefault("" if label < 0 else source.classes.names[label], []).append(source.sample_id(index))
    return found


@pytest.mark.parametrize(
    "junk", ["__MACOSX", ".ipynb_checkpoints", ".git", "@eaDir", "__pycache__", "$RECYCLE.BIN", "__MacOSX"]
)
def test_what_systems_leave_behind_is_no_class(tmp_path: Path, junk: str) -> None:
    write_images(
        tmp_path, "cat/a.jpg", "dog/b.jpg", f"{junk}/cat/x.jpg", f"{junk}/y.jpg", f"cat/{junk}/z.jpg", "dog/._b.jpg"
    )
    assert read_classes(tmp_path) == {"cat": ["cat/a.jpg"], "dog": ["dog/b.jpg"]}


@pytest.mark.parametrize(
    "splits",
    [
        ("training_set", "test_set"), ("Training", "Testing"), ("train_images", "val_images"), ("train2017", "val2017"),
        ("train-data", "test-data"), ("TRAIN", "valid"), ("eval", "train"), ("seg_test", "seg_train"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("inside", ["cat/a.jpg", "a.jpg"])
def test_splits_of_any_name_are_no_classes(tmp_path: Path, splits: tuple[str, ...], inside: str) -> None:
    write_images(tmp_path, *(f"{split}/{inside}" for split in splits))
    with pytest.raises(SourceError, match=r"are splits .*not classes: give one of them"):
        open_images(tmp_path)
    write_images(tmp_path / "around/wrap", *(f"{split}/{inside}" for split in splits))
    with pytest.raises(SourceError, match=r"are splits .*not classes: give one of them, e\.g\. .*wrap"):
        open_images(tmp_path / "around")


@pytest.mark.parametrize("wrap", ["pets", "data", "a/b", "images"])
def test_a_folder_around_the_classes_is_no_class(tmp_path: Path, wrap: str) -> None:
    write_images(tmp_path, f"{wrap}/cat/a.jpg", f"{wrap}/dog/deep/b.jpg")
    draw.write_file(tmp_path / "readme.txt", b"x")
    write_images(tmp_path / "__MACOSX", "cat/x.jpg")
    assert read_classes(tmp_path) == {"cat": ["cat/a.jpg"], "dog": ["dog/deep/b.jpg"]}
    assert open_images(tmp_path).notes[0].startswith(f"The data are in {tmp_path / wrap}, the only folder")
    draw.write_parquet(tmp_path / "p/data/val-00000.parquet", [draw.draw_plain()], ["cat"])
    assert open_images(tmp_path / "p").kind == "parquet"


@pytest.mark.parametrize(
    "files", [("cat/a.jpg", "cat/b.jpg"), ("n01443537/images/a.jpg",), ("cat/images/a.jpg",), ("cat/x/y/a.jpg",)]
)
def test_one_class_stays_a_class(tmp_path: Path, files: tuple[str, ...]) -> None:
    write_images(tmp_path, *files)
    assert list(read_classes(tmp_path)) == [files[0].split("/")[0]]


@pytest.mark.parametrize("inner", ["images", "img", "test", "JPEGImages"])
def test_a_folder_of_images_alone_is_unlabelled(tmp_path: Path, inner: str) -> None:
    write_images(tmp_path, f"{inner}/a.jpg", f"{inner}/b.jpg")
    assert list(read_classes(tmp_path)) == [""]


def test_tiny_imagenet_as_it_is_fetched(tmp_path: Path) -> None:
    wnids = ("n01443537", "n01629819")
    for wnid in wnids:
        write_images(tmp_path / "train", f"{wnid}/images/{wnid}_0.JPEG")
        draw.write_file(tmp_path / f"train/{wnid}/{wnid}_boxes.txt", f"{wnid}_0.JPEG\t0\t0\t9\t9\n".encode())
    write_images(tmp_path, "val/images/val_0.JPEG", "val/images/val_1.JPEG", "test/images/test_0.JPEG")
    rows = "val_0.JPEG\tn01629819\t0\t32\t44\t62\nval_1.JPEG\tn01443537\t52\t55\t57\t59\n"
    draw.write_file(tmp_path / "val/val_annotations.txt", rows.encode())
    with pytest.raises(SourceError, match=r"are splits \(test, train, val\)"):
        open_images(tmp_path)
    assert list(read_classes(tmp_path / "train")) == list(wnids)
    assert read_classes(tmp_path / "val") == {
        "n01443537": ["images/val_1.JPEG"], "n01629819": ["images/val_0.JPEG"],
    }  # fmt: skip
    assert read_classes(tmp_path / "val/val_annotations.txt") == read_classes(tmp_path / "val")
    assert read_classes(tmp_path / "test") == {"": ["test_0.JPEG"]}


@pytest.mark.parametrize("place", ["", "images/"])
@pytest.mark.parametrize("header", ["file_name,label", "file_name,category,caption", "id,labels"])
def test_a_metadata_file_labels_the_images_beside_it(tmp_path: Path, place: str, header: str) -> None:
    write_images(tmp_path, f"{place}a.jpg", f"{place}b.jpg")
    more = ",x" if header.count(",") > 1 else ""
    draw.write_file(tmp_path / "metadata.csv", f"{header}\n{place}a.jpg,dog{more}\n{place}b.jpg,cat{more}\n".encode())
    assert read_classes(tmp_path) == {"cat": [f"{place}b.jpg"], "dog": [f"{place}a.jpg"]}
    tmp_path.rename(tmp_path.with_name("inner"))
    tmp_path.mkdir()
    tmp_path.with_name("inner").rename(tmp_path / "pets")
    assert read_classes(tmp_path) == {"cat": [f"{place}b.jpg"], "dog": [f"{place}a.jpg"]}


def test_kinds_of_trains_are_classes(tmp_path: Path) -> None:
    write_images(tmp_path, "bullet_train/a.jpg", "freight_train/deep/b.jpg", "test_bench/c.jpg")
    assert list(read_classes(tmp_path)) == ["bullet_train", "freight_train", "test_bench"]


def test_a_list_of_something_else_is_not_used(tmp_path: Path) -> None:
    write_images(tmp_path, "a.jpg")
    draw.write_file(tmp_path / "labels.csv", b"0,cat\n1,dog\n")
    source = open_images(tmp_path)
    assert (source.kind, source.label_kind) == ("folder", "none")
    assert "labels.csv was not used for labels: it lists none of the images here." in source.notes


def test_captions_are_no_labels_and_class_folders_go_before_a_metadata_file(tmp_path: Path) -> None:
    write_images(tmp_path / "flat", "a.jpg")
    draw.write_file(tmp_path / "flat/metadata.csv", b"file_name,text\na.jpg,a dog\n")
    source = open_images(tmp_path / "flat")
    assert source.label_kind == "none"
    assert "metadata.csv was not used for labels" in " ".join(source.notes)
    write_images(tmp_path / "deep", "cat/a.jpg", "dog/b.jpg")
    draw.write_file(tmp_path / "deep/metadata.csv", b"file_name,label\ncat/a.jpg,x\n")
    assert list(read_classes(tmp_path / "deep")) == ["cat", "dog"]


def test_numbers_are_in_their_order_everywhere(tmp_path: Path) -> None:
    folder = draw.write_class_folders(tmp_path / "f", [str(k) for k in range(12)], images=1)
    wanted = tuple(str(k) for k in range(12))
    assert open_images(folder).classes.names == wanted
    rows = "".join(f"{k}/0.jpg,{k}\n" for k in range(12))
    assert open_images(draw.write_file(folder / "list.csv", rows.encode())).classes.names == wanted
    images = [draw.draw_plain()] * 12
    assert open_images(draw.write_parquet(tmp_path / "x.parquet", images, list(wanted))).classes.names == wanted


@pytest.mark.parametrize(
    "name",
    ["American_alligator", "american alligator", "American-Alligator", "AMERICAN  ALLIGATOR", "american_Alligator"],
)
def test_what_parts_the_words_of_a_name_does_not_matter(name: str) -> None:
    outputs = ClassTable(("tench", "American alligator, Alligator mississipiensis", "jack-o'-lantern", "St. Bernard"))
    assert map_labels(ClassTable((name,)), "classes", outputs, 4).outputs == (1,)
    others = ClassTable(("jack_o_lantern", "St_Bernard", "American alligator, Alligator_mississipiensis"))
    assert map_labels(others, "classes", outputs, 4).outputs == (2, 3, 1)
    backwards = ClassTable(("American_alligator",))
    assert map_labels(ClassTable(("American alligator",)), "classes", backwards, 1).outputs == (0,)


def test_names_that_differ_in_more_than_blanks_stay_apart() -> None:
    outputs = ClassTable(("A", "C", "15", "tiger cat", "night owl", "night-owl"))
    classes = ClassTable(("A-", "C++", "1.5", "tiger_cat", "Tiger Cat", "night_owl", "night owl"))
    assert map_labels(classes, "classes", outputs, 6).outputs == (None, None, None, None, 3, None, 4)


@pytest.mark.parametrize("wnid", ["n01443537", "N01443537"])
def test_folders_called_by_wnids_are_shown_by_their_outputs_names(tmp_path: Path, wnid: str) -> None:
    source = open_images(draw.write_class_folders(tmp_path, [wnid, "n99999999", "own name"]))
    outputs = ClassTable(("tench, Tinca tinca", "goldfish, Carassius auratus"), ("n01440764", "n01443537"))
    mapping = map_labels(source.classes, source.label_kind, outputs, 2)
    shown = name_classes(source.classes, mapping, outputs)
    at = shown.find("n01443537")
    assert (shown.names[at], shown.short_name(at)) == ("goldfish, Carassius auratus", "goldfish")
    assert set(shown.names) == {"goldfish, Carassius auratus", "n99999999", "own name"}


def test_a_recording_of_folders_called_by_wnids_goes_on_under_their_new_names() -> None:
    bare = ClassTable(("n01443537", "own"), ("n01443537", ""))
    shown = ClassTable(("goldfish, Carassius auratus", "own"), ("n01443537", ""))
    assert bare.keys == shown.keys == ("n01443537", "own")
    assert ClassTable(("a", "b")).keys == ("a", "b")
