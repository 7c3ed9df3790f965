"""Which pixels drive a gate: its gradient and integrated gradients (Captum), and the session in which a model is lent to one attribution."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from senet_viz.analysis.attribution import (
    BASELINES,
    PIXEL_METHODS,
    Baseline,
    Completeness,
    Picture,
    PixelAttribution,
    PixelMethod,
    name_channels,
)
from senet_viz.errors import ArgumentError, GateError, ModelError
from senet_viz.gates.discovery import BoundGate
from senet_viz.gates.hooks import evaluating
from senet_viz.gates.taps import watched_taps
from senet_viz.images.quiet import quiet_libraries
from senet_viz.models.zoo import Model
from senet_viz.schema import Floats, Gate
from senet_viz.workflows.job import time_second

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
        stack.enter_context(quiet_libraries())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(evaluating(model.module))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(watched_taps(model.module))
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
        GateError: as `find_gates`, or its gate shares a module with others.
    """
    gates = model.bound_gates
    for bound in gates:
        if block in (bound.gate.name, bound.gate.label):
            if bound.calls > 1:
                raise GateError(
                    f"{bound.gate.label} shares a module with other gates ({bound.calls} calls in a forward), and gradients are "
                    "taken at modules: choose a block with a gate of its own."
                )
            return bound
    raise ArgumentError(f"{model.name} has no block {block!r}: it has {', '.join(b.gate.label for b in gates)}.")


def check_pixels(model: Model, pixels: Tensor) -> Tensor:
    """A copy of one image (C, H, W) on the CPU, outside inference mode; C, H and W are the model's input size.

    Raises:
        ArgumentError: another shape or type, or values that are not finite.
    """
    expected = model.preprocess.shape
    if pixels.shape != expected or pixels.dtype != torch.float32:
        kind = str(pixels.dtype).removeprefix("torch.")
        raise ArgumentError(
            f"The pixels are {kind} of shape {tuple(pixels.shape)}, not one float32 image of {expected}: "
            "pass what model.preprocess makes of an image."
        )
    if not bool(torch.isfinite(pixels).all()):
        raise ArgumentError("The pixels hold values that are not finite: pass what model.preprocess makes of an image.")
    with torch.inference_mode(False), torch.no_grad():
        return pixels.detach().to("cpu", copy=True)


def as_leaf(model: Model, images: Tensor) -> Tensor:
    """A copy of (N, 3, H, W) on the model's device that gradients are taken with respect to."""
    return images.to(model.device, copy=True, memory_format=torch.channels_last).requires_grad_(True)


class Run:
    """The network as Captum calls it; keeps the logits. The copy lets a network write into its input in place."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._logits: Tensor | None = None

    def __call__(self, images: Tensor) -> Tensor:
        logits = self._model.logits_of(self._model.module(images.clone()))
        outputs = self._model.outputs
        if logits.shape != (len(images), outputs):
            raise ModelError(
                f"The network returned {tuple(logits.shape)} for {len(images)} images, not ({len(images)}, {outputs}) logits: "
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

    def run() -> None:
        leaf = as_leaf(model, image[None])
        as_array(torch.autograd.grad(Run(model)(leaf).sum(), leaf)[0])

    alone = partial(differentiate_gate, model, model.bound_gates[-1], (0,), image[None])
    with differentiating(model):
        return time_second(run if model.outputs else alone, model.device) * (steps + ENDS if steps else 1)


def view_pixels(model: Model, pixels: Tensor) -> Picture:
    """(H, W, 3) the picture that the pixels are, before normalisation."""
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (model.preprocess.mean, model.preprocess.std))
    scaled = (pixels * std + mean).clamp(0, 1) * 255
    return np.round(scaled.expand(3, -1, -1).permute(1, 2, 0).numpy()).astype(np.uint8)


def as_array(values: Tensor) -> Floats:
    """float64, on the CPU, without gradient."""
    return values.detach().cpu().double().numpy()


def _without_result(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """A gate needs no logits: whatever the network returns is left aside."""

    def run(images: Tensor) -> Tensor:
        module(images.clone())
        return images

    return run


Progress = Callable[[int, int], None]
STEPS = 64
MOST_STEPS = 1000
BATCH_SIZE = 8


def attribute_gate(
    model: Model,
    pixels: Tensor,
    block: str,
    channels: int | Sequence[int],
    *,
    method: PixelMethod = "gradient",
    baseline: Baseline = "mean",
    steps: int = STEPS,
    batch_size: int = BATCH_SIZE,
    on_progress: Progress | None = None,
) -> PixelAttribution:
    """Which pixels drive a channel's gate, or the mean gate s̄ of several channels.

    "gradient" is ∂s̄/∂x at the image x: how s̄ would move with each pixel, in s per SD of the normalisation.
    "integrated" is (x − b)·∫₀¹ ∂s̄/∂x(b + α·(x − b)) dα by Gauss–Legendre quadrature (Sundararajan, Taly, Yan 2017,
    arXiv 1703.01365), in units of s: it sums to s̄(x) − s̄(b) but for the residual that the result states.

    The model's lock is held for one batch at a time; `on_progress` is called without it.

    Args:
        model: its weights, flags and hooks are as before afterwards, whatever happens.
        pixels: (3, H, W) float32, one preprocessed image.
        block: a label ("SE_4_6") or a module's path ("layer3.5.se").
        channels: number of a channel, or of several, each once.
        method: "gradient" or "integrated".
        baseline: b of "integrated": the normalisation's mean colour (zeros), black or white.
        steps: points of "integrated"; each costs a forward and a backward.
        batch_size: of them at a time.
        on_progress: called as on_progress(done, total) after each batch; what it raises stops the work.

    Raises:
        ArgumentError: no such block or channel, pixels of a wrong shape, or an unknown option.
        GateError: the network has no such gate, or no gradient reaches it.
        ModelError: the network could not be run and differentiated.
    """
    _check_options(method, baseline, steps, batch_size)
    image = check_pixels(model, pixels)
    with differentiating(model):
        bound = find_bound(model, block)
    chosen = _check_channels(bound.gate, channels)
    path = _Path(model, bound, chosen, image, baseline, batch_size)
    found = path.integrate(steps, on_progress) if method == "integrated" else path.differentiate_end(on_progress)
    return PixelAttribution(
        block=bound.gate,
        channels=chosen,
        method=method,
        values=found.values,
        gate=float(found.gates.mean()),
        picture=view_pixels(model, image),
        completeness=found.completeness,
        note=_describe_saturation(bound.gate, chosen, found),
    )


class _Found(NamedTuple):
    """Attribution (3, H, W); gates (channels,) of the image and the gradient (3, H, W) there."""

    values: Floats
    gates: Floats
    gradient: Floats
    completeness: Completeness | None = None


class _Path:
    """The straight line from the baseline to the image."""

    def __init__(
        self, model: Model, bound: BoundGate, channels: tuple[int, ...], image: Tensor, baseline: Baseline, batch: int
    ) -> None:
        self._model, self._bound, self._channels = model, bound, channels
        self._image, self._start = image, _draw_baseline(model, image, baseline)
        self._baseline: Baseline = baseline
        self._batch = batch

    def differentiate_end(self, on_progress: Progress | None) -> _Found:
        """The gradient at the image."""
        gradient, gates = self._differentiate(np.ones(1))
        if on_progress is not None:
            on_progress(1, 1)
        return _Found(gradient[0], gates[0], gradient[0])

    def integrate(self, steps: int, on_progress: Progress | None) -> _Found:
        """Integrated gradients; both ends are looked at too, with weight 0."""
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        places = np.concatenate([[0.0], (nodes + 1) / 2, [1.0]])
        weights = np.concatenate([[0.0], weights / 2, [0.0]])
        mean: Floats = np.zeros(tuple(self._image.shape))
        first = math.nan
        for start in range(0, len(places), self._batch):
            part = slice(start, start + self._batch)
            gradient, gates = self._differentiate(places[part])
            mean += np.tensordot(weights[part], gradient, axes=1)
            first = float(gates[0].mean()) if start == 0 else first
            if on_progress is not None:
                on_progress(min(start + self._batch, len(places)), len(places))
        values = mean * (self._image.double() - self._start.double()).numpy()
        residual = float(values.sum() - (gates[-1].mean() - first))
        return _Found(values, gates[-1], gradient[-1], Completeness(self._baseline, first, steps, residual))

    def _differentiate(self, places: Floats) -> tuple[Floats, Floats]:
        alphas = torch.from_numpy(places).float().view(-1, 1, 1, 1)
        images = torch.lerp(self._start[None], self._image[None], alphas)
        with differentiating(self._model):
            return differentiate_gate(self._model, self._bound, self._channels, images)


def _draw_baseline(model: Model, image: Tensor, baseline: Baseline) -> Tensor:
    if baseline == "mean":
        return torch.zeros_like(image)
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (model.preprocess.mean, model.preprocess.std))
    colour = 0.0 if baseline == "black" else 1.0
    return ((colour - mean) / std).expand_as(image).contiguous()


def _check_options(method: str, baseline: str, steps: int, batch_size: int) -> None:
    if method not in PIXEL_METHODS:
        raise ArgumentError(f"No method is called {method!r}: choose one of {', '.join(PIXEL_METHODS)}.")
    if baseline not in BASELINES:
        raise ArgumentError(f"No baseline is called {baseline!r}: choose one of {', '.join(BASELINES)}.")
    if not 1 <= steps <= MOST_STEPS:
        raise ArgumentError(f"{steps} steps were asked for: ask for 1 to {MOST_STEPS:,}.")
    if batch_size < 1:
        raise ArgumentError(f"The batch size is {batch_size}: it is 1 or more.")


def _check_channels(gate: Gate, channels: int | Sequence[int]) -> tuple[int, ...]:
    numbers = np.atleast_1d(channels)
    if not numbers.size:
        raise ArgumentError(f"No channel of {gate.label} was chosen: choose one or more of 0 to {gate.channels - 1}.")
    if numbers.ndim > 1 or numbers.dtype.kind not in "iu":
        raise ArgumentError(
            f"{channels!r} is no channel of {gate.label}: give whole numbers, 0 to {gate.channels - 1}."
        )
    chosen = tuple(int(c) for c in numbers)
    wrong = next((c for c in chosen if not 0 <= c < gate.channels), None)
    if wrong is not None:
        raise ArgumentError(f"{gate.label} has no channel {wrong}: it has 0 to {gate.channels - 1}.")
    if len(set(chosen)) < len(chosen):
        raise ArgumentError(f"A channel of {gate.label} was chosen twice: name each once.")
    return chosen


def _describe_saturation(gate: Gate, channels: tuple[int, ...], found: _Found) -> str | None:
    """Why the gradient at the image says nothing, or less than it seems."""
    stuck = int(np.isin(found.gates, gate.range).sum())
    flat = not found.gradient.any()
    what = f"the gate of {name_channels(channels)} of {gate.label}"
    if flat and stuck == len(channels):
        bounds = " or ".join(f"{value:g}" for value in np.unique(found.gates))
        return (
            f"Saturated: {what} is exactly {bounds}, where its {gate.activation} is flat, so the gradient at this image is "
            "exactly zero at every pixel."
        )
    if flat:
        return f"The gradient of {what} is exactly zero at every pixel: no small change of this image moves it."
    if stuck:
        return (
            f"{stuck:,} of the {len(channels):,} chosen channels of {gate.label} are saturated (exactly at a bound of their "
            f"{gate.activation}) and add nothing to the gradient at this image."
        )
    return None
