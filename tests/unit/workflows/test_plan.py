"""What `record --plan` tells, and that a label map made of its keys is read as meant."""

import json
from pathlib import Path

import numpy as np
import pytest

from senet_viz.errors import SourceError
from senet_viz.images.labels import map_labels
from senet_viz.images.opening import open_images
from senet_viz.models.zoo import load_model
from senet_viz.recording.options import RecordOptions
from senet_viz.schema import ClassTable
from senet_viz.workflows.plan import _keys, plan_recording


@pytest.mark.parametrize(
    "table",
    [
        ClassTable(("crane", "crane", "maillot, tank suit", "maillot")),
        ClassTable(("crane", "crane"), ("n1", "n2")),
        ClassTable(("crane", "Crane ", "3"), ("n1", "", "")),
        ClassTable(("1", "0", "1", "x, 2")),
        ClassTable(("n1", "a"), ("", "n1")),
    ],
)
def test_every_key_finds_its_own_class_or_output(table: ClassTable, tmp_path: Path) -> None:
    keys = _keys(table)
    assert any(keys)
    for index, key in enumerate(keys):
        if key is None:
            continue
        as_class, as_output = tmp_path / "class.json", tmp_path / "output.json"
        as_class.write_text(json.dumps({key: "here"}), encoding="utf-8")
        found = map_labels(table, "classes", ClassTable(("here",)), 1, label_map=as_class)
        assert found.outputs == tuple(0 if at == index else None for at in range(len(table)))
        as_output.write_text(json.dumps({"here": key}), encoding="utf-8")
        assert map_labels(ClassTable(("here",)), "classes", table, len(table), label_map=as_output).outputs == (index,)


def test_a_plan_tells_what_would_be_recorded_and_writes_nothing(tmp_path: Path) -> None:
    model, source = load_model("tests.support.tiny:tiny_se", device="cpu"), open_images("digits")
    plan = plan_recording(model, source, tmp_path / "run", RecordOptions(limit=50, keep="2"))
    assert (plan["images"], plan["kept"], plan["blocks"], plan["problem"]) == (50, 20, 2, None)
    assert sum(row["images"] for row in plan["classes"]) == 50
    assert {row["output"] for row in plan["classes"]} == {None}
    assert [output["key"] for output in plan["outputs"]] == [str(index) for index in range(10)]
    assert json.loads(json.dumps(plan)) == plan
    assert list(tmp_path.iterdir()) == []


def test_a_plan_that_would_be_refused_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("senet_viz.workflows.plan.MAX_MOMENT_BYTES", 1)
    model = load_model("tests.support.tiny:tiny_se", device="cpu")
    plan = plan_recording(model, open_images("digits"), tmp_path / "run", RecordOptions(limit=10))
    assert "group the labels" in plan["problem"]


def test_no_images_are_no_plan(tmp_path: Path) -> None:
    class Empty:
        name, classes, label_kind, labels, notes = "empty", ClassTable(()), "none", np.zeros(0, np.int32), ()

        def __len__(self) -> int:
            return 0

    with pytest.raises(SourceError, match="no image"):
        plan_recording(load_model("tests.support.tiny:tiny_se", device="cpu"), Empty(), tmp_path, RecordOptions())
