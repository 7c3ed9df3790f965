"""Networks of timm's and torchvision's with arguments, weights files into them, folders in timm's form."""

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn
from torchvision import models

from senet_viz.errors import ArgumentError, ModelError
from senet_viz.models.options import ModelOptions
from senet_viz.models.weights import digest_weights, save_weights
from senet_viz.models.zoo import load_model
from senet_viz.recording.options import RecordOptions
from senet_viz.workflows.record import record
from senet_viz.workflows.recorded_model import load_recorded_model
from tests.support.tiny import TinySE, write_tiny_parquet

TINY = "tests.support.tiny:tiny_se"
VISION = "torchvision:mobilenet_v3_small"


def broken_se() -> nn.Module:
    """A factory whose weights hold a NaN and an infinity."""
    network = TinySE()
    with torch.no_grad():
        network.se1.fc1.weight[0, 0] = float("nan")
        network.head.bias[:2] = float("inf")
    return network


def tiny_state(outputs: int = 10, seed: int = 3) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return dict(TinySE(outputs).state_dict())


@pytest.mark.parametrize(
    ("name", "outputs"),
    [("timm:seresnet18,num_classes=10", 10), (f"{VISION},num_classes=7", 7), (f"{VISION},dropout=0.5", 1000)],
)
def test_arguments_after_a_name(name: str, outputs: int) -> None:
    model = load_model(name, weights="random", device="cpu")
    assert (model.outputs, len(model.classes)) == (outputs, outputs if outputs == 1000 else 0)


@pytest.mark.parametrize(
    ("name", "weights", "sentence"),
    [
        ("timm:seresnet18,num_classes=10", "pretrained", "have 1,000 outputs, so a head of 10 would be untrained"),
        (f"{VISION},num_classes=10", "pretrained", "have 1,000 outputs, so a head of 10 would be untrained"),
        ("timm:seresnet18,nonsense=1", "random", r"could not be built with nonsense=1 \("),
        (f"{VISION},nonsense=1", "random", "takes no argument nonsense"),
        ("torchvision:resnet18,nonsense=1", "random", r"could not be built with nonsense=1 \("),
        ("timm:seresnet18,checkpoint_path=x", "random", "checkpoint_path is not an argument"),
        ("timm:seresnet18,num_classes", "random", "sets nothing"),
    ],
)
def test_arguments_that_do_not_fit_get_one_sentence(name: str, weights: str, sentence: str) -> None:
    with pytest.raises((ModelError, ArgumentError), match=sentence):
        load_model(name, weights=weights, device="cpu")


def test_the_number_of_classes_is_read_from_the_heads_shape(tmp_path: Path) -> None:
    torch.manual_seed(1)
    origin = models.mobilenet_v3_small(num_classes=7)
    torch.save({"model": origin.state_dict(), "epoch": 3}, tmp_path / "w.pth.tar")
    model = load_model(tmp_path / "w.pth.tar", arch=VISION, device="cpu")
    assert (model.outputs, model.classes.names, model.source) == (7, (), "checkpoint")
    assert model.sha256 == digest_weights(origin)
    assert model.notes == (f"The head in w.pth.tar has 7 outputs, so {VISION} was built with as many.",)
    with pytest.raises(ModelError, match="Only the head differs, which has 7 outputs in the file"):
        load_model(tmp_path / "w.pth.tar", arch=f"{VISION},num_classes=9", device="cpu")
    torch.save(tiny_state(4), tmp_path / "tiny.pth")
    with pytest.raises(ModelError, match="Only the head differs, which has 4 outputs in the file"):
        load_model(tmp_path / "tiny.pth", arch=TINY, device="cpu")


def test_an_entry_is_chosen_by_name_and_the_note_says_which(tmp_path: Path) -> None:
    torch.save({"state_dict": tiny_state(seed=1), "state_dict_ema": tiny_state(seed=2)}, tmp_path / "w.pth")
    raw = load_model(tmp_path / "w.pth", arch=TINY, device="cpu")
    assert "not from 'state_dict_ema' (--weights-key)" in raw.notes[0]
    ema = load_model(tmp_path / "w.pth", device="cpu", options=ModelOptions(arch=TINY, weights_key="state_dict_ema"))
    torch.save(tiny_state(seed=2), tmp_path / "ema.pth")
    assert ema.sha256 == load_model(tmp_path / "ema.pth", arch=TINY, device="cpu").sha256 != raw.sha256
    with pytest.raises(ArgumentError, match="--weights-key goes with a weights file"):
        load_model(TINY, device="cpu", options=ModelOptions(weights_key="ema"))


def write_timm_folder(folder: Path, outputs: int, weights: str = "model.safetensors", **changes: Any) -> nn.Module:
    torch.manual_seed(2)
    network = timm.create_model("seresnet18", num_classes=outputs)
    folder.mkdir(exist_ok=True)
    if weights.endswith("safetensors"):
        save_weights(network, folder / weights)
    else:
        torch.save(network.state_dict(), folder / weights)
    config = {
        "architecture": "seresnet18",
        "num_classes": outputs,
        "pretrained_cfg": {
            "tag": "mine",
            "input_size": [3, 64, 64],
            "crop_pct": 1.0,
            "mean": [0.5] * 3,
            "classifier": "fc",
        },
    }
    (folder / "config.json").write_text(json.dumps({**config, **changes}), encoding="utf-8")
    return network


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_a_folder_in_timms_form(tmp_path: Path, weights: str) -> None:
    labels = {"label_names": ["n01440764", "n01443537"], "label_descriptions": {"n01440764": "tench"}}
    network = write_timm_folder(tmp_path / "net", 2, weights, **labels)
    model = load_model(tmp_path / "net", device="cpu")
    assert (model.sha256, model.outputs, model.source) == (digest_weights(network), 2, "checkpoint")
    assert model.classes.names == ("tench", "n01443537")
    assert model.classes.wnids == ("n01440764", "n01443537")
    assert (model.preprocess.size, model.preprocess.mean) == (64, (0.5, 0.5, 0.5))
    if weights != "model.safetensors":
        return
    write_timm_folder(tmp_path / "net", 2, weights, label_names=["a"])
    with pytest.raises(ModelError, match="has 1 label_names for num_classes of 2"):
        load_model(tmp_path / "net", device="cpu")
    write_timm_folder(tmp_path / "net", 2, weights, model_args={"pretrained_cfg_overlay": {"url": "http://x"}})
    with pytest.raises(ModelError, match="'pretrained_cfg_overlay' in model_args"):
        load_model(tmp_path / "net", device="cpu")
    write_timm_folder(tmp_path / "net", 2, weights, model_args={"nonsense": 1})
    with pytest.raises(ModelError, match="timm:seresnet18 could not be built with nonsense=1"):
        load_model(tmp_path / "net", device="cpu")
    (tmp_path / "net" / weights).unlink()
    write_timm_folder(tmp_path / "net", 3, "other.safetensors")
    with pytest.raises(ModelError, match=r"no weights file at .*model\.safetensors"):
        load_model(tmp_path / "net", device="cpu")


def test_a_folder_of_weights_alone_goes_into_an_architecture(tmp_path: Path) -> None:
    torch.save(tiny_state(), tmp_path / "pytorch_model.bin")
    assert load_model(tmp_path, arch=TINY, device="cpu").source == "checkpoint"
    (tmp_path / "pytorch_model.bin").rename(tmp_path / "weights without ending")
    assert load_model(tmp_path / "weights without ending", arch=TINY, device="cpu").outputs == 10


def test_weights_that_are_not_finite_are_named_for_every_origin(tmp_path: Path) -> None:
    sentence = r"not finite \(NaN or infinite\): se1\.fc1\.weight \(1 of 64\), head\.bias \(2 of 10\)"
    with pytest.raises(ModelError, match=sentence):
        load_model("tests.unit.models.test_origins:broken_se", device="cpu")
    torch.save(broken_se().state_dict(), tmp_path / "w.pth")
    with pytest.raises(ModelError, match=sentence):
        load_model(tmp_path / "w.pth", arch=TINY, device="cpu")


def test_the_entry_that_was_read_is_read_again_for_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"state_dict": tiny_state(seed=1), "state_dict_ema": tiny_state(seed=2)}, path)
    model = load_model(path, device="cpu", options=ModelOptions(arch=TINY, weights_key="state_dict_ema"))
    data = write_tiny_parquet(tmp_path / "data.parquet", 10)
    recording = record(model, data, tmp_path / "recording", options=RecordOptions())
    assert load_recorded_model(recording.manifest, model=path, arch=TINY, device="cpu").sha256 == model.sha256
