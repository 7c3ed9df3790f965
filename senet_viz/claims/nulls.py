"""Nulls and controls, to be read beside a number: without a verdict of their own."""

import math

import numpy as np

from senet_viz.claims.agreement import Agreement
from senet_viz.claims.declaring import Part, Reading, ReadingName
from senet_viz.claims.effects import BelowMedian, EffectStatistic, EffectSum
from senet_viz.claims.evidence import Beside
from senet_viz.claims.inputs import BlockIntervals, ClaimInputs
from senet_viz.claims.roles import Layout
from senet_viz.claims.statistics import Found, SeriesStatistic, measure_series
from senet_viz.resampling import FEWEST_CLASSES


def beside_part(part: Part, name: ReadingName, found: Found, inputs: ClaimInputs, layout: Layout) -> tuple[Beside, ...]:
    """The same number of the random-weights control, the excess over it, and of z; of interventions, other targets.

    z has another unit than s, so that it stands beside relative readings only.
    """
    statistic = part.statistic
    if isinstance(statistic, EffectSum | BelowMedian):
        return (*_like_these(part, statistic, found, inputs, layout), *_other_targets(part, inputs, layout))
    if isinstance(statistic, Agreement):
        return ()
    shown = _random_weights(part, statistic, found, inputs, layout)
    if inputs.squeeze is not None and name == "relative":
        z = measure_series(statistic, inputs.squeeze, layout, part.level)
        if not math.isnan(z.value):
            low, high = z.interval.low, z.interval.high
            spread = "" if math.isnan(low) else f"{part.level:.0%} interval over images"
            shown.append(Beside("squeeze", f"{part.words}, of z", z.value, low, high, spread))
    if statistic.series == "direction_share" and inputs.random_direction is not None:
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


def _random_weights(
    part: Part, statistic: SeriesStatistic, found: Found, inputs: ClaimInputs, layout: Layout
) -> list[Beside]:
    made = [measure_series(statistic, control, layout, part.level).value for control in inputs.controls]
    values = np.array([value for value in made if not math.isnan(value)])
    if not len(values):
        return []
    spread = f"range over {len(values)} seeds" if len(values) > 1 else "one seed"
    low, mean, high = float(values.min()), float(values.mean()), float(values.max())
    control = Beside("random weights", f"{part.words}, of random weights", mean, low, high, spread)
    excess = found.value - values
    words = f"{part.words}, less that of random weights"
    return [
        control,
        Beside(
            "excess over random weights", words, found.value - mean, float(excess.min()), float(excess.max()), spread
        ),
    ]


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
