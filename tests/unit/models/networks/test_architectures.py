"""This package's networks by name: from a text, from a config, through `load_model`, and refused in one sentence."""

import json
from pathlib import Path

import pytest
import torch

from senet_viz.errors import ArgumentError, ModelError
from senet_viz.models.networks.architectures import build_architecture, parse_architecture
from senet_viz.models.weights import save_weights
from senet_viz.models.zoo import load_model

SMALL = "senet_viz:se_resnet18,num_classes=3,width=0.0625,side=32"


def test_a_text_becomes_a_name_and_plain_arguments() -> None:
    text = "se_resnet50, reduction=8,depth=3,bias=false,stages=4+5,width=.5,side=64,placement=pre,gate=tanh"
    assert parse_architecture(text) == (
        "se_resnet50",
        {"reduction": 8, "depth": 3, "bias": False, "stages": [4, 5], "width": 0.5, "side": 64, "placement": "pre",
         "gate": "tanh"},
    )  # fmt: skip
    assert parse_architecture("se_vgg16") == ("se_vgg16", {})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("se_resnet18,reduction", "'reduction' of .* sets nothing"),
        ("se_resnet18,depth=two", "depth is 'two'"),
        ("se_resnet18,bias=perhaps", "bias is 'perhaps'"),
        ("se_resnet18,stages=2-3", "stages is '2-3'"),
        ("se_resnet18,color=red", r"se_resnet18 has no argument 'color': choose from num_classes"),
        ("se_resnet7", r"No architecture is called 'se_resnet7'"),
        ("small_se_resnet50,placement=pre", "has no argument 'placement'"),
        ("se_resnet18,gate=constant,reduction=8", "leave out squeeze, reduction, depth, bias and activation"),
    ],
)
def test_what_means_nothing_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        build_architecture(*parse_architecture(text))


def test_load_model_builds_them_with_random_weights_alone() -> None:
    model = load_model(SMALL, weights="random", seed=1, device="cpu")
    assert (model.source, model.outputs, model.preprocess.size, model.preprocess.resize) == ("senet_viz", 3, 32, 32)
    assert model.name == SMALL
    assert len(model.gates) == 8
    assert model.sha256 == load_model(SMALL, weights="random", seed=1, device="cpu").sha256
    with pytest.raises(ModelError, match="comes without trained weights: add --weights random"):
        load_model(SMALL, device="cpu")


def test_a_weights_file_goes_into_one(tmp_path: Path) -> None:
    origin = load_model(SMALL, weights="random", seed=5, device="cpu")
    save_weights(origin.module, tmp_path / "w.safetensors")
    assert load_model(tmp_path / "w.safetensors", arch=SMALL, device="cpu").sha256 == origin.sha256


def test_a_folder_may_hold_any_of_them(tmp_path: Path) -> None:
    arguments = {"num_classes": 2, "width": 0.0625, "side": 32, "placement": "per_conv", "stages": [5]}
    network = build_architecture("se_resnet18", arguments)
    save_weights(network, tmp_path / "model.safetensors")
    config = {
        "architecture": "se_resnet18",
        "arguments": arguments,
        "preprocessing": {"size": 32, "resize": 32},
        "classes": {"names": ["a", "b"], "wnids": []},
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    model = load_model(tmp_path, device="cpu")
    assert [gate.label for gate in model.gates] == ["SE_5_1.1", "SE_5_1.2", "SE_5_2.1", "SE_5_2.2"]
    assert torch.equal(model.module.fc.weight, network.fc.weight)
    config["arguments"] = {**arguments, "gate": "step"}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json describes no model"):
        load_model(tmp_path, device="cpu")
