"""The bundled models, their cards and their recordings tell one story."""

import json
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

import senet_viz as sv
from senet_viz.models.origins import bundled_folder
from senet_viz.recording.options import RecordOptions
from senet_viz.workflows.record import record
from tests.conftest import tiny_imagenet

LABELS = {
    "bundled": [f"SE_{stage}_{i}" for stage, n in ((2, 3), (3, 4), (4, 6), (5, 3)) for i in range(1, n + 1)],
    "bundled:sebninception-w025-64px": [
        f"SE_{stage}{i}" for stage, letters in ((3, "abc"), (4, "abcde"), (5, "ab")) for i in letters
    ],
}
MOST_BYTES = {"bundled": 95e6, "bundled:sebninception-w025-64px": 45e6}


@pytest.fixture(scope="module", params=LABELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(name: str) -> Path:
    return bundled_folder(name.removeprefix("bundled:"))


@pytest.fixture(scope="module")
def config(folder: Path) -> dict[str, object]:
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def recording(folder: Path) -> sv.Recording:
    return sv.open_recording(folder / "recording")


def test_it_is_small_enough_to_travel(name: str, folder: Path) -> None:
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    assert sum(sizes.values()) <= MOST_BYTES[name]
    assert max(sizes.values()) <= 60e6


def test_the_recorded_accuracy_is_the_model_cards(
    folder: Path, config: dict[str, dict[str, float]], recording: sv.Recording
) -> None:
    correct = recording.samples["correct"]
    assert len(correct) == config["validation"]["images"] == 10_000
    assert pc.mean(correct).as_py() == config["validation"]["top1"]
    assert f"{config['validation']['top1']:.2%}" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_recording_is_of_these_weights(name: str, config: dict[str, object], recording: sv.Recording) -> None:
    model = sv.load_model(name, device="cpu")
    assert recording.manifest.model["sha256"] == model.sha256 == config["sha256"]
    assert recording.blocks == model.gates
    assert recording.classes == model.classes


def test_it_has_the_papers_blocks_and_r(name: str, recording: sv.Recording) -> None:
    assert [gate.label for gate in recording.blocks] == LABELS[name]
    assert {round(gate.reduction or 0) for gate in recording.blocks} <= {16, 17}  # 152 channels to 9 hidden units


def test_every_file_is_as_the_manifest_says(recording: sv.Recording) -> None:
    assert sv.verify_recording(recording.path).ok


def test_it_is_slim_with_five_images_a_class_and_three_controls(recording: sv.Recording) -> None:
    assert recording.form == "slim"
    assert recording.kept_samples.num_rows == 1000
    assert np.bincount(recording.kept_samples["label"].to_numpy(), minlength=200).tolist() == [5] * 200
    assert len(recording.controls) == 3


def test_statistics_of_its_kept_gates_agree_with_its_moments(recording: sv.Recording) -> None:
    """Means of five images lie around the class means with the recorded spread: z scores of unit variance."""
    labels = recording.kept_samples["label"].to_numpy()
    gate = recording.blocks[7]
    kept = recording.gates(gate.name).astype(np.float64)
    moments = recording.moments(gate.name)
    means = np.stack([kept[labels == k].mean(0) for k in range(200)])
    spread = np.sqrt(moments.m2 / (moments.count[:, None] - 1) / 5)
    scores = ((means - moments.mean) / spread)[spread > 1e-4]
    assert abs(scores.mean()) < 3 / np.sqrt(200)  # channels may move together, classes do not
    assert 0.85 < scores.std() < 1.1  # √(45/49) = .96 for five drawn from the fifty


@pytest.mark.slow
@pytest.mark.tiny_imagenet
@tiny_imagenet
def test_recording_again_gives_the_same_gates_and_predictions(
    name: str, recording: sv.Recording, tiny_imagenet_folder: Path, tmp_path: Path
) -> None:
    model = sv.load_model(name, device="cpu")
    again = record(model, tiny_imagenet_folder / "val.parquet", tmp_path / "again", options=RecordOptions(limit=400))
    old = dict(
        zip(recording.samples["sample_id"].to_pylist(), recording.samples["prediction"].to_pylist(), strict=True)
    )
    ids, predictions = again.samples["sample_id"].to_pylist(), again.samples["prediction"].to_pylist()
    assert np.mean([old[i] == p for i, p in zip(ids, predictions, strict=True)]) >= 0.995, (
        "another machine may round a tie"
    )
    kept = {sample: row for row, sample in enumerate(recording.kept_samples["sample_id"].to_pylist())}
    both = [(row, kept[sample]) for row, sample in enumerate(ids) if sample in kept]
    assert both
    new_rows, old_rows = map(list, zip(*both, strict=True))
    for gate in recording.blocks:
        difference = again.gates(gate.name)[new_rows].astype(np.float32) - recording.gates(gate.name)[old_rows]
        assert np.abs(difference).max() <= 2e-3
