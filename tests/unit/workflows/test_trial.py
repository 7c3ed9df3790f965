"""One image through a network with moved gates: the same numbers as by hand, clean untouched, errors in a sentence."""

from pathlib import Path

import numpy as np
import pytest
import torch

import senet_viz as sv
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.gates.intervention import intervened
from senet_viz.models.zoo import Model
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.workflows.comparison import PreparedImage, prepare_images
from senet_viz.workflows.record import record
from senet_viz.workflows.trial import try_intervention
from tests.support.tiny import tiny_png, write_tiny_parquet


@pytest.fixture(scope="module")
def model() -> Model:
    return sv.load_model("tests.support.tiny:tiny_se", device="cpu")


@pytest.fixture(scope="module")
def recording(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("trying")
    data = write_tiny_parquet(folder / "tiny.parquet", 60)
    (folder / "map.csv").write_text("label,output\n" + "".join(f"{k},{k}\n" for k in range(10)), "utf-8")
    record(model, data, folder / "run", options=RecordOptions(keep="none", label_map=folder / "map.csv"))
    return open_recording(folder / "run")


@pytest.fixture(scope="module")
def image(model: Model) -> PreparedImage:
    (prepared,) = prepare_images([("a.png", tiny_png(3))], model.preprocess)
    assert isinstance(prepared, PreparedImage)
    return prepared


def by_hand(
    model: Model, image: PreparedImage, baselines: dict[str, torch.Tensor | str], strength: float
) -> np.ndarray:
    with torch.inference_mode(), intervened(model, baselines, strength=strength):
        return model.module(image.pixels[None].contiguous(memory_format=torch.channels_last)).softmax(1)[0].numpy()


def said_clean(model: Model, image: PreparedImage) -> np.ndarray:
    with torch.inference_mode():
        return model.module(image.pixels[None].contiguous(memory_format=torch.channels_last)).softmax(1)[0].numpy()


def class_mean(recording: Recording, block: str, classes: list[int]) -> torch.Tensor:
    moments = recording.moments(block)
    weights = moments.count[classes] / moments.count[classes].sum()
    return torch.from_numpy((weights @ moments.mean[classes]).astype(np.float32))


@pytest.mark.parametrize("baseline", ["one", "zero", "mean", "class_mean", "predicted_class_mean"])
@pytest.mark.parametrize("blocks", [("se2",), ("se1", "se2")])
def test_every_baseline_is_what_it_says(
    model: Model, recording: Recording, image: PreparedImage, baseline: str, blocks: tuple[str, ...]
) -> None:
    trial = try_intervention(model, image, recording, blocks, baseline, strengths=(1.0, 0.5), class_index=4)
    clean = said_clean(model, image)
    vectors: dict[str, torch.Tensor | str] = {}
    for block in blocks:
        overall = torch.from_numpy(recording.moments(block).overall().mean[0].astype(np.float32))
        vectors[block] = {
            "one": "one", "zero": "zero", "mean": overall, "class_mean": class_mean(recording, block, [4]),
            "predicted_class_mean": class_mean(recording, block, [int(clean.argmax())]),
        }[baseline]  # fmt: skip
    np.testing.assert_array_equal(trial.row(0.0), clean)
    for strength in (0.5, 1.0):
        np.testing.assert_allclose(trial.row(strength), by_hand(model, image, vectors, strength), atol=1e-6)
    assert trial.notes == ()
    assert [gate.name for gate in trial.blocks] == list(blocks)
    assert all(distance > 0 for distance in trial.distances)


def test_channels_are_moved_alone_and_hooks_are_gone(model: Model, recording: Recording, image: PreparedImage) -> None:
    before = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.module.modules())
    trial = try_intervention(model, image, recording, ["se2"], "zero", channels=[3, 5])
    assert trial.channels == (2,)
    with torch.inference_mode(), intervened(model, {"se2": "zero"}, channels={"se2": [3, 5]}):
        expected = model.module(image.pixels[None].contiguous(memory_format=torch.channels_last)).softmax(1)[0].numpy()
    np.testing.assert_allclose(trial.row(1.0), expected, atol=1e-6)
    assert sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.module.modules()) == before


def test_a_prediction_that_is_no_class_takes_the_mean_and_says_so(
    model: Model, image: PreparedImage, tmp_path: Path
) -> None:
    data = write_tiny_parquet(tmp_path / "tiny.parquet", 30)
    other = (int(said_clean(model, image).argmax()) + 1) % 10
    (tmp_path / "map.csv").write_text("label,output\n" + "".join(f"{k},{other}\n" for k in range(10)), "utf-8")
    record(model, data, tmp_path / "run", options=RecordOptions(keep="none", label_map=tmp_path / "map.csv"))
    unknown = open_recording(tmp_path / "run")
    trial = try_intervention(model, image, unknown, ["se1"], "predicted_class_mean")
    assert "mean of all images" in trial.notes[0]
    mean = try_intervention(model, image, unknown, ["se1"], "mean")
    np.testing.assert_array_equal(trial.row(1.0), mean.row(1.0))


@pytest.mark.parametrize(
    ("blocks", "baseline", "more", "sentence"),
    [
        ([], "one", {}, "No block is to be moved"),
        (["se9"], "one", {}, "no block 'se9'"),
        (["se1"], "within", {}, "no baseline for one image"),
        (["se1"], "class_mean", {}, "needs a class"),
        (["se1"], "class_mean", {"class_index": 10}, "needs a class"),
        (["se1"], "one", {"channels": [16]}, "no channel 16"),
        (["se1"], "one", {"channels": []}, "was given no channel"),
        (["se1", "se2"], "one", {"channels": [1]}, "choose one block"),
        (["se1"], "one", {"strengths": (2.0,)}, "strength is 2.0"),
    ],
)
def test_what_can_not_be_done_is_one_sentence(
    model: Model,
    recording: Recording,
    image: PreparedImage,
    blocks: list[str],
    baseline: str,
    more: dict,
    sentence: str,
) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        try_intervention(model, image, recording, blocks, baseline, **more)


def test_another_network_is_refused(recording: Recording, image: PreparedImage) -> None:
    other = sv.load_model("tests.support.tiny:TinySE", device="cpu", weights="random", seed=3)
    with pytest.raises(RecordingError, match="was made with"):
        try_intervention(other, image, recording, ["se1"], "one")
