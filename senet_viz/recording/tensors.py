"""Moments on disk: safetensors whose columns are blocks side by side, read a block at a time."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import RecordingError
from senet_viz.recording.columns import TensorFile
from senet_viz.recording.files import write_tensors
from senet_viz.recording.layout import Quantity
from senet_viz.recording.moments import Channels, ClassMoments, Moments, moments_of
from senet_viz.schema import FileEntry

QUANTITIES: tuple[Quantity, ...] = ("gate", "squeeze")
UNLABELLED_M2 = "unlabelled_m2"  # beside `within`, the only m2 that is kept


def save_moments(
    folder: Path, name: str, states: Mapping[Quantity, ClassMoments], *, extra: Mapping[str, str] | None = None
) -> FileEntry:
    """Write the moments of both quantities in full precision."""
    tensors: dict[str, NDArray[Any]] = {}
    channels: dict[Quantity, Channels] = {}
    for quantity, state in states.items():
        tensors |= named_rows(quantity, state.arrays())
        channels[quantity] = state.channels
    return write_tensors(folder, name, "moments", tensors, {**describe(channels), **(extra or {})})


def named_rows(quantity: Quantity, state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Tensor names of arrays of K + 1 rows: `gate.mean` of the classes, `gate.unlabelled.mean` of the last row."""
    tensors: dict[str, NDArray[Any]] = {}
    for key, array in state.items():
        if key in ("histogram", "within"):
            tensors[f"{quantity}.{key}"] = array
        elif key == UNLABELLED_M2:
            tensors[f"{quantity}.unlabelled.m2"] = array
        else:
            tensors[f"{quantity}.{key}"] = array[:-1]
            tensors[f"{quantity}.unlabelled.{key}"] = array[-1:]
    return tensors


def describe(channels: Mapping[Quantity, Channels]) -> dict[str, str]:
    """A file's metadata: which blocks its columns are, and how wide."""
    trees = {quantity: [list(c.names), list(c.sizes)] for quantity, c in channels.items()}
    return {quantity: json.dumps(tree) for quantity, tree in trees.items()}


def load_state(path: Path, quantity: Quantity, channels: Channels) -> ClassMoments:
    """The whole state of a full recording, to fold on.

    Raises:
        RecordingError: missing or damaged.
    """
    file = TensorFile(path)
    keys = ["count", "mean", "m2", *(["min", "max"] if channels.ranges else [])]
    arrays: dict[str, NDArray[Any]] = {}
    for key in keys:
        rows = (file.read(f"{quantity}.{key}"), file.read(f"{quantity}.unlabelled.{key}"))
        arrays[key] = np.concatenate(rows)
    if channels.ranges:
        arrays["histogram"] = file.read(f"{quantity}.histogram")
    return ClassMoments(channels, arrays)


class MomentFiles:
    """Moments of one recording or one control, spread over one or several files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._places: dict[tuple[Quantity, str], tuple[TensorFile, slice]] = {}
        self.metadata: dict[str, str] = {}
        for path in paths:
            file = TensorFile(path)
            self.metadata |= file.metadata
            for quantity in QUANTITIES:
                for name, columns in _columns(file, quantity):
                    self._places[quantity, name] = (file, columns)

    def blocks(self, quantity: Quantity) -> tuple[str, ...]:
        """Names of the blocks whose moments are here."""
        return tuple(name for kind, name in self._places if kind == quantity)

    def counts(self, quantity: Quantity) -> NDArray[np.int64]:
        """Images of each class, (K,).

        Raises:
            RecordingError: there are no moments of this quantity.
        """
        for (kind, _), (file, _) in self._places.items():
            if kind == quantity:
                return np.asarray(file.read(f"{quantity}.count"), dtype=np.int64)
        raise RecordingError(f"There are no moments of the {quantity} in this recording.")

    def read(self, quantity: Quantity, name: str, *, ranges: bool = True) -> Moments:
        """One block's moments; only its columns are read, and without `ranges` no min and max.

        Raises:
            RecordingError: they are not here.
        """
        if (quantity, name) not in self._places:
            raise RecordingError(f"There are no moments of the {quantity} of block {name} in this recording.")
        file, columns = self._places[quantity, name]
        state: dict[str, NDArray[Any]] = {}
        for key in ("count", "mean", "m2", *(("min", "max") if ranges else ())):
            parts = [f"{quantity}.{key}", f"{quantity}.unlabelled.{key}"]
            found = [file.read(part, columns if key != "count" else None) for part in parts if part in file]
            if found:
                state[key] = np.concatenate(found)
        if f"{quantity}.histogram" in file:
            state["histogram"] = file.read(f"{quantity}.histogram")[columns]
        within = file.read(f"{quantity}.within")[columns] if f"{quantity}.within" in file else None
        return moments_of(state, within=within, copy=False)  # the arrays were made here


def _columns(file: TensorFile, quantity: Quantity) -> Iterable[tuple[str, slice]]:
    text = file.metadata.get(quantity)
    if text is None:
        return []
    names, sizes = json.loads(text)
    ends = np.cumsum(sizes).tolist()
    return [(name, slice(end - size, end)) for name, size, end in zip(names, sizes, ends)]
