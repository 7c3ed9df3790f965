"""SE-ResNets and SE-ResNeXts, the paper's and small ones (the bundled model's architecture), and SE-VGG-16."""

from collections import OrderedDict
from typing import Any

from timm.models.resnet import Bottleneck, ResNet
from torch import Tensor, nn

from senet_viz.errors import ArgumentError
from senet_viz.models.networks.building import (
    SMALL_SIDE,
    SMALLEST_SIDE,
    describe_input,
    init_weights,
    scale_channels,
    small_stem,
    stem_stride,
)
from senet_viz.models.networks.se import STANDARD, SEBasicBlock, SEBottleneck, SEDesign, SEPlacement, place_units

LAYERS_50 = (3, 4, 6, 3)
_PLANES = (64, 128, 256, 512)
_STEM = 64


def small_se_resnet50(num_classes: int = 200, base_channels: int = 32) -> ResNet:
    """SE-ResNet-50's 3-4-6-3 bottleneck layout for small images.

    The stem is one 3×3 convolution of stride 2 without max-pooling, so that 64 px images keep
    32 × 32 positions in the first stage. Each residual unit carries one SE block with r = 16
    after its last batch norm, before the sum (Hu et al., arXiv 1709.01507, Fig. 3).

    Args:
        num_classes: outputs of the classifier.
        base_channels: bottleneck width of the first stage (64 in the paper, 32 at half width);
            stage outputs have 4, 8, 16 and 32 times as many channels.
    """
    build: Any = ResNet  # timm annotates its block argument as an instance
    network: ResNet = build(
        Bottleneck,
        list(LAYERS_50),
        num_classes=num_classes,
        channels=tuple(base_channels * 2**stage for stage in range(4)),
        block_args={"attn_layer": "se"},
    )
    _replace_stem(network, stride=2)
    return network


def se_resnet18(num_classes: int = 1000, *, width: float = 1.0, side: int = 224, design: SEDesign = STANDARD) -> ResNet:
    """SE-ResNet-18 on timm's ResNet; with C = 64 and r = 16 the hidden layer has 4 units, where timm's has 8.

    Args:
        num_classes: outputs of the classifier.
        width: factor on the channels of all stages, a multiple of 1/16; the stem keeps its 64.
        side: of the images in px. Up to 32 the stem is a 3×3 convolution, up to 64 one of stride 2, both without
            max-pooling; beyond, the 7×7 convolution and the pooling of the paper. Any size can be given to the network.
        design: what the SE units are and where they sit.

    Raises:
        ArgumentError: an option that there is not, or a placement that the residual unit has not.
    """
    return _build("SE-ResNet-18", SEBasicBlock, (2, 2, 2, 2), num_classes, width, side, design)


def se_resnet34(num_classes: int = 1000, *, width: float = 1.0, side: int = 224, design: SEDesign = STANDARD) -> ResNet:
    """SE-ResNet-34; like `se_resnet18`."""
    return _build("SE-ResNet-34", SEBasicBlock, LAYERS_50, num_classes, width, side, design)


def se_resnet50(num_classes: int = 1000, *, width: float = 1.0, side: int = 224, design: SEDesign = STANDARD) -> ResNet:
    """SE-ResNet-50; like `se_resnet18`. As it comes it is timm's seresnet50, whose weights fit."""
    return _build("SE-ResNet-50", SEBottleneck, LAYERS_50, num_classes, width, side, design)


def se_resnet101(
    num_classes: int = 1000, *, width: float = 1.0, side: int = 224, design: SEDesign = STANDARD
) -> ResNet:
    """SE-ResNet-101; like `se_resnet18`. As it comes it is timm's seresnet101."""
    return _build("SE-ResNet-101", SEBottleneck, (3, 4, 23, 3), num_classes, width, side, design)


def se_resnet152(
    num_classes: int = 1000, *, width: float = 1.0, side: int = 224, design: SEDesign = STANDARD
) -> ResNet:
    """SE-ResNet-152; like `se_resnet18`. As it comes it is timm's seresnet152."""
    return _build("SE-ResNet-152", SEBottleneck, (3, 8, 36, 3), num_classes, width, side, design)


def se_resnext50(
    num_classes: int = 1000, *, width: float = 1.0, side: int = 224, design: SEDesign = STANDARD
) -> ResNet:
    """SE-ResNeXt-50 32×4d; like `se_resnet18`, in quarters of the width. It is timm's seresnext50_32x4d."""
    return _build("SE-ResNeXt-50", SEBottleneck, LAYERS_50, num_classes, width, side, design, groups=(32, 4))


def se_resnext101(
    num_classes: int = 1000, *, width: float = 1.0, side: int = 224, design: SEDesign = STANDARD
) -> ResNet:
    """SE-ResNeXt-101 32×4d; like `se_resnext50`. It is timm's seresnext101_32x4d."""
    return _build("SE-ResNeXt-101", SEBottleneck, (3, 4, 23, 3), num_classes, width, side, design, groups=(32, 4))


def _build(
    name: str,
    unit: type[nn.Module],
    layers: tuple[int, ...],
    num_classes: int,
    width: float,
    side: int,
    design: SEDesign,
    *,
    groups: tuple[int, int] = (1, 64),
) -> ResNet:
    """Residual units of a kind, so many a stage; `groups` are the number and width of those of a 3×3 convolution."""
    channels = tuple(scale_channels(planes, width) for planes in _PLANES)
    cardinality, base_width = groups
    of_bottleneck: tuple[SEPlacement, ...] = () if unit is SEBasicBlock else ("3x3",)
    design.check(name, "standard", "pre", "post", "identity", *of_bottleneck, "per_conv", stages=(2, 5))
    if channels[0] * base_width < 64:
        raise ArgumentError(f"{name} is at least {64 / base_width / 64:g} wide: a group has no channel below that.")
    if channels[0] * base_width % 64:
        raise ArgumentError(
            f"{name} with width {channels[0] / 64:g} would have {channels[0] * base_width / 64:g} channels a group: "
            f"choose a multiple of {1 / base_width:g}."
        )
    build: Any = ResNet
    network: ResNet = build(
        unit, list(layers), num_classes=num_classes, channels=channels, cardinality=cardinality, base_width=base_width
    )
    if (stride := stem_stride(side)) is not None:
        _replace_stem(network, stride)
    for stage in range(2, 6):
        for part in network.get_submodule(f"layer{stage - 1}").children():
            place_units(part, design, stage)
    network.init_weights()
    describe_input(network, num_classes, side)
    return network


def _replace_stem(network: ResNet, stride: int) -> None:
    network.set_submodule("conv1", small_stem(_STEM, stride))
    network.set_submodule("maxpool", nn.Identity())


STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
PER_CONV = SEDesign(placement="per_conv")
_HIDDEN, _POOLED = 4096, 7


class VGG(nn.Module):
    """Convolutions, each with batch norm, ReLU and its gate, in five stages that end in max-pooling; a classifier."""

    def __init__(self, features: nn.Sequential, pooled: int, classifier: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d(pooled)
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K) of images (N, 3, H, W)."""
        logits: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return logits


def se_vgg16(num_classes: int = 1000, *, width: float = 1.0, side: int = 224, design: SEDesign = PER_CONV) -> VGG:
    """SE-VGG-16 with batch norms: torchvision's vgg16_bn, gated per convolution.

    Args:
        num_classes: outputs of the classifier.
        width: factor on all channels, a multiple of 1/16.
        side: of the images in px. Up to 64 the classifier is one linear layer of the average over all positions;
            beyond, the three layers of the paper.
        design: what the SE units are; the placement is "per_conv" or "none".

    Raises:
        ArgumentError: an option that there is not.
    """
    design.check("SE-VGG-16", "per_conv", stages=(1, 5))
    if side < SMALLEST_SIDE:
        raise ArgumentError(
            f"side is {side}; SE-VGG-16 halves an image five times, so it takes at least {SMALLEST_SIDE} px."
        )
    last, hidden = scale_channels(STAGES[-1][-1], width), scale_channels(_HIDDEN, width)
    small = side <= SMALL_SIDE
    classifier = nn.Linear(last, num_classes) if small else nn.Sequential(
        nn.Linear(last * _POOLED**2, hidden), nn.ReLU(inplace=True), nn.Dropout(),
        nn.Linear(hidden, hidden), nn.ReLU(inplace=True), nn.Dropout(),
        nn.Linear(hidden, num_classes),
    )  # fmt: skip
    network = VGG(_make_features(design, width), 1 if small else _POOLED, classifier)
    init_weights(network)
    describe_input(network, num_classes, side)
    return network


def _make_features(design: SEDesign, width: float) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before = 3
    for stage, planes in enumerate(STAGES, start=1):
        for at, plane in enumerate(planes, start=1):
            channels = scale_channels(plane, width)
            layers[f"conv{stage}_{at}"] = nn.Conv2d(before, channels, 3, padding=1)
            layers[f"bn{stage}_{at}"] = nn.BatchNorm2d(channels)
            layers[f"relu{stage}_{at}"] = nn.ReLU(inplace=True)
            layers[f"se{stage}_{at}"] = design.make(channels, stage)
            before = channels
        layers[f"pool{stage}"] = nn.MaxPool2d(2)
    return nn.Sequential(layers)
