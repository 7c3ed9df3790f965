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
from senet_viz.models.outputs import pick_logits
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
