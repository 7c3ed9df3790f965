"""Names of outputs that a person gives: ImageNet's order, or any usual file of them."""

import json
from pathlib import Path

import pytest

from senet_viz.errors import ArgumentError
from senet_viz.images.labels import map_labels
from senet_viz.models.output_names import name_outputs
from senet_viz.models.zoo import load_model
from senet_viz.recording.options import RecordOptions
from senet_viz.schema import ClassTable
from senet_viz.workflows.record import record
from senet_viz.workflows.recorded_model import load_recorded_model
from tests.support.tiny import write_tiny_parquet

TINY = "tests.support.tiny:tiny_se"


def test_imagenets_order_by_name() -> None:
    table, note = name_outputs("ImageNet-1k", 1000)
    assert table.wnids[1] == "n01443537"
    assert table.names[1].startswith("goldfish")
    assert "ImageNet-1k's usual order" in note
    with pytest.raises(ArgumentError, match="names 1,000 outputs, and the network has 10"):
        name_outputs("imagenet-1k", 10)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "tench\ngoldfish\n"),
        ("a.names", "\ufefftench \r\ngoldfish\r\n\r\n"),
        ("a.json", '["tench", "goldfish"]'),
        ("a.json", '{"1": "goldfish", "0": "tench"}'),
        ("config.json", '{"id2label": {"0": "tench", "1": "goldfish"}, "model_type": "x"}'),
        ("config.json", '{"label_names": ["tench", "goldfish"]}'),
        ("synset_words.txt", "n01440764 tench\nn01443537 goldfish\n"),
        ("index.json", '{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}'),
        ("classes.csv", "label,wnid,name\n1,n01443537,goldfish\n0,n01440764,tench\n"),
    ],
)
def test_usual_files_of_names(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    table, note = name_outputs(tmp_path / name, 2)
    assert table.names == ("tench", "goldfish")
    assert table.wnids == (("n01440764", "n01443537") if "n0144" in text else ())
    assert name in note


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "tench\n", "names 1 output, and the network has 2"),
        ("a.txt", "tench\n\ngoldfish\n", "line 2 of .* is empty"),
        ("a.txt", "", "is empty"),
        ("a.json", "{", "holds no names"),
        ("a.json", '{"0": "tench", "2": "goldfish"}', "holds no names"),
        ("a.json", "[1, 2]", "holds no names"),
        ("a.json", "3", "holds no names"),
    ],
)
def test_other_files_get_one_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ArgumentError, match=words):
        name_outputs(tmp_path / name, 2)
    with pytest.raises(ArgumentError, match="could not be read from"):
        name_outputs(tmp_path / "missing.txt", 2)


def test_names_given_by_hand_are_recorded_and_found_again(tmp_path: Path) -> None:
    from senet_viz.models.options import ModelOptions

    names = [f"class {k}" for k in range(10)]
    (tmp_path / "names.json").write_text(json.dumps(names), encoding="utf-8")
    model = load_model(TINY, device="cpu", options=ModelOptions(outputs=str(tmp_path / "names.json")))
    assert model.classes.names == tuple(names)
    data = write_tiny_parquet(tmp_path / "data.parquet", 20)
    recording = record(model, data, tmp_path / "recording", options=RecordOptions())
    assert recording.manifest.mapping.outputs == tuple(range(10))
    assert any("named by hand: names.json" in note for note in recording.manifest.notes)
    again = load_recorded_model(recording.manifest, model=TINY, device="cpu")
    assert again.classes.names == tuple(names)


def test_a_thousand_nameless_outputs_are_offered_imagenets_order_and_nothing_more() -> None:
    goldfish = ClassTable(("goldfish",), ("n01443537",))
    offered = map_labels(goldfish, "classes", None, 1000)
    assert offered.outputs == (None,)
    assert "--outputs imagenet-1k" in offered.note
    assert "--outputs" not in map_labels(goldfish, "classes", None, 10).note
    assert "--outputs" not in map_labels(ClassTable(("goldfish",)), "classes", None, 1000).note
