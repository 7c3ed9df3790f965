"""Which pixels drive a gate: its gradient, and integrated gradients."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from senet_viz.analysis.attribution import (
    BASELINES,
    PIXEL_METHODS,
    Baseline,
    Completeness,
    Floats,
    PixelAttribution,
    PixelMethod,
    name_channels,
)
from senet_viz.errors import ArgumentError
from senet_viz.gates import BoundGate
from senet_viz.models.zoo import Model
from senet_viz.schema import Gate
from senet_viz.workflows.attribution.session import (
    check_pixels,
    differentiate_gate,
    differentiating,
    find_bound,
    view_pixels,
)

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
