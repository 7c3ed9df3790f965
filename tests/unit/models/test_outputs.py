"""Logits are found wherever a network puts them, and named where they can not be told."""

import sys
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import senet_viz as sv
from senet_viz.errors import ModelError
from senet_viz.models.outputs import count_outputs, pick_logits
from tests.support.image_files import draw_noise
from tests.support.networks import SELayer, small_network
from tests.support.tiny import write_tiny_parquet

LOGITS, FEATURES, MAP = torch.arange(10.0).reshape(2, 5), torch.ones(2, 7), torch.ones(2, 3, 4, 4)


@dataclass
class ImageClassifierOutput:
    """As transformers has it."""

    loss: Any
    logits: Tensor
    hidden_states: tuple[Tensor, ...]


@pytest.mark.parametrize(
    ("returned", "name"),
    [
        (LOGITS, None),
        ({"features": FEATURES, "logits": LOGITS}, None),
        ({"map": MAP, "y": LOGITS}, None),
        ({"out": LOGITS, "aux": FEATURES}, None),
        ((LOGITS, FEATURES), None),
        ([MAP, LOGITS], None),
        ((FEATURES, LOGITS), "1"),
        ({"features": FEATURES, "classes": LOGITS}, "classes"),
        ({"heads": {"a": FEATURES, "b": LOGITS}}, "heads.b"),
        (namedtuple("Out", "logits aux_logits")(LOGITS, FEATURES), None),
        (ImageClassifierOutput(None, LOGITS, (MAP, MAP)), None),
    ],
)
def test_logits_are_found(returned, name):
    assert pick_logits(returned, name) is LOGITS


@pytest.mark.parametrize(
    ("returned", "name", "message"),
    [
        ({"a": FEATURES}, "b", r"no 'b': it returns a \(2, 7\)"),
        ({"map": MAP}, None, r"map \(2, 3, 4, 4\), none of which"),
        ("text", None, "a str without tensors"),
        (LOGITS, "logits", r"one tensor of \(2, 5\)"),
    ],
)
def test_what_is_there_instead_is_told(returned, name, message):
    with pytest.raises(ModelError, match=message):
        pick_logits(returned, name)


class Returning(nn.Module):
    """Returns what it was given, whatever it sees; `fc` is applied to it first where it has one."""

    def __init__(self, returned: Any, **about: Any) -> None:
        super().__init__()
        self.returned = returned
        for name, value in about.items():
            setattr(self, name, value)

    def forward(self, x: Tensor) -> Any:
        return self.fc(self.returned) if hasattr(self, "fc") else self.returned


@pytest.mark.parametrize(
    ("module", "name", "outputs"),
    [
        (Returning(LOGITS), None, 5),
        (Returning(LOGITS, num_classes=5), None, 5),
        (Returning({"map": MAP, "y": LOGITS}), None, 5),
        (Returning(FEATURES, fc=nn.Linear(7, 3)), None, 3),
        (Returning(FEATURES, fc=nn.Sequential(nn.Dropout(), nn.Linear(7, 3), nn.Identity())), None, 3),
        (Returning(LOGITS, head=nn.Identity()), None, 5),  # it is there, and is not what returned them
        (Returning(MAP), None, 0),
        (Returning([MAP, MAP]), None, 0),
        (Returning({"hidden": (MAP, MAP), "last": MAP}, num_classes=21), None, 0),
        (Returning(FEATURES, num_classes=0), None, 0),
        (Returning(FEATURES, fc=nn.Identity()), None, 0),
        (Returning(FEATURES, fc=nn.Sequential(nn.Dropout(), nn.Identity())), None, 0),
        (Returning(FEATURES), "none", 0),
        (Returning({"none": LOGITS, "map": MAP}), "none", 5),
    ],
)
def test_a_network_that_returns_no_logits_has_no_outputs(module: nn.Module, name: str | None, outputs: int) -> None:
    count, returned = count_outputs(module.eval(), torch.zeros(1, 3, 8, 8), name)
    assert count == outputs
    assert bool(returned) == (not outputs)


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        (Returning("text"), None, "a str without tensors, none of which is one row of logits"),
        (
            Returning(LOGITS, num_classes=7),
            None,
            r"says that it has 7 classes and returns one tensor of \(2, 5\).*--logits",
        ),
        (Returning({"map": MAP}), "map", r"'map' is \(2, 3, 4, 4\), not one row of logits"),
        (Returning(FEATURES, fc=nn.Linear(3, 3)), None, r"could not be run on one image of \(1, 3, 8, 8\)"),
    ],
)
def test_logits_that_cannot_be_found_are_asked_for(module: nn.Module, name: str | None, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        count_outputs(module.eval(), torch.zeros(1, 3, 8, 8), name)


def test_a_long_list_of_maps_is_told_in_short() -> None:
    _, returned = count_outputs(Returning([MAP] * 30), torch.zeros(1, 3, 8, 8))
    assert "… (30 in all), 29 (2, 3, 4, 4)" in returned
    assert len(returned) < 120


class Wrapped(nn.Module):
    """Features first, so that the logits must be named."""

    def __init__(self) -> None:
        super().__init__()
        self.network = small_network(lambda c: SELayer(c, 4))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.network(x)
        return {"embedding": y.detach().repeat(1, 2), "classes": y}


def wrapped() -> nn.Module:
    return Wrapped()


def test_a_network_of_several_outputs_is_recorded_and_found_again(tmp_path: Path) -> None:
    images = write_tiny_parquet(tmp_path / "tiny.parquet", 20)
    name = "tests.unit.models.test_outputs:wrapped"
    model = sv.load_model(name, device="cpu", logits="classes")
    assert model.outputs == 5
    recording = sv.record(model, images, tmp_path / "run")
    assert recording.manifest.model["logits"] == "classes"
    again = sv.load_recorded_model(recording.manifest, model=name, device="cpu")
    found = sv.compare_images(again, [("a", draw_noise(kind="PNG"))], recording)
    assert np.isfinite(found.blocks[0].gates).all()
    assert sv.load_model(name, device="cpu").outputs == 10, "without a name the first tensor of two axes counts"


def test_a_factory_beside_the_person_is_found_from_any_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "networks_beside_me.py").write_text(
        "from tests.support.networks import SELayer, small_network\n\n\ndef ten():\n    return small_network(SELayer)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    assert sv.load_model("networks_beside_me:ten", device="cpu").outputs == 5


def test_a_name_that_is_nearly_right_is_offered() -> None:
    with pytest.raises(ModelError, match=r"did you mean .*seresnet50"):
        sv.load_model("timm:se_resnet50", device="cpu")
