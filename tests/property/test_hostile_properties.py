"""What must hold of any recording that is opened, whoever edited it: the numbers of its files, or one sentence."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile import VALUES, answer, edited, fields, read_all
from senet_viz.errors import RecordingError
from senet_viz.recording.layout import MANIFEST
from senet_viz.recording.reader import Recording, open_recording
from tests.support.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("hostile") / "run"
    return synthetic_recording(folder, classes=3, per_class=4, blocks=[3, 4], unreadable=(2,))


@pytest.fixture(scope="module")
def untouched(recording: Recording) -> tuple[str, list[np.ndarray]]:
    return (recording.path / MANIFEST).read_text("utf-8"), read_all(recording.path)


@settings(max_examples=120)
@given(st.data())
def test_any_field_of_a_manifest_may_hold_anything(
    recording: Recording, untouched: tuple[str, list[np.ndarray]], data: st.DataObject
) -> None:
    text, numbers = untouched
    tree = json.loads(text)
    where = data.draw(st.sampled_from(list(fields(tree))), "field")
    value = data.draw(st.sampled_from([name for name in VALUES if name != "missing" or isinstance(where[-1], str)]))
    (recording.path / MANIFEST).write_text(edited(tree, where, VALUES[value]), "utf-8")
    assert answer(recording.path, numbers)[0] in ("refused", "same numbers")


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("gates", 0, "channels"), 0, r"gates\[0\]\.channels"),
        (("gates", 0, "channels"), 2**40, r"gates\[0\]\.channels"),
        (("gates", 0, "channels"), 5, "the manifest has 3 and 5: verify it"),
        (("gates", 0, "range"), [1.0, 0.0], "goes from 1 to 0"),
        (("gates",), [], "gates: there is none"),
        (("classes", "names", 0), "\ud800", "half of a surrogate pair"),
        (("files", 0, "name"), "../run/manifest.json", "no name of a file in the folder"),
        (("files", 0, "rows"), 7, "rows, the manifest counts"),
        (("files", 1, "role"), "rubbish", "has the role 'rubbish', which is none of samples"),
        (("mapping", "outputs"), [0], "1 outputs for 3 classes"),
    ],
)
def test_each_contradiction_is_named(
    recording: Recording, untouched: tuple[str, list[np.ndarray]], where: tuple, value: object, said: str
) -> None:
    (recording.path / MANIFEST).write_text(edited(json.loads(untouched[0]), where, value), "utf-8")
    with pytest.raises(RecordingError, match=said):
        read_all(recording.path)


def test_two_gates_of_one_name_are_refused(recording: Recording, untouched: tuple[str, list[np.ndarray]]) -> None:
    tree = json.loads(untouched[0])
    name = tree["gates"][0]["name"]
    (recording.path / MANIFEST).write_text(edited(tree, ("gates", 1, "name"), name), "utf-8")
    with pytest.raises(RecordingError, match=f"gates: '{name}' stands there twice"):
        open_recording(recording.path)


def test_too_many_levels_are_one_sentence(recording: Recording) -> None:
    (recording.path / MANIFEST).write_text("[" * 100_000 + "]" * 100_000, "utf-8")
    with pytest.raises(RecordingError, match="could not be read"):
        open_recording(recording.path)
