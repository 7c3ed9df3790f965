"""Results are stored and read back as they were; what is damaged or of another declaration is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.experiments.files import list_experiments, open_experiment, read_result, write_result
from senet_viz.errors import ExperimentError
from tests.support.experimented import drawn_result, write_declaration


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    result = drawn_result({"r16": 0.6, "none": 0.5})
    write_result(tmp_path, result)
    found = read_result(tmp_path)
    assert found is not None
    assert found.experiment == result.experiment
    assert found.answers == result.answers
    assert found.accuracies == result.accuracies
    assert found.timing == result.timing
    assert found.costs == result.costs
    for mine, theirs in zip(found.cells, result.cells, strict=True):
        assert np.array_equal(mine.predictions, theirs.predictions)
        assert np.array_equal(mine.losses, theirs.losses)
        assert mine.blocks == theirs.blocks
    tree = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert tree["cells"][0]["top1"] == pytest.approx(result.correct(result.cells[0]).mean())


def test_nothing_found_yet_is_no_error(tmp_path: Path) -> None:
    assert read_result(tmp_path) is None
    write_declaration(tmp_path / "small")
    assert list_experiments(tmp_path) == {"small": tmp_path / "small"}
    experiment, result = open_experiment(tmp_path / "small")
    assert (experiment.name, result) == ("small", None)


def test_damage_is_told(tmp_path: Path) -> None:
    write_result(tmp_path, drawn_result({"r16": 0.6}))
    whole = (tmp_path / "result.json").read_text(encoding="utf-8")
    (tmp_path / "result.json").write_text(whole[:-100], encoding="utf-8")
    with pytest.raises(ExperimentError, match="could not be read"):
        read_result(tmp_path)
    (tmp_path / "result.json").write_text(whole.replace('"version": 1', '"version": 9'), encoding="utf-8")
    with pytest.raises(ExperimentError, match="has version 9"):
        read_result(tmp_path)
    (tmp_path / "result.json").write_text(whole, encoding="utf-8")
    (tmp_path / "outcomes.parquet").unlink()
    with pytest.raises(ExperimentError, match="is missing beside"):
        read_result(tmp_path)


def test_a_result_of_another_declaration_is_not_shown(tmp_path: Path) -> None:
    write_declaration(tmp_path)
    write_result(tmp_path, drawn_result({"r16": 0.6}))
    with pytest.raises(ExperimentError, match="another declaration"):
        open_experiment(tmp_path)
