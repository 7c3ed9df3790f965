"""Where SE units sit in a residual unit, and how they are made: one frozen description for all networks."""

from dataclasses import dataclass
from typing import Literal

from timm.models.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn

from senet_viz.errors import ArgumentError
from senet_viz.models.se import Activation, GateKind, NoSqueeze, SEBlock, Squeeze, check_options

SEPlacement = Literal["standard", "pre", "post", "identity", "3x3", "per_conv", "none"]


@dataclass(frozen=True)
class SEDesign:
    """What the SE units of a network are and where they sit.

    Attributes:
        placement: in a residual unit, "standard" (after the last convolution and batch norm of the branch, before the
            sum), "pre" (before the branch; the shortcut goes around it), "post" (after the sum and its ReLU), "identity"
            (on the shortcut, after its projection), "3x3" (after the bottleneck's 3×3 convolution with its norm and
            ReLU) or "per_conv" (after every convolution with its norm and, but for the last, its ReLU). An Inception
            module knows "standard", VGG "per_conv", all of them "none".
        stages: those that have units, numbered as in the labels (2 to 5 in a ResNet); None for all.
        squeeze: "avg", "max", or "none" for the paper's NoSqueeze, which takes r and bias alone.
        reduction, depth, bias, activation, gate: of `SEBlock`; a constant gate has none of the others.
    """

    placement: SEPlacement = "standard"
    stages: tuple[int, ...] | None = None
    reduction: int = 16
    depth: int = 2
    bias: bool = True
    squeeze: Squeeze | Literal["none"] = "avg"
    activation: Activation = "relu"
    gate: GateKind = "sigmoid"

    def __post_init__(self) -> None:
        check_options(
            squeeze="avg" if self.squeeze == "none" else self.squeeze, activation=self.activation, gate=self.gate
        )
        others = (self.depth, self.activation, self.gate)
        if self.squeeze == "none" and others != (2, "relu", "sigmoid"):
            raise ArgumentError(
                "squeeze='none' is the paper's NoSqueeze: of r and bias alone, with depth 2 and a sigmoid."
            )
        excitation = (self.squeeze, self.reduction, self.depth, self.bias, self.activation)
        if self.gate == "constant" and excitation != ("avg", 16, 2, True, "relu"):
            raise ArgumentError(
                "gate='constant' is a trained logit a channel, without squeeze and excitation: leave out squeeze, "
                "reduction, depth, bias and activation."
            )

    def make(self, channels: int, stage: int) -> nn.Module:
        """The SE unit for C channels in a stage; an identity where the design has none there."""
        if self.placement == "none" or (self.stages is not None and stage not in self.stages):
            return nn.Identity()
        if self.squeeze == "none":
            return NoSqueeze(channels, self.reduction, bias=self.bias)
        return SEBlock(
            channels,
            self.reduction,
            depth=self.depth,
            bias=self.bias,
            squeeze=self.squeeze,
            activation=self.activation,
            gate=self.gate,
        )

    def check_placement(self, network: str, *known: SEPlacement) -> None:
        """Refuses a placement that a network has not (ArgumentError)."""
        if self.placement not in (*known, "none"):
            raise ArgumentError(
                f"{network} has no placement {self.placement!r}: choose from {', '.join(map(repr, (*known, 'none')))}."
            )

    def check_stages(self, network: str, first: int, last: int) -> None:
        """Refuses stages that a network has not: it would silently have no unit there (ArgumentError)."""
        if self.stages is None:
            return
        if not self.stages or not all(first <= stage <= last for stage in self.stages):
            raise ArgumentError(
                f"stages is {list(self.stages)}; {network} has the stages {first} to {last}: name one at least."
            )


STANDARD = SEDesign()


class SEBasicBlock(BasicBlock):
    """timm's basic unit (two 3×3 convolutions) with a place for an SE unit everywhere; `place_units` fills them."""

    se_pre: nn.Module
    se1: nn.Module
    se: nn.Module
    se_identity: nn.Module
    se_post: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """ReLU(branch + shortcut), with whichever SE units there are."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.se_pre(x)
        x = self.se1(self.act1(self.bn1(self.conv1(x))))
        x = self.se(self.bn2(self.conv2(x)))
        x += self.se_identity(shortcut)
        out: Tensor = self.se_post(self.act2(x))
        return out


class SEBottleneck(Bottleneck):
    """timm's bottleneck (1×1, 3×3, 1×1) with a place for an SE unit everywhere; `place_units` fills them."""

    se_pre: nn.Module
    se1: nn.Module
    se2: nn.Module
    se: nn.Module
    se_identity: nn.Module
    se_post: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """ReLU(branch + shortcut), with whichever SE units there are."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.se_pre(x)
        x = self.se1(self.act1(self.bn1(self.conv1(x))))
        x = self.se2(self.act2(self.bn2(self.conv2(x))))
        x = self.se(self.bn3(self.conv3(x)))
        x += self.se_identity(shortcut)
        out: Tensor = self.se_post(self.act3(x))
        return out


_FILLED: dict[SEPlacement, tuple[str, ...]] = {
    "standard": ("se",),
    "pre": ("se_pre",),
    "post": ("se_post",),
    "identity": ("se_identity",),
    "3x3": ("se2",),
    "per_conv": ("se1", "se2", "se"),
    "none": (),
}


def place_units(unit: nn.Module, design: SEDesign, stage: int) -> None:
    """Fills the places of a residual unit (one of the two above) with what the design says, the others with identities."""
    assert isinstance(unit, SEBasicBlock | SEBottleneck)
    last = unit.conv3 if isinstance(unit, SEBottleneck) else unit.conv2
    places = {
        "se_pre": unit.conv1.in_channels,
        "se1": unit.conv1.out_channels,
        "se": last.out_channels,
        "se_identity": last.out_channels,
        "se_post": last.out_channels,
    }
    if isinstance(unit, SEBottleneck):
        places["se2"] = unit.conv2.out_channels
    for name, channels in places.items():
        filled = name in _FILLED[design.placement]
        setattr(unit, name, design.make(channels, stage) if filled else nn.Identity())
