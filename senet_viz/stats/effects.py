"""What interventions did, as frozen data: intervened − clean, always, so that a cost in accuracy is negative; equivalence with none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.schema import Floats
from senet_viz.stats.estimates import EQUIVALENCE_LEVEL, LEVEL, Estimate, Interval, combine
from senet_viz.text import limits_text, number_text

Measure = Literal["top1", "top5", "loss"]
MEASURES: tuple[Measure, ...] = ("top1", "top5", "loss")
MEASURE_WORDS: Mapping[Measure, str] = {
    "top1": "Δ top-1, points",
    "top5": "Δ top-5, points",
    "loss": "Δ loss, nats",
}
DISCOVERY_RATE = 0.05


@dataclass(frozen=True, eq=False)
class Change:
    """One number of an effect, for two questions.

    Attributes:
        images: of all judged images, with replicates without each group of images: *these classes*.
        classes: the same, with replicates without each class: *classes like these*; no replicates under 20 classes.
        per_class: mean over each class's images, (K,); NaN for a class without a judged image.
    """

    images: Estimate
    classes: Estimate
    per_class: Floats

    @property
    def value(self) -> float:
        """Mean over the judged images; NaN where it is not defined."""
        return self.images.value

    def less(self, other: "Change") -> "Change":
        """This one less another on the same images: what both have in common cancels, so it is paired."""
        return Change(
            combine(lambda a, b: a - b, self.images, other.images),
            combine(lambda a, b: a - b, self.classes, other.classes),
            self.per_class - other.per_class,
        )

    def row(self, name: str, level: float = LEVEL) -> dict[str, float]:
        """Value and both intervals, for a table."""
        images, classes = self.images.interval(level), self.classes.interval(level)
        return {
            name: self.value,
            f"{name}, low": images.low,
            f"{name}, high": images.high,
            f"{name}, classes low": classes.low,
            f"{name}, classes high": classes.high,
        }


@dataclass(frozen=True, eq=False)
class ClassTests:
    """Δ top-1 class by class.

    Attributes:
        shrunken: towards the mean over classes (`shrink_changes`), in points, (K,).
        p: exact sign-flip test against no change (`sign_flip_p`), (K,).
        q: Benjamini–Hochberg over the classes of this effect, (K,); NaN where a class has no judged image.
    """

    shrunken: Floats
    p: Floats
    q: Floats

    @property
    def found(self) -> NDArray[np.bool_]:
        """Classes whose change is told from none at a false discovery rate of .05, (K,)."""
        return np.asarray(self.q <= DISCOVERY_RATE)


@dataclass(frozen=True, eq=False)
class TargetEffect:
    """What moving the gates of one target to one baseline did; repeats are averaged image by image first.

    Attributes:
        target: for people.
        kind: "block", "stage", "cumulative", "all" or "set".
        blocks: names of the gates moved together, in order of depth.
        baseline: what they were moved to.
        strength: t of s′ = lerp(s, b, t).
        repeats: draws of the donors that were averaged, 1 where nothing is drawn.
        changes: intervened − clean: top-1 and top-5 in points, loss in nats (there a cost is *positive*).
        changed: share of predictions that changed.
        undefined: judged images whose loss is not finite with or without the intervention; then Δ loss is NaN.
        tests: class by class.
    """

    target: str
    kind: str
    blocks: tuple[str, ...]
    baseline: str
    strength: float
    repeats: int
    changes: Mapping[Measure, Change]
    changed: Change
    undefined: int
    tests: ClassTests

    def row(self, level: float = LEVEL) -> dict[str, object]:
        """All of it but the classes, for a table."""
        row: dict[str, object] = {
            "target": self.target, "kind": self.kind, "blocks": len(self.blocks), "baseline": self.baseline,
            "strength": self.strength, "repeats": self.repeats,
        }  # fmt: skip
        for measure in MEASURES:
            row |= self.changes[measure].row(MEASURE_WORDS[measure], level)
        row |= self.changed.row("predictions changed", level)
        return row | {
            "classes hurt": int((self.tests.found & (self.changes["top1"].per_class < 0)).sum()),
            "classes helped": int((self.tests.found & (self.changes["top1"].per_class > 0)).sum()),
            "images without loss": self.undefined,
        }


@dataclass(frozen=True, eq=False)
class EffectTable:
    """All effects of a folder of interventions; all share the groups of images, so that their differences are paired.

    Attributes:
        outcomes_id: of the interventions.
        images: judged ones (their class has an output), N.
        class_names: K.
        class_images: judged images of each class, (K,).
        groups: G of the jackknife over images; 0 where there are no intervals.
        note: what a reader of the intervals must know; may be empty.
        clean: top-1 and top-5 in percent, loss in nats, without any intervention.
        effects: a target and baseline each.
    """

    outcomes_id: str
    images: int
    class_names: tuple[str, ...]
    class_images: NDArray[np.int64]
    groups: int
    note: str
    clean: Mapping[Measure, float]
    effects: tuple[TargetEffect, ...]

    @property
    def classes(self) -> int:
        """With a judged image."""
        return int((self.class_images > 0).sum())

    @property
    def smallest_class(self) -> int:
        """Judged images of the smallest class that has one."""
        return int(self.class_images[self.class_images > 0].min())

    def find(self, target: str | Sequence[str], baseline: str, *, strength: float = 1.0) -> TargetEffect:
        """An effect by its target's name ("SE_5_2", "stage 5") or by the names of the gates, and its baseline.

        Raises:
            ArgumentError: it was not made; the message lists what was.
        """
        blocks = None if isinstance(target, str) else set(target)
        for effect in self.effects:
            here = effect.target == target if blocks is None else set(effect.blocks) == blocks
            if here and effect.baseline == baseline and effect.strength == strength:
                return effect
        made = ", ".join(dict.fromkeys(f"{e.target} → {e.baseline}" for e in self.effects))
        name = target if isinstance(target, str) else " and ".join(target)
        raise ArgumentError(
            f"No intervention moved {name} to {baseline!r} with strength {strength:g}: there are {made}."
        )

    def table(self, level: float = LEVEL) -> pd.DataFrame:
        """A row an effect, with intervals over images and over classes."""
        return pd.DataFrame([effect.row(level) for effect in self.effects])

    def class_table(self, effect: TargetEffect | None = None) -> pd.DataFrame:
        """A row an effect and class that has a judged image; of one effect alone where it is given."""
        seen = np.flatnonzero(self.class_images > 0)
        wanted = self.effects if effect is None else (effect,)
        return pd.concat([self._class_rows(one, seen) for one in wanted], ignore_index=True)

    def _class_rows(self, effect: TargetEffect, seen: NDArray[np.int64]) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "target": effect.target, "baseline": effect.baseline, "strength": effect.strength,
                "class": seen, "class name": [self.class_names[k] for k in seen], "images": self.class_images[seen],
                **{MEASURE_WORDS[m]: effect.changes[m].per_class[seen] for m in MEASURES},
                "Δ top-1, shrunken": effect.tests.shrunken[seen], "p": effect.tests.p[seen], "q": effect.tests.q[seen],
                "predictions changed": effect.changed.per_class[seen],
            }
        )  # fmt: skip

    def extremes(self, effect: TargetEffect, *, most: int = 10) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Losers and winners: classes with a negative and with a positive shrunken Δ top-1, the farthest first.

        Whether a change is told from none is in `effect.tests.found`, not in this order.

        Args:
            effect: one of the table.
            most: classes on each side.
        """
        shrunken = effect.tests.shrunken
        order = np.argsort(np.where(np.isnan(shrunken), 0, shrunken), kind="stable")
        losers = [k for k in order if shrunken[k] < 0][:most]
        winners = [k for k in order[::-1] if shrunken[k] > 0][:most]
        return np.array(losers, dtype=np.int64), np.array(winners, dtype=np.int64)


def say_change(change: Change, measure: Measure, level: float = LEVEL) -> str:
    """A change with its interval over images: "−0.42 [−0.80, −0.04]"."""
    interval = change.images.interval(level)
    value = number_text(change.value, form_of(measure), unknown="not defined")
    return value if np.isnan(interval.low) else f"{value} {say_limits(interval, measure)}"


def say_limits(interval: Interval, measure: Measure = "top1") -> str:
    """An interval in the digits of its measure."""
    return limits_text(interval.low, interval.high, form_of(measure), unknown="not defined")


def form_of(measure: Measure) -> str:
    """The format of its numbers."""
    return "z.3f" if measure == "loss" else "z.2f"


EquivalenceVerdict = Literal["equivalent", "not equivalent", "inconclusive", "not applicable"]
_UNITS: dict[Measure, str] = {"top1": "points", "top5": "points", "loss": "nats"}


@dataclass(frozen=True)
class Equivalence:
    """Whether a change lies within ± a bound.

    Attributes:
        value: the estimate.
        interval: at 90 %: two one-sided tests of 5 % each (Schuirmann 1987).
        bound: above 0, declared beforehand.
        verdict: "equivalent" where the whole interval lies within, "not equivalent" where it lies wholly outside on one
            side, "inconclusive" where it reaches across a bound, "not applicable" without an interval.
    """

    value: float
    interval: Interval
    bound: float
    verdict: EquivalenceVerdict

    def describe(self, measure: Measure = "top1") -> str:
        """In a sentence, with the interval and what it does not say."""
        limits, within = say_limits(self.interval, measure), f"within ±{self.bound:g} {_UNITS[measure]}"
        if self.verdict == "equivalent":
            return f"Equivalent: the change lies {within} (90 % interval {limits}, two one-sided tests)."
        if self.verdict == "not equivalent":
            return f"Not equivalent: the change does not lie {within} (90 % interval {limits})."
        if self.verdict == "inconclusive":
            return (
                f"Not told: the 90 % interval {limits} reaches beyond ±{self.bound:g} {_UNITS[measure]}, and that no change "
                "was found does not show that there is none."
            )
        return "Not told: there is no interval."


def judge_equivalence(change: Estimate, bound: float) -> Equivalence:
    """Two one-sided tests by a 90 % interval.

    Args:
        change: a paired difference, as `Change.images` or `Change.classes`.
        bound: in the change's units; what is smaller counts as none.

    Raises:
        ArgumentError: a bound that is not above 0.
    """
    if not bound > 0:
        raise ArgumentError(f"A bound of {bound:g} leaves no room for equivalence: give one above 0.")
    interval = change.interval(EQUIVALENCE_LEVEL)
    return Equivalence(change.value, interval, bound, _verdict(interval, bound))


def _verdict(interval: Interval, bound: float) -> EquivalenceVerdict:
    if math.isnan(interval.low) or math.isnan(interval.high):
        return "not applicable"
    if -bound <= interval.low and interval.high <= bound:
        return "equivalent"
    return "not equivalent" if interval.low > bound or interval.high < -bound else "inconclusive"
