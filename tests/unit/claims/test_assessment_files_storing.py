"""What is written beside a recording is read again, and what is not of it is recognised."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from senet_viz.claims.assess_blocks import assess_blocks
from senet_viz.claims.assessment import Assessment, read_assessment, read_measures, read_tree, write_assessment
from senet_viz.errors import RecordingError
from senet_viz.recording.files import SEAL
from senet_viz.recording.layout import ASSESSMENT
from senet_viz.recording.reader import Recording
from senet_viz.stats.shares import STATISTICS
from tests.support.edited import edit_json
from tests.support.synthetic import synthetic_recording

BLOCKS = {"SE_2_1": 4, "SE_3_1": 6}
MEASURED = pd.DataFrame({"block": ["a"], "omega_squared": [np.nan]})


def written(folder: Path, keep: str) -> tuple[Recording, Assessment]:
    recording = synthetic_recording(folder, classes=4, per_class=10, blocks=BLOCKS, keep=keep)
    found = assess_blocks(recording, controls=[recording])
    write_assessment(recording.path, found, MEASURED, {"seed": 0})
    return recording, found


@pytest.mark.parametrize("keep", ["all", "none"])
def test_it_comes_back_as_it_was(tmp_path: Path, keep: str) -> None:
    recording, found = written(tmp_path / "run", keep)
    back = read_assessment(recording)
    assert back is not None
    plain = ("recording_id", "computed_from", "code_version", "images", "classes", "smallest_class", "groups", "reason")
    assert [getattr(back, name) for name in plain] == [getattr(found, name) for name in plain]
    np.testing.assert_equal(
        [dataclasses.asdict(c) for c in back.controls], [dataclasses.asdict(c) for c in found.controls]
    )
    assert back.gates == found.gates
    for mine, theirs in zip(back.blocks, found.blocks):
        for name in (statistic.name for statistic in STATISTICS):
            assert mine.gate[name].scale == theirs.gate[name].scale
            np.testing.assert_array_equal(mine.gate[name].replicates, theirs.gate[name].replicates)
            np.testing.assert_equal(mine.gate[name].working, theirs.gate[name].working)
            np.testing.assert_equal(mine.gate[name].interval().low, theirs.gate[name].interval().low)
        assert (mine.null, mine.classes) == (theirs.null, theirs.classes)
        assert mine.squeeze is not None
        assert theirs.squeeze is not None
        np.testing.assert_equal(dataclasses.astuple(mine.squeeze), dataclasses.astuple(theirs.squeeze))
        np.testing.assert_equal(dataclasses.astuple(mine.health), dataclasses.astuple(theirs.health))
        np.testing.assert_equal(mine.random_direction, theirs.random_direction)
    pd.testing.assert_frame_equal(back.table(), found.table())
    pd.testing.assert_frame_equal(read_measures(recording), MEASURED)


def test_what_is_not_a_number_is_null_in_the_file(tmp_path: Path) -> None:
    recording, _ = written(tmp_path / "run", "none")
    text = (recording.path / ASSESSMENT).read_text("utf-8")
    assert "NaN" not in text
    tree = json.loads(text)
    assert tree["blocks"][0]["random_direction"] is None
    assert tree["blocks"][0]["gate"]["omega_squared"]["low"] is None
    assert tree["blocks"][0]["gate"]["omega_squared"]["replicates"] == []


def test_where_none_is_there_is_none(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", blocks=BLOCKS)
    assert (read_tree(recording), read_assessment(recording), read_measures(recording)) == (None, None, None)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("recording_id", "f" * 32, "is of recording ffff.* assess it again"),
        ("assessment_version", 0, "is in version 0 .* assess it again"),
        ("blocks", None, r"json, blocks: Expected `array`, got `null`; assess the recording again"),
        ("groups", ..., r"assessment\.json: Object missing required field `groups`; assess the recording again"),
    ],
)
def test_a_stale_or_damaged_one_is_recognised(tmp_path: Path, key: str, value: object, sentence: str) -> None:
    recording, _ = written(tmp_path / "run", "none")
    path = recording.path / ASSESSMENT
    tree = json.loads(path.read_text("utf-8"))
    if value is ...:
        path.write_text(json.dumps({k: v for k, v in tree.items() if k not in (key, SEAL)}), encoding="utf-8")
    else:
        edit_json(path, **{key: value})
    with pytest.raises(RecordingError, match=sentence):
        read_assessment(recording)


def test_half_a_file_is_no_assessment(tmp_path: Path) -> None:
    recording, _ = written(tmp_path / "run", "none")
    path = recording.path / ASSESSMENT
    path.write_text(path.read_text("utf-8")[:500], encoding="utf-8")
    with pytest.raises(RecordingError, match=r"could not be read .* assess the recording again"):
        read_tree(recording)


def test_measures_of_z_are_read_apart_from_those_of_s(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", classes=4, per_class=10, blocks=BLOCKS)
    both = pd.DataFrame({"quantity": ["gate", "squeeze"], "block": ["a", "a"], "omega_squared": [0.1, 0.2]})
    write_assessment(recording.path, assess_blocks(recording), both, {})
    pd.testing.assert_frame_equal(read_measures(recording), both.iloc[:1, 1:])
    of_z = read_measures(recording, quantity="squeeze")
    pd.testing.assert_frame_equal(of_z, both.iloc[1:, 1:].reset_index(drop=True))


def test_an_assessment_from_before_z_was_measured_speaks_of_s(tmp_path: Path) -> None:
    recording, _ = written(tmp_path / "run", "none")
    assert len(read_measures(recording, quantity="squeeze")) == 0
