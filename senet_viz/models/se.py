"""SE units: squeeze, excitation and scale in the variants that the paper and its critics compare (arXiv 1709.01507)."""

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from senet_viz.analysis.costs import check_depth, hidden_width
from senet_viz.errors import ArgumentError

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
