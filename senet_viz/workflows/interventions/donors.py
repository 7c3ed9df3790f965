"""Who serves whom: folds, halves and donors, seeded, from labels alone; gates of the recorded images as baselines, in mapped files."""

import contextlib
import math
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_viz.gates.intervention import WORDS
from senet_viz.recording.files import as_recording_errors, read_table
from senet_viz.recording.layout import column_of
from senet_viz.recording.outcomes import DRAWN, Variant
from senet_viz.recording.reader import Recording
from senet_viz.recording.tensors import flat_values
from senet_viz.schema import Gate, LabelMapping

FOLDS = 5
GROUP_SIZE = 40
_FOLDS, _HALVES, _GROUPS, _DERANGEMENTS, _DONORS, _JUDGED = range(6)  # streams of random numbers, one a purpose

Rows = NDArray[np.int64]


def deal_images(labels: NDArray[np.integer], hands: int, generator: np.random.Generator) -> NDArray[np.int8]:
    """Deal images out in turns, class by class, in a random order.

    Args:
        labels: (N,) classes, −1 where there is none (these count as one class).
        hands: how many.
        generator: makes the order.

    Returns:
        (N,) hand of each image. Sizes of two hands differ by at most 1, in every class and in all.
    """
    order = generator.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    hand = np.empty(len(labels), dtype=np.int8)
    hand[order] = np.arange(len(labels)) % hands
    return hand


def make_folds(labels: NDArray[np.integer], seed: int) -> NDArray[np.int8]:
    """(N,) fold of each image, 0 to 4: baselines of an image come from the other four."""
    return deal_images(labels, FOLDS, np.random.default_rng([seed, _FOLDS]))


def make_halves(labels: NDArray[np.integer], seed: int) -> NDArray[np.int8]:
    """(N,) 0 or 1: one half is for choosing, the other for confirming."""
    return deal_images(labels, 2, np.random.default_rng([seed, _HALVES]))


def draw_derangement(count: int, generator: np.random.Generator) -> Rows:
    """(count,) a permutation that leaves nothing in its place, each equally likely; count is at least 2."""
    places = np.arange(count)
    while True:  # a permutation is one with probability 1/e
        drawn = generator.permutation(count)
        if not (drawn == places).any():
            return drawn


def draw_groups(folds: NDArray[np.int8], classes: int, *, repeats: int, seed: int) -> Rows:
    """Random images for the control of a class's mean: as many, of any class.

    Args:
        folds: (P,) fold of each image.
        classes: K.
        repeats: R.
        seed: of the run.

    Returns:
        (R, 5, K, 40) rows of images that lie in another fold than the one judged; fewer than 40 where there are no more.
    """
    others = [np.flatnonzero(folds != fold) for fold in range(FOLDS)]
    size = min(GROUP_SIZE, *(len(rows) for rows in others))
    groups = np.empty((repeats, FOLDS, classes, size), dtype=np.int64)
    for repeat, fold in np.ndindex(repeats, FOLDS):
        generator = np.random.default_rng([seed, _GROUPS, repeat, fold])
        for label in range(classes):
            groups[repeat, fold, label] = generator.choice(others[fold], size, replace=False)
    return groups


@dataclass(frozen=True, eq=False)
class Donors:
    """Whose gates each judged image is given, in one repeat; rows among the recorded images.

    Attributes:
        within: (N,) donor of the image's own class.
        between: (N,) donor of the class that the fold's derangement puts in its place.
        count_difference: the most by which the number of times that an image serves in the two differs. 0 where classes
            are of one size: then both have the same marginal distribution.
    """

    within: Rows
    between: Rows
    count_difference: int


def draw_donors(
    labels: NDArray[np.integer], folds: NDArray[np.int8], judged: Rows, *, seed: int, repeat: int
) -> Donors:
    """Donors of one repeat.

    Images of fold f are served by one other fold, the next in turn with every repeat; a class without an image there is
    served by the first fold after it that has one. In each fold a derangement π of the classes and a random order of each
    class's donors are drawn. The q-th image of class k gets the q-th donor of its class, or the q-th of π(k).

    Args:
        labels: (P,) class of every recorded image, none is unlabelled; every class has at least two images.
        folds: (P,) their folds, as `make_folds` deals them.
        judged: (N,) rows of those that interventions are made on.
        seed: of the run.
        repeat: which draw.
    """
    present = np.unique(labels)
    members = {(int(k), f): np.flatnonzero((labels == k) & (folds == f)) for k in present for f in range(FOLDS)}
    within, between = np.empty(len(judged), dtype=np.int64), np.empty(len(judged), dtype=np.int64)
    generator = np.random.default_rng([seed, _JUDGED, repeat])
    for fold in range(FOLDS):
        swapped = present[draw_derangement(len(present), np.random.default_rng([seed, _DERANGEMENTS, repeat, fold]))]
        shuffle = np.random.default_rng([seed, _DONORS, repeat, fold])
        donors = {int(k): shuffle.permutation(_pool(members, int(k), fold, repeat)) for k in present}
        for own, other in zip(present.tolist(), swapped.tolist()):
            mine = np.flatnonzero((labels[judged] == own) & (folds[judged] == fold))
            turn = generator.permutation(len(mine))
            within[mine] = donors[own][turn % len(donors[own])]
            between[mine] = donors[other][turn % len(donors[other])]
    counts = [np.bincount(rows, minlength=len(labels)) for rows in (within, between)]
    return Donors(within, between, int(np.abs(counts[0] - counts[1]).max(initial=0)))


def _pool(members: dict[tuple[int, int], Rows], label: int, fold: int, repeat: int) -> Rows:
    """Images of a class in the first fold that has some, from the repeat's on; never `fold` itself."""
    turns = [(fold + 1 + (repeat + step) % (FOLDS - 1)) % FOLDS for step in range(FOLDS - 1)]
    return next(rows for turn in turns if len(rows := members[label, turn]))


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

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which has not these files: values in place of maps of them."""
        return {name: None if values is None else np.asarray(values) for name, values in vars(self).items()}


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


def fill_scratch(recording: Recording, gates: Sequence[Gate], sorting: Sorting, folder: Path) -> dict[str, BlockTables]:
    """Copies the gates of some blocks out of a recording, and takes their means.

    Returns:
        Tables by the gate's name.
    """
    with as_recording_errors(f"Writing {folder}", "Free the disk and run the same command to go on."):
        return {gate.name: _fill_block(recording, gate, sorting, folder) for gate in gates}


def _fill_block(recording: Recording, gate: Gate, sorting: Sorting, folder: Path) -> BlockTables:
    shape = (len(sorting.labels), gate.channels)
    gates = _new(folder, f"{gate.depth}-gates", shape, np.float16) if {*DRAWN}.intersection(sorting.baselines) else None
    keys = sorting.folds.astype(np.int64) * (sorting.classes + 1) + sorting.labels + 1  # unlabelled come first
    sums = np.zeros((FOLDS * (sorting.classes + 1), gate.channels))
    start = 0
    for entry in (f for f in recording.manifest.files if f.role == "gates"):
        column = read_table(recording.path / entry.name, entry.sha256, [column_of(gate.name, "gate")]).column(0)
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
        shape = (FOLDS, int(sorting.outputs.max(initial=-1)) + 1)
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


Vectors = NDArray[np.float32]


def group_outputs(mapping: LabelMapping) -> tuple[NDArray[np.int64], dict[int, int]]:
    """Classes that share an output.

    Returns:
        (K,) group of each class, from 0 on; a class without an output is a group of its own. And the group of each
        output that has one.
    """
    keys = [("output", o) if o is not None else ("class", k) for k, o in enumerate(mapping.outputs)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    of_output = {value: number for (kind, value), number in numbers.items() if kind == "output"}
    return np.array([numbers[key] for key in keys], dtype=np.int64), of_output


@dataclass(frozen=True, eq=False)
class Baselines:
    """Baselines of every kind.

    Attributes:
        tables: of each block that is moved, by the gate's name.
        labels: (N,) classes of the judged images.
        folds: (N,) their folds.
        donors: of each repeat; empty where none are wanted.
        output_groups: (outputs,) row of `BlockTables.predicted_mean` of each output, −1 where no class has it.
    """

    tables: Mapping[str, BlockTables]
    labels: NDArray[np.int32]
    folds: NDArray[np.int8]
    donors: Sequence[Donors]
    output_groups: NDArray[np.int64]

    def find(self, variant: Variant, block: str, images: Rows, predictions: NDArray[np.int32]) -> Vectors:
        """b of one block: (C,) where it is the same for all images, else (n, C).

        Args:
            variant: names the baseline and the repeat.
            block: name of the gate.
            images: (n,) positions among the judged images.
            predictions: (n,) their clean predictions.
        """
        table = self.tables[block]
        folds, labels = self.folds[images], self.labels[images]
        if variant.baseline in WORDS:
            return np.full(table.mean.shape[1], WORDS[variant.baseline], dtype=np.float32)
        if variant.baseline == "mean":
            return table.mean[folds]
        if variant.baseline == "class_mean":
            assert table.class_mean is not None
            return np.asarray(table.class_mean[folds, labels])
        if variant.baseline == "group_mean":
            assert table.group_mean is not None
            return np.asarray(table.group_mean[variant.repeat, folds, labels])
        if variant.baseline == "predicted_class_mean":
            return self._of_prediction(table, folds, predictions)
        assert table.gates is not None
        donors = self.donors[variant.repeat]
        rows = (donors.within if variant.baseline == "within" else donors.between)[images]
        return np.asarray(table.gates[rows], dtype=np.float32)

    def _of_prediction(self, table: BlockTables, folds: NDArray[np.int8], predictions: NDArray[np.int32]) -> Vectors:
        """The mean of the predicted class; the mean of all images where the prediction is no class of the data."""
        assert table.predicted_mean is not None
        groups = self._groups(predictions)
        found = np.asarray(table.predicted_mean[folds, groups])
        known = (groups >= 0) & ~np.isnan(found[:, 0])
        return np.where(known[:, None], found, table.mean[folds])

    def _groups(self, predictions: NDArray[np.int32]) -> NDArray[np.int64]:
        """Rows of the predicted classes; −1 where there is none, or no prediction because the logits are not finite."""
        return np.where(predictions >= 0, self.output_groups[predictions], -1)

    def without_class(self, predictions: NDArray[np.int32]) -> int:
        """How many of all judged images have a clean prediction that is no class with images in the other folds."""
        groups = self._groups(predictions)
        table = next(iter(self.tables.values())).predicted_mean
        assert table is not None
        return int(((groups < 0) | np.isnan(table[self.folds, groups, 0])).sum())
