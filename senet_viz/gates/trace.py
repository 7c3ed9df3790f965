"""One forward of a whole network, watched: which units fire, in which order, on which shapes; wrappers are refused."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from senet_viz.errors import GateError
from senet_viz.gates.dataflow import Dataflow, observed
from senet_viz.gates.hooks import evaluating

INSIDE: Mapping[str, tuple[str, str]] = {
    "OptimizedModule": ("_orig_mod", "hooks added after torch.compile may never fire"),
    "DataParallel": ("module", "its replicas fire hooks once per device"),
    "DistributedDataParallel": ("module", "its forward belongs to training"),
    "FullyShardedDataParallel": ("module", "its weights are scattered"),
}


def refuse_wrappers(network: nn.Module) -> None:
    """Raises where a network, or a part of it, is compiled, scripted, data-parallel or not yet initialised.

    Raises:
        GateError: naming the wrapper and the module inside that is to be passed instead.
    """
    for name, module in network.named_modules():
        where = f"model.{name}" if name else "model"
        for base in type(module).__mro__:
            if base.__name__ in INSIDE and hasattr(module, INSIDE[base.__name__][0]):
                inside, reason = INSIDE[base.__name__]
                kind = type(getattr(module, inside)).__name__
                advice = (
                    f"pass the {kind} inside, {where}.{inside}" if not name else f"put {where}.{inside} in its place"
                )
                raise GateError(f"{where} is a {base.__name__} ({reason}): {advice}.")
        _refuse_forms(module, where)
    lazy = next((name for name, parameter in network.named_parameters() if is_lazy(parameter)), None)
    if lazy is not None:
        raise GateError(f"{lazy} has no shape yet: run the network once on an image before looking for gates.")


def _refuse_forms(module: nn.Module, where: str) -> None:
    kind = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        raise GateError(f"{where} is a {kind}, on which hooks do not fire: pass the {kind}'s eager original.")
    if getattr(module, "_compiled_call_impl", None) is not None:
        raise GateError(
            f"{where} ({kind}) was compiled in place, and hooks added afterwards may never fire: "
            f"pass a {kind} on which compile() was not called."
        )


SMALL_SIDE = 96
USUAL_SIDES = (SMALL_SIDE, 224, 64, 32)
COLOURS = 3  # where the first layer is given several pixels as channels, its channels are not the image's

InputSize = tuple[int, int, int]
ExampleInputs = Tensor | tuple[Any, ...] | Mapping[str, Any]


def trace_forward(
    network: nn.Module,
    *,
    input_size: InputSize | None = None,
    example_inputs: ExampleInputs | None = None,
    fallback: InputSize | None = None,
) -> Dataflow:
    """Watches one forward of one random image, in eval mode; nothing of the network's state changes.

    A small image is tried first, since order and relative resolution do not depend on its size.

    Args:
        network: what is run; where its weights are on the meta device, only shapes are computed.
        input_size: (channels, height, width); by default the network's `pretrained_cfg["input_size"]`
            or, without one, the usual sizes are tried.
        example_inputs: what the network is called with instead of an image: a tensor, a tuple of arguments, or a mapping
            of them by name.
        fallback: a size that is known to do, tried where none of those does.

    Raises:
        GateError: no forward succeeded.
    """
    if example_inputs is not None:
        try:
            return _run_on(network, example_inputs)
        except Exception as error:  # a network may raise anything
            raise GateError(
                f"{type(network).__name__} could not be run on the example inputs ({type(error).__name__}: {error}): give "
                "what its forward takes, as a tensor, a tuple of arguments or a mapping by name."
            ) from error
    sizes = [*_list_sizes(network, input_size), *([fallback] if fallback else [])]
    for size in sizes:
        try:
            return _run_on(network, _draw_image(network, size))
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
        sizes = [(channels, side, side) for side in USUAL_SIDES]
        return sizes if channels == COLOURS else sizes + [(COLOURS, side, side) for side in USUAL_SIDES]
    channels, height, width = input_size
    small = (channels, min(height, SMALL_SIDE), min(width, SMALL_SIDE))
    return list(dict.fromkeys([small, (channels, height, width)]))


def _run_on(network: nn.Module, inputs: ExampleInputs) -> Dataflow:
    named = inputs if isinstance(inputs, Mapping) else {}
    ordered = () if isinstance(inputs, Mapping) else (inputs,) if isinstance(inputs, Tensor) else inputs
    with evaluating(network), observed(network) as flow:
        network(*ordered, **named)
    flow.inputs = ordered, named
    return flow


def _draw_image(network: nn.Module, size: InputSize) -> Tensor:
    weight = next((p for p in network.parameters() if p.is_floating_point()), torch.empty(0))
    generator = torch.Generator(device="cpu").manual_seed(0)
    image = torch.randn((1, *size), generator=generator, device="cpu")
    return image.to(weight.device, weight.dtype)
