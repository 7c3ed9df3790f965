"""Which channels of a block matter for an output: gradient × gate."""

from typing import Any

from torch import Tensor, nn

from senet_viz.analysis.attribution import ChannelAttribution
from senet_viz.gates.hooks import attached
from senet_viz.models.zoo import Model
from senet_viz.workflows.attribution.session import (
    Run,
    as_array,
    as_leaf,
    check_output,
    check_pixels,
    differentiating,
    find_bound,
    name_output,
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

    check_output(model, output)
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
    label, name = bound.gate.label, name_output(model, output)
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
