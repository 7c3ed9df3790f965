"""The image that a network is run on to look for its gates."""

import torch
from torch import Tensor, nn

from senet_viz.gates.discovery import find_gates
from tests.support.networks import SELayer


class OfPixels(nn.Module):
    """Four pixels are the channels of one: the first layer has twelve, the image three."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels, self.stem = nn.PixelUnshuffle(2), nn.Conv2d(12, 16, 3, padding=1)
        self.unit, self.head = SELayer(16, 4), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.unit(self.stem(self.pixels(x))).mean((2, 3)))
        return y


def test_a_first_layer_that_is_given_several_pixels_as_channels():
    torch.manual_seed(0)
    assert [gate.name for gate in find_gates(OfPixels())] == ["unit"]
