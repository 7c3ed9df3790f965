"""What of a block's gates acts: that they move at all, that they fit the image, that they fit the class; in sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from senet_viz.stats.effects import (
    MEASURE_WORDS,
    MEASURES,
    Change,
    EffectTable,
    Measure,
    TargetEffect,
    judge_equivalence,
    say_change,
)
from senet_viz.stats.estimates import LEVEL
from senet_viz.text import number_text

ComponentName = Literal["dynamic", "instance", "class"]
COMPONENTS: tuple[ComponentName, ...] = ("dynamic", "instance", "class")
FORMULAS: Mapping[ComponentName, str] = {
    "dynamic": "mean − clean",
    "instance": "within − clean",
    "class": "between − within",
}
COMPONENT_WORDS: Mapping[ComponentName, str] = {
    "dynamic": "what it changes to freeze the gates to their mean over all images",
    "instance": "what it changes to give an image the gates of another image of its class",
    "class": "what it changes on top of that to take the gates from another class",
}
CLASS_EFFECT_MEANING = (
    "Class effect = accuracy with the gate of an image of another class, less accuracy with that of another image of the "
    "same class; both gates have the same distribution over all images, so it is the effect of the donor's class match. It "
    "also holds what comes with a mismatch: combinations of gates and features that no image has, and how far apart the "
    "classes are in meaning. It is no proof of what the untouched network uses."
)
_PARTS: Mapping[ComponentName, tuple[str, str | None]] = {
    "dynamic": ("mean", None),
    "instance": ("within", None),
    "class": ("between", "within"),
}


@dataclass(frozen=True, eq=False)
class Component:
    """One part of one target's effect; signs as everywhere: a cost in accuracy is negative.

    Attributes:
        target, kind, blocks: as of `TargetEffect`.
        name: "dynamic", "instance" or "class".
        changes: top-1 and top-5 in points, loss in nats.
    """

    target: str
    kind: str
    blocks: tuple[str, ...]
    name: ComponentName
    changes: Mapping[Measure, Change]

    def row(self, level: float = LEVEL) -> dict[str, object]:
        """For a table."""
        row: dict[str, object] = {
            "target": self.target, "kind": self.kind, "component": self.name, "formula": FORMULAS[self.name],
        }  # fmt: skip
        for measure in MEASURES:
            row |= self.changes[measure].row(MEASURE_WORDS[measure], level)
        return row


def decompose(table: EffectTable) -> tuple[Component, ...]:
    """dynamic = mean − clean, instance = within − clean, class = between − within, of every target that allows it.

    instance + class = between − clean; dynamic is about a constant gate and no sum of the other two. Intervals come from the same groups of images and the same classes as those of the effects, so that differences are paired. A component
    whose baselines were not made, or not at full strength, is left out.
    """
    made = {(e.blocks, e.baseline): e for e in table.effects if e.strength == 1}
    targets = dict.fromkeys(e.blocks for e in table.effects)
    found = []
    for blocks in targets:
        for name in COMPONENTS:
            intervened, other = (None if part is None else made.get((blocks, part)) for part in _PARTS[name])
            if intervened is not None and (other is not None or _PARTS[name][1] is None):
                changes = {m: c if other is None else c.less(other.changes[m]) for m, c in intervened.changes.items()}
                found.append(Component(intervened.target, intervened.kind, blocks, name, changes))
    return tuple(found)


def tabulate_components(components: tuple[Component, ...], level: float = LEVEL) -> pd.DataFrame:
    """A row a target and component."""
    return pd.DataFrame([component.row(level) for component in components])


def describe_components(components: tuple[Component, ...], kind: str = "block") -> str:
    """Where each component costs most accuracy among the targets of one kind, and in how many it is told from none."""
    sentences = [
        _describe(name, [c for c in components if (c.name, c.kind) == (name, kind)], kind) for name in COMPONENTS
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _describe(name: ComponentName, found: list[Component], kind: str) -> str:
    if not found:
        return ""
    changes = [c.changes["top1"] for c in found]
    most = min(range(len(found)), key=lambda at: changes[at].value)
    sentence = (
        f"**{name.capitalize()} effect** ({FORMULAS[name]}): lowest at {found[most].target} with "
        f"{say_change(changes[most], 'top1')} points of top-1 accuracy"
    )
    intervals = [c.images.interval() for c in changes]
    if any(i.low != i.low for i in intervals):  # NaN: there are no intervals
        return f"{sentence}."
    below, above = sum(i.high < 0 for i in intervals), sum(i.low > 0 for i in intervals)
    others = f", in {above} above it" if above else ""
    return f"{sentence}; in {below} of {len(found)} {kind}s the 95 % interval lies below 0{others}."


BASELINE_WORDS: Mapping[str, str] = {
    "one": "fully open, as if there were no gate",
    "zero": "closed",
    "mean": "their mean over all images",
    "group_mean": "the mean of 40 random images",
    "class_mean": "the mean of the image's class",
    "predicted_class_mean": "the mean of the predicted class",
    "within": "those of another image of the class",
    "between": "those of an image of another class",
}
BOUND = 1.0
_TOLD = ("one", "mean")


def answer_effects(table: EffectTable) -> str:
    """Where moving gates to one and to their mean costs most and least top-1 accuracy, and what is class; a paragraph each.

    Of single blocks where these were moved, else of the first kind of targets, at the largest strength that was made.

    Args:
        table: with at least one effect.
    """
    strength = max(effect.strength for effect in table.effects)
    made = [effect for effect in table.effects if effect.strength == strength]
    kind = "block" if any(effect.kind == "block" for effect in made) else made[0].kind
    made = [effect for effect in made if effect.kind == kind]
    baselines = dict.fromkeys(effect.baseline for effect in made)
    told = [b for b in _TOLD if b in baselines] or list(baselines)[:1]
    sentences = [_describe_cost([e for e in made if e.baseline == b], b, strength) for b in told]
    return "\n\n".join([*sentences, _describe_class([c for c in decompose(table) if c.kind == kind])])


def describe_equivalence(
    table: EffectTable, baselines: Sequence[str], *, strength: float = 1.0, bound: float = BOUND
) -> str:
    """How many targets of each baseline are as good as untouched: shown by an interval, not by a missing significance.

    Args:
        table: with effects.
        baselines: to tell of.
        strength: of the interventions.
        bound: in points of top-1; the claims' ±1 by default.

    Returns:
        A sentence; empty where there are no intervals.
    """
    told = []
    for baseline in baselines:
        made = [e for e in table.effects if e.baseline == baseline and e.strength == strength]
        judged = [judge_equivalence(effect.changes["top1"].images, bound) for effect in made]
        known = [one for one in judged if one.verdict != "not applicable"]
        if known:
            equivalent = sum(one.verdict == "equivalent" for one in known)
            told.append(f"{equivalent} of {len(known)} targets moved to {baseline}")
    if not told:
        return ""
    return (
        f"Shown to change top-1 accuracy by no more than {bound:g} point{'' if bound == 1 else 's'} (90 % interval within "
        f"±{bound:g}, two one-sided tests): {', '.join(told)}."
    )


def find_costliest(effects: Sequence[TargetEffect]) -> TargetEffect:
    """The effect with the lowest Δ top-1, of single blocks where there are any."""
    return min(effects, key=lambda effect: (effect.kind != "block", effect.changes["top1"].value))


def _describe_cost(effects: Sequence[TargetEffect], baseline: str, strength: float) -> str:
    ordered = sorted(effects, key=lambda effect: effect.changes["top1"].value)
    words = BASELINE_WORDS.get(baseline, baseline)
    part = "" if strength == 1 else f" at strength {strength:g}"
    subject = f"Moving gates to **{baseline}** ({words}){part}"
    most, least = ordered[0], ordered[-1]
    if most is least:
        return f"{subject} changes top-1 accuracy by {_say(most)} points at **{most.target}**."
    lowest = most.changes["top1"].value
    verb = "costs most" if lowest < 0 else "costs no accuracy; the lowest change is"
    interval = most.changes["top1"].images.interval()
    doubt = "; not told from none" if interval.low <= 0 <= interval.high else ""
    return (
        f"{subject} {verb} at **{most.target}** ({_say(most)} points of top-1{doubt}) and least at {least.target} "
        f"({_say(least)})."
    )


def _describe_class(components: Sequence[Component]) -> str:
    """What the class effect is where gates of another class cost most."""
    instance = {c.blocks: c for c in components if c.name == "instance"}
    pairs = [(c, instance[c.blocks]) for c in components if c.name == "class" and c.blocks in instance]
    if not pairs:
        return "Without the gates of donors (within and between), what is class can not be told from what is instance."
    found, other = min(pairs, key=lambda pair: pair[0].changes["top1"].value + pair[1].changes["top1"].value)
    total = found.changes["top1"].value + other.changes["top1"].value
    verb = "cost most" if total < 0 else "cost no accuracy; the lowest change is"
    return (
        f"Gates of an image of another class {verb} at **{found.target}** ({number_text(total, 'z.2f', unknown='not defined')} points): {say_change(found.changes['top1'], 'top1')} of it by the class "
        f"(between − within), {say_change(other.changes['top1'], 'top1')} by the instance (within − clean)."
    )


def _say(effect: TargetEffect) -> str:
    return say_change(effect.changes["top1"], "top1")
