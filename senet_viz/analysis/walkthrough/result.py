"""What one SE block did with one image: the real tensors, cut down to what is shown."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.schema import Gate

Floats = NDArray[np.float32]
LARGEST_SIDE = 64  # of a map that is kept
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class HiddenLayer:
    """The excitation's hidden layer, h = f(W₁z + b₁).

    Attributes:
        activation: name of f, e.g. "ReLU".
        before: what enters f, (C/r,).
        values: h, (C/r,).
        weights: rows of W₂ for the shown channels, (m, C/r); None where the second layer is no plain matrix.
        bias: b₂ of the shown channels, (m,); 0 where it has none.
    """

    activation: str
    before: Floats
    values: Floats
    weights: Floats | None
    bias: Floats

    @property
    def active(self) -> int:
        """How many hidden units are above 0."""
        return int((self.values > 0).sum())

    def terms(self, row: int) -> Floats | None:
        """What each hidden unit adds to one shown channel's gate before the activation, w_cj·h_j, (C/r,)."""
        return None if self.weights is None else np.asarray(self.weights[row] * self.values)


@dataclass(frozen=True, eq=False)
class BlockSteps:
    """One image in one block of a network, in fp32.

    Attributes:
        recording_id: of the recording that the mean gates are from.
        image: its name.
        prediction: the most probable output's name.
        probability: of it.
        block: the gate.
        map_size: height and width of a feature map, as the network has it.
        shown: channel numbers, from the loudest (largest s − recorded mean) to the quietest, (m,).
        before: feature maps U of the shown channels, (m, h, w); averaged down where a side exceeds 64.
        after: x̃ = s·U of the same, from the block's own output.
        lowest, highest: of each shown map of U at its full size, (m,).
        pooled: mean over positions of every map of U, (C,).
        squeeze: z as the excitation was given it, (C,); None where it is not one vector of C numbers.
        hidden: None where there is none, or where it is not one vector.
        hidden_missing: why; empty where it is there.
        logits: what enters the gate's activation, (C,); None where that is not one vector of C numbers.
        gate: s, (C,).
        mean, sd: recorded mean and standard deviation of the gate over all images, (C,); sd is NaN for a single image.
        images: that were recorded.
        largest_output: largest |output| of the block, over all channels and positions.
        residual: largest |output − s·U|.
        constant: whether the gate is a trained constant, which no image moves: there is neither squeeze nor excitation.
    """

    recording_id: str
    image: str
    prediction: str
    probability: float
    block: Gate
    map_size: tuple[int, int]
    shown: NDArray[np.int64]
    before: Floats
    after: Floats
    lowest: Floats
    highest: Floats
    pooled: Floats
    squeeze: Floats | None
    hidden: HiddenLayer | None
    hidden_missing: str
    logits: Floats | None
    gate: Floats
    mean: Floats
    sd: Floats
    images: int
    largest_output: float
    residual: float
    constant: bool = False

    @property
    def difference(self) -> Floats:
        """s − recorded mean, (C,), in units of s."""
        return np.asarray(self.gate - self.mean)

    @property
    def loudness(self) -> Floats:
        """Of `measure_loudness`, (C,): above 0 a channel is louder than on the average recorded image."""
        return measure_loudness(self.gate, self.mean, self.block.range)

    @property
    def louder(self) -> int:
        """Channels that are louder than on the average recorded image."""
        return int((self.loudness > 0).sum())

    @property
    def quieter(self) -> int:
        """Channels that are quieter than on the average recorded image."""
        return int((self.loudness < 0).sum())

    @property
    def far(self) -> int | None:
        """Channels whose gate is more than two recorded SDs from its mean; None where no SD is known."""
        known = np.isfinite(self.sd)
        return int((np.abs(self.difference) > 2 * self.sd)[known].sum()) if known.any() else None

    @property
    def pools_mean(self) -> bool:
        """Whether z is the plain mean of each map, to the rounding of fp32."""
        if self.squeeze is None:
            return False
        return bool(np.allclose(self.squeeze, self.pooled, rtol=1e-4, atol=1e-5 + 1e-5 * np.abs(self.pooled).max()))

    @property
    def scales_exactly(self) -> bool:
        """Whether the block's output is s·U to 1e-6 of its largest value."""
        return self.residual <= 1e-6 * max(self.largest_output, 1e-30)

    def row(self, channel: int) -> int:
        """Position of a shown channel.

        Raises:
            ArgumentError: it is not shown.
        """
        found = np.flatnonzero(self.shown == channel)
        if not len(found):
            raise ArgumentError(f"Channel {channel} of {self.block.label} is not shown: {self.shown.tolist()} are.")
        return int(found[0])

    def table(self) -> pd.DataFrame:
        """A row a channel of the block: z, gate, its recorded mean and SD, and their difference."""
        columns = {
            "block": self.block.label,
            "channel": np.arange(self.block.channels),
            "mean of the map": self.pooled,
            "squeeze z": np.full(self.block.channels, np.nan) if self.squeeze is None else self.squeeze,
            "before the activation": np.full(self.block.channels, np.nan) if self.logits is None else self.logits,
            "gate s": self.gate,
            "recorded mean": self.mean,
            "recorded SD": self.sd,
            "difference": self.difference,
        }
        table = pd.DataFrame(columns)
        table.insert(2, "shown", np.isin(table["channel"], self.shown))
        return table


def measure_loudness(gate: Floats, mean: Floats, bounds: tuple[float, float]) -> Floats:
    """How much louder each channel is than usual, (C,), in units of s: s − recorded mean, or |s| − |recorded mean| for gates
    that can be below 0 (a channel times −.9 is as loud as one times .9). Differences of fp32's rounding, up to 1e-6, are 0.

    Args:
        gate: s, (C,).
        mean: recorded mean of the gate, (C,).
        bounds: of the gate's range.
    """
    found = np.abs(gate) - np.abs(mean) if bounds[0] < 0 else gate - mean
    return np.asarray(np.where(np.abs(found) <= _ROUNDING, 0, found))


def choose_channels_to_show(loudness: Floats, *, each: int = 3) -> NDArray[np.int64]:
    """The channels that are the loudest and the quietest against their recorded mean, the loudest first.

    Args:
        loudness: of `measure_loudness`, (C,).
        each: at either end; all channels where there are no more.
    """
    order = np.argsort(-loudness, kind="stable")
    return order if len(order) <= 2 * each else np.concatenate([order[:each], order[-each:]])
