"""What of a block's gates acts: that they move at all, that they fit the image, that they fit the class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from senet_viz.stats.effects.result import (
    MEASURE_WORDS,
    MEASURES,
    Change,
    EffectTable,
    Measure,
    TargetEffect,
    say_change,
)
from senet_viz.stats.resampling import LEVEL

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
                found.append(_component(name, intervened, other))
    return tuple(found)


def _component(name: ComponentName, intervened: TargetEffect, other: TargetEffect | None) -> Component:
    changes = {m: c if other is None else c.less(other.changes[m]) for m, c in intervened.changes.items()}
    return Component(intervened.target, intervened.kind, intervened.blocks, name, changes)


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
