"""Opens a folder of interventions, finished or not, and never with torch."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.paths import expand_home, tell_refusal
from senet_viz.recording.files import read_table
from senet_viz.recording.outcomes.files import stored_outcomes
from senet_viz.recording.outcomes.layout import CLEAN_INDEX, MANIFEST, OutcomesManifest
from senet_viz.recording.outcomes.variants import Variant
from senet_viz.recording.reader import size_problem
from senet_viz.schema import ClassTable, FileEntry, Gate


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the network said of every image, N rows in the order of `Outcomes.samples`.

    Attributes:
        prediction: (N,) int32 outputs.
        loss: (N,) float32 cross entropy in nats; NaN where the class has no output.
        correct: (N,) whether the class's output came first; False where it has none, see `Outcomes.judged`.
        correct5: (N,) whether it was among the first five.
    """

    prediction: NDArray[np.int32]
    loss: NDArray[np.float32]
    correct: NDArray[np.bool_]
    correct5: NDArray[np.bool_]


class Outcomes:
    """What interventions on a network's gates did to what it said of a set of images.

    Attributes:
        path: its folder.
        manifest: what it is and what made it.
    """

    def __init__(self, path: Path, manifest: OutcomesManifest) -> None:
        self.path = path
        self.manifest = manifest

    @property
    def id(self) -> str:
        """32 hex digits."""
        return self.manifest.id

    @property
    def complete(self) -> bool:
        """Whether all interventions were made on all images."""
        return self.manifest.complete

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The interventions."""
        return self.manifest.variants

    @property
    def blocks(self) -> tuple[Gate, ...]:
        """The network's gates in order of depth."""
        return self.manifest.gates

    @property
    def classes(self) -> ClassTable:
        """The data's classes, K of them."""
        return self.manifest.classes

    @cached_property
    def samples(self) -> pa.Table:
        """A row per image: sample_id, path, label, output_label (null where its class has none), fold, half.

        Baselines of an image come from the other folds; halves are for choosing and confirming.
        """
        return read_table(self.path / self._files("samples")[0].name).combine_chunks()

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """(N,) images whose class has an output."""
        return np.asarray(self.samples["output_label"].is_valid().to_numpy(), dtype=np.bool_)

    @cached_property
    def clean(self) -> Outcome:
        """The untouched network."""
        return self._outcome(CLEAN_INDEX)

    def outcome(self, variant: Variant) -> Outcome:
        """The network under one intervention.

        Raises:
            ArgumentError: it was not made here.
            RecordingError: not all images were done yet, or a file is damaged.
        """
        if variant not in self.variants:
            raise ArgumentError(f"{self.path} has no intervention {variant}: ask for one of its variants.")
        return self._outcome(self.variants.index(variant))

    def _outcome(self, index: int) -> Outcome:
        row = index + 1  # clean comes first
        return Outcome(*(columns[row] for columns in self._columns))

    @cached_property
    def _columns(self) -> tuple[NDArray[np.generic], ...]:
        """prediction, loss, correct and correct5, each (variants + 1, N) and read-only."""
        if not self.complete:
            done = self.manifest.progress.get("consumed", 0)
            raise RecordingError(
                f"{self.path} has {done:,} of {self.samples.num_rows:,} images: run the same command again to finish it."
            )
        parts = [_read_shard(self.path / f.name, len(self.variants) + 1) for f in self._files("outcomes")]
        columns = tuple(np.concatenate(pieces, axis=1) for pieces in zip(*parts))
        if columns[0].shape[1] != self.samples.num_rows:
            raise RecordingError(f"{self.path} lists {self.samples.num_rows} images and has others: make it again.")
        for column in columns:
            column.setflags(write=False)
        return columns

    def _files(self, role: str) -> list[FileEntry]:
        return [f for f in self.manifest.files if f.role == role]

    def __repr__(self) -> str:
        return f"Outcomes({str(self.path)!r}, variants={len(self.variants)}, complete={self.complete})"


def _read_shard(path: Path, rows: int) -> tuple[NDArray[np.generic], ...]:
    """Columns of one file as (variants + 1, n); rows lie by variant, then by sample."""
    table = read_table(path)
    if table.num_rows % rows:
        raise RecordingError(f"{path} has {table.num_rows} rows, a multiple of {rows} expected: make it again.")
    names = ("prediction", "loss", "correct", "correct5")
    return tuple(table[name].to_numpy(zero_copy_only=False).reshape(rows, -1) for name in names)


def read_clean_predictions(folder: Path, manifest: OutcomesManifest) -> NDArray[np.int32]:
    """What the untouched network predicted of the images committed so far, in the order of the samples."""
    parts = [
        _read_shard(folder / f.name, len(manifest.variants) + 1)[0][0] for f in manifest.files if f.role == "outcomes"
    ]
    return np.concatenate(parts).astype(np.int32) if parts else np.zeros(0, dtype=np.int32)


def open_outcomes(path: str | Path) -> Outcomes:
    """Open a folder of interventions, finished or not.

    Checks the manifest and that every file is there in its size; tables are read when they are asked for.

    Raises:
        RecordingError: no such folder, one of another schema version, or files that are missing or of another size.
    """
    folder = expand_home(path)
    if reason := tell_refusal(folder):
        raise RecordingError(f"{folder} could not be opened ({reason}): check the path and its permissions.")
    manifest = stored_outcomes(folder) if folder.is_dir() else None
    if manifest is None:
        raise RecordingError(f"{folder} has no {MANIFEST}: give a folder that `senet-viz intervene` wrote.")
    for entry in manifest.files:
        problem = size_problem(folder, entry)
        if problem:
            raise RecordingError(f"{folder}: {problem}; copy the folder again or make it again.")
    return Outcomes(folder, manifest)
