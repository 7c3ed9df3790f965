"""An experiment is run, stopped, resumed and answered; what it can not run is refused before anything is trained."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from senet_viz.analysis.experiments.files import read_result
from senet_viz.analysis.experiments.result import ExperimentResult
from senet_viz.cli.options import app
from senet_viz.errors import ArgumentError, ExperimentError, SourceError
from senet_viz.models.zoo import load_model
from senet_viz.workflows.experiments import ExperimentProgress, ExperimentRequest, run_experiment
from tests.support.experimented import DECLARATION, write_declaration
from tests.support.tiny import write_tiny_parquet

pytestmark = pytest.mark.slow

TEXT = DECLARATION.replace("seeds = [0, 1]", "seeds = [3]").replace("[[1, 16]]", "[[1, 8]]").replace("= 64", "= 20")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_parquet(tmp_path_factory.mktemp("experimenting") / "train.parquet", 120)


def run(data: Path, folder: Path, *, text: str = TEXT, **options: object) -> tuple[ExperimentResult, list[str]]:
    said: list[str] = []
    steps: list[ExperimentProgress] = []
    request = ExperimentRequest(
        file=write_declaration(folder, text), data=str(data), validation=str(data), device="cpu", **options
    )  # type: ignore[arg-type]
    return run_experiment(request, say=said.append, report=steps.append), said


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ExperimentResult, Path]:
    folder = tmp_path_factory.mktemp("finished")
    return run(data, folder, keep_networks=True)[0], folder


def test_every_condition_is_trained_judged_counted_and_timed(finished: tuple[ExperimentResult, Path]) -> None:
    result, folder = finished
    assert [(cell.condition, cell.seed) for cell in result.cells] == [("r16", 3), ("none", 3), ("relu", 3)]
    assert set(np.unique(result.labels)) == set(range(5))
    r16, none, relu = result.cells
    assert [block.label for block in r16.blocks] == [f"SE_{stage}_{unit}" for stage in range(2, 6) for unit in (1, 2)]
    assert (none.blocks, none.reason) == ((), "The network has no SE units.")
    assert (relu.reason, [block.label for block in relu.blocks]) == ("", [block.label for block in r16.blocks])
    costs = {cost.condition: cost for cost in result.costs}
    assert costs["none"].gate_parameters == costs["none"].gate_macs == 0
    assert costs["r16"].gate_parameters == costs["r16"].parameters - costs["none"].parameters > 0
    assert costs["r16"].gate_macs > 0
    assert result.timing is not None
    assert result.timing.speeds[0].inference == (1.0, 1.0, 1.0)
    assert all(low <= median <= high for s in result.timing.speeds for median, low, high in (s.inference, s.training))
    again = read_result(folder)
    assert again is not None
    assert repr(again.answers) == repr(result.answers)


def test_a_kept_network_gives_the_predictions_that_were_stored(
    finished: tuple[ExperimentResult, Path], data: Path
) -> None:
    from senet_viz.images.opening import open_images
    from senet_viz.images.source import take_classes
    from senet_viz.workflows.evaluate import judge_images

    result, folder = finished
    model = load_model(folder / "cells" / "r16-3", device="cpu")
    judged = judge_images(model, take_classes(open_images(str(data)), 5))
    assert np.array_equal(judged.prediction, result.cells[0].predictions)
    assert (folder / "cells" / "r16-3" / "recording" / "manifest.json").is_file()


def test_what_is_trained_is_not_trained_again(finished: tuple[ExperimentResult, Path], data: Path) -> None:
    result, folder = finished
    again, said = run(data, folder)
    assert said == []
    assert [cell.identity for cell in again.cells] == [cell.identity for cell in result.cells]


def test_what_is_stopped_goes_on_and_ends_alike(
    finished: tuple[ExperimentResult, Path], data: Path, tmp_path: Path
) -> None:
    stopped, said = run(data, tmp_path, conditions=("r16",), stop_after=0.0)
    assert stopped.cells == ()
    assert "the same command goes on there" in said[-1]
    assert (tmp_path / "cells" / "r16-3" / "training.pt").is_file()
    result, _ = run(data, tmp_path, conditions=("r16",))
    assert np.array_equal(result.cells[0].predictions, finished[0].cells[0].predictions)
    assert np.array_equal(result.cells[0].losses, finished[0].cells[0].losses)
    assert result.timing is None
    assert not (tmp_path / "cells" / "r16-3").exists()


def test_results_of_another_recipe_are_not_mixed_in(
    finished: tuple[ExperimentResult, Path], data: Path, tmp_path: Path
) -> None:
    for name in ("result.json", "outcomes.parquet"):
        shutil.copy(finished[1] / name, tmp_path / name)
    with pytest.raises(ExperimentError, match="r16 with seed 3, trained by another declaration"):
        run(data, tmp_path, text=TEXT.replace("peak_rate = 0.1", "peak_rate = 0.2"))
    assert not (tmp_path / "job.lock").exists()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('gate = "relu"', 'gate = "step"', "Condition relu of small: gate is 'step'"),
        ('gate = "relu"', "shape = 1", "Condition relu of small: se_resnet18 has no argument 'shape'"),
        ("peak_rate", "top_rate", "can not be followed"),
        ("batch_size = 20", "seed = 1", "seeds are declared beside it"),
        ("phases = [[1, 8]]", "phases = [8]", "can not be followed"),
        ("classes = 5", "classes = 500", "500 classes are wanted"),
    ],
)
def test_what_can_not_be_run_is_refused_before_training(
    data: Path, tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    assert old in TEXT
    with pytest.raises(ArgumentError, match=sentence):
        run(data, tmp_path, text=TEXT.replace(old, new))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["experiment.toml"]


def test_choices_that_are_not_declared_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="has no condition 'r8'"):
        run(data, tmp_path, conditions=("r8",))
    with pytest.raises(ArgumentError, match="Seed 7 is not declared"):
        run(data, tmp_path, seeds=(7,))


def test_data_of_other_classes_are_refused(data: Path, tmp_path: Path) -> None:
    request = ExperimentRequest(
        file=write_declaration(tmp_path, TEXT), data="digits", validation=str(data), device="cpu"
    )
    with pytest.raises(SourceError, match="same named classes"):
        run_experiment(request, say=lambda _: None, report=lambda _: None)


def test_the_command_tells_what_is_found(finished: tuple[ExperimentResult, Path], data: Path) -> None:
    result, folder = finished
    command = ["experiment", str(folder / "experiment.toml"), "--data", str(data), "--val", str(data), "--nice", "0"]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0, told.output
    assert "All 3 networks are trained: 3 conditions × 1 seed." in told.stdout
    assert "Does SE do better than no SE? Cannot tell from one seed" in told.stdout
    tree = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert [cell["top1"] for cell in tree["cells"]] == [float(result.correct(cell).mean()) for cell in result.cells]
    refused = CliRunner().invoke(app, [*command, "--seeds", "one"])
    assert isinstance(refused.exception, ArgumentError)
    assert "seeds is 'one'" in str(refused.exception)
