"""SE-BN-Inception and SE-Inception-v3: a gate on the concatenated output of each module (arXiv 1709.01507)."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
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
from torchvision.ops import Conv2dNormActivation

from senet_viz.errors import ArgumentError
from senet_viz.models.networks.building import SMALL_SIDE, describe_input, init_weights, scale_channels, stem_stride
from senet_viz.models.networks.se import STANDARD, SEDesign


@dataclass(frozen=True)
class Mix:
    """The branches of an Inception module, in channels; the reducing modules have stride 2, no 1×1 branch and pool only.

    Attributes:
        name: stage and letter.
        single: of the 1×1 branch; 0 for none.
        triple: of the 1×1 and the 3×3 convolution.
        double: of the 1×1 and each of the two 3×3 convolutions.
        pool: kind of the pooling, and channels of the 1×1 convolution after it; 0 for none.
        stride: of the whole module.
    """

    name: str
    single: int
    triple: tuple[int, int]
    double: tuple[int, int]
    pool: tuple[Literal["avg", "max"], int]
    stride: int = 1

    @property
    def stage(self) -> int:
        """3, 4 or 5."""
        return int(self.name[0])


MIXES = (
    Mix("3a", 64, (64, 64), (64, 96), ("avg", 32)),
    Mix("3b", 64, (64, 96), (64, 96), ("avg", 64)),
    Mix("3c", 0, (128, 160), (64, 96), ("max", 0), stride=2),
    Mix("4a", 224, (64, 96), (96, 128), ("avg", 128)),
    Mix("4b", 192, (96, 128), (96, 128), ("avg", 128)),
    Mix("4c", 160, (128, 160), (128, 160), ("avg", 128)),
    Mix("4d", 96, (128, 192), (160, 192), ("avg", 128)),
    Mix("4e", 0, (128, 192), (192, 256), ("max", 0), stride=2),
    Mix("5a", 352, (192, 320), (160, 224), ("avg", 128)),
    Mix("5b", 352, (192, 320), (192, 224), ("max", 128)),
)


class InceptionModule(nn.Module):
    """The branches of a module side by side, and the SE unit that scales their concatenation.

    Attributes:
        branches: each (N, C_in, H, W) → (N, C_b, H/stride, W/stride).
        channels: C = Σ C_b of the output.
        se: the unit, or an identity.
    """

    def __init__(self, inputs: int, mix: Mix, design: SEDesign, width: float) -> None:
        super().__init__()
        self.branches, self.channels = _make_branches(inputs, mix, width)
        self.se = design.make(self.channels, mix.stage)

    def forward(self, x: Tensor) -> Tensor:
        """The whole module is F_tr of the paper; its output is what the gate scales."""
        scaled: Tensor = self.se(torch.cat([branch(x) for branch in self.branches], dim=1))
        return scaled


class BNInception(nn.Module):
    """Stem, ten Inception modules, average pooling, classifier."""

    def __init__(self, num_classes: int, design: SEDesign, width: float, stem: nn.Sequential) -> None:
        super().__init__()
        self.stem = stem
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        channels = scale_channels(192, width)
        for mix in MIXES:
            modules[f"inception_{mix.name}"] = module = InceptionModule(channels, mix, design, width)
            channels = module.channels
        self.features = nn.Sequential(modules)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K) of images (N, 3, H, W)."""
        logits: Tensor = self.fc(self.features(self.stem(x)).mean((2, 3)))
        return logits


def se_bn_inception(
    num_classes: int = 1000, *, width: float = 1.0, side: int = 224, design: SEDesign = STANDARD
) -> BNInception:
    """SE-BN-Inception, gated at 3a–c, 4a–e and 5a–b: C = 256, 320, 576 × 3, 608 × 2, 1056, 1024 × 2.

    Args:
        num_classes: outputs of the classifier.
        width: factor on all channels, a multiple of 1/16.
        side: of the images in px. Up to 32 the stem begins with a 3×3 convolution, up to 64 with one of stride 2,
            in place of the published 7×7 convolution and first pooling, so that 3a sees 16 × 16 positions, as the
            third stage of a small SE-ResNet does; beyond, the published stem.
        design: what the SE units are; the placement is "standard" or "none".

    Raises:
        ArgumentError: an option that there is not.
    """
    design.check("SE-BN-Inception", "standard", stages=(3, 5))
    network = BNInception(num_classes, design, width, _make_stem(side, width))
    init_weights(network)
    describe_input(network, num_classes, side)
    return network


def _make_stem(side: int, width: float) -> nn.Sequential:
    first, last = (scale_channels(channels, width) for channels in (64, 192))
    stride = stem_stride(side)
    if stride is None:
        begin: list[nn.Module] = [Conv2dNormActivation(3, first, 7, 2), _pool(2)]
    else:
        begin = [Conv2dNormActivation(3, first, 3, stride)]
    return nn.Sequential(*begin, Conv2dNormActivation(first, first, 1), Conv2dNormActivation(first, last, 3), _pool(2))


def _make_branches(inputs: int, mix: Mix, width: float) -> tuple[nn.ModuleList, int]:
    def scaled(channels: int) -> int:
        return scale_channels(channels, width)

    (reduced, triple), (squeezed, double) = map(scaled, mix.triple), map(scaled, mix.double)
    branches: list[nn.Module] = [
        nn.Sequential(Conv2dNormActivation(inputs, reduced, 1), Conv2dNormActivation(reduced, triple, 3, mix.stride)),
        nn.Sequential(
            Conv2dNormActivation(inputs, squeezed, 1),
            Conv2dNormActivation(squeezed, double, 3),
            Conv2dNormActivation(double, double, 3, mix.stride),
        ),
    ]
    channels = triple + double
    if mix.single:
        branches.insert(0, Conv2dNormActivation(inputs, scaled(mix.single), 1))
        channels += scaled(mix.single)
    kind, after = mix.pool
    pool = _pool(mix.stride) if kind == "max" else nn.AvgPool2d(3, 1, padding=1)
    if after:
        branches.append(nn.Sequential(pool, Conv2dNormActivation(inputs, scaled(after), 1)))
        return nn.ModuleList(branches), channels + scaled(after)
    return nn.ModuleList([*branches, pool]), channels + inputs


def _pool(stride: int) -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride, padding=1)


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
    design.check("SE-Inception-v3", "standard", stages=(5, 7))
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
