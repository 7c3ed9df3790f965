"""One forward of a whole network, watched: which units fire, in which order, on which shapes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from senet_viz.errors import GateError
from senet_viz.gates.hooks import attached, evaluating

SMALL_SIDE = 96
USUAL_SIDES = (SMALL_SIDE, 224, 64, 32)

InputSize = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Visit:
    """How a module was called: how often, when first (counted over all watched calls), and on which shapes."""

    calls: int
    order: int
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


def trace_visits(
    network: nn.Module, watched: Mapping[str, nn.Module], *, input_size: InputSize | None = None
) -> dict[str, Visit]:
    """Watches modules in one forward of one random image, in eval mode; nothing of the network's state changes.

    A small image is tried first, since order and relative resolution do not depend on its size.

    Args:
        network: what is run; where its weights are on the meta device, only shapes are computed.
        watched: modules by name.
        input_size: (channels, height, width); by default the network's `pretrained_cfg["input_size"]`
            or, without one, the usual sizes are tried.

    Returns:
        A visit for each watched module that fired.

    Raises:
        GateError: no forward succeeded.
    """
    sizes = _list_sizes(network, input_size)
    for size in sizes:
        try:
            return _trace_once(network, watched, size)
        except Exception as error:  # a network may raise anything on a size that it was not made for
            failure = error
    tried = ", ".join("×".join(map(str, size)) for size in sizes)
    raise GateError(
        f"{type(network).__name__} could not be run to look for its gates: a forward of a random image failed at every "
        f"size tried ({tried}), lastly with {type(failure).__name__}: {failure}. Give the network "
        'pretrained_cfg = {"input_size": (channels, height, width)}.'
    ) from failure


def _list_sizes(network: nn.Module, input_size: InputSize | None) -> list[InputSize]:
    configured = getattr(network, "pretrained_cfg", None)
    if input_size is None and configured:
        input_size = configured.get("input_size")
    if input_size is None:
        first = next((part for part in network.modules() if isinstance(part, nn.Conv2d)), None)
        channels = 3 if first is None else first.in_channels
        return [(channels, side, side) for side in USUAL_SIDES]
    channels, height, width = input_size
    small = (channels, min(height, SMALL_SIDE), min(width, SMALL_SIDE))
    return list(dict.fromkeys([small, (channels, height, width)]))


def _trace_once(network: nn.Module, watched: Mapping[str, nn.Module], size: InputSize) -> dict[str, Visit]:
    names = {module: name for name, module in watched.items()}
    visits: dict[str, Visit] = {}
    started: dict[str, int] = {}

    def start(module: nn.Module, _inputs: tuple[Any, ...]) -> None:
        started.setdefault(names[module], len(started))

    def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        name = names[module]
        calls = visits[name].calls + 1 if name in visits else 1
        visits[name] = Visit(calls, started[name], _shape(inputs[0] if inputs else None), _shape(output))

    with evaluating(network), attached([(m, note) for m in names], pre_hooks=[(m, start) for m in names]):
        network(_draw_image(network, size))
    return visits


def _draw_image(network: nn.Module, size: InputSize) -> Tensor:
    weight = next((p for p in network.parameters() if p.is_floating_point()), torch.empty(0))
    generator = torch.Generator(device="cpu").manual_seed(0)
    image = torch.randn((1, *size), generator=generator, device="cpu")
    return image.to(weight.device, weight.dtype)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, Tensor) else ()
