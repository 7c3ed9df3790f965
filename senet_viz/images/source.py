"""What a labelled image source is, some of its classes as a source of their own, and which of its images are recorded and kept."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from senet_viz.errors import ArgumentError, SourceError
from senet_viz.schema import UNLABELLED, ClassTable

CLASSES, OUTPUT_INDICES, NO_LABELS = "classes", "output indices", "none"
MAX_CLASSES = 100_000  # beyond it, labels are ids of something else


class ImageSource(Protocol):
    """Labelled images by index. Reading is safe from several threads and holds a bounded part in memory.

    A source may be pickled: the copy, in whatever process and working folder, opens what it needs for itself.
    """

    @property
    def kind(self) -> str:
        """One of "folder", "parquet", "webdataset", "csv", "digits" or "torchvision"."""

    @property
    def name(self) -> str:
        """What the user gave, of a URL without credentials and query."""

    @property
    def classes(self) -> ClassTable:
        """K classes; empty when nothing is labelled."""

    @property
    def label_kind(self) -> str:
        """One of "classes", "output indices" (where the source says so; no file does) or "none"."""

    @property
    def labels(self) -> NDArray[np.int32]:
        """(N,) class of every image, -1 where it has none; read-only."""

    @property
    def digest(self) -> str:
        """sha256 in hex of kind, names in order, sizes, labels and classes; no pixel is read for it.

        It is the same on every machine that holds the same data under the same relative names. A change of
        pixels that leaves a file's size as it was is not seen.
        """

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what a reader must know, e.g. which files were left out."""

    def __len__(self) -> int: ...

    def sample_id(self, index: int) -> str:
        """A stable name, unique within the source."""

    def path(self, index: int) -> str:
        """Where the image is, for people and lists of errors."""

    def load(self, index: int) -> Image.Image:
        """The image as upright RGB.

        Raises:
            ImageError: it could not be read.
        """


def compute_digest(
    kind: str, samples: Iterable[tuple[str, int]], labels: NDArray[np.int32], classes: ClassTable
) -> str:
    """sha256 in hex over a source's kind, (name, size in bytes) of its samples or shards, labels and classes."""
    digest = hashlib.sha256(json.dumps([kind, classes.names, classes.wnids]).encode())
    for name, size in samples:
        digest.update(json.dumps([name, size]).encode())
    digest.update(labels.astype("<i4").tobytes())
    return digest.hexdigest()


def freeze_labels(labels: Iterable[int] | NDArray[np.integer], n_classes: int, name: str) -> NDArray[np.int32]:
    """Labels as a read-only (N,) int32 array.

    Raises:
        SourceError: a label below -1, or beyond the class table.
    """
    try:
        values = np.asarray(labels if isinstance(labels, np.ndarray) else list(labels), dtype=np.int64)
    except OverflowError as error:
        raise SourceError(f"A label of {name} is beyond 64 bits: labels number classes from 0.") from error
    wrong = np.flatnonzero((values < UNLABELLED) | (values >= n_classes))
    if len(wrong):
        at = int(wrong[0])
        raise SourceError(
            f"Image {at} of {name} has label {int(values[at])}, but there are {n_classes} classes, numbered from 0 "
            "(-1: no label): correct the labels or the class names."
        )
    frozen = values.astype(np.int32)
    frozen.setflags(write=False)
    return frozen


def show_path(path: str | Path) -> str:
    """A relative path with "/" and in valid UTF-8, whatever bytes the file system holds."""
    text = path.as_posix() if isinstance(path, Path) else path
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def list_some(names: list[str], *, most: int = 3) -> str:
    """The first few names, and how many more."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


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


def choose_indices(labels: NDArray[np.integer], *, limit: int | None, seed: int) -> NDArray[np.int64]:
    """Choose at most `limit` images, as equally many of every class as there are.

    Counts of two classes differ by at most one unless one of them has no more images. A larger limit
    with the same seed chooses the same images and more. Unlabelled images count as one class.

    Args:
        labels: (N,) class of every image, -1 where it has none.
        limit: how many at most, from 1; None for all.
        seed: makes the choice repeatable.

    Returns:
        (min(N, limit),) sorted indices into `labels`.

    Raises:
        ArgumentError: a limit below 1.
    """
    if limit is not None and limit < 1:
        raise ArgumentError(f"The limit is {limit}: give the number of images, from 1 on, or none for all.")
    if limit is None or limit >= len(labels):
        return np.arange(len(labels), dtype=np.int64)
    rng = np.random.default_rng(seed)
    ranks = _rank_in_class(labels, rng)
    classes, position = np.unique(labels, return_inverse=True)
    turn = rng.permutation(len(classes))[position]
    chosen = np.lexsort((turn, ranks))[:limit]
    return np.sort(chosen).astype(np.int64)


def choose_kept(labels: NDArray[np.integer], *, keep: str, seed: int) -> NDArray[np.bool_]:
    """Choose the images whose gates are kept one by one.

    Args:
        labels: (N,) class of every chosen image, -1 where it has none (these count as one class).
        keep: "all", "none", or a number: at most that many of every class.
        seed: makes the choice repeatable.

    Returns:
        (N,) True where gates are kept.

    Raises:
        ArgumentError: another word, or a number below 1.
    """
    if keep == "all":
        return np.ones(len(labels), dtype=np.bool_)
    if keep == "none":
        return np.zeros(len(labels), dtype=np.bool_)
    if not (keep.isascii() and keep.isdigit() and int(keep) > 0):
        raise ArgumentError(f"keep is {keep!r}: give all, none or a number of images per class, from 1 on.")
    kept: NDArray[np.bool_] = _rank_in_class(labels, np.random.default_rng(seed)) < int(keep)
    return kept


def _rank_in_class(labels: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.int64]:
    """(N,) position of every image in a random order of its class, from 0."""
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    ordered = labels[by_class]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(labels) else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[starts, len(labels)])
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[by_class] = np.arange(len(labels)) - np.repeat(starts, lengths)
    return ranks
