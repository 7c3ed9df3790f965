"""Which channels of a block, and which places of its output, matter for an output of the network."""

from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from senet_viz.analysis.attribution import ChannelAttribution, GradCam
from senet_viz.errors import ArgumentError, GateError
from senet_viz.gates.discovery import BoundGate
from senet_viz.gates.hooks import attached
from senet_viz.models.forward import check_class_outputs
from senet_viz.models.zoo import Model
from senet_viz.workflows.attribution import (
    Run,
    as_array,
    as_leaf,
    check_pixels,
    differentiating,
    find_bound,
    view_pixels,
)


def attribute_output(model: Model, pixels: Tensor, block: str, output: int) -> ChannelAttribution:
    """Which channels of a block matter for output k, for one image: ∂logit_k/∂s_c · s_c.

    It is the first-order change of the logit from closing gate c. What bypasses the gate (the shortcut around the
    block, biases behind it) and x itself are not counted, so the values do not sum to the logit; both are given.

    Args:
        model: its weights, flags and hooks are as before afterwards, whatever happens.
        pixels: (3, H, W) float32, one preprocessed image.
        block: a label ("SE_4_6") or a module's path ("layer3.5.se").
        output: k.

    Raises:
        ArgumentError: no such block or output, or pixels of a wrong shape.
        GateError: the network has no such gate.
        ModelError: the network could not be run and differentiated.
    """
    from captum.attr import LayerGradientXActivation

    _check_output(model, output)
    image = check_pixels(model, pixels)
    seen: list[Tensor] = []

    def observe(_module: nn.Module, _inputs: tuple[Any, ...], s: Any) -> None:
        seen.append(bound.read_gate(s).detach().clone())

    with differentiating(model):
        bound = find_bound(model, block)
        run = Run(model)
        method = LayerGradientXActivation(run, bound.source, multiply_by_inputs=False)
        with attached([(bound.source, observe)]):
            raw = method.attribute(as_leaf(model, image[None]), target=output)
        gradient, gate = as_array(bound.read_gate(raw))[0], as_array(seen[-1])[0]
    label, name = bound.gate.label, _name_output(model, output)
    flat = f"The gradient of {name} is exactly zero at every gate of {label}: no channel moves it at this image."
    return ChannelAttribution(
        block=bound.gate,
        output=output,
        output_name=name,
        gate=gate,
        gradient=gradient,
        values=gradient * gate,
        logit=run.logit(output),
        note=None if gradient.any() else flat,
    )


def compute_grad_cam(model: Model, pixels: Tensor, block: str, output: int) -> GradCam:
    """Where a block's output A speaks for output k: ReLU(Σ_c α_c·A_c), α_c the mean over positions of ∂logit_k/∂A_c.

    A is what the residual block returns: the nearest module around the SE unit that is no plain `Sequential` and not
    the network, where it is called once and returns one (N, C, H, W) map; else what the SE unit returns. The result
    names it. Source: Selvaraju et al. 2017, arXiv 1610.02391.

    Args:
        model: its weights, flags and hooks are as before afterwards, whatever happens.
        pixels: (3, H, W) float32, one preprocessed image.
        block: a label ("SE_4_6") or a module's path ("layer3.5.se").
        output: k.

    Raises:
        ArgumentError: no such block or output, or pixels of a wrong shape.
        GateError: the network has no such gate, or no module around it returns one map.
        ModelError: the network could not be run and differentiated.
    """
    from captum.attr import LayerGradCam

    _check_output(model, output)
    image = check_pixels(model, pixels)
    with differentiating(model):
        bound = find_bound(model, block)
        path, module = _choose_module(model, bound, image)
        run = Run(model)
        raw = LayerGradCam(run, module).attribute(as_leaf(model, image[None]), target=output, relu_attributions=True)
        enlarged = functional.interpolate(raw.detach(), size=image.shape[1:], mode="bilinear", align_corners=False)
    name = _name_output(model, output)
    return GradCam(
        block=bound.gate,
        output=output,
        output_name=name,
        module=path,
        module_kind=type(module).__name__,
        coarse=as_array(raw)[0, 0],
        map=as_array(enlarged)[0, 0],
        logit=run.logit(output),
        picture=view_pixels(model, image),
        note=None if bool(raw.any()) else f"The map is zero everywhere: no position of {path} speaks for {name}.",
    )


def _check_output(model: Model, output: int) -> None:
    """ArgumentError where the model has no such output, ModelError where it has none at all."""
    check_class_outputs(model, "What an output is made of")
    if not 0 <= output < model.outputs:
        raise ArgumentError(f"{model.name} has no output {output}: it has 0 to {model.outputs - 1}.")


def _name_output(model: Model, output: int) -> str:
    """The output's class, or "output k" where classes are not known."""
    return model.classes.short_name(output) if len(model.classes) == model.outputs else f"output {output}"


def _choose_module(model: Model, bound: BoundGate, image: Tensor) -> tuple[str, nn.Module]:
    """Path and module whose output is A; one forward tells what each candidate returns."""
    candidates = {path: model.module.get_submodule(path) for path in _list_paths(model, bound)}
    shapes: dict[nn.Module, tuple[int, ...]] = {}
    calls: Counter[nn.Module] = Counter()

    def note(module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        calls[module] += 1
        shapes[module] = tuple(output.shape) if isinstance(output, Tensor) else ()

    with torch.no_grad(), attached([(module, note) for module in candidates.values()]):
        model.module(image[None].to(model.device, memory_format=torch.channels_last))
    for path, module in candidates.items():
        shape = shapes.get(module, ())
        if calls[module] == 1 and len(shape) == 4 and shape[0] == 1 and shape[2] == shape[3]:
            return path, module
    raise GateError(
        f"Neither {' nor '.join(candidates)} returns one (1, C, H, W) map of a square image: Grad-CAM needs the channels "
        "on axis 1; choose another block."
    )


def _list_paths(model: Model, bound: BoundGate) -> tuple[str, ...]:
    """The module that holds the SE unit and no other, where there is one, then the SE unit."""
    path = bound.gate.name
    while path := path.rpartition(".")[0]:
        if type(model.module.get_submodule(path)).forward is not nn.Sequential.forward:
            alone = sum(gate.name.startswith(f"{path}.") for gate in model.gates) == 1
            return (path, bound.gate.name) if alone else (bound.gate.name,)
    return (bound.gate.name,)
