"""Frozen data and JSON: what is written is read back, and what is of another type is named with its file and its path."""

import json
import math
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from senet_viz.analysis.experiments.files import read_result, write_result
from senet_viz.analysis.freezing_files import stored_freezing
from senet_viz.claims.assessment import read_assessment
from senet_viz.claims.assessment_claims import read_effects
from senet_viz.claims.evidence import ClaimReport
from senet_viz.errors import ExperimentError, RecordingError, SourceError
from senet_viz.recording.files import read_data, replace_json
from senet_viz.recording.folder import LOCK, PROGRESS, Holder, Progress, read_lock, read_progress
from senet_viz.recording.outcomes import open_outcomes
from senet_viz.recording.reader import open_recording
from senet_viz.schema import ClassTable, Gate, from_tree, to_tree
from senet_viz.stats.estimates import Interval
from tests.support.edited import edit_json
from tests.support.experimented import drawn_result

MADE = Path(__file__).parents[1] / "data" / "made_by_0_1"
Reader = Callable[[Path], object]
READERS: Mapping[str, tuple[str, Reader]] = {
    "recording": ("recording/manifest.json", lambda path: open_recording(path.parent)),
    "interventions": ("interventions/manifest.json", lambda path: open_outcomes(path.parent)),
    "assessment": ("recording/assessment.json", lambda path: read_assessment(open_recording(path.parent))),
    "effects": ("recording/assessment.json", lambda path: read_effects(open_recording(path.parent))),
    "freezing": ("recording/freezing.json", lambda path: stored_freezing(path.parent)),
    "experiment": ("experiment/result.json", lambda path: read_result(path.parent)),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "all"
    shutil.copytree(MADE, folder)
    tree = json.loads((MADE / "recording" / "assessment.json").read_bytes())
    like = {"icc": 0.2, "low": 0.1, "high": 0.3, "level": 0.95}
    replace_json(folder / "recording", "assessment.json", with_value(tree, "blocks[0].classes_like_these", like))
    write_result(folder / "experiment", drawn_result({"r16": 0.6, "none": 0.5}))
    return folder


def with_value(tree: Any, path: str, value: object) -> Any:
    """The tree with another value at a path such as "gates[3].channels"."""
    *keys, last = re.findall(r"[^.\[\]]+", path)
    holder = tree
    for key in keys:
        holder = holder[int(key) if isinstance(holder, list) else key]
    holder[int(last) if isinstance(holder, list) else last] = value
    return tree


@pytest.mark.parametrize(
    ("kind", "path", "value", "reason"),
    [
        ("recording", "id", 3, "Expected `str`, got `int`"),
        ("recording", "gates[1].channels", "64", "Expected `int`, got `str`"),
        ("recording", "gates[0].range[1]", "1", "Expected `float`, got `str`"),
        ("recording", "gates[0].range", [0.0], "Expected `array` of length 2, got 1"),
        ("recording", "gates[0].reduced_channels", 2.5, "Expected `int | null`, got `float`"),
        ("recording", "gates", {}, "Expected `array`, got `object`"),
        ("recording", "classes.names[2]", 5, "Expected `str`, got `int`"),
        ("recording", "classes", [], "Expected `object`, got `array`"),
        ("recording", "mapping.outputs[3]", "3", "Expected `int | null`, got `str`"),
        ("recording", "files[0].bytes", True, "Expected `int`, got `bool`"),
        ("recording", "files", None, "Expected `array`, got `null`"),
        ("recording", "progress.consumed", "all", "Expected `int`, got `str`"),
        ("recording", "throughput[0]", "fast", "Expected `object`, got `str`"),
        ("recording", "complete", "yes", "Expected `bool`, got `str`"),
        ("interventions", "variants[2].blocks[0]", 7, "Expected `str`, got `int`"),
        ("interventions", "variants[2].strength", "1", "Expected `float`, got `str`"),
        ("interventions", "variants", None, "Expected `array`, got `null`"),
        ("assessment", "images", "80", "Expected `int`, got `str`"),
        ("assessment", "blocks[1].gate.near_one.replicates[2]", "x", "Expected `float | null`, got `str`"),
        ("assessment", "blocks[1].gate.near_one.replicates", 3, "Expected `array`, got `int`"),
        ("assessment", "blocks[1].gate.near_one.scale", "cube", "Invalid enum value 'cube'"),
        ("assessment", "blocks[0].health.dead", [], "Expected `float`, got `array`"),
        ("assessment", "blocks[0].null", 1, "Expected `object | null`, got `int`"),
        ("assessment", "blocks[0]", 3, "Expected `object`, got `int`"),
        ("assessment", "blocks[0].classes_like_these.icc", "1", "Expected `float`, got `str`"),
        ("assessment", "blocks[0].classes_like_these.level", "1", "Expected `float`, got `str`"),
        ("assessment", "files", [3], "Expected `object`, got `array`"),
        ("effects", "effects.effects[3].top1.replicates[0]", {}, "Expected `float | null`, got `object`"),
        ("effects", "effects.clean.top1", "high", "Expected `float`, got `str`"),
        ("effects", "effects.effects[0].repeats", None, "Expected `int`, got `null`"),
        ("freezing", "parameters", "many", "Expected `int`, got `str`"),
        ("freezing", "gates[0].depth", 0.5, "Expected `int`, got `float`"),
        ("freezing", "steps[1].choosing.loss", "0", "Expected `float`, got `str`"),
        ("freezing", "steps[0].choosing.top1", "0", "Expected `float`, got `str`"),
        ("freezing", "steps[0].choosing.replicates[3]", "0", "Expected `float | null`, got `str`"),
        ("freezing", "steps[0].candidates[1].top1", "0", "Expected `float`, got `str`"),
        ("freezing", "steps[0].candidates[1].block", None, "Expected `str`, got `null`"),
        ("freezing", "clean", [1.0, 2.0, 3.0], "Expected `array` of length 2, got 3"),
        ("experiment", "experiment.seeds[0]", "0", "Expected `int`, got `str`"),
        ("experiment", "experiment.conditions[1].id", 1, "Expected `str`, got `int`"),
        ("experiment", "cells[0].blocks[0].omega_squared", "x", "Expected `float`, got `str`"),
        ("experiment", "networks[1].macs", 0.5, "Expected `int`, got `float`"),
        ("experiment", "cells[0].environment", 3, "Expected `object`, got `int`"),
        ("experiment", "data.train", 3, "Expected `object`, got `int`"),
    ],
)  # fmt: skip
def test_a_wrong_type_anywhere_is_named(
    made: Path, tmp_path: Path, kind: str, path: str, value: object, reason: str
) -> None:
    name, read = READERS[kind]
    shutil.copytree((made / name).parent, tmp_path / "copy")
    file = tmp_path / "copy" / Path(name).name
    read(file)
    edit_json(file)
    file.write_text(json.dumps(with_value(json.loads(file.read_bytes()), path, value)), encoding="utf-8")
    with pytest.raises(ExperimentError if kind == "experiment" else RecordingError) as raised:
        read(file)
    sentence = str(raised.value)
    assert sentence.startswith(f"{file}, {path}: {reason}; ")
    assert sentence.endswith("again.")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("images", "80", "Expected `int`, got `str`"),
        ("roles.SE_2_3", 3, "Expected `str`, got `int`"),
        ("claims[0].readings.relative.verdict", "true", "Invalid enum value 'true'"),
        ("claims[0].readings.relative.interval.low", "0", "Expected `float`, got `str`"),
        ("claims[0].readings.relative.parts[0].unit", None, "Expected `str`, got `null`"),
    ],
)
def test_a_report_names_its_paths(path: str, value: object, reason: str) -> None:
    tree = json.loads((MADE / "recording" / "assessment.json").read_text("utf-8"))["claims"]
    tree["roles"] = {"SE_2_3": "SE_2_1"}
    ClaimReport.from_json(tree)
    with pytest.raises(RecordingError, match=re.escape(f"the claims, {path}: {reason}; run assess again.")):
        ClaimReport.from_json(with_value(tree, path, value), "the claims")


def test_a_lock_or_progress_of_another_type_is_none(tmp_path: Path) -> None:
    replace_json(tmp_path, LOCK, Holder(1, "here", "now", None))
    replace_json(tmp_path, PROGRESS, Progress("running", 1, 2, 0, math.nan, None, "now", 1))
    assert read_lock(tmp_path) == Holder(1, "here", "now", None)
    assert read_progress(tmp_path) == Progress("running", 1, 2, 0, None, None, "now", 1)
    for name, key, read in ((LOCK, "pid", read_lock), (PROGRESS, "consumed", read_progress)):
        tree = json.loads((tmp_path / name).read_bytes())
        replace_json(tmp_path, name, {**tree, key: "1"})
        assert read(tmp_path) is None
        with pytest.raises(RecordingError, match=f"{name}, {key}: Expected `int`, got `str`; delete it"):
            read_data(tmp_path / name, Holder if name == LOCK else Progress, "delete it")


@dataclass(frozen=True, eq=False)
class Held:
    numbers: NDArray[np.float64]
    table: NDArray[np.float64]
    value: float
    pair: tuple[float, float] | None
    by_name: Mapping[str, Interval]
    free: Mapping[str, Any]


def test_what_is_written_is_read_back() -> None:
    interval = Interval(math.nan, 1.0, 0.95)
    held = Held(
        np.array([1.0, math.nan]), np.ones((2, 3)), math.inf, (math.nan, 2.0), {"a": interval},
        {"n": np.int64(3), "x": np.float32(0.5), "of": (1, None)},
    )  # fmt: skip
    tree = to_tree(held)
    assert tree == {
        "numbers": [1.0, None], "table": [[1.0] * 3] * 2, "value": None, "pair": [None, 2.0],
        "by_name": {"a": {"low": None, "high": 1.0, "level": 0.95}}, "free": {"n": 3, "x": 0.5, "of": [1, None]},
    }  # fmt: skip
    back = from_tree(Held, json.loads(json.dumps(tree, allow_nan=False)), "x.json", "write it again")
    np.testing.assert_array_equal(back.numbers, held.numbers)
    np.testing.assert_array_equal(back.table, held.table)
    assert math.isnan(back.value)
    assert back.pair is not None
    assert math.isnan(back.pair[0])
    assert math.isnan(back.by_name["a"].low)
    assert to_tree(back) == tree


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"more": 1}, "x.json: Object has unknown field `more`; write it again."),
        (
            {"by_name": {"a": {"low": 0, "high": 1, "level": 1, "up": 1}}},
            "x.json, by_name.a: Object has unknown field `up`; ",
        ),
        ({"by_name": {"a": {"low": 0}}}, "x.json, by_name.a: Object missing required field `high`; "),
        ({"by_name": {"a": 3}}, "x.json, by_name.a: Expected `object`, got `int`; "),
        ({"table": [[1, 2], [3]]}, "x.json, table: Expected rows of one length; "),
        ({"table": [[1, 2], 3]}, "x.json, table[1]: Expected `array`, got `int`; "),
        ({"pair": [1, 2, 3]}, "x.json, pair: Expected `array` of length 2, got 3; "),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], sentence: str) -> None:
    tree = {"numbers": [], "table": [], "value": 0, "pair": None, "by_name": {}, "free": {}}
    assert from_tree(Held, tree, "x.json", "write it again").value == 0
    with pytest.raises(RecordingError) as raised:
        from_tree(Held, {**tree, **change}, "x.json", "write it again")
    assert str(raised.value).startswith(sentence)


def test_what_a_dataclass_refuses_itself_is_told_with_its_path() -> None:
    table = {"names": ["a", "b"], "wnids": ["n1"]}
    with pytest.raises(SourceError, match=r"^x, classes: A class table of 2 names came with 1 wnids; take another\.$"):
        from_tree(ClassTable, table, "x", "take another", path="classes", error=SourceError)


def test_a_bound_that_is_not_finite_is_null_in_json_and_comes_back() -> None:
    gate = Gate("a", "SE_1_1", 1, 0, 4, None, "f", "relu", (0.0, math.inf), histogram=(0.0, 2.5), form="x + s·x")
    tree = json.loads(json.dumps(to_tree(gate), allow_nan=False))
    assert tree["range"] == [0.0, None]
    assert from_tree(Gate, tree, "file", "do") == gate
    assert gate.extent == (0.0, 2.5)
    old = {name: value for name, value in tree.items() if name not in ("form", "histogram")} | {"range": [0.0, 1.0]}
    assert from_tree(Gate, old, "file", "do").form == "s·x"
