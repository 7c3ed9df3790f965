"""Classes reach outputs by wnid, by name or by a file, never by position."""

import json
from pathlib import Path

import numpy as np
import pytest

from senet_viz.errors import ArgumentError, SourceError
from senet_viz.images.labels import map_labels, name_classes
from senet_viz.images.opening import open_images
from senet_viz.images.source import choose_indices, choose_kept
from senet_viz.schema import ClassTable, LabelMapping
from tests.support import image_files as draw

TEN = [
    ("n01440764", "tench, Tinca tinca"),
    ("n01443537", "goldfish, Carassius auratus"),
    ("n01484850", "great white shark, white shark"),
    ("n01491361", "tiger shark, Galeocerdo cuvieri"),
    ("n01494475", "hammerhead, hammerhead shark"),
    ("n01496331", "electric ray, crampfish"),
    ("n01498041", "stingray"),
    ("n01514668", "cock"),
    ("n01514859", "hen"),
    ("n01518878", "ostrich, Struthio camelus"),
]
ORDER = [7, 2, 9, 0, 4, 1, 8, 6, 3, 5]  # the data's class k is the model's output ORDER[k]
OUTPUTS = ClassTable(tuple(name for _, name in TEN), tuple(wnid for wnid, _ in TEN))


def test_ten_folders_numbered_in_another_order_map_by_classes_csv(tmp_path: Path) -> None:
    folder = draw.write_class_folders(tmp_path / "data", [str(k) for k in range(10)], images=1)
    rows = "".join(f'{k},{TEN[ORDER[k]][0]},"{TEN[ORDER[k]][1]}"\n' for k in range(10))
    draw.write_file(folder / "classes.csv", f"label,wnid,name\n{rows}".encode())
    source = open_images(folder)
    mapping = map_labels(source.classes, source.label_kind, OUTPUTS, 10)
    assert (mapping.outputs, mapping.method, mapping.note) == (tuple(ORDER), "wnid", "")
    without_wnids = map_labels(source.classes, source.label_kind, ClassTable(OUTPUTS.names), 10)
    assert (without_wnids.outputs, without_wnids.method) == (tuple(ORDER), "name")


def test_bare_numbers_map_to_nothing_and_say_so(tmp_path: Path) -> None:
    source = open_images(draw.write_class_folders(tmp_path, [str(k) for k in range(10)], images=1))
    mapping = map_labels(source.classes, source.label_kind, OUTPUTS, 10)
    assert (mapping.outputs, mapping.method) == ((None,) * 10, "none")
    assert "give a label map" in mapping.note
    unknown = map_labels(source.classes, source.label_kind, None, 10)
    assert unknown.outputs == (None,) * 10
    assert "not known" in unknown.note


@pytest.mark.parametrize("form", ["{wnid}", "{wnid}_{number}", "{short}", "{whole}"])
def test_folders_in_any_order_map_by_what_they_are_called(tmp_path: Path, form: str) -> None:
    names = [
        form.format(wnid=wnid, number=9 - k, short=name.split(",")[0], whole=name) for k, (wnid, name) in enumerate(TEN)
    ]
    source = open_images(draw.write_class_folders(tmp_path, names, images=1))
    mapping = map_labels(source.classes, source.label_kind, OUTPUTS, 10)
    assert mapping.outputs == tuple(names.index(name) for name in sorted(names))
    assert mapping.method == ("wnid" if "wnid" in form else "name")


def test_a_number_before_a_name_is_no_output(tmp_path: Path) -> None:
    names = [f"{k}_{TEN[ORDER[k]][1].split(',')[0]}" for k in range(10)]
    source = open_images(draw.write_class_folders(tmp_path, names, images=1))
    assert map_labels(source.classes, source.label_kind, OUTPUTS, 10).outputs == (None,) * 10


def test_ambiguous_names_are_nothing_not_a_guess() -> None:
    outputs = ClassTable(("crane", "crane", "Newt, eft", "bank, shore", "bank, money", "cat, house", "fox"))
    classes = ClassTable(("crane", "newt", "bank", "Bank, Money", "cat, wild", "cat, tame", "fox, red", "fox"))
    mapping = map_labels(classes, "classes", outputs, 7)
    assert mapping.outputs == (None, 2, None, 4, None, None, None, 6)
    assert "5 of 8 classes" in mapping.note
    assert "'crane', 'bank', 'cat, wild' and 2 more" in mapping.note


def test_a_wnid_goes_before_a_name() -> None:
    classes = ClassTable(("goldfish", "hen", "hen"), ("n01514859", "n99999999", ""))
    outputs = ClassTable(("goldfish", "hen"), ("n01443537", "n01514859"))
    mapping = map_labels(classes, "classes", outputs, 2)
    assert (mapping.outputs, mapping.method) == ((1, None, 1), "wnid")


def test_outputs_called_by_wnids_and_digits_by_name() -> None:
    mapping = map_labels(ClassTable(("hen",), ("n01514859",)), "classes", ClassTable(("x", "n01514859")), 2)
    assert (mapping.outputs, mapping.method) == ((1,), "wnid")
    digits = ClassTable(tuple("0123456789"))
    assert map_labels(digits, "classes", digits, 10).outputs == tuple(range(10))


def test_no_labels_and_wrong_tables() -> None:
    assert map_labels(ClassTable(()), "none", OUTPUTS, 10).method == "none"
    with pytest.raises(ArgumentError, match="11 outputs, but 10 names"):
        map_labels(OUTPUTS, "classes", OUTPUTS, 11)
    by_name = LabelMapping((0, *(None,) * 9), "name")
    assert name_classes(OUTPUTS, by_name, ClassTable(("x",))) == OUTPUTS
    both = name_classes(ClassTable(("0", "1")), LabelMapping((0, None), "output index"), ClassTable(("a",), ("w",)))
    assert both == ClassTable(("a", "1"), ("w", ""))


@pytest.mark.parametrize("names", [("10", "2"), ("010", "002")])
def test_numbers_are_output_indices_where_that_is_said(names: tuple[str, ...]) -> None:
    mapping = map_labels(ClassTable(names), "classes", None, 11, label_map=Path("outputs"))
    assert (mapping.outputs, mapping.method) == ((10, 2), "output index")
    with pytest.raises(SourceError, match=r"'cat'.* no whole numbers"):
        map_labels(ClassTable(("1", "cat")), "classes", None, 11, label_map=Path("outputs"))
    with pytest.raises(SourceError, match="could not be read as CSV"):
        map_labels(ClassTable(names), "classes", None, 11, label_map=Path("outputs.csv"))


def test_a_source_may_say_itself_that_its_labels_are_output_indices() -> None:
    assert map_labels(ClassTable(("0", "1")), "output indices", None, 2).outputs == (0, 1)


CLASSES = ClassTable(("cat", "dog, hound", "7"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", 'class,output\ncat,n01514859\ndog,"tench, Tinca tinca"\n7,\n'),
        ("m.csv", "dog,tench\n0,8\nlion,3\n"),
        ("m.json", json.dumps({"cat": 8, "dog, hound": "TENCH", "7": None})),
    ],
)
def test_a_label_map_of_any_form(tmp_path: Path, name: str, text: str) -> None:
    path = draw.write_file(tmp_path / name, text.encode())
    mapping = map_labels(CLASSES, "classes", OUTPUTS, 10, label_map=path)
    assert (mapping.outputs, mapping.method) == ((8, 0, None), "label map")
    assert "1 of 3 classes" in mapping.note
    assert ("'lion'" in mapping.note) == ("lion" in text)


def test_a_label_map_to_indices_without_names(tmp_path: Path) -> None:
    path = draw.write_file(tmp_path / "m.csv", b"cat,2\ndog,2\n7,0\n")
    assert map_labels(CLASSES, "classes", None, 3, label_map=path).outputs == (2, 2, 0)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("m.csv", "cat,10\n", "names '10', which is not one output .* 0 to 9"),
        ("m.csv", "cat,unicorn\n", "'unicorn'"),
        ("m.csv", "lion,1\n", "names no class of the data"),
        ("m.csv", "cat,1\ncat,2\n", "to two outputs"),
        ("m.csv", "cat\n", "row of 1 cells"),
        ("m.json", "{", "could not be read as JSON"),
        ("m.json", "[1]", "is no object"),
        ("m.json", '{"cat": 1.5}', "is no object"),
    ],
)
def test_a_damaged_label_map_is_refused(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    path = draw.write_file(tmp_path / name, text.encode())
    with pytest.raises(SourceError, match=sentence):
        map_labels(CLASSES, "classes", OUTPUTS, 10, label_map=path)
    with pytest.raises(SourceError, match="could not be read"):
        map_labels(CLASSES, "classes", OUTPUTS, 10, label_map=tmp_path / f"none-{name}")


def test_choices_that_make_no_sense() -> None:
    labels = np.array([0, 1, -1], np.int32)
    with pytest.raises(ArgumentError, match="limit is 0"):
        choose_indices(labels, limit=0, seed=0)
    for keep in ("some", "-1", "0", "1.5", "²"):
        with pytest.raises(ArgumentError, match="give all, none or a number"):
            choose_kept(labels, keep=keep, seed=0)
    assert choose_kept(labels[:0], keep="2", seed=0).tolist() == []
    assert choose_indices(labels[:0], limit=3, seed=0).tolist() == []
