"""What one SE block did with one image: the real tensors, cut down to what is shown, and each step in plain words."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.schema import Gate
from senet_viz.text import number_text

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

    def terms(self, row: int) -> Floats | None:
        """What each hidden unit adds to one shown channel's gate before the activation, w_cj·h_j, (C/r,)."""
        return None if self.weights is None else np.asarray(self.weights[row] * self.values)


@dataclass(frozen=True, eq=False)
class BlockSteps:
    """One image in one block of a network, in fp32.

    Attributes:
        recording_id: of the recording that the mean gates are from.
        image: its name.
        prediction: the most probable output's name; empty of a network without class outputs.
        probability: of it; NaN without one.
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
    def amplification(self) -> Floats:
        """Of `measure_amplification`, (C,): above 0 a channel is louder than on the average recorded image."""
        return measure_amplification(self.gate, self.mean, self.block.extent)

    @property
    def amplified(self) -> int:
        """Channels that are louder than on the average recorded image."""
        return int((self.amplification > 0).sum())

    @property
    def attenuated(self) -> int:
        """Channels that are quieter than on the average recorded image."""
        return int((self.amplification < 0).sum())

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


def measure_amplification(gate: Floats, mean: Floats, bounds: tuple[float, float]) -> Floats:
    """How much louder each channel is than usual, (C,), in units of s: s − recorded mean, or |s| − |recorded mean| for gates
    that can be below 0 (a channel times −.9 is as loud as one times .9). Differences of fp32's rounding, up to 1e-6, are 0.

    Args:
        gate: s, (C,).
        mean: recorded mean of the gate, (C,).
        bounds: of the gate's range.
    """
    found = np.abs(gate) - np.abs(mean) if bounds[0] < 0 else gate - mean
    return np.asarray(np.where(np.abs(found) <= _ROUNDING, 0, found))


def choose_channels_to_show(amplification: Floats, *, each: int = 3) -> NDArray[np.int64]:
    """The channels that are the loudest and the quietest against their recorded mean, the loudest first.

    Args:
        amplification: of `measure_amplification`, (C,).
        each: at either end; all channels where there are no more.
    """
    order = np.argsort(-amplification, kind="stable")
    return order if len(order) <= 2 * each else np.concatenate([order[:each], order[-each:]])


_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
MOST_TERMS = 3


class Step(NamedTuple):
    """One step: what it is called, what it does in a sentence, its formula, and the formula with numbers in lines."""

    title: str
    words: str
    formula: str
    numbers: tuple[str, ...]

    @property
    def line(self) -> str:
        """The numbers in one line."""
        first, *rest = self.numbers
        return first + "".join(f"{' ' if part.startswith('=') else ' · '}{part}" for part in rest)


def describe_steps(steps: BlockSteps, channel: int) -> tuple[Step, ...]:
    """The five steps, from the feature maps before to those after.

    Args:
        steps: of one image.
        channel: of those that are shown.

    Raises:
        ArgumentError: it is not shown.
    """
    row, c = steps.row(channel), subscript(channel)
    return (
        _describe_maps(steps, row, c),
        _describe_squeeze(steps, channel, c),
        _describe_hidden(steps, row),
        _describe_gate(steps, channel, row, c),
        _describe_scale(steps, channel, c),
    )


def answer_steps(steps: BlockSteps) -> str:
    """How many channels got louder and quieter, which most, and whether the output is s·U."""
    first, last = int(steps.shown[0]), int(steps.shown[-1])
    label, most = steps.block.label, steps.block.channels
    sentence = (
        f"In {label} this image makes {steps.amplified:,} of {most:,} channels louder than they are on average over "
        f"{steps.images:,} recorded images, and {steps.attenuated:,} quieter."
    )
    if steps.far is not None:
        sentence += f" {steps.far:,} of them are more than two recorded SDs from their mean."
    if steps.amplification[first] > 0 > steps.amplification[last]:
        sentence += (
            f" Of the shown ones channel {first} got louder by most (s = {_s(steps.gate[first])}, on average {_s(steps.mean[first])}) "
            f"and channel {last} quieter by most ({_s(steps.gate[last])}, on average {_s(steps.mean[last])})."
        )
    if steps.scales_exactly:
        return f"{sentence} The block's output equals s·U to 1e-6 (largest difference {steps.residual:.1g})."
    return f"{sentence} The block's output differs from s·U by up to {steps.residual:.2g}, of values up to {steps.largest_output:.3g}."


def describe_amplification(steps: BlockSteps, channel: int) -> str:
    """Louder or quieter than on average, with the factor of the mean gate where that is above 0."""
    s, mean, amplification = float(steps.gate[channel]), float(steps.mean[channel]), float(steps.amplification[channel])
    word = "louder" if amplification > 0 else "quieter" if amplification < 0 else "as loud as ever"
    return f"{word}, {s / mean:.2f} × its mean" if mean > 1e-3 and amplification else word


def say_share(share: float) -> str:
    """A share in per cent, "under 1%" where it would be none."""
    return "under 1%" if 0 < share < 0.01 else f"{share:.0%}"


def subscript(number: int) -> str:
    """A number as subscript digits."""
    return str(number).translate(_DIGITS)


def _describe_maps(steps: BlockSteps, row: int, c: str) -> Step:
    height, width = steps.map_size
    return Step(
        "Feature maps U",
        "Each channel is a picture of where one pattern was found. The block does not know yet which of them matter here.",
        "u_c, one map a channel",
        (
            f"u{c}: {height} × {width} = {height * width:,} values",
            f"from {_n(steps.lowest[row])} to {_n(steps.highest[row])}",
        ),
    )


def _describe_squeeze(steps: BlockSteps, channel: int, c: str) -> Step:
    words = "Each map is squeezed into one number, so that the whole image has a say and not one place alone."
    if steps.constant:
        return Step("Squeeze z", "There is none: these gates are trained constants.", "none", ("nothing is squeezed",))
    if steps.squeeze is None:
        return Step(
            "Squeeze z", words, "z_c = mean of u_c", ("z is not one vector here:", steps.block.squeeze_missing or "")
        )
    z, mean = _n(steps.squeeze[channel]), _n(steps.pooled[channel])
    if steps.pools_mean:
        return Step("Squeeze z", words, "z_c = mean of u_c", (f"z{c} = mean of u{c}", f"= {z}"))
    return Step(
        "Squeeze z", words, "z_c, from u_c", (f"z{c} = {z}, and not the", f"mean of u{c}, which is {mean}:", "this network squeezes otherwise")
    )  # fmt: skip


def _describe_hidden(steps: BlockSteps, row: int) -> Step:
    hidden, r = steps.hidden, steps.block.reduction
    if hidden is None or r is None:
        return Step("Hidden layer", steps.hidden_missing, "none", ("no hidden layer to show",))
    words = (
        f"A small layer looks at all {steps.block.channels:,} numbers at once. It has {len(hidden.values):,} units, fewer by the reduction "
        f"r = {r:.3g}, which keeps it cheap and makes it choose."
    )
    terms = hidden.terms(row)
    unit = int(np.argmax(np.abs(hidden.values if terms is None else terms)))
    j, f = subscript(unit), hidden.activation
    return Step(
        f"Hidden layer h, {len(hidden.values)} units",
        words,
        f"h = {f}(W₁z + b₁)",
        (f"h{j} = {f}({_n(hidden.before[unit])})", f"= {_n(hidden.values[unit])}", f"{(hidden.values > 0).sum()} of {len(hidden.values)} units are above 0"),
    )  # fmt: skip


def _describe_gate(steps: BlockSteps, channel: int, row: int, c: str) -> Step:
    f = steps.block.activation
    words = f"From there each channel gets its gate: how much of it goes on. {_describe_terms(steps, row)}".strip()
    if steps.constant:
        words = "Each channel has a gate that was trained and is the same for every image."
    s = _s(steps.gate[channel])
    lines = (f"s{c} = {s}",) if steps.logits is None else (f"s{c} = {f}({_n(steps.logits[channel])})", f"= {s}")
    verdict = f"recorded mean {_s(steps.mean[channel])}: {describe_amplification(steps, channel).split(',')[0]}"
    formula = f"s = {f}({'v), v trained' if steps.constant else '…), from z' if steps.hidden is None else 'W₂h + b₂)'}"
    return Step("Gate s", words, formula, (*lines, verdict))


def _describe_terms(steps: BlockSteps, row: int) -> str:
    """The hidden units that move the channel most."""
    if steps.hidden is None or (terms := steps.hidden.terms(row)) is None or not np.any(terms):
        return ""
    leading = [j for j in np.argsort(-np.abs(terms), kind="stable")[:MOST_TERMS] if terms[j]]
    told = ", ".join(f"h{subscript(int(j))} ({number_text(terms[j], '+.2f')})" for j in leading)
    return f"Channel {int(steps.shown[row])} is moved most by {told}; its constant b₂ is {number_text(steps.hidden.bias[row], '+.2f')}."


def _describe_scale(steps: BlockSteps, channel: int, c: str) -> Step:
    s = _s(steps.gate[channel])
    return Step(
        "Scaled maps x̃",
        "The whole map is multiplied by its gate: the picture stays, only louder or quieter. That is all the block changes.",
        "x̃_c = s_c · u_c",
        (f"x̃{c} = s{c} · u{c}", f"= {s} · u{c}"),
    )


def _n(value: float) -> str:
    """Three significant digits, with a real minus; tiny values in powers of ten."""
    if not np.isfinite(value):
        return "not finite"
    return number_text(value, ".3g" if abs(value) < 1000 else ".3e")


def _s(value: float) -> str:
    """A gate to three digits after the point: a recorded one is known to about 2e-4."""
    return number_text(value, ".3f")
