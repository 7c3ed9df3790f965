"""The steps of a block in plain words, each with the numbers of one channel put in."""

from typing import NamedTuple

import numpy as np

from senet_viz.analysis.walkthrough.result import BlockSteps

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


def tell_steps(steps: BlockSteps, channel: int) -> tuple[Step, ...]:
    """The five steps, from the feature maps before to those after.

    Args:
        steps: of one image.
        channel: of those that are shown.

    Raises:
        ArgumentError: it is not shown.
    """
    row, c = steps.row(channel), subscript(channel)
    return (
        _tell_maps(steps, row, c),
        _tell_squeeze(steps, channel, c),
        _tell_hidden(steps, row),
        _tell_gate(steps, channel, row, c),
        _tell_scale(steps, channel, c),
    )


def answer_steps(steps: BlockSteps) -> str:
    """How many channels got louder and quieter, which most, and whether the output is s·U."""
    first, last = int(steps.shown[0]), int(steps.shown[-1])
    label, most = steps.block.label, steps.block.channels
    sentence = (
        f"In {label} this image makes {steps.louder:,} of {most:,} channels louder than they are on average over "
        f"{steps.images:,} recorded images, and {steps.quieter:,} quieter."
    )
    if steps.far is not None:
        sentence += f" {steps.far:,} of them are more than two recorded SDs from their mean."
    if steps.loudness[first] > 0 > steps.loudness[last]:
        sentence += (
            f" Of the shown ones channel {first} got louder by most (s = {_s(steps.gate[first])}, on average {_s(steps.mean[first])}) "
            f"and channel {last} quieter by most ({_s(steps.gate[last])}, on average {_s(steps.mean[last])})."
        )
    return f"{sentence} {tell_check(steps)}"


def tell_check(steps: BlockSteps) -> str:
    """Whether the block's output is s times its input."""
    if steps.scales_exactly:
        return f"The block's output equals s·U to 1e-6 (largest difference {steps.residual:.1g})."
    return f"The block's output differs from s·U by up to {steps.residual:.2g}, of values up to {steps.largest_output:.3g}."


def describe_loudness(steps: BlockSteps, channel: int) -> str:
    """Louder or quieter than on average, with the factor of the mean gate where that is above 0."""
    s, mean, loudness = float(steps.gate[channel]), float(steps.mean[channel]), float(steps.loudness[channel])
    word = "louder" if loudness > 0 else "quieter" if loudness < 0 else "as loud as ever"
    return f"{word}, {s / mean:.2f} × its mean" if mean > 1e-3 and loudness else word


def tell_share(share: float) -> str:
    """A share in per cent, "under 1%" where it would be none."""
    return "under 1%" if 0 < share < 0.01 else f"{share:.0%}"


def subscript(number: int) -> str:
    """A number as subscript digits."""
    return str(number).translate(_DIGITS)


def _tell_maps(steps: BlockSteps, row: int, c: str) -> Step:
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


def _tell_squeeze(steps: BlockSteps, channel: int, c: str) -> Step:
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


def _tell_hidden(steps: BlockSteps, row: int) -> Step:
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
        (f"h{j} = {f}({_n(hidden.before[unit])})", f"= {_n(hidden.values[unit])}", f"{hidden.active} of {len(hidden.values)} units are above 0"),
    )  # fmt: skip


def _tell_gate(steps: BlockSteps, channel: int, row: int, c: str) -> Step:
    f = steps.block.activation
    words = f"From there each channel gets its gate: how much of it goes on. {_tell_terms(steps, row)}".strip()
    if steps.constant:
        words = "Each channel has a gate that was trained and is the same for every image."
    s = _s(steps.gate[channel])
    lines = (f"s{c} = {s}",) if steps.logits is None else (f"s{c} = {f}({_n(steps.logits[channel])})", f"= {s}")
    verdict = f"recorded mean {_s(steps.mean[channel])}: {describe_loudness(steps, channel).split(',')[0]}"
    formula = f"s = {f}({'v), v trained' if steps.constant else '…), from z' if steps.hidden is None else 'W₂h + b₂)'}"
    return Step("Gate s", words, formula, (*lines, verdict))


def _tell_terms(steps: BlockSteps, row: int) -> str:
    """The hidden units that move the channel most."""
    if steps.hidden is None or (terms := steps.hidden.terms(row)) is None or not np.any(terms):
        return ""
    leading = [j for j in np.argsort(-np.abs(terms), kind="stable")[:MOST_TERMS] if terms[j]]
    told = ", ".join(f"h{subscript(int(j))} ({_signed(terms[j])})" for j in leading)
    return f"Channel {int(steps.shown[row])} is moved most by {told}; its constant b₂ is {_signed(steps.hidden.bias[row])}."


def _tell_scale(steps: BlockSteps, channel: int, c: str) -> Step:
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
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.3e}"
    return text.replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _s(value: float) -> str:
    """A gate to three digits after the point: a recorded one is known to about 2e-4."""
    return f"{value:.3f}".replace("-", "−")
