"""What the networks of this package share: whole-numbered widths, stems for small images, initial weights."""

from typing import Any

from torch import nn

from senet_viz.errors import ArgumentError
from senet_viz.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD

SMALLEST_SIDE, SMALL_SIDE = 32, 64


def scale_channels(channels: int, width: float) -> int:
    """A number of channels times the width.

    Raises:
        ArgumentError: the product is no whole number above 0.
    """
    scaled = channels * width
    if scaled < 1 or scaled != int(scaled):
        raise ArgumentError(f"width {width:g} makes {scaled:g} channels of {channels}: choose a multiple of 1/16.")
    return int(scaled)


def stem_stride(side: int) -> int | None:
    """Stride of the stem's one 3×3 convolution for small images: 1 up to 32 px, 2 up to 64 px; None beyond.

    Raises:
        ArgumentError: fewer than 8 px.
    """
    if side < 8:
        raise ArgumentError(f"side is {side}; a network takes images of at least 8 px.")
    if side > SMALL_SIDE:
        return None
    return 1 if side <= SMALLEST_SIDE else 2


def small_stem(channels: int, stride: int) -> nn.Conv2d:
    """A 3×3 convolution of an RGB image, with kaiming-normal weights."""
    stem = nn.Conv2d(3, channels, kernel_size=3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    return stem


def init_weights(network: nn.Module) -> None:
    """Kaiming-normal convolutions (fan out) without bias, batch norms of 1 and 0, small linear layers."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.01)
            nn.init.zeros_(part.bias)


def describe_input(network: nn.Module, num_classes: int, side: int) -> None:
    """Says, as timm's networks do, how many outputs a network has and what it takes in."""
    described: Any = network
    described.num_classes = num_classes
    described.pretrained_cfg = {
        "num_classes": num_classes,
        "input_size": (3, side, side),
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "interpolation": "bicubic",
        "crop_pct": 1.0 if side <= SMALL_SIDE else 0.875,
    }
