"""Small networks whose values are not finite for marked images, and images with such marks."""

import io
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from tests.support.tiny import TinySE, tiny_png, tiny_se, write_tiny_parquet

_WHITE = 1.99  # a pixel of 255 is 2 to the network
NAN, INF = float("nan"), float("inf")


def marked_png(index: int) -> bytes:
    """`tiny_png` with a white corner of four pixels, by which the networks here know it."""
    pixels = np.array(Image.open(io.BytesIO(tiny_png(index))))
    pixels[:2, :2] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def write_marked_parquet(path: Path, images: int, marked: Collection[int]) -> Path:
    """As `write_tiny_parquet`, with marks on some images."""
    return write_tiny_parquet(
        path, images, files=[marked_png(i) if i in marked else tiny_png(i) for i in range(images)]
    )


class Planted(TinySE):
    """What comes out of `se1`, and so the squeeze of `se2`, or else a logit, is `value` for marked images."""

    def __init__(self, place: str, value: float) -> None:
        super().__init__()
        self.load_state_dict(tiny_se().state_dict())
        self.place, self.value = place, value

    def forward(self, x: Tensor) -> Tensor:
        marked = (x[:, :, :2, :2] > _WHITE).flatten(1).all(dim=1)[:, None]
        x = self.se1(self.conv1(x).relu())
        if self.place == "block":
            x = torch.where(marked[:, :, None, None], self.value, x)
        x = self.se2(self.conv2(x).relu())
        logits: Tensor = self.head(x.mean((2, 3)))
        if self.place == "logit":
            logits = torch.where(marked & (torch.arange(logits.shape[1]) == 3), self.value, logits)
        return logits


class Fragile(TinySE):
    """The logits are NaN for marked images as soon as the gate of `se2` is moved."""

    def __init__(self) -> None:
        super().__init__()
        self.load_state_dict(tiny_se().state_dict())

    def forward(self, x: Tensor) -> Tensor:
        marked = (x[:, :, :2, :2] > _WHITE).flatten(1).all(dim=1)
        before = self.conv2(self.se1(self.conv1(x).relu())).relu()
        after = self.se2(before)
        reduce, expand = self.se2.fc1, self.se2.fc2
        hidden = F.linear(before.mean((2, 3)), reduce.weight.flatten(1), reduce.bias).relu()
        own = F.linear(hidden, expand.weight.flatten(1), expand.bias).sigmoid()
        seen = after.sum((2, 3)) / before.sum((2, 3)).clamp(min=1e-6)
        moved = ((seen - own).abs() > 1e-3).logical_and(before.sum((2, 3)) > 1e-3).any(dim=1)
        return torch.where((marked & moved)[:, None], NAN, self.head(after.mean((2, 3))))


def nan_in_block() -> nn.Module:
    """`tests.support.planted:nan_in_block` on the command line."""
    return Planted("block", NAN)


def inf_logit() -> nn.Module:
    """One logit of marked images is infinite."""
    return Planted("logit", INF)


def large_activations() -> nn.Module:
    """The tiny network with activations beyond what fp16 holds; in fp32 all is finite."""
    network = tiny_se()
    with torch.no_grad():
        network.conv1.weight.mul_(1e6)
        network.conv2.weight.mul_(1e-6)
    return network


def nan_everywhere() -> nn.Module:
    """Every image's `se1` is NaN, by no fault of a weight."""

    class Spoilt(TinySE):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x * NAN)

    return Spoilt()


def fragile() -> nn.Module:
    return Fragile()


def infinite_bias() -> nn.Module:
    """A bias of `se2` is infinite: its gate is exactly 1, and nothing that is computed shows it."""
    network = tiny_se()
    with torch.no_grad():
        network.se2.fc2.bias[0] = INF
    return network
