"""SE-Inception-v3: torchvision's Inception-v3 with a gate on the output of each of its eleven mixed modules."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn
from torchvision.models.inception import (
    BasicConv2d,
    Inception3,
    InceptionA,
    InceptionAux,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)

from senet_viz.errors import ArgumentError
from senet_viz.models.building import SMALL_SIDE, describe_input, init_weights, scale_channels, stem_stride
from senet_viz.models.placing import STANDARD, SEDesign

MIXED = {
    "Mixed_5b": 256, "Mixed_5c": 288, "Mixed_5d": 288, "Mixed_6a": 768, "Mixed_6b": 768, "Mixed_6c": 768, "Mixed_6d": 768,
    "Mixed_6e": 768, "Mixed_7a": 1280, "Mixed_7b": 2048, "Mixed_7c": 2048,
}  # fmt: skip
_SMALLEST, _SMALLEST_POOLED = 13, 75  # px for which each module is given a position at least


class _Gated(nn.Module):
    """Put before one of torchvision's modules: the SE unit `se` scales the module's concatenated output."""

    se: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = self.se(super().forward(x))
        return scaled


class SEInceptionA(_Gated, InceptionA):  # type: ignore[misc]
    """35 × 35 positions."""


class SEInceptionB(_Gated, InceptionB):  # type: ignore[misc]
    """From 35 × 35 to 17 × 17 positions."""


class SEInceptionC(_Gated, InceptionC):  # type: ignore[misc]
    """17 × 17 positions."""


class SEInceptionD(_Gated, InceptionD):  # type: ignore[misc]
    """From 17 × 17 to 8 × 8 positions."""


class SEInceptionE(_Gated, InceptionE):  # type: ignore[misc]
    """8 × 8 positions."""


def se_inception_v3(
    num_classes: int = 1000, *, width: float = 1.0, side: int = 299, design: SEDesign = STANDARD
) -> Inception3:
    """SE-Inception-v3, gated at 5b–d, 6a–e and 7a–c; torchvision's names, without its auxiliary classifier.

    Args:
        num_classes: outputs of the classifier.
        width: factor on all channels, a multiple of 1/16.
        side: of the images in px, at least 13. Up to 64 the stem does not pool, up to 32 it has no stride either; beyond,
            it is torchvision's, which takes 75 px at least.
        design: what the SE units are; the placement is "standard" or "none".

    Raises:
        ArgumentError: an option that there is not.
    """
    design.check_placement("SE-Inception-v3", "standard")
    design.check_stages("SE-Inception-v3", 5, 7)
    if side < _SMALLEST or SMALL_SIDE < side < _SMALLEST_POOLED:
        raise ArgumentError(
            f"side is {side}; SE-Inception-v3 takes {_SMALLEST} to {SMALL_SIDE} px, or {_SMALLEST_POOLED} px and more: between "
            "them nothing is left for its last modules."
        )
    conv = _scaled_convolution(width)
    kinds = (SEInceptionA, SEInceptionB, SEInceptionC, SEInceptionD, SEInceptionE, InceptionAux)
    network = Inception3(
        num_classes,
        aux_logits=False,
        init_weights=False,
        inception_blocks=[conv, *(partial(kind, conv_block=conv) for kind in kinds)],
    )
    network.fc = nn.Linear(scale_channels(2048, width), num_classes)
    for name, channels in MIXED.items():
        network.get_submodule(name).se = design.make(scale_channels(channels, width), int(name[-2]))
    if (stride := stem_stride(side)) is not None:
        network.Conv2d_1a_3x3.conv.stride = (stride, stride)
        network.maxpool1, network.maxpool2 = nn.Identity(), nn.Identity()
    init_weights(network)
    describe_input(network, num_classes, side)
    return network


def _scaled_convolution(width: float) -> Callable[..., nn.Module]:
    """torchvision's convolution, to be called as its modules do, with the channels of the given width."""

    def make(inputs: int, outputs: int, **settings: Any) -> nn.Module:
        before = 3 if inputs == 3 else scale_channels(inputs, width)
        convolution: nn.Module = BasicConv2d(before, scale_channels(outputs, width), **settings)
        return convolution

    return make
