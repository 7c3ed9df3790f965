"""Folded batch norms compute the same function, gates keep their names, and what can not be folded is refused."""

import dataclasses

import pytest
import torch
from timm.layers import SEModule
from torch import Tensor, nn

import senet_viz as sv
from senet_viz.errors import ModelError
from senet_viz.gates.recorder import GateRecorder
from senet_viz.models.fast import fold_batch_norms
from senet_viz.models.forward import forward, observing
from senet_viz.models.zoo import Model


def shaken(name: str) -> Model:
    """With statistics as a trained network has them."""
    model = sv.load_model(name, weights="random", device="cpu")
    generator = torch.Generator().manual_seed(0)
    for part in model.module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for values, low, high in (
                (part.running_mean, -0.5, 0.5),
                (part.running_var, 0.3, 3.0),
                (part.weight, 0.5, 1.5),
            ):
                values.data.uniform_(low, high, generator=generator)
    return model


@pytest.mark.parametrize("name", ["senet_viz:se_resnet18,width=0.25,side=32", "timm:mobilenetv3_small_050"])
def test_gates_and_logits_stay_and_the_network_itself_too(name: str) -> None:
    model = shaken(name)
    before = {key: value.clone() for key, value in model.module.state_dict().items()}
    folded = fold_batch_norms(model)
    assert any(isinstance(part, nn.BatchNorm2d) for part in model.module.modules())
    assert folded.gates == model.gates
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.module.modules())
    pixels = torch.randn(3, *model.preprocess.shape)
    seen = []
    for each in (model, folded):
        with observing(each, "fp32"), GateRecorder(each.module, bound=each.bound_gates) as recorder:
            seen.append((forward(each, pixels), recorder.take()))
    (logits, gates), (folded_logits, folded_gates) = seen
    torch.testing.assert_close(folded_logits, logits, rtol=1e-3, atol=1e-4)
    assert list(gates) == list(folded_gates)
    for key, value in gates.items():
        torch.testing.assert_close(folded_gates[key], value, rtol=0, atol=1e-5)
    assert any(not torch.equal(folded_gates[key], value) for key, value in gates.items()), "last bits differ"
    assert all(torch.equal(value, before[key]) for key, value in model.module.state_dict().items())


class TwoUses(nn.Module):
    """What its convolution returns goes to the batch norm, and beside it."""

    def __init__(self, *, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8) if norm else nn.Identity()
        self.se = SEModule(8, rd_channels=4)
        self.head = nn.Linear(8, 10)
        self.pretrained_cfg = {"input_size": (3, 16, 16)}

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.head((self.se(self.norm(x)) + x).mean((2, 3)))


def two_uses() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = TwoUses(norm=True)
        network.norm.running_mean.fill_(3.0)
        return network


def no_norm() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TwoUses(norm=False)


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        ("two_uses", "gives other results when its batch norms are folded"),
        ("no_norm", "has no batch norm behind a convolution"),
    ],
)
def test_what_can_not_be_folded_is_refused(factory: str, sentence: str) -> None:
    model = sv.load_model(f"tests.unit.models.test_fast:{factory}", device="cpu")
    with pytest.raises(ModelError, match=sentence):
        fold_batch_norms(model)
    assert dataclasses.is_dataclass(model)
