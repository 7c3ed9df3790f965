"""Networks from every door, and one sentence where a door is shut."""

import json
from pathlib import Path

import pytest
import timm
import torch
from torch import nn
from torchvision import models

from senet_viz.dashboard.recordings import find_recordings
from senet_viz.errors import ArgumentError, ModelError
from senet_viz.models.networks.architectures import build_architecture
from senet_viz.models.networks.resnet import small_se_resnet50
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.weights import save_weights
from senet_viz.models.zoo import load_model, with_calibrated_batch_norm
from senet_viz.recording.options import RecordOptions
from senet_viz.schema import ClassTable
from senet_viz.workflows.model_building import write_config
from senet_viz.workflows.record import record
from senet_viz.workflows.recorded_model import load_recorded_model
from tests.support.tiny import tiny_se


def test_a_factory_with_its_own_preprocessing() -> None:
    model = load_model("tests.support.tiny:tiny_se", device="cpu")
    assert (model.source, model.outputs, model.preprocess.size) == ("factory", 10, 8)
    assert not model.module.training
    assert [gate.channels for gate in model.gates] == [16, 32]


@pytest.mark.parametrize("key", ["pretrained_cfg", "default_cfg"])
def test_a_factory_says_its_preprocessing_by_either_name_of_timm(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(**config: object) -> None:
        module = tiny_se()
        del module.pretrained_cfg
        setattr(module, key, {"input_size": (3, 16, 16), **config})
        monkeypatch.setattr("tests.support.tiny.tiny_se", lambda: module)

    make(mean=(0.1, 0.2, 0.3), std=(0.5, 0.5, 0.5))
    model = load_model("tests.support.tiny:tiny_se", device="cpu")
    assert (model.preprocess.size, model.preprocess.mean) == (16, (0.1, 0.2, 0.3))
    assert not any("Assumed" in note for note in model.notes)
    make(mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4))
    with pytest.raises(
        ModelError, match=f"{key} of .* has the mean 123.7, 116.3, 103.5, which is of pixels in 0 … 255"
    ):
        load_model("tests.support.tiny:tiny_se", device="cpu")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nonsense", "No model is called 'nonsense'"),
        ("timm:no_such_net", "timm has no model"),
        ("torchvision:no_such_net", "torchvision has no model"),
        ("no.such.package:factory", "could not be imported"),
        ("tests.support.tiny:tiny_png_missing", "could not be imported"),
        ("json:JSONDecoder", "not a torch.nn.Module"),
        ("tests.support.tiny:failing_factory", r"failed \(ValueError: no weights today\)"),
        ("missing.safetensors", "say with --arch"),
        ("bundled:no_such_folder", "The bundled:no_such_folder model is not in"),
        ("bundled:../elsewhere", "No bundled model is called '../elsewhere'"),
        ("bundled:", "No bundled model is called ''"),
    ],
)
def test_unknown_names_get_one_sentence(name: str, sentence: str) -> None:
    with pytest.raises((ModelError, ArgumentError), match=sentence):
        load_model(name, device="cpu")


def test_another_bundled_model_is_loaded_by_its_folder_and_found_from_its_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"num_classes": 10, "width": 0.125, "side": 32}
    folder = tmp_path / "small-resnet"
    folder.mkdir()
    save_weights(build_architecture("se_resnet18", arguments), folder / "model.safetensors", half=True)
    digits = ClassTable(tuple("0123456789"))
    write_config(folder, ("se_resnet18", arguments), Preprocessing(size=16, resize=16), digits, {})
    monkeypatch.setenv("SENET_VIZ_CHECKPOINTS", str(tmp_path))
    model = load_model("bundled:small-resnet", device="cpu")
    assert (model.source, model.name, model.outputs) == ("bundled", "bundled:small-resnet", 10)
    recording = record(model, "digits", folder / "recording", options=RecordOptions(limit=20))
    assert load_recorded_model(recording.manifest, device="cpu").sha256 == model.sha256
    assert find_recordings({"SENET_VIZ_CHECKPOINTS": str(tmp_path)})["bundled:small-resnet"] == recording.path


def test_without_a_network_the_sentence_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> nn.Module:
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(ModelError, match=r"fetch (https://|model\.safetensors of ).*--arch timm:legacy_seresnet50\."):
        load_model("timm:legacy_seresnet50.in1k", device="cpu")
    monkeypatch.setattr(models, "get_model", offline)
    with pytest.raises(ModelError, match=r"fetch https://.*efficientnet_b0.*--arch torchvision:efficientnet_b0"):
        load_model("torchvision:efficientnet_b0", device="cpu")


@pytest.mark.slow
def test_random_weights_come_from_their_seed_alone() -> None:
    torch.manual_seed(123)
    expected = torch.rand(1)
    torch.manual_seed(123)
    first = load_model("timm:seresnet18", weights="random", seed=1, device="cpu")
    assert torch.equal(torch.rand(1), expected), "the caller's random state was touched"
    again = load_model("timm:seresnet18", weights="random", seed=1, device="cpu")
    other = load_model("timm:seresnet18", weights="random", seed=2, device="cpu")
    assert first.sha256 == again.sha256 != other.sha256
    assert (first.weights, first.seed) == ("random", 1)
    norms = [m for m in first.module.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(norm.weight.detach().abs().sum() > 0 for norm in norms)


@pytest.mark.slow
def test_a_weights_file_into_an_architecture(tmp_path: Path) -> None:
    origin = load_model("timm:seresnet18", weights="random", seed=5, device="cpu")
    save_weights(origin.module, tmp_path / "w.safetensors")
    loaded = load_model(tmp_path / "w.safetensors", arch="timm:seresnet18", device="cpu")
    assert loaded.sha256 == origin.sha256
    assert loaded.classes.wnids[1] == "n01443537"
    with pytest.raises(ModelError, match="do not fit the architecture"):
        load_model(tmp_path / "w.safetensors", arch="timm:seresnet34", device="cpu")


def test_a_folder_that_train_wrote(tmp_path: Path) -> None:
    network = small_se_resnet50(num_classes=3, base_channels=16)
    save_weights(network, tmp_path / "model.safetensors", half=True)
    config = {
        "architecture": "small_se_resnet50",
        "arguments": {"num_classes": 3, "base_channels": 16},
        "preprocessing": {"size": 64, "resize": 64},
        "classes": {"names": ["a", "b", "c"], "wnids": []},
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    model = load_model(tmp_path, device="cpu")
    assert model.classes.names == ("a", "b", "c")
    assert torch.equal(model.module.conv1.weight.half(), network.conv1.weight.half())
    (tmp_path / "config.json").write_text('{"architecture": "other"}', encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json describes no model"):
        load_model(tmp_path, device="cpu")


def test_unusable_arguments() -> None:
    with pytest.raises(ArgumentError, match="'pretrained' or 'random'"):
        load_model("tests.support.tiny:tiny_se", weights="best")
    with pytest.raises(ArgumentError, match="can not be used here"):
        load_model("tests.support.tiny:tiny_se", device="abacus")
    with pytest.raises(ArgumentError, match="--arch goes with"):
        load_model("timm:seresnet18", arch="timm:seresnet18", weights="random", device="cpu")


def test_calibrated_batch_norm_equals_the_averages_over_batches() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Dropout(0.5), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    network.num_classes = 4
    model = load_model("tests.support.tiny:tiny_se", device="cpu")
    model = type(model)(**{**vars(model), "module": network.eval()})
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(8, 3, 9, 9, generator=generator) + k for k in range(5)]
    calibrated = with_calibrated_batch_norm(model, batches, "noise")
    before = torch.stack([network[0](batch).transpose(0, 1).flatten(1) for batch in batches])
    norm = network[2]
    assert torch.allclose(norm.running_mean, before.mean(2).mean(0), atol=1e-5)
    assert torch.allclose(norm.running_var, before.var(2).mean(0), rtol=1e-4)
    assert norm.momentum == 0.1
    assert not network.training
    assert calibrated.sha256 != model.sha256
    assert calibrated.notes == ("Batch-norm statistics re-estimated on 40 unlabelled images of noise.",)
