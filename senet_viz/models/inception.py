"""SE-BN-Inception: BN-Inception with a gate on the concatenated output of each of its ten modules (arXiv 1709.01507)."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from senet_viz.models.building import describe_input, init_weights, scale_channels, stem_stride
from senet_viz.models.placing import STANDARD, SEDesign


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
    design.check_placement("SE-BN-Inception", "standard")
    design.check_stages("SE-BN-Inception", 3, 5)
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
