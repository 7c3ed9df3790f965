"""Tensors on disk: moments as safetensors whose columns are blocks side by side, read a block or a row at a time; histograms per class."""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from senet_viz.errors import RecordingError
from senet_viz.recording.checked import CheckedFile
from senet_viz.recording.files import MOST_JSON, SAFETENSORS_TYPES, reading, write_tensors
from senet_viz.recording.layout import Quantity
from senet_viz.recording.moments import Channels, ClassMoments, Moments, moments_of
from senet_viz.schema import Count, FileEntry, Width, from_tree

_TYPES: dict[str, np.dtype[Any]] = {name: kind for kind, name in SAFETENSORS_TYPES.items()}


@dataclass(frozen=True, slots=True)
class _Tensor:
    """What a header says of one: safetensors' name of its type, its shape, and where it begins and ends after the header."""

    dtype: str
    shape: tuple[Count, ...]
    data_offsets: tuple[Count, Count]


def _parse(header: bytes) -> Any:
    try:
        return json.loads(header)
    except RecursionError as error:
        raise ValueError("its header is nested too deeply") from error


class TensorFile:
    """A safetensors file of vectors and matrices, held open; hashed when it is opened, and again where it changed since.

    Attributes:
        path: of the file.
        metadata: its header's.
    """

    def __init__(self, path: Path, sha256: str, *, held: CheckedFile | None = None) -> None:
        """Checks its bytes and the header.

        Args:
            path: of the file.
            sha256: of its bytes, as listed.
            held: the file, where it is open already.

        Raises:
            RecordingError: missing, damaged, or not what is listed.
        """
        self.path = path
        with reading(path):
            self._checked = held or CheckedFile(path, sha256)
            with self._checked.believed() as file:
                length = int.from_bytes(file.read(8), "little")
                if length > MOST_JSON:
                    raise ValueError(f"its header has {length:,} bytes")
                header = _parse(file.read(length))
                size = os.fstat(file.fileno()).st_size - 8 - length
        if not isinstance(header, dict):
            raise RecordingError(f"{path} has no header of tensors: record again.")
        advice = "record again"
        self.metadata = from_tree(dict[str, str], header.pop("__metadata__", {}), f"{path}, __metadata__", advice)
        self._tensors: dict[str, tuple[np.dtype[Any], tuple[int, ...], int]] = {}
        tensors, place = from_tree(dict[str, _Tensor], header, str(path), advice), 0
        for key, about in sorted(tensors.items(), key=lambda each: each[1].data_offsets):
            if about.dtype not in _TYPES or len(about.shape) > 2:
                kind_said = f"{about.dtype[:20]!r} with {len(about.shape)} dimensions"
                raise RecordingError(f"{path} has tensors of {kind_said}, which no recording has: {advice}.")
            kind, (start, end) = _TYPES[about.dtype], about.data_offsets
            if start != place or end - start != kind.itemsize * math.prod(about.shape) or end > size:
                raise RecordingError(f"{path} has other bytes of {key[:80]!r} than its shape asks for: {advice}.")
            self._tensors[key] = (kind, about.shape, 8 + length + start)
            place = end

    def __contains__(self, key: str) -> bool:
        return key in self._tensors

    def width(self, key: str) -> int:
        """Columns of a tensor; 0 where it is no matrix or is not here."""
        shape = self._tensors[key][1] if key in self._tensors else ()
        return int(shape[1]) if len(shape) == 2 else 0

    def read(self, key: str, columns: slice | None = None) -> NDArray[Any]:
        """A tensor, or some columns of a matrix.

        Args:
            key: its name.
            columns: from a start to a stop; all where None.

        Raises:
            RecordingError: it is not there, the file was changed since and is not what is listed, or the disk is gone.
        """
        if key not in self._tensors:
            raise RecordingError(f"{self.path} has no {key}, which every recording has: record again.")
        kind, shape, start = self._tensors[key]
        if columns is None or len(shape) < 2:
            whole: NDArray[Any] = np.empty(shape, dtype=kind)
            self._fill([whole.reshape(-1)], start, 0)
            return whole
        step = kind.itemsize * shape[1]
        part: NDArray[Any] = np.empty((shape[0], columns.stop - columns.start), dtype=kind)
        self._fill(part, start + kind.itemsize * columns.start, step)
        return part

    def _fill(self, rows: Any, start: int, step: int) -> None:
        """Read each row from its place, the first at `start`, each next one `step` bytes on."""
        with reading(self.path), self._checked.believed() as file:
            for at, row in enumerate(rows):
                file.seek(start + at * step)
                room = memoryview(row).cast("B") if row.size else memoryview(b"")
                while room:
                    if not (count := file.readinto(room)):
                        raise RecordingError(f"{self.path} ends too early: copy the recording again or record again.")
                    room = room[count:]


class _Columns(TypedDict):
    columns: tuple[tuple[str, ...], tuple[Width, ...]]


QUANTITIES: tuple[Quantity, ...] = ("gate", "squeeze")
UNLABELLED_M2 = "unlabelled_m2"  # beside `within`, the only m2 that is kept


def save_moments(folder: Path, name: str, states: Mapping[Quantity, ClassMoments]) -> FileEntry:
    """Write the moments of both quantities in full precision."""
    tensors: dict[str, NDArray[Any]] = {}
    for quantity, state in states.items():
        tensors |= named_rows(quantity, state.arrays())
    about = describe({quantity: state.channels for quantity, state in states.items()})
    return write_tensors(folder, name, "moments", tensors, about)


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
    return {quantity: json.dumps([c.names, c.sizes]) for quantity, c in channels.items()}


def load_state(file: TensorFile, quantity: Quantity, channels: Channels) -> ClassMoments:
    """The whole state of a full recording, to fold on.

    Raises:
        RecordingError: damaged.
    """
    arrays: dict[str, NDArray[Any]] = {
        key: np.concatenate([file.read(f"{quantity}.{key}"), file.read(f"{quantity}.unlabelled.{key}")])
        for key in ("count", "mean", "m2", *(("min", "max") if channels.ranges else ()))
    }
    if channels.ranges:
        arrays["histogram"] = file.read(f"{quantity}.histogram")
    return ClassMoments(channels, arrays)


class MomentFiles:
    """Moments of one recording or one control, spread over one or several files."""

    def __init__(
        self, folder: Path, entries: Sequence[FileEntry], held: Mapping[str, CheckedFile] = MappingProxyType({})
    ) -> None:
        """Opens the files and checks their bytes.

        Args:
            folder: of the recording.
            entries: its files of moments.
            held: those that are open already, by name.

        Raises:
            RecordingError: one is missing, damaged, or not what is listed.
        """
        self._places: dict[tuple[Quantity, str], tuple[TensorFile, slice]] = {}
        self.metadata: dict[str, str] = {}
        for entry in entries:
            file = TensorFile(folder / entry.name, entry.sha256, held=held.get(entry.name))
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
    with reading(file.path):
        tree = json.loads(text)
    found = from_tree(_Columns, {"columns": tree}, str(file.path), "record again")
    names, sizes = found["columns"]
    if len(names) != len(sizes) or sum(sizes) != file.width(f"{quantity}.mean"):
        raise RecordingError(f"{file.path} names other blocks of the {quantity} than it has columns: record again.")
    ends = np.cumsum(sizes, dtype=np.int64).tolist()
    return [(name, slice(end - size, end)) for name, size, end in zip(names, sizes, ends)]


CLASS_BINS = 32
_CHUNK_BYTES = 1 << 26


def count_per_class(
    gates: NDArray[np.float16],
    labels: NDArray[np.int32],
    n_classes: int,
    value_range: tuple[float, float],
) -> NDArray[np.uint32]:
    """How many images of each class have their gate in each of 32 equal bins over the gate's range.

    Args:
        gates: (N, C) kept gates of one block; values at a bound are counted in the first or last bin.
        labels: (N,) class indices; unlabelled images (−1) are left out.
        n_classes: K.
        value_range: lower and upper bound of the gate.

    Returns:
        (K, C, 32) counts.
    """
    lower, upper = value_range
    labelled = labels >= 0
    values, classes = gates[labelled], labels[labelled].astype(np.int64)
    width = values.shape[1]
    counts = np.zeros((n_classes, width, CLASS_BINS), dtype=np.uint32)
    step = max(1, _CHUNK_BYTES // (8 * CLASS_BINS * max(n_classes, 1)))
    for start in range(0, width, step):
        part = values[:, start : start + step].astype(np.float32)
        codes = ((part - np.float32(lower)) * np.float32(CLASS_BINS / (upper - lower))).astype(np.int64)
        codes = np.clip(codes, 0, CLASS_BINS - 1)
        size = part.shape[1]
        codes += (classes[:, None] * size + np.arange(size)) * CLASS_BINS
        found = np.bincount(codes.ravel(), minlength=n_classes * size * CLASS_BINS)
        counts[:, start : start + size] = found.reshape(n_classes, size, CLASS_BINS)
    return counts


def histogram_column(counts: NDArray[np.uint32]) -> pa.Array:
    """A row per class of C·32 counts, in the smallest of uint8, uint16 and uint32 that holds them."""
    largest = int(counts.max(initial=0))
    kind = next(k for k in (np.uint8, np.uint16, np.uint32) if largest <= np.iinfo(k).max)
    flat = np.ascontiguousarray(counts, dtype=kind).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), counts.shape[1] * CLASS_BINS)


def counts_of_column(column: pa.ChunkedArray, channels: int) -> NDArray[np.uint32]:
    """The inverse of `histogram_column`, (K, C, 32)."""
    flat = flat_values(column.chunks)
    return flat.astype(np.uint32).reshape(-1, channels, CLASS_BINS)


def flat_values(chunks: Sequence[pa.FixedSizeListArray]) -> NDArray[np.generic]:
    """All elements of a column of fixed-size lists, one after the other."""
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in chunks]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint8)
