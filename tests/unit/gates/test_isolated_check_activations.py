import math

import pytest
import torch
from timm.layers import HardSigmoid, Sigmoid
from torch import Tensor, nn

from senet_viz.gates.isolated_check import describe_activation


class Shifted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x) + 1


@pytest.mark.parametrize(
    ("activation", "name", "bounds"),
    [
        (nn.Sigmoid(), "sigmoid", (0, 1)),
        (Sigmoid(inplace=True), "sigmoid", (0, 1)),
        (nn.Hardsigmoid(), "hard sigmoid", (0, 1)),
        (HardSigmoid(), "hard sigmoid", (0, 1)),
        (nn.Tanh(), "tanh", (-1, 1)),
        (nn.ReLU(), "relu", (0, math.inf)),
        (nn.ReLU6(), "relu6", (0, 6)),
        (nn.Softplus(), "softplus", (0, math.inf)),
        (nn.Softmax(dim=1), "softmax", (0, 1)),
        (Shifted(), "Shifted", (0, 2)),
        (nn.Hardtanh(-0.5, 0.25), "Hardtanh", (-0.5, 0.25)),
        (nn.Identity(), "Identity", (-math.inf, math.inf)),
        (nn.LeakyReLU(), "LeakyReLU", (-math.inf, math.inf)),
        (nn.PReLU(8), "PReLU", (-math.inf, math.inf)),
        (nn.SiLU(), "SiLU", (-0.2784645, math.inf)),
    ],
)
def test_names_and_bounds(activation, name, bounds):
    described, range_ = describe_activation(activation, torch.zeros(3, 8, 1, 1))
    assert described == name
    assert range_ == pytest.approx(bounds, abs=1e-4)
