"""What one SE unit costs, by formula: weights, biases and multiply-adds of squeeze, excitation and scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from senet_viz.errors import ArgumentError


@dataclass(frozen=True, slots=True)
class UnitCost:
    """The cost of one SE unit, or of several together.

    Attributes:
        weights: of the excitation's linear layers.
        biases: of these layers.
        squeeze_macs: additions of the squeeze, one a channel and position.
        excitation_macs: multiply-adds of the excitation, one a weight.
        scale_macs: multiplications of the scale, one a channel and position.
    """

    weights: int
    biases: int
    squeeze_macs: int
    excitation_macs: int
    scale_macs: int

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights + self.biases

    @property
    def macs(self) -> int:
        """Operations for one image: squeeze, excitation and scale."""
        return self.squeeze_macs + self.excitation_macs + self.scale_macs


def hidden_width(channels: int, reduction: int) -> int:
    """Width of the excitation's hidden layers: C/r rounded down, at least 1.

    Raises:
        ArgumentError: fewer than one channel, or r below 1.
    """
    if channels < 1 or reduction < 1:
        raise ArgumentError(f"{channels} channels with r = {reduction}: both are at least 1.")
    return max(1, channels // reduction)


def cost_of_unit(channels: int, hidden: int, *, positions: int, depth: int = 2, bias: bool = True) -> UnitCost:
    """The cost of one SE unit whose excitation has L linear layers: 2CH + (L − 2)H² weights, C + (L − 1)H biases.

    Args:
        channels: C.
        hidden: H, width of the hidden layers, C/r.
        positions: height × width of the feature map.
        depth: L, at least 2.
        bias: whether the layers have biases.

    Raises:
        ArgumentError: fewer than two layers.
    """
    check_depth(depth)
    weights = 2 * channels * hidden + (depth - 2) * hidden**2
    biases = channels + (depth - 1) * hidden if bias else 0
    return UnitCost(weights, biases, channels * positions, weights, channels * positions)


def sum_costs(costs: Sequence[UnitCost]) -> UnitCost:
    """The costs of several units together."""
    return UnitCost(
        sum(c.weights for c in costs),
        sum(c.biases for c in costs),
        sum(c.squeeze_macs for c in costs),
        sum(c.excitation_macs for c in costs),
        sum(c.scale_macs for c in costs),
    )


def eq5_weights(channels: Sequence[int], reduction: float, *, depth: int = 2) -> float:
    """Weights by the paper's eq 5, (2/r)·Σ C², and for a deeper excitation + (L − 2)·Σ C²/r².

    Args:
        channels: C of every unit.
        reduction: r; the formula takes C/r as it is, also where it is no whole number.
        depth: L; 2 is the paper's.

    Raises:
        ArgumentError: fewer than two layers.
    """
    check_depth(depth)
    return math.fsum(2 * c**2 / reduction + (depth - 2) * (c / reduction) ** 2 for c in channels)


def check_depth(depth: int) -> None:
    """Refuses an excitation of fewer than two linear layers (ArgumentError)."""
    if depth < 2:
        raise ArgumentError(f"An excitation of {depth} linear layers: it has at least 2, one to C/r and one back to C.")
