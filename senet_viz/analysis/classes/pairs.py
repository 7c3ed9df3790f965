"""Pairs of classes: how near their gates are in one block, and how often the network takes one for the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.classes.confusions import Confusions
from senet_viz.analysis.classes.profiles import ClassProfiles, signed_root, squared_distances
from senet_viz.schema import Gate

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassPairs:
    """Pairs of classes in one block.

    Attributes:
        block: the gate.
        first, second: class indices, (P,).
        distance: RMS distance less the noise, (P,), in units of s, signed.
        place: rank of the distance among all pairs, 1 the closest, (P,); 0 where distances are not known.
        taken, taken_back: images of the first taken for the second, and of the second for the first, (P,).
        images, images_back: of the first and of the second class, (P,).
    """

    block: Gate
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: Floats
    place: NDArray[np.int64]
    taken: NDArray[np.int64]
    taken_back: NDArray[np.int64]
    images: NDArray[np.int64]
    images_back: NDArray[np.int64]

    @property
    def share(self) -> Floats:
        """Confused share, both ways averaged, (P,)."""
        return np.asarray((self.taken / self.images + self.taken_back / self.images_back) / 2)

    def table(self, labels: Sequence[str], rows: NDArray[np.int64]) -> pd.DataFrame:
        """A row per pair.

        Args:
            labels: of all classes.
            rows: which pairs, in which order.
        """
        back = [f"{n:,} of {of:,}" for n, of in zip(self.taken_back[rows], self.images_back[rows])]
        place = pd.array([int(p) if p else None for p in self.place[rows]], dtype="Int64")
        return pd.DataFrame(
            {
                "class": [labels[k] for k in self.first[rows]],
                "other class": [labels[k] for k in self.second[rows]],
                "confused": self.share[rows],
                "taken for the other": [f"{n:,} of {of:,}" for n, of in zip(self.taken[rows], self.images[rows])],
                "the other taken for it": back,
                "distance, in s": self.distance[rows],
                "place by distance": place,
            }
        )

    def most_confused(self, most: int) -> NDArray[np.int64]:
        """Rows of the most confused pairs; those that are never confused are left out."""
        share = self.share
        confused = np.flatnonzero(share > 0)  # of half a million pairs a few thousand
        order = np.lexsort((self.place[confused], -share[confused]))[:most]
        return np.asarray(confused[order])

    def closest(self, most: int) -> NDArray[np.int64]:
        """Rows of the closest pairs; none where distances are not known."""
        near = np.flatnonzero((self.place > 0) & (self.place <= most))
        return np.asarray(near[np.argsort(self.place[near])])


def pair_classes(profiles: ClassProfiles, confusions: Confusions) -> ClassPairs:
    """All pairs of the classes that have an output of their own."""
    rows = np.flatnonzero(np.isin(profiles.classes, confusions.classes))
    i, j = np.triu_indices(len(confusions.classes), 1)
    squared = squared_distances(profiles.pick(rows))[i, j]
    place = np.zeros(len(squared), dtype=np.int64)
    if np.isfinite(squared).all():
        place[_order(squared)] = np.arange(1, len(squared) + 1)
    return ClassPairs(
        profiles.block, confusions.classes[i], confusions.classes[j], signed_root(squared), place,
        confusions.counts[i, j], confusions.counts[j, i], confusions.images[i], confusions.images[j],
    )  # fmt: skip


def _order(values: Floats) -> NDArray[np.intp]:
    """What a stable sort gives, in half of its time where no two values are equal, as with distances."""
    order = np.argsort(values)
    ranked = values[order]
    return np.argsort(values, kind="stable") if (ranked[1:] == ranked[:-1]).any() else order
