"""What freezing saves of a forward's time: SE units replaced by a multiplication with constants, timed against the network."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from senet_viz.analysis.freezing import Timing
from senet_viz.gates.adapters import find_adapter
from senet_viz.gates.discovery import BoundGate
from senet_viz.gates.hooks import replaced_forwards
from senet_viz.gates.intervention import GatePatch, patching
from senet_viz.models.environment import describe_device
from senet_viz.models.forward import observing
from senet_viz.models.memory import is_out_of_memory
from senet_viz.models.zoo import Model
from senet_viz.workflows.job import clock, forward_of

FEWEST, MOST = 5, 31  # rounds
SECONDS = 60.0  # that all rounds may take together
_TOLERANCE = 1e-3


def frozen(gates: Sequence[BoundGate], constants: Mapping[str, Tensor]) -> contextlib.AbstractContextManager[None]:
    """The SE units of these gates return x times a constant a channel, and compute nothing else; put back at the end.

    Args:
        gates: of one network.
        constants: (C,) by the gate's name, on the network's device.
    """
    forwards = {}
    for bound in gates:
        adapter = find_adapter(bound.module)
        last = adapter is not None and adapter.channel_dim != 1
        constant = constants[bound.gate.name]
        forwards[bound.module] = _scaled(constant if last else constant[:, None, None])
    return replaced_forwards(forwards)


def _scaled(scale: Tensor) -> Callable[..., Tensor]:
    def forward(x: Tensor, *_inputs: Any, **_options: Any) -> Tensor:
        return x * scale

    return forward


def time_freezing(
    model: Model, order: Sequence[BoundGate], constants: Mapping[str, Tensor], pixels: Tensor
) -> Timing | None:
    """Times the network with its first 0, 1, 2, … blocks of a path frozen, in turn, so that all meet the same load.

    Args:
        model: the network.
        order: its gates in the order of freezing.
        constants: (C,) by the gate's name.
        pixels: (n, 3, H, W) of a forward.

    Returns:
        None where a gate has no SE unit of its own that a constant could replace, and where the network with constants
        says something else than with its gates moved there.
    """
    if not all(bound.unit and bound.calls == 1 for bound in order):
        return None
    there = {name: constant.to(model.device) for name, constant in constants.items()}
    run = forward_of(model, pixels)
    with observing(model, "fp32"):
        if not _agrees(model, order, there, run):
            return None
        sizes = list(range(len(order) + 1))
        seconds = [_time(model, order[:size], there, run) for size in sizes]
        rounds = int(np.clip(SECONDS / max(sum(seconds), 1e-9), FEWEST, MOST))
        found = np.empty((rounds, len(sizes)))
        for at in range(rounds):
            for size in sizes[::-1] if at % 2 else sizes:  # in turn, so that no size always comes last
                found[at, size] = _time(model, order[:size], there, run)
    return Timing(
        ratios=(found[:, 1:] / found[:, :1]).T.copy(),
        seconds=float(np.median(found[:, 0])),
        images=len(pixels),
        device=describe_device(model.device),
        threads=torch.get_num_threads(),
    )


def _time(
    model: Model, gates: Sequence[BoundGate], constants: Mapping[str, Tensor], run: Callable[[], Tensor]
) -> float:
    with frozen(gates, constants):
        return clock(run, model.device)


def _agrees(
    model: Model, order: Sequence[BoundGate], constants: Mapping[str, Tensor], run: Callable[[], Tensor]
) -> bool:
    with patching(model.module, [GatePatch(bound, constants[bound.gate.name]) for bound in order]):
        expected = run()
    try:
        with frozen(order, constants):
            found = run()
    except RuntimeError as error:  # a unit that is given another shape than it multiplies
        if is_out_of_memory(error):
            raise
        return False
    size = float(expected.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0).abs().max())
    return torch.allclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE * max(size, 1e-6), equal_nan=True)
