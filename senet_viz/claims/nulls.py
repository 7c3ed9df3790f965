"""Nulls and controls, to be read beside a number: without a verdict of their own."""

import math

import numpy as np

from senet_viz.claims.agreement import Agreement
from senet_viz.claims.declaring import Part, Reading, ReadingName
from senet_viz.claims.effects import BelowMedian, EffectStatistic, EffectSum
from senet_viz.claims.evidence import Beside
from senet_viz.claims.inputs import BlockIntervals, BlockSeries, ClaimInputs, ClassSubsets
from senet_viz.claims.roles import Layout
from senet_viz.claims.statistics import ALONG_THE_MEAN, SERIES_WORDS, Found, measure_series, not_found
from senet_viz.stats.resampling import FEWEST_CLASSES


def beside_part(part: Part, name: ReadingName, found: Found, inputs: ClaimInputs, layout: Layout) -> tuple[Beside, ...]:
    """The same number of the random-weights control, the excess over it, and of z; of interventions, other targets.

    z has another unit than s, so that it stands beside relative readings only.
    """
    statistic = part.statistic
    if isinstance(statistic, EffectSum | BelowMedian):
        return (*_like_these(part, statistic, found, inputs, layout), *_other_targets(part, inputs, layout))
    shown = _random_weights(part, found, inputs, layout)
    if inputs.squeeze is not None and name == "relative":
        shown.append(_squeeze(part, inputs.squeeze, inputs, layout))
    along_mean = not isinstance(statistic, Agreement) and statistic.series == "direction_share"
    if along_mean and inputs.random_direction is not None:
        null = float(inputs.random_direction[layout.roles[statistic.roles[0]]])
        shown.append(Beside("random direction", "95 % quantile over random directions", null))
    return tuple(shown)


def _like_these(
    part: Part, statistic: EffectStatistic, found: Found, inputs: ClaimInputs, layout: Layout
) -> list[Beside]:
    """A causal number's interval over classes."""
    interval = statistic.like_these(inputs.effects or (), layout)
    if math.isnan(interval.low):
        return []
    spread = f"{interval.level:.0%} interval over classes"
    return [Beside("classes like these", part.words, found.value, interval.low, interval.high, spread)]


def _other_targets(part: Part, inputs: ClaimInputs, layout: Layout) -> list[Beside]:
    """What is to be read beside a causal number; where it was not made, why."""
    shown = []
    for words, statistic in part.also:
        if not set(statistic.roles) <= set(layout.roles):
            continue
        found = statistic.measure(inputs.effects or (), layout, part.level)
        spread = found.problem or f"{part.level:.0%} interval over images"
        shown.append(Beside("other target", words, found.value, found.interval.low, found.interval.high, spread))
    return shown


def _random_weights(part: Part, found: Found, inputs: ClaimInputs, layout: Layout) -> list[Beside]:
    if not inputs.controls:
        return []
    subsets = inputs.control_subsets or (None,) * len(inputs.controls)
    made = [_measure_other(part, *control, layout) for control in zip(inputs.controls, subsets, strict=True)]
    words = f"{part.words}, of random weights"
    values = np.array([one.value for one in made if not math.isnan(one.value)])
    if not len(values):
        return [
            Beside(
                "random weights", words, math.nan, spread=_why(made[0], "the gates of its single images (--keep all)")
            )
        ]
    spread = f"range over {len(values)} seeds" if len(values) > 1 else "one seed"
    low, mean, high = float(values.min()), float(values.mean()), float(values.max())
    excess = found.value - values
    less = f"{part.words}, less that of random weights"
    return [
        Beside("random weights", words, mean, low, high, spread),
        Beside(
            "excess over random weights", less, found.value - mean, float(excess.min()), float(excess.max()), spread
        ),
    ]


def _squeeze(part: Part, known: BlockSeries, inputs: ClaimInputs, layout: Layout) -> Beside:
    z = _measure_other(part, known, inputs.squeeze_subsets, layout)
    words, (low, high) = f"{part.words}, of z", (z.interval.low, z.interval.high)
    if math.isnan(z.value):
        return Beside("squeeze", words, z.value, spread=_why(z, "z of single images (--keep-squeeze)"))
    if isinstance(part.statistic, Agreement):
        return Beside("squeeze", words, z.value, low, high, f"{part.level:.0%} interval over subsets")
    return Beside(
        "squeeze", words, z.value, low, high, "" if math.isnan(low) else f"{part.level:.0%} interval over images"
    )


def _measure_other(part: Part, known: BlockSeries, subsets: ClassSubsets | None, layout: Layout) -> Found:
    """A part's number of something else than the gates of the network that is judged."""
    statistic = part.statistic
    if isinstance(statistic, EffectSum | BelowMedian):
        return not_found("interventions were made on the network that is judged only", part.level)
    if not isinstance(statistic, Agreement):
        return measure_series(statistic, known, layout, part.level)
    if subsets is None:
        return not_found("no subsets of the classes were measured", part.level)
    return statistic.measure(subsets, known, layout, part.level)


def _why(found: Found, needed: str) -> str:
    """Why a number is missing: what is read along the mean profile needs single images, which a recording may not keep."""
    along = any(SERIES_WORDS[name] in found.problem for name in ALONG_THE_MEAN)
    return f"not known: {found.problem}" + (f"; it needs {needed}" if along else "")


def beside_reading(reading: Reading, name: ReadingName, inputs: ClaimInputs, layout: Layout) -> tuple[Beside, ...]:
    """For shares of variance: ω² with shuffled labels and, from 20 classes on, what *classes like these* would give."""
    reads_shares = any(getattr(part.statistic, "series", "") == "omega_squared" for part in reading.parts)
    if name != "relative" or not reads_shares:
        return ()
    shown = _per_block("shuffled labels", "ω² of {} with shuffled labels", inputs.shuffled, reading, layout)
    if inputs.classes >= FEWEST_CLASSES:
        shown += _per_block("classes like these", "ICC of {}", inputs.like_these, reading, layout)
    return tuple(shown)


def _per_block(kind: str, words: str, values: BlockIntervals | None, reading: Reading, layout: Layout) -> list[Beside]:
    if values is None:
        return []
    spread = (
        f"{values.level:.0%} of permutations"
        if kind == "shuffled labels"
        else f"{values.level:.0%} interval over classes"
    )
    return [
        Beside(
            kind, words.format(layout.name(role)), float(values.values[place]), float(values.low[place]),
            float(values.high[place]), spread,
        )
        for role in reading.roles
        if not math.isnan(values.values[place := layout.roles[role]])
    ]  # fmt: skip
