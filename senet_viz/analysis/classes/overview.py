"""A row per class: distinctness, accuracy, effects; and the answers of the page Classes in sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.classes.confusions import ConfusionAgreement
from senet_viz.analysis.classes.distinctness import ClassAccuracy, ClassDistinctness
from senet_viz.analysis.classes.neighbours import ProfilePlane
from senet_viz.errors import ArgumentError
from senet_viz.schema import Floats, label_blocks
from senet_viz.stats.effect_parts import decompose
from senet_viz.stats.effects import EffectTable, TargetEffect, say_change
from senet_viz.text import count_decimals, limits_text, number_text

SortBy = Literal["distinctness", "emergence", "accuracy", "loss", "name"]
SORTS: Mapping[SortBy, str] = {
    "distinctness": "Distinct gates",
    "emergence": "Emerges first",
    "accuracy": "Accuracy",
    "loss": "Loss by intervention",
    "name": "Name",
}


@dataclass(frozen=True, eq=False)
class ClassOverview:
    """R classes that have an image.

    Attributes:
        distinctness: of all blocks.
        accuracy: of all K classes.
        effect: an intervention whose effect on each class is shown; None where none is stored.
        effect_images: judged images of each of the K classes in it.
    """

    distinctness: ClassDistinctness
    accuracy: ClassAccuracy
    effect: TargetEffect | None = None
    effect_images: NDArray[np.int64] | None = None

    @property
    def has_accuracy(self) -> bool:
        """Whether some class's answers are judged."""
        return bool(self.accuracy.judged.any())

    def sorts(self) -> tuple[SortBy, ...]:
        """What the classes can be ordered by."""
        known: dict[SortBy, bool] = {
            "distinctness": bool(np.isfinite(self.distinctness.squared).any()),
            "emergence": bool((self.distinctness.emergence().begins >= 0).any()),
            "accuracy": self.has_accuracy,
            "loss": self.effect is not None,
            "name": True,
        }
        return tuple(name for name, there in known.items() if there)

    def order(self, by: SortBy, block: int) -> NDArray[np.int64]:
        """Rows from the most distinct, the earliest, the least accurate or the most hurt class on; what is not known last.

        Args:
            by: one of `sorts`.
            block: position of the block whose distinctness counts.

        Raises:
            ArgumentError: another order, or one whose numbers are not there.
        """
        if by not in self.sorts():
            raise ArgumentError(f"Classes can not be ordered by {by!r} here: use one of {', '.join(self.sorts())}.")
        if by == "name":
            names = [label.casefold() for label in self.distinctness.labels]
            return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
        return np.asarray(np.argsort(self._key(by, block), kind="stable"))

    def _key(self, by: SortBy, block: int) -> Floats:
        """Ascending; NaN sorts last."""
        rows = self.distinctness.classes
        if by == "accuracy":
            return self.accuracy.share[rows]
        if by == "loss" and self.effect is not None:
            return self.effect.tests.shrunken[rows]
        if by == "emergence":
            begins = self.distinctness.emergence().begins
            return np.where(begins >= 0, begins, np.nan)
        return -self.distinctness.squared[:, block]

    def search(self, text: str) -> NDArray[np.bool_]:
        """Classes whose name holds a text, in any case, (R,)."""
        wanted = text.strip().casefold()
        return np.array([wanted in label.casefold() for label in self.distinctness.labels], dtype=bool)

    def table(self, block: int) -> pd.DataFrame:
        """A row per class in the order of their indices; columns whose numbers are not there are left out.

        Args:
            block: position of the block whose distinctness is told.
        """
        found, rows = self.distinctness, self.distinctness.classes
        columns: dict[str, object] = {"class": found.labels, "images": found.images}
        if np.isfinite(found.squared).any():
            columns |= _distances(found, block)
        if self.has_accuracy:
            accuracy = self.accuracy
            columns |= {
                "accuracy": accuracy.share[rows], "accuracy, low": accuracy.low[rows],
                "accuracy, high": accuracy.high[rows], "judged": accuracy.judged[rows],
            }  # fmt: skip
        if self.effect is not None:
            columns |= {"Δ top-1, shrunken": self.effect.tests.shrunken[rows], "q": self.effect.tests.q[rows]}
        if self.effect is not None and self.effect_images is not None:
            columns |= {"judged in it": self.effect_images[rows]}
        if np.isfinite(found.squared).any():
            columns |= {
                "in within-class SDs": found.distance(relative=True)[:, block],
                "by chance": found.distance(found.noise)[:, block],
            }
        return pd.DataFrame(columns)


def _distances(found: ClassDistinctness, block: int) -> dict[str, object]:
    labels = np.array([*label_blocks(found.gates), "–"], dtype=object)  # no block is −1: the last
    emergence = found.emergence()
    columns: dict[str, object] = {"distance": found.distance()[:, block]}
    if found.has_intervals:
        columns |= {"low": found.distance(found.low)[:, block], "high": found.distance(found.high)[:, block]}
    return columns | {
        "emerges at": labels[emergence.begins],
        "largest at": labels[emergence.peaks],
        "until": labels[emergence.ends],
    }


_SURE = 0.05


def answer_distinctness(found: ClassDistinctness, at: int) -> str:
    """Which classes the gates of a block tell apart best, and where along the depth classes emerge."""
    if found.missing and not np.isfinite(found.squared).any():
        return found.missing
    label = label_blocks(found.gates)[at]
    return " ".join(part for part in (_how_many(found, at, label), _extremes(found, at, label), _where(found)) if part)


def _how_many(found: ClassDistinctness, at: int, label: str) -> str:
    classes, labels = len(found.classes), label_blocks(found.gates)
    if found.has_intervals:
        told = [found.told_apart(i) for i in range(len(labels))]
        verb = "are told from those of the others"
        why = "95 % interval above 0, which some 5 % would be by chance"
    else:
        told = (found.squared > 0).sum(axis=0).tolist()
        verb = "lie farther from the others than their noise does on average"
        why = "no intervals: a third to a half would do so by chance alone"
    most, least = int(np.argmax(told)), int(np.argmin(told))
    lead = f"**In {labels[most]} the mean gates of {told[most]:,} of {classes:,} classes {verb}"
    if told[most] == told[least]:
        return f"{lead}{', as in every block' if len(labels) > 1 else ''}** ({why})."
    here = "" if at in (most, least) else f" In {label} it is {told[at]:,}."
    return f"{lead}; in {labels[least]}, of {told[least]:,}** ({why}).{here}"


def _extremes(found: ClassDistinctness, at: int, label: str) -> str:
    order = np.argsort(-found.squared[:, at], kind="stable")
    distance = found.distance()[:, at]
    form = f"z.{count_decimals(distance)}f"
    if len(order) == 2:
        return f"The two lie {number_text(distance[0], form)} apart in {label}, in units of s."
    first, last = order[0], order[-1]
    return (
        f"Most distinct in {label} is {found.labels[first]} ({number_text(distance[first], form)} in units of s), least "
        f"{found.labels[last]} ({number_text(distance[last], form)})."
    )


def _where(found: ClassDistinctness) -> str:
    """Of the classes that are told from the others where they lie farthest; of a class that is not, the place is noise."""
    if len(found.gates) < 2:
        return ""
    labels, emergence = label_blocks(found.gates), found.emergence()
    known, of = emergence.begins >= 0, ""
    if found.has_intervals:
        known = known & (found.low[np.arange(len(known)), emergence.peaks] > 0)
        if not known.all():
            of = f" of the {int(known.sum()):,} that are told from the others where they lie farthest"
    if not known.any():
        return ""
    middle = labels[int(np.median(emergence.begins[known]))]
    last = int((emergence.ends[known] == len(labels) - 1).sum())
    return (
        f"By the half-maximum convention the middle class{of} emerges at **{middle}**, and {last:,} of {int(known.sum()):,} stay above "
        f"half of their largest distance up to {labels[-1]}."
    )


def answer_use(table: EffectTable | None) -> str:
    """What stored interventions say about whether the network uses what tells classes apart."""
    if table is None:
        return (
            "**Whether the network uses this can not be told here:** that takes interventions, and none are stored with this "
            "recording (the page Gate lab says how to make them)."
        )
    parts = [c for c in decompose(table) if c.name == "class"]
    parts = [c for c in parts if c.kind == "block"] or parts
    if not parts:
        return "**Whether the network uses this can not be told here:** the stored interventions do not part class from instance."
    most = min(parts, key=lambda c: c.changes["top1"].value)
    change = most.changes["top1"]
    interval = change.images.interval()
    told = "" if interval.high < 0 or interval.low > 0 else "; not told from none"
    return (
        "**Whether the network uses it:** taking an image's gates from another class instead of from another image of its own class "
        f"costs most at **{most.target}**: {say_change(change, 'top1')} points of top-1{told}."
    )


def answer_agreement(found: ConfusionAgreement) -> str:
    """Whether classes that are close in gate space are confused, where most, and whether z says more."""
    values, adjusted = found.values, found.adjusted
    if not np.isfinite(values).any():
        return f"**Nothing can be said of confusions:** {_why_nothing(found)}."
    labels = label_blocks(found.gates)
    at = int(np.nanargmax(values))
    interval = found.blocks[at].interval
    within = "" if np.isnan(interval.low) else f" {limits_text(interval.low, interval.high, 'z.2f')}"
    sure = int((adjusted <= _SURE).sum())
    lead = (
        f"**Classes whose gates are alike are taken for each other more often in {sure:,} of {len(labels):,} blocks** "
        "(p ≤ .05 over all blocks)."
        if sure
        else "**In no block are classes whose gates are alike told to be confused more often** (p > .05 over all blocks)."
    )
    return (
        f"{lead} Most in {labels[at]}: Spearman's ρ = **{number_text(values[at], 'z.2f')}**{within} over {found.blocks[at].pairs:,} pairs of "
        f"{len(found.confusions.classes):,} classes.{_beside_z(found)}"
    )


def _why_nothing(found: ConfusionAgreement) -> str:
    if not found.confusions.confused:
        return "no image of these classes is taken for another of them"
    if found.confusions.images.sum() == len(found.confusions.classes):
        return "no class has two images, so distances between their means can not be told from noise"
    return "all pairs of classes are confused alike, or all lie equally far apart"


def _beside_z(found: ConfusionAgreement) -> str:
    gates, z = found.values, found.squeeze_values
    both = np.isfinite(gates) & np.isfinite(z)
    if not both.any():
        return ""
    more = int((z > gates)[both].sum())
    return f" The squeeze z, which the gate is computed from, has a larger ρ in {more:,} of {int(both.sum()):,} blocks."


def answer_plane(found: ProfilePlane) -> str:
    """How much of the spread of the class means the map shows, and how much of it is noise."""
    if np.isnan(found.shares).any():
        return "The class means of this block do not spread."
    first, second = found.shares
    noise = ""
    if not np.isnan(found.noise):
        noise = f" About {min(1.0, found.noise):.0%} of the whole spread is noise in the means."
    return f"The map shows **{first + second:.0%}** of the spread of the class means ({first:.0%} across, {second:.0%} upwards).{noise}"
