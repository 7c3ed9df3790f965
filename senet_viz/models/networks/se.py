"""SE units in the variants that the paper and its critics compare (arXiv 1709.01507), and where they sit in a residual unit."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from timm.models.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn

from senet_viz.errors import ArgumentError
from senet_viz.schema import check_depth, hidden_width

Squeeze = Literal["avg", "max"]
Activation = Literal["relu", "silu", "gelu", "tanh"]
GateKind = Literal["sigmoid", "tanh", "relu", "hard_sigmoid", "constant"]

_POOLS: Mapping[str, type[nn.Module]] = {"avg": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d}
_ACTIVATIONS: Mapping[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU, "tanh": nn.Tanh}
_GATES: Mapping[str, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "hard_sigmoid": nn.Hardsigmoid,
    "constant": nn.Sigmoid,
}


class SEBlock(nn.Module):
    """Squeezes a feature map to one number a channel, computes a gate from these, and scales the channels by it.

    U (N, C, H, W) is the output of F_tr, the transformation that the unit belongs to. Then:

    - squeeze, eq 2: z = F_sq(U), z_c = 1/(H·W)·Σ_ij u_c(i, j), or the maximum over the positions;
    - excitation, eq 3: s = F_ex(z, W) = σ(W2·δ(W1·z)) with W1 ∈ R^{C/r × C} and W2 ∈ R^{C × C/r}; with L > 2
      layers, L − 2 of C/r × C/r stand between the two, each with δ before it;
    - scale, eq 4: x̃_c = F_scale(u_c, s_c) = s_c·u_c.

    A linear layer of a 1 × 1 map is a 1 × 1 convolution; the layers are fc1 … fcL and at r = 16 hold the names and
    shapes of timm's SEModule, whose weights therefore fit. "constant" is a gate that no image moves: s = σ(v) with
    v ∈ R^C trained (the baseline of arXiv 2304.06345); it has no squeeze and no excitation.

    Args:
        channels: C.
        reduction: r; the hidden layers have C/r units, rounded down, at least one.
        depth: L, number of linear layers, at least 2.
        bias: whether they have biases (the paper's ablations have none, the released weights have).
        squeeze: "avg" or "max".
        activation: δ: "relu", "silu", "gelu" or "tanh".
        gate: σ: "sigmoid", "tanh" (in [−1, 1]), "relu" (in [0, ∞): such gates can not be recorded), "hard_sigmoid", or
            "constant".

    Raises:
        ArgumentError: an option that there is not.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        *,
        depth: int = 2,
        bias: bool = True,
        squeeze: Squeeze = "avg",
        activation: Activation = "relu",
        gate: GateKind = "sigmoid",
    ) -> None:
        super().__init__()
        check_options(squeeze=squeeze, activation=activation, gate=gate)
        check_depth(depth)
        hidden = hidden_width(channels, reduction)
        self.depth = 1 if gate == "constant" else depth
        if gate == "constant":
            self.pool: nn.Module = nn.Identity()
            self.fc1: nn.Module = ConstantLogits(channels)
        else:
            self.pool = _POOLS[squeeze](1)
            widths = [channels, *[hidden] * (depth - 1), channels]
            for at in range(depth):
                self.add_module(f"fc{at + 1}", nn.Conv2d(widths[at], widths[at + 1], 1, bias=bias))
        self.act = _ACTIVATIONS[activation]()
        self.gate = _GATES[gate]()

    def forward(self, u: Tensor) -> Tensor:
        """F_scale(U, F_ex(F_sq(U))), of U's shape."""
        return u * self.excite(self.pool(u))

    def excite(self, z: Tensor) -> Tensor:
        """s = F_ex(z, W), (N, C, 1, 1), of z (N, C, 1, 1)."""
        hidden: Tensor = self.fc1(z)
        for at in range(2, self.depth + 1):
            hidden = self.get_submodule(f"fc{at}")(self.act(hidden))
        s: Tensor = self.gate(hidden)
        return s


class ConstantLogits(nn.Module):
    """v (C,), trained, for every image the same: (N, C, 1, 1) whatever the input holds."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(channels))

    def forward(self, u: Tensor) -> Tensor:
        return self.logits.view(1, -1, 1, 1).expand(len(u), -1, 1, 1)


class NoSqueeze(nn.Module):
    """The paper's NoSqueeze: an excitation at every position instead of one of the pooled map.

    The layers of eq 3 become 1 × 1 convolutions of U itself, so that the gate is (N, C, H, W) and position (i, j) knows
    of no other. Such a gate is none of channels alone: `find_gates` refuses it by name.

    Args:
        channels: C.
        reduction: r.
        bias: whether the layers have biases.
    """

    def __init__(self, channels: int, reduction: int = 16, *, bias: bool = True) -> None:
        super().__init__()
        hidden = hidden_width(channels, reduction)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=bias)
        self.act = nn.ReLU()
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=bias)
        self.gate = nn.Sigmoid()

    def forward(self, u: Tensor) -> Tensor:
        """s·U with s (N, C, H, W)."""
        s: Tensor = self.gate(self.fc2(self.act(self.fc1(u))))
        return u * s


def check_options(*, squeeze: str, activation: str, gate: str) -> None:
    """Refuses options that there are not (ArgumentError, with those that there are)."""
    for what, value, known in (
        ("squeeze", squeeze, get_args(Squeeze)),
        ("activation", activation, get_args(Activation)),
        ("gate", gate, get_args(GateKind)),
    ):
        if value not in known:
            raise ArgumentError(f"{what} is {value!r}; it is one of {', '.join(map(repr, known))}.")


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
            channels, self.reduction, depth=self.depth, bias=self.bias, squeeze=self.squeeze, activation=self.activation,
            gate=self.gate,
        )  # fmt: skip

    def check(self, network: str, *known: SEPlacement, stages: tuple[int, int]) -> None:
        """Refuses a placement that a network has not, and stages: it would silently have no unit there (ArgumentError)."""
        if self.placement not in (*known, "none"):
            raise ArgumentError(
                f"{network} has no placement {self.placement!r}: choose from {', '.join(map(repr, (*known, 'none')))}."
            )
        first, last = stages
        if self.stages is None:
            return
        if not self.stages or not all(first <= stage <= last for stage in self.stages):
            raise ArgumentError(
                f"stages is {list(self.stages)}; {network} has the stages {first} to {last}: name one at least."
            )


STANDARD = SEDesign()


class _SEUnit(nn.Module, abc.ABC):
    """Put before one of timm's residual units: places for SE units, which `place_units` fills."""

    downsample: nn.Module | None
    se_pre: nn.Module
    se1: nn.Module
    se2: nn.Module
    se: nn.Module
    se_identity: nn.Module
    se_post: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """ReLU(branch + shortcut), with whichever SE units there are."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x, activation = self.branch(self.se_pre(x))
        x += self.se_identity(shortcut)
        out: Tensor = self.se_post(activation(x))
        return out

    @abc.abstractmethod
    def branch(self, x: Tensor) -> tuple[Tensor, nn.Module]:
        """What is added to the shortcut, and the activation of the sum."""


class SEBasicBlock(_SEUnit, BasicBlock):
    """timm's basic unit (two 3×3 convolutions) with a place for an SE unit everywhere."""

    def branch(self, x: Tensor) -> tuple[Tensor, nn.Module]:
        x = self.se1(self.act1(self.bn1(self.conv1(x))))
        return self.se(self.bn2(self.conv2(x))), self.act2


class SEBottleneck(_SEUnit, Bottleneck):
    """timm's bottleneck (1×1, 3×3, 1×1) with a place for an SE unit everywhere."""

    def branch(self, x: Tensor) -> tuple[Tensor, nn.Module]:
        x = self.se1(self.act1(self.bn1(self.conv1(x))))
        x = self.se2(self.act2(self.bn2(self.conv2(x))))
        return self.se(self.bn3(self.conv3(x))), self.act3


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
