"""SE-ResNets of the paper's layout at a size that a laptop carries (the bundled model's architecture)."""

from typing import Any

from timm.models.resnet import Bottleneck, ResNet
from torch import nn

LAYERS_50 = (3, 4, 6, 3)


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
    stem = nn.Conv2d(3, 64, kernel_size=3, stride=2, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    network.set_submodule("conv1", stem)
    network.set_submodule("maxpool", nn.Identity())
    return network
