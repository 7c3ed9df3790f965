"""Gates of the recorded images and what baselines are made of them, in memory-mapped files: memory does not grow."""

import contextlib
import math
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording import Recording
from senet_viz.recording.files import as_recording_errors, read_table
from senet_viz.recording.histograms import flat_values
from senet_viz.recording.layout import column_of
from senet_viz.recording.outcomes import DRAWN
from senet_viz.schema import Gate
from senet_viz.workflows.interventions.folds import FOLDS, Rows

_CHUNK, _CLASSES = 2048, 64  # images and groups at a time


@dataclass(frozen=True, eq=False)
class BlockTables:
    """One block's gates and means; float32 (…, C) but for `gates`. Means of fold f are of the other four folds.

    Attributes:
        gates: (P, C) float16 of all recorded images; None where no baseline needs single images.
        mean: (5, C).
        class_mean: (5, K, C), NaN where a class has no image in the other folds; None where not wanted.
        predicted_mean: (5, G, C) of the classes that share an output, NaN likewise; None where not wanted.
        group_mean: (R, 5, K, C) of 40 random images; None where not wanted.
    """

    gates: NDArray[np.float16] | None
    mean: NDArray[np.float32]
    class_mean: NDArray[np.float32] | None
    predicted_mean: NDArray[np.float32] | None
    group_mean: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class Sorting:
    """How recorded images are sorted for means.

    Attributes:
        labels: (P,) classes, −1 unlabelled.
        folds: (P,).
        classes: K.
        outputs: (K,) group of classes with the same output; classes without one are each a group of their own.
        baselines: wanted.
        groups: (R, 5, K, n) rows of the images of each group of `group_mean`; no row where that is not wanted.
    """

    labels: NDArray[np.int32]
    folds: NDArray[np.int8]
    classes: int
    outputs: NDArray[np.int64]
    baselines: tuple[str, ...]
    groups: Rows


@contextlib.contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards; what a killed run left in it goes first."""
    shutil.rmtree(folder, ignore_errors=True)
    with as_recording_errors(f"Writing {folder}", "Give a folder that can be written."):
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scratch_bytes(gates: Sequence[Gate], *, images: int, classes: int, baselines: Sequence[str], repeats: int) -> int:
    """What the scratch files take at most."""
    tables = ("class_mean" in baselines) + ("predicted_class_mean" in baselines) + repeats * ("group_mean" in baselines)
    halves = images * any(baseline in DRAWN for baseline in baselines)
    return sum(gate.channels for gate in gates) * (2 * halves + 4 * FOLDS * classes * tables)


def _count_outputs(sorting: Sorting) -> int:
    return int(sorting.outputs.max(initial=-1)) + 1 if "predicted_class_mean" in sorting.baselines else 0


def _needs_gates(sorting: Sorting) -> bool:
    return any(baseline in DRAWN for baseline in sorting.baselines)


def fill_scratch(recording: Recording, gates: Sequence[Gate], sorting: Sorting, folder: Path) -> dict[str, BlockTables]:
    """Copies the gates of some blocks out of a recording, and takes their means.

    Returns:
        Tables by the gate's name.
    """
    with as_recording_errors(f"Writing {folder}", "Free the disk and run the same command to go on."):
        return {gate.name: _fill_block(recording, gate, sorting, folder) for gate in gates}


def _fill_block(recording: Recording, gate: Gate, sorting: Sorting, folder: Path) -> BlockTables:
    shape = (len(sorting.labels), gate.channels)
    gates = _new(folder, f"{gate.depth}-gates", shape, np.float16) if _needs_gates(sorting) else None
    keys = sorting.folds.astype(np.int64) * (sorting.classes + 1) + sorting.labels + 1  # unlabelled come first
    sums = np.zeros((FOLDS * (sorting.classes + 1), gate.channels))
    start = 0
    for entry in (f for f in recording.manifest.files if f.role == "gates"):
        column = read_table(recording.path / entry.name, [column_of(gate.name, "gate")]).column(0)
        values = flat_values(column.chunks).reshape(-1, gate.channels)
        if gates is not None:
            gates[start : start + len(values)] = values
        _add_rows(sums, keys[start : start + len(values)], values)
        start += len(values)
    counts = np.bincount(keys, minlength=len(sums)).reshape(FOLDS, sorting.classes + 1)
    return _make_tables(gates, sums.reshape(FOLDS, sorting.classes + 1, -1), counts, gate, sorting, folder)


def _add_rows(sums: NDArray[np.float64], keys: NDArray[np.int64], values: NDArray[Any]) -> None:
    """Add each row to the sum of its key, in float64 and in a fixed order."""
    for begin in range(0, len(keys), _CHUNK):
        part = keys[begin : begin + _CHUNK]
        order = np.argsort(part, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(part[order]) > 0])
        chunk = values[begin : begin + _CHUNK][order].astype(np.float64)
        sums[part[order][starts]] += np.add.reduceat(chunk, starts, axis=0)


def _make_tables(
    gates: NDArray[np.float16] | None,
    sums: NDArray[np.float64],
    counts: NDArray[np.int64],
    gate: Gate,
    sorting: Sorting,
    folder: Path,
) -> BlockTables:
    others, numbers = sums.sum(axis=0) - sums, counts.sum(axis=0) - counts  # of the other four folds
    mean = (others.sum(axis=1) / numbers.sum(axis=1)[:, None]).astype(np.float32)
    class_mean = predicted = groups = None
    if "class_mean" in sorting.baselines:
        class_mean = _store(folder, f"{gate.depth}-classes", _divide(others[:, 1:], numbers[:, 1:]))
    if "predicted_class_mean" in sorting.baselines:
        shape = (FOLDS, _count_outputs(sorting))
        joined, members = np.zeros((*shape, gate.channels)), np.zeros(shape, dtype=np.int64)
        for fold in range(FOLDS):
            np.add.at(joined[fold], sorting.outputs, others[fold, 1:])
            np.add.at(members[fold], sorting.outputs, numbers[fold, 1:])
        predicted = _store(folder, f"{gate.depth}-predicted", _divide(joined, members))
    if gates is not None and sorting.groups.size:
        groups = _average_groups(gates, gate, sorting, folder)
    return BlockTables(gates, mean, class_mean, predicted, groups)


def _divide(sums: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    with np.errstate(invalid="ignore"):  # a class without images has no mean: 0 / 0 = NaN
        quotient: NDArray[np.float32] = (sums / counts[..., None]).astype(np.float32)
    return quotient


def _average_groups(gates: NDArray[np.float16], gate: Gate, sorting: Sorting, folder: Path) -> NDArray[np.float32]:
    shape = (*sorting.groups.shape[:3], gate.channels)
    table: NDArray[np.float32] = _new(folder, f"{gate.depth}-groups", shape, np.float32)
    for repeat, fold in np.ndindex(*shape[:2]):
        for first in range(0, sorting.classes, _CLASSES):
            rows = sorting.groups[repeat, fold, first : first + _CLASSES]
            table[repeat, fold, first : first + _CLASSES] = gates[rows].mean(axis=1, dtype=np.float64)
    return table


def _store(folder: Path, name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    table: NDArray[np.float32] = _new(folder, name, values.shape, np.float32)
    table[...] = values
    return table


def _new(folder: Path, name: str, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
    """A mapped file whose room on the disk is taken at once: a disk that fills up later would kill the process."""
    size = math.prod(shape) * np.dtype(kind).itemsize
    with (folder / name).open("wb") as file:
        if sys.platform == "linux":
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
    return np.memmap(folder / name, dtype=kind, mode="r+", shape=shape)
