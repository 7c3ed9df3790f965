"""What a labelled image source is, and the digest that tells two of them apart."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from senet_viz.errors import SourceError
from senet_viz.schema import UNLABELLED, ClassTable

CLASSES, OUTPUT_INDICES, NO_LABELS = "classes", "output indices", "none"
MAX_CLASSES = 100_000  # beyond it, labels are ids of something else


class ImageSource(Protocol):
    """Labelled images by index. Reading is safe from several threads and holds a bounded part in memory."""

    @property
    def kind(self) -> str:
        """One of "folder", "parquet", "csv", "digits" or "torchvision"."""

    @property
    def name(self) -> str:
        """What the user gave."""

    @property
    def classes(self) -> ClassTable:
        """K classes; empty when nothing is labelled."""

    @property
    def label_kind(self) -> str:
        """One of "classes", "output indices" (unnamed integer labels of a Parquet) or "none"."""

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
