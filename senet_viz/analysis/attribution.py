"""What attribution finds, as plain arrays: it can be drawn, tabulated and kept without torch."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.schema import Floats, Gate

PixelMethod = Literal["gradient", "integrated"]
PIXEL_METHODS: tuple[PixelMethod, ...] = ("gradient", "integrated")
Baseline = Literal["mean", "black", "white"]
BASELINES: tuple[Baseline, ...] = ("mean", "black", "white")
BASELINE_WORDS: dict[Baseline, str] = {"mean": "the mean colour", "black": "black", "white": "white"}
LARGEST_RESIDUAL = 0.05  # of the gate's change, above which integrated gradients are told to be rough
_NO_CHANGE = 1e-6  # in s: what float32 leaves of a network's sums
_CLIPPED = 0.5  # % of pixels whose colour ends early, so that a single one does not make all others pale

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Completeness:
    """How well integrated gradients account for a gate's change from the baseline.

    Attributes:
        baseline: what the path starts from.
        baseline_gate: s there (mean of the chosen channels).
        steps: Gauss–Legendre points on the path.
        residual: Σ attribution − (s(image) − s(baseline)), in units of s; 0 were the integral exact.
    """

    baseline: Baseline
    baseline_gate: float
    steps: int
    residual: float

    def share(self, gate: float) -> float:
        """|residual| over |s − s(baseline)|: 0 where both are 0, infinite where only the change is."""
        change = abs(gate - self.baseline_gate)
        return abs(self.residual) / change if change else math.inf if self.residual else 0.0


@dataclass(frozen=True)
class PixelAttribution:
    """Which pixels drive a gate.

    Attributes:
        block: the gate's block.
        channels: whose mean gate is explained.
        method: "gradient": ∂s/∂x, in s per SD of the normalisation; "integrated": integrated gradients, in s.
        values: (3, H, W), signed, per colour; (1, H, W) of a network of greyscale images.
        gate: s of the image (mean of the chosen channels).
        picture: (H, W, 3) what the network saw.
        completeness: of integrated gradients; None for the gradient.
        note: a sentence where a gate is saturated or the gradient is exactly zero.
    """

    block: Gate
    channels: tuple[int, ...]
    method: PixelMethod
    values: Floats
    gate: float
    picture: Picture
    completeness: Completeness | None = None
    note: str | None = None

    @property
    def map(self) -> Floats:
        """(H, W): sum over the colours."""
        return np.asarray(self.values.sum(axis=0))

    @property
    def limit(self) -> float:
        """Where colours end: |map| of all but .5 % of the pixels; 0 where the map is zero."""
        sizes = np.abs(self.map)
        usual = float(np.percentile(sizes, 100 - _CLIPPED))
        return usual if usual > 0 or not math.isfinite(usual) else float(sizes.max(initial=0))

    @property
    def subject(self) -> str:
        """What is explained, e.g. "channel 7 of SE_4_6"."""
        return f"{name_channels(self.channels)} of {self.block.label}"

    @property
    def answer(self) -> str:
        """One sentence of what was found."""
        what = "s" if len(self.channels) == 1 else "mean s"
        if self.completeness is None:
            row, column = np.unravel_index(np.abs(self.map).argmax(), self.map.shape)
            most = f"{self.map[row, column]:+.1e} per SD of the normalisation"
            return f"{what} = {self.gate:.3f}; it reacts most to the pixel in row {row}, column {column} ({most})."
        done = self.completeness
        return (
            f"{what} = {self.gate:.3f}, and {done.baseline_gate:.3f} for {BASELINE_WORDS[done.baseline]}: the pixels "
            f"account for {self.values.sum():+.4f} of the {self.gate - done.baseline_gate:+.4f} "
            f"(residual {done.residual:+.1e} after {done.steps} steps)."
        )

    @property
    def warning(self) -> str | None:
        """A sentence where integrated gradients miss over 5 % of the gate's change, and what to do; else None."""
        done = self.completeness
        if done is None or done.share(self.gate) <= LARGEST_RESIDUAL:
            return None
        if abs(self.gate - done.baseline_gate) < _NO_CHANGE:
            return (
                f"The gate is the same for this image and for {BASELINE_WORDS[done.baseline]}, so there is no change that pixels "
                "could account for and the map shows rounding: start from another baseline."
            )
        return (
            f"The values of the pixels miss {done.share(self.gate):.0%} of the gate's change (the residual), so the map is "
            f"rough: take more than {done.steps} steps."
        )

    def table(self) -> pd.DataFrame:
        """A row a pixel: row, column, red, green, blue (grey instead where the network sees no colours), sum."""
        names = ("red", "green", "blue") if len(self.values) == 3 else ("grey",)
        return _pixel_table(self.map, **{n: v.ravel() for n, v in zip(names, self.values)}, sum=self.map.ravel())


@dataclass(frozen=True)
class ChannelAttribution:
    """Which channels of a block matter for an output, for one image: gradient × gate.

    Attributes:
        block: the block.
        output: index k of the logit.
        output_name: its class, or "output k".
        gate: (C,) s.
        gradient: (C,) ∂logit_k/∂s.
        values: (C,) gradient · gate, signed: what logit_k would lose, to first order, were the gate closed.
        logit: logit_k.
        note: a sentence where every gradient is exactly zero.
    """

    block: Gate
    output: int
    output_name: str
    gate: Floats
    gradient: Floats
    values: Floats
    logit: float
    note: str | None = None

    @property
    def total(self) -> float:
        """Σ values; not the logit, `caveat` says why."""
        return float(self.values.sum())

    @property
    def caveat(self) -> str:
        return (
            f"The values sum to {self.total:+.2f}, the logit is {self.logit:+.2f}: they are a first-order reading at this "
            "image, the shortcut around the block and the biases behind it bypass the gate, and x itself is not counted."
        )

    def largest(self, count: int) -> NDArray[np.int64]:
        """Channels of the largest |value|, largest first."""
        if count < 1:
            raise ArgumentError(f"{count} channels were asked for: ask for 1 or more.")
        return np.argsort(-np.abs(self.values), kind="stable")[:count]

    def table(self) -> pd.DataFrame:
        """A row a channel: channel, gate, gradient, value."""
        columns = {"gate": self.gate, "gradient": self.gradient, "value": self.values}
        return pd.DataFrame({"channel": np.arange(len(self.values)), **columns})


@dataclass(frozen=True)
class GradCam:
    """Where a block's output speaks for an output of the network (Grad-CAM).

    Attributes:
        block: the block.
        output: index k of the logit.
        output_name: its class, or "output k".
        module: path of the module whose output A was used: the residual block, or the SE unit itself.
        module_kind: its class.
        coarse: (h, w) ReLU(Σ_c α_c·A_c) with α_c = mean over positions of ∂logit_k/∂A_c.
        map: (H, W) the same, bilinearly enlarged to the picture.
        logit: logit_k.
        picture: (H, W, 3) what the network saw.
        note: a sentence where the map is zero everywhere.
    """

    block: Gate
    output: int
    output_name: str
    module: str
    module_kind: str
    coarse: Floats
    map: Floats
    logit: float
    picture: Picture
    note: str | None = None

    @property
    def limit(self) -> float:
        """Where colours end: the largest value."""
        return float(self.map.max(initial=0))

    def table(self) -> pd.DataFrame:
        """A row a position of the coarse map: row, column, value."""
        return _pixel_table(self.coarse, value=self.coarse.ravel())


def name_channels(channels: tuple[int, ...], most: int = 6) -> str:
    """Words for a set of channels: "channel 7", "the mean of channels 1, 2 and 5", "the mean of 40 channels"."""
    if len(channels) == 1:
        return f"channel {channels[0]}"
    if len(channels) > most:
        return f"the mean of {len(channels):,} channels"
    return f"the mean of channels {', '.join(map(str, channels[:-1]))} and {channels[-1]}"


def _pixel_table(grid: Floats, **columns: Floats) -> pd.DataFrame:
    rows, places = np.indices(grid.shape)
    return pd.DataFrame({"row": rows.ravel(), "column": places.ravel(), **columns})
