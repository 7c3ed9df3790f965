import json
import math
import os
from pathlib import Path

import pytest

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.folder import read_progress, write_progress

VALUES = {"consumed": 3, "total": 10, "errors": 1, "rate": 2.5, "seconds_left": 2.8}


def test_progress_comes_back(tmp_path: Path) -> None:
    write_progress(tmp_path, "running", VALUES, message="going on")
    progress = read_progress(tmp_path)
    assert {name: getattr(progress, name) for name in VALUES} == VALUES
    assert (progress.state, progress.pid, progress.message) == ("running", os.getpid(), "going on")
    assert [p.name for p in tmp_path.iterdir()] == ["progress.json"]


def test_what_is_not_known_yet_is_null(tmp_path: Path) -> None:
    write_progress(tmp_path, "running", {**VALUES, "rate": math.nan, "seconds_left": math.inf})
    assert "NaN" not in (tmp_path / "progress.json").read_text("utf-8")
    assert (read_progress(tmp_path).rate, read_progress(tmp_path).seconds_left) == (None, None)


def test_an_unknown_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="'done' is no state"):
        write_progress(tmp_path, "done", VALUES)


def test_no_progress_and_half_a_progress_are_none(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
    (tmp_path / "progress.json").write_text(json.dumps({"state": "running"}), encoding="utf-8")
    assert read_progress(tmp_path) is None


def test_a_folder_that_went_away_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"Writing progress\.json in .* failed: No such file"):
        write_progress(tmp_path / "gone", "running", VALUES)
