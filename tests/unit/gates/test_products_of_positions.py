"""What has the shape of a channel's gate and is one of positions."""

import pytest
import torch
from torch import Tensor, nn

from senet_viz.gates.discovery import survey_gates


class OfPositions(nn.Module):
    """A gate of instants, made of what was pooled over channels: the shape of a channel's gate in a map with channels last."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        self.stem = nn.Linear(2, 8) if last else nn.Conv1d(2, 8, 3, padding=1)
        self.conv = nn.Linear(8, 1) if last else nn.Conv1d(1, 1, 3, padding=1)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return x * torch.sigmoid(self.conv(x if self.last else x.mean(1, keepdim=True)))


@pytest.mark.parametrize("last", [False, True])
def test_a_gate_of_positions_is_none_of_channels(last):
    shape = (2, 12, 2) if last else (2, 2, 12)
    assert survey_gates(OfPositions(last), example_inputs=torch.randn(*shape)).bound == ()
