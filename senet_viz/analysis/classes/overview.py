"""A row per class: how distinct its gates are, where that begins, how often it is right, what an intervention does to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.classes.accuracy import ClassAccuracy
from senet_viz.analysis.classes.distinctness import ClassDistinctness
from senet_viz.analysis.profiles import label_blocks
from senet_viz.errors import ArgumentError
from senet_viz.stats.effects import TargetEffect

Floats = NDArray[np.float64]
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
