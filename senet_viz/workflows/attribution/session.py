"""One model lent to one attribution: its lock, its state, what was asked for, and what it costs."""

import contextlib
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from senet_viz.analysis.attribution import Floats, Picture
from senet_viz.errors import ArgumentError, GateError, ModelError
from senet_viz.gates import BoundGate
from senet_viz.gates.hooks import evaluating
from senet_viz.models.zoo import Model

ENDS = 2  # integrated gradients also look at the image and at the baseline themselves


@contextlib.contextmanager
def differentiating(model: Model) -> Iterator[None]:
    """The model's lock, eval mode, gradients of everything but the weights, fp32; all is restored, whatever happens.

    Inference mode and autocast of the caller are left for the time being. On CUDA, TF32 is off and kernels are
    deterministic, so that gates are those that a recording in fp32 holds.

    Raises:
        ModelError: the network's forward or backward failed.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(model.lock)
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(evaluating(model.module))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.autocast(model.device.type, enabled=False))
        if model.device.type == "cuda":
            stack.enter_context(torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False))
            stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
            torch.set_float32_matmul_precision("highest")
        for parameter in model.module.parameters():
            parameter.requires_grad_(False)
        try:
            yield
        except RuntimeError as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(
                f"The network {model.name} could not be run and differentiated ({reason}): where memory "
                "ran out take a smaller batch; where it writes into its own results in place, let it copy them first."
            ) from error


def find_bound(model: Model, block: str) -> BoundGate:
    """A block by its module's path ("layer3.5.se") or label ("SE_4_6"), with the modules it lives in.

    Raises:
        ArgumentError: no such block; the message lists the labels.
        GateError: as `find_gates`.
    """
    gates = model.bound_gates
    for bound in gates:
        if block in (bound.gate.name, bound.gate.label):
            return bound
    raise ArgumentError(f"{model.name} has no block {block!r}: it has {', '.join(b.gate.label for b in gates)}.")


def check_pixels(model: Model, pixels: Tensor) -> Tensor:
    """A copy of one image (3, H, W) on the CPU, outside inference mode; H and W are the model's input size.

    Raises:
        ArgumentError: another shape or type, or values that are not finite.
    """
    side = model.preprocess.size
    if pixels.shape != (3, side, side) or pixels.dtype != torch.float32:
        kind = str(pixels.dtype).removeprefix("torch.")
        raise ArgumentError(
            f"The pixels are {kind} of shape {tuple(pixels.shape)}, not one float32 image of (3, {side}, {side}): "
            "pass what model.preprocess makes of an image."
        )
    if not bool(torch.isfinite(pixels).all()):
        raise ArgumentError("The pixels hold values that are not finite: pass what model.preprocess makes of an image.")
    with torch.inference_mode(False), torch.no_grad():
        return pixels.detach().to("cpu", copy=True)


def check_output(model: Model, output: int) -> None:
    """ArgumentError where the model has no such output."""
    if not 0 <= output < model.outputs:
        raise ArgumentError(f"{model.name} has no output {output}: it has 0 to {model.outputs - 1}.")


def name_output(model: Model, output: int) -> str:
    """The output's class, or "output k" where classes are not known."""
    return model.classes.short_name(output) if len(model.classes) == model.outputs else f"output {output}"


def as_leaf(model: Model, images: Tensor) -> Tensor:
    """A copy of (N, 3, H, W) on the model's device that gradients are taken with respect to."""
    return images.to(model.device, copy=True, memory_format=torch.channels_last).requires_grad_(True)


class Run:
    """The network as Captum calls it; keeps the logits. The copy lets a network write into its input in place."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._logits: Tensor | None = None

    def __call__(self, images: Tensor) -> Tensor:
        logits = self._model.module(images.clone())
        outputs = self._model.outputs
        if not isinstance(logits, Tensor) or logits.shape != (len(images), outputs):
            found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ModelError(
                f"The network returned {found} for {len(images)} images, not ({len(images)}, {outputs}) logits: "
                "wrap it so that it returns logits only."
            )
        if not logits.requires_grad:
            raise ModelError(
                f"The logits of {self._model.name} carry no gradient: let its forward run without no_grad()."
            )
        self._logits = logits.detach()
        return logits

    def logit(self, output: int) -> float:
        """Of the one image that was run last."""
        assert self._logits is not None
        return float(self._logits[0, output])


def differentiate_gate(
    model: Model, bound: BoundGate, channels: tuple[int, ...], images: Tensor
) -> tuple[Floats, Floats]:
    """Gradient of the channels' mean gate, and the gates themselves.

    Args:
        model: inside `differentiating`.
        bound: the block.
        channels: of it.
        images: (N, 3, H, W); a row's gradient is that of its own gate.

    Returns:
        (N, 3, H, W) gradient and (N, channels) gates.

    Raises:
        GateError: no gradient reaches the gate.
    """
    from captum.attr import NeuronGradient

    gates: list[Tensor] = []

    def select(output: Tensor) -> Tensor:
        gate = bound.read_gate(output)[:, list(channels)]
        if not gate.requires_grad:
            raise GateError(
                f"No gradient reaches the gate of {bound.gate.name}: let the network run without no_grad()."
            )
        gates.append(gate.detach())
        return gate.mean(1)

    network = _without_result(model.module)
    gradient = NeuronGradient(network, bound.source).attribute(as_leaf(model, images), select)
    return as_array(gradient), as_array(gates[-1])


def estimate_seconds(model: Model, pixels: Tensor, steps: int = 0) -> float:
    """About how long an attribution takes, from the second of two forwards and backwards of one image.

    The whole network is run: batches and blocks near the input are faster, a busy machine slower.

    Args:
        model: to be differentiated.
        pixels: (3, H, W) float32, one preprocessed image.
        steps: of integrated gradients; 0 for what needs a single pass (the gradient, channels, Grad-CAM).

    Raises:
        ArgumentError: pixels of a wrong shape, or negative steps.
        ModelError: the network could not be differentiated.
    """
    if steps < 0:
        raise ArgumentError(f"{steps} steps were asked for: ask for 1 or more, or 0 for a single pass.")
    image = check_pixels(model, pixels)
    with differentiating(model):
        for _ in range(2):  # the first call of a process also loads kernels
            started = time.perf_counter()
            leaf = as_leaf(model, image[None])
            as_array(torch.autograd.grad(Run(model)(leaf).sum(), leaf)[0])
            seconds = time.perf_counter() - started
    return seconds * (steps + ENDS if steps else 1)


def view_pixels(model: Model, pixels: Tensor) -> Picture:
    """(H, W, 3) the picture that the pixels are, before normalisation."""
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (model.preprocess.mean, model.preprocess.std))
    scaled = (pixels * std + mean).clamp(0, 1) * 255
    return np.round(scaled.permute(1, 2, 0).numpy()).astype(np.uint8)


def as_array(values: Tensor) -> Floats:
    """float64, on the CPU, without gradient."""
    return values.detach().cpu().double().numpy()


def _without_result(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """A gate needs no logits: whatever the network returns is left aside."""

    def run(images: Tensor) -> Tensor:
        module(images.clone())
        return images

    return run
