"""The whole way, on networks in which it is known what freezing a gate costs."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import senet_viz as sv
from senet_viz.analysis.freezing import FreezeAdvice, FreezePath
from senet_viz.analysis.freezing_files import read_freezing, stored_freezing, to_json
from senet_viz.errors import ArgumentError, RecordingError, SourceError
from senet_viz.images.source import ImageSource
from senet_viz.models.zoo import Model
from senet_viz.recording.folder import read_progress
from senet_viz.recording.layout import FREEZING
from senet_viz.workflows.freezing.making import advise_freezing
from senet_viz.workflows.freezing.request import FreezeOptions
from senet_viz.workflows.freezing.timing import time_freezing
from senet_viz.workflows.interventions.making import intervene
from senet_viz.workflows.job import JobEstimate, JobProgress
from tests.support.frozen import draw_coins
from tests.support.image_files import open_outputs
from tests.support.known_gates import write_colours
from tests.support.networks import count_hooks
from tests.support.planted import write_marked_parquet

IMAGES = 400


@pytest.fixture(scope="module")
def coins(tmp_path_factory: pytest.TempPathFactory) -> ImageSource:
    colours, labels = draw_coins(IMAGES)
    return open_outputs(write_colours(tmp_path_factory.mktemp("data") / "coins.parquet", colours, labels))


@pytest.fixture(scope="module")
def advice(coins: ImageSource, tmp_path_factory: pytest.TempPathFactory) -> FreezeAdvice:
    model = sv.load_model("tests.support.frozen:chain_gates", device="cpu")
    before = count_hooks(model.module)
    found = advise_freezing(model, coins, tmp_path_factory.mktemp("runs") / "coins", loss=5.0)
    assert count_hooks(model.module) == before
    assert not any("forward" in part.__dict__ for part in model.module.modules())
    return found


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> ImageSource:
    colours = np.random.default_rng(0).integers(0, 256, (120, 3)).astype(np.uint8)
    return open_outputs(write_colours(tmp_path_factory.mktemp("data") / "noise.parquet", colours, np.arange(120) % 4))


@pytest.fixture(scope="module")
def model() -> Model:
    return sv.load_model("tests.support.frozen:random_chain", device="cpu")


@pytest.fixture(scope="module")
def whole(model: Model, noise: ImageSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "noise"
    advise_freezing(model, noise, folder, batch_size=16)
    return folder


def found(folder: Path) -> dict[str, Any]:
    """What must be the same bits however the search was run."""
    path = stored_freezing(folder)
    assert path is not None
    tree = to_json(path)
    return {key: tree[key] for key in ("complete", "images", "clean", "steps", "parameters")}


# What is found


@pytest.mark.slow
def test_constant_gates_go_first_then_the_one_that_tells_less(advice: FreezeAdvice) -> None:
    path = advice.path
    assert path.order == ("third", "fourth", "units.0", "units.1")
    assert path.clean == (100.0, 100.0)
    assert path.images == (200, 200)
    for half in ("choosing", "confirming"):
        costs = [getattr(step, half).top1.value for step in path.steps]
        np.testing.assert_allclose(costs[:3], [0, 0, -10], atol=1e-9)  # r = 0 in a tenth of the images
        assert costs[3] <= -50
    first = {tried.block: tried.top1 for tried in path.steps[0].candidates}
    assert first == {"units.0": -10.0, "units.1": pytest.approx(-50, abs=1.0), "third": 0.0, "fourth": 0.0}
    assert [len(step.candidates) for step in path.steps] == [4, 3, 2, 1]


def test_the_advice_for_any_loss_is_in_the_path(advice: FreezeAdvice) -> None:
    assert (advice.size, advice.verdict, advice.loss) == (2, "confirmed", 5.0)
    assert [gate.name for gate in advice.blocks] == ["third", "fourth"]
    more = advice.path.advise(15.0)
    assert (more.size, more.verdict) == (3, "confirmed")
    assert advice.path.advise(1.0).size == 0, "200 images can not tell one point"
    unit = 2 * (4 * 4 + 4)
    assert advice.path.parameters_saved(2) == 2 * (unit - 4)
    assert advice.path.parameters == 4 * unit + (3 * 4 + 4) + (4 * 4 + 4)


def test_times_are_measured_on_a_network_that_says_the_same(advice: FreezeAdvice) -> None:
    timing = advice.path.timing
    assert timing is not None
    assert timing.ratios.shape[0] == 4
    assert timing.rounds >= 5
    assert timing.images == 16
    assert timing.seconds > 0
    assert timing.saved(4) > 0, "a multiplication is less than the whole unit"


def test_costs_are_those_of_interventions_on_each_half(
    model: Model, noise: ImageSource, whole: Path, tmp_path: Path
) -> None:
    path = stored_freezing(whole)
    assert path is not None
    sets = tuple(path.order[:size] for size in range(1, 5))
    options = dataclasses.replace(FreezeOptions(batch_size=16).as_interventions(), targets=(), sets=sets)
    outcomes = intervene(model, noise, tmp_path / "check", options=options, baselines_from=whole / "clean")
    half = outcomes.samples["half"].to_numpy()
    for step, variant in zip(path.steps, outcomes.variants):
        difference = 100.0 * (outcomes.outcome(variant).correct.astype(int) - outcomes.clean.correct.astype(int))
        assert step.choosing.top1.value == pytest.approx(difference[half == 0].mean())
        assert step.confirming is not None
        assert step.confirming.top1.value == pytest.approx(difference[half == 1].mean())
    chosen = [max(tried.top1 for tried in step.candidates) for step in path.steps]
    assert [step.choosing.top1.value for step in path.steps] == pytest.approx(chosen)
    assert any(step.choosing.top1.value != 0 for step in path.steps)


def test_the_same_bits_without_what_is_remembered(
    model: Model, noise: ImageSource, whole: Path, tmp_path: Path
) -> None:
    options = FreezeOptions(batch_size=16, reuse=False)
    advise_freezing(model, noise, tmp_path / "plain", options=options, baselines_from=whole / "clean")
    assert found(tmp_path / "plain") == found(whole)
    assert not (tmp_path / "plain" / "clean").exists()


# Stopped and gone on with


def stop_at(moment: int) -> Callable[[JobProgress], None]:
    seen: list[JobProgress] = []

    def stop(progress: JobProgress) -> None:
        seen.extend([progress] if progress.stage != "recording" else [])
        if len(seen) == moment:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize(("moment", "steps"), [(2, 0), (5, 1), (9, 2), (15, 3), (18, 4)])
def test_a_stopped_search_ends_with_the_same_bits(
    model: Model, noise: ImageSource, whole: Path, tmp_path: Path, moment: int, steps: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        advise_freezing(model, noise, tmp_path, batch_size=16, on_progress=stop_at(moment))
    state = read_progress(tmp_path)
    assert state is not None
    assert state.state == "cancelled"
    torn = stored_freezing(tmp_path)
    assert len(torn.steps if torn else ()) == steps
    assert not (tmp_path / "scratch").exists()
    told: list[JobProgress] = []
    advise_freezing(model, noise, tmp_path, batch_size=16, on_progress=told.append)
    assert found(tmp_path) == found(whole)
    assert told[-1].consumed >= told[-1].total


def test_a_finished_search_is_not_made_again(model: Model, noise: ImageSource, whole: Path, tmp_path: Path) -> None:
    calls: list[object] = []
    again = advise_freezing(
        model, noise, whole, batch_size=16, loss=50, on_progress=calls.append, on_estimate=calls.append
    )
    assert again.loss == 50
    assert not calls


def test_the_estimate_comes_first_and_progress_ends_at_its_forwards(
    model: Model, noise: ImageSource, tmp_path: Path
) -> None:
    told: list[object] = []
    advise_freezing(model, noise, tmp_path, on_estimate=told.append, on_progress=told.append)
    estimate, last = told[0], told[-1]
    assert isinstance(estimate, JobEstimate)
    assert (estimate.blocks, estimate.choosing, estimate.confirming) == (4, 60, 60)
    assert estimate.forwards == 60 * (5 + 4 + 3 + 2) + 60 * 5
    assert 0 < estimate.whole_forwards <= estimate.forwards
    assert estimate.seconds > 0
    assert isinstance(last, JobProgress)
    assert (last.stage, last.consumed, last.total) == ("confirming", estimate.forwards, estimate.forwards)


def test_the_result_lies_beside_the_recording_of_the_means(
    model: Model, noise: ImageSource, whole: Path, tmp_path: Path
) -> None:
    beside = read_freezing(sv.open_recording(whole / "clean"))
    own = stored_freezing(whole)
    assert isinstance(beside, FreezePath)
    assert own is not None
    assert beside.id == own.id
    clean = sv.open_recording(whole / "clean")
    slim = sv.slim_recording(clean, tmp_path / "slim")
    place = tmp_path / "into"
    advise_freezing(model, noise, place, limit=40, baselines_from=clean.path, into=tmp_path / "slim")
    into = read_freezing(sv.open_recording(tmp_path / "slim"))
    assert slim is not None
    assert into is not None
    assert into.images == (20, 20)
    assert (place / FREEZING).read_bytes() == (tmp_path / "slim" / FREEZING).read_bytes()


# What can not be done


def test_other_choices_in_the_same_folder_are_refused(model: Model, noise: ImageSource, whole: Path) -> None:
    for change, message in (
        ({"batch_size": 8}, r"options\.batch_size = 16, this run has 8"),
        ({"batch_size": 16, "seed": 1}, r"options\.seed = 0, this run has 1"),
        ({"batch_size": 16, "limit": 40}, r"data\.images = 120, this run has 40"),
    ):
        with pytest.raises(RecordingError, match=message):
            advise_freezing(model, noise, whole, baselines_from=whole / "clean", **change)


def test_images_without_labels(model: Model, tmp_path: Path) -> None:
    colours = np.zeros((20, 3), dtype=np.uint8)
    images = open_outputs(write_colours(tmp_path / "none.parquet", colours, np.full(20, -1)))
    with pytest.raises(ArgumentError, match=r"no image of .*none\.parquet has a class with an output"):
        advise_freezing(model, images, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_single_image_has_no_other_half(model: Model, tmp_path: Path) -> None:
    images = open_outputs(write_colours(tmp_path / "one.parquet", np.zeros((1, 3), dtype=np.uint8), np.zeros(1)))
    with pytest.raises(ArgumentError, match="halves of them are needed"):
        advise_freezing(model, images, tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": 0.0}, "give one above 0"),
        ({"loss": float("nan")}, "give one above 0"),
        ({"limit": 0}, "limit is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_unusable_choices(
    model: Model, noise: ImageSource, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        advise_freezing(model, noise, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_folders_and_recordings_of_something_else(
    model: Model, noise: ImageSource, coins: ImageSource, whole: Path, advice: FreezeAdvice, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    with pytest.raises(RecordingError, match=r"holds notes\.txt: give another folder"):
        advise_freezing(model, noise, tmp_path)
    with pytest.raises(RecordingError, match="is a file"):
        advise_freezing(model, noise, tmp_path / "notes.txt")
    with pytest.raises(RecordingError, match="recorded on other images"):
        advise_freezing(model, coins, tmp_path / "out", baselines_from=whole / "clean")
    with pytest.raises(ArgumentError, match="another network or other images"):
        advise_freezing(model, coins, tmp_path / "out", into=whole / "clean")
    other = sv.load_model("tests.support.frozen:chain_gates", device="cpu")
    with pytest.raises(RecordingError, match="other weights"):
        advise_freezing(other, noise, tmp_path / "out", baselines_from=whole / "clean")
    assert not (tmp_path / "out").exists()


def test_no_image(model: Model, tmp_path: Path) -> None:
    images = open_outputs(
        write_colours(tmp_path / "empty.parquet", np.zeros((0, 3), dtype=np.uint8), np.zeros(0, dtype=np.int64))
    )
    with pytest.raises(SourceError, match="holds no image"):
        advise_freezing(model, images, tmp_path / "out")


def test_a_unit_that_does_more_than_its_gate_is_not_timed() -> None:
    model = sv.load_model("tests.support.frozen:random_chain", device="cpu")
    constants = {gate.name: torch.full((gate.channels,), 0.5) for gate in model.gates}
    pixels = torch.rand(4, 3, 4, 4)
    assert time_freezing(model, model.bound_gates, constants, pixels) is not None
    third = model.module.get_submodule("third")
    forward = third.forward
    third.forward = lambda x: torch.relu(forward(x) - 0.1)  # type: ignore[method-assign]
    assert time_freezing(model, model.bound_gates, constants, pixels) is None
    assert third.__dict__["forward"](pixels.new_ones(1, 4, 2, 2)).min() >= 0, "what was there is put back"


def test_logits_that_are_not_finite_when_frozen_are_told(tmp_path: Path) -> None:
    fragile = sv.load_model("tests.support.planted:fragile", device="cpu")
    path = write_marked_parquet(tmp_path / "m.parquet", 80, range(0, 80, 7))
    (tmp_path / "classes.csv").unlink()
    data = open_outputs(path)
    found = advise_freezing(fragile, data, tmp_path / "run", batch_size=16, loss=5.0).path
    assert found.order[0] == "se1"
    assert np.isfinite(found.steps[0].choosing.loss)
    confirming = found.steps[1].confirming
    assert confirming is not None
    assert np.isnan(confirming.loss)
    (note,) = [note for note in found.notes if "not finite" in note]
    assert "with 2 blocks frozen (" in note
    json.dumps(to_json(found), allow_nan=False)
