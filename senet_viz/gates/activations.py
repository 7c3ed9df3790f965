"""What makes s: the name of a gate's activation and its bounds."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from senet_viz.errors import GateError
from senet_viz.gates.alone import on_cpu

UNIT = (0.0, 1.0)
KNOWN: Mapping[str, tuple[str, tuple[float, float]]] = {
    "sigmoid": ("sigmoid", UNIT),
    "hardsigmoid": ("hard sigmoid", UNIT),
    "hsigmoid": ("hard sigmoid", UNIT),
    "softmax": ("softmax", UNIT),
    "softmax2d": ("softmax", UNIT),
    "tanh": ("tanh", (-1.0, 1.0)),
    "relu": ("relu", (0.0, math.inf)),
    "relu6": ("relu6", (0.0, 6.0)),
    "softplus": ("softplus", (0.0, math.inf)),
}
FAR, FARTHER = 1e3, 1e6


def describe_activation(activation: nn.Module, sample: Tensor) -> tuple[str, tuple[float, float]]:
    """Name and bounds of the activation that ends an excitation.

    Known activations go by a table. Of others the bounds are measured: the activation is applied
    elementwise to a grid of values; where it still moves between ±10³ and ±10⁶ it is unbounded.

    Args:
        activation: the module whose output is s.
        sample: (N, …) an output of it; only its shape matters.

    Raises:
        GateError: its bounds cannot be measured, since it does not run on one tensor of that shape alone.
    """
    for base in type(activation).__mro__:
        known = KNOWN.get(base.__name__.replace("_", "").casefold())
        if known is not None:
            return known
    return type(activation).__name__, _measure_bounds(activation, sample)


def _measure_bounds(activation: nn.Module, sample: Tensor) -> tuple[float, float]:
    near = torch.linspace(-20, 20, 4001, device="cpu")
    grid = torch.cat([torch.tensor([-FARTHER, -FAR, FAR, FARTHER], device="cpu"), near])
    values = grid.reshape(-1, *(1 for _ in sample.shape[1:])).expand(-1, *sample.shape[1:])
    try:
        with on_cpu(activation) as apply:
            outputs = apply(values.clone()).reshape(len(grid), -1)
    except Exception as error:  # a module of any kind may end an excitation
        raise GateError(
            f"the bounds of its activation {type(activation).__name__} could not be measured, since it did not run alone "
            f"({type(error).__name__}: {error}): make it a module that maps one tensor elementwise"
        ) from error
    ends = outputs[:4]
    unbounded = [not torch.allclose(ends[a], ends[b], rtol=1e-3, atol=1e-6) for a, b in ((0, 1), (3, 2))]
    lowest, highest = float(outputs.min()), float(outputs.max())
    for moves, end in zip(unbounded, (ends[0], ends[3])):
        if moves and float(end.min()) < 0:
            lowest = -math.inf
        if moves and float(end.max()) > 0:
            highest = math.inf
    return lowest, highest
