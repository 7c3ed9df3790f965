"""Some of a source's classes as a source of their own."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from senet_viz.errors import ArgumentError
from senet_viz.images.source import ImageSource, freeze_labels
from senet_viz.schema import ClassTable


class ClassesOfSource:
    """The images of chosen classes of a source; labels number the chosen classes from 0, in the source's order."""

    def __init__(self, source: ImageSource, chosen: NDArray[np.int64]) -> None:
        wnids = source.classes.wnids
        self.kind, self.name, self.label_kind = source.kind, source.name, source.label_kind
        self.classes = ClassTable(
            tuple(source.classes.names[c] for c in chosen), tuple(wnids[c] for c in chosen) if wnids else ()
        )
        number = np.full(len(source.classes), -1, dtype=np.int32)
        number[chosen] = np.arange(len(chosen))
        labels = np.where(source.labels >= 0, number[source.labels], -1)
        self._indices = np.flatnonzero(labels >= 0)
        self.labels = freeze_labels(labels[self._indices], len(chosen), source.name)
        self.digest = hashlib.sha256(f"{source.digest} {chosen.tolist()}".encode()).hexdigest()
        self.notes = (*source.notes, f"{len(chosen)} of the {len(source.classes)} classes of {source.name} take part.")
        self._source = source

    def __len__(self) -> int:
        return len(self._indices)

    def sample_id(self, index: int) -> str:
        return self._source.sample_id(int(self._indices[index]))

    def path(self, index: int) -> str:
        return self._source.path(int(self._indices[index]))

    def load(self, index: int) -> Image.Image:
        return self._source.load(int(self._indices[index]))


def take_classes(source: ImageSource, count: int | None) -> ImageSource:
    """`count` of a source's classes, evenly spaced in its order: k·K/count rounded down; all of them for None.

    Raises:
        ArgumentError: the source has not so many named classes.
    """
    if count is None:
        return source
    if not 1 <= count <= len(source.classes):
        raise ArgumentError(f"{count} classes are wanted, but {source.name} has {len(source.classes)} named ones.")
    return ClassesOfSource(source, np.arange(count, dtype=np.int64) * len(source.classes) // count)
