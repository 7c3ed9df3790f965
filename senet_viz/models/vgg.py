"""SE-VGG-16: a gate after the non-linearity that follows each of its thirteen convolutions (arXiv 1709.01507)."""

from collections import OrderedDict

from torch import Tensor, nn

from senet_viz.errors import ArgumentError
from senet_viz.models.building import SMALL_SIDE, SMALLEST_SIDE, describe_input, init_weights, scale_channels
from senet_viz.models.placing import SEDesign

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
    design.check_placement("SE-VGG-16", "per_conv")
    design.check_stages("SE-VGG-16", 1, 5)
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
