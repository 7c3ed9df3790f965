"""Controls: what networks without training do with the same images, kept in a slim recording."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.paths import expand_home
from senet_viz.recording.checked import CheckedFile, state_of
from senet_viz.recording.files import read_lines, read_row_groups, read_table, reading
from senet_viz.recording.folder import StoredFolder, open_stored
from senet_viz.recording.layout import MANIFEST, SAMPLES_SCHEMA, Quantity, column_of, is_part
from senet_viz.recording.moments import Moments
from senet_viz.recording.tensors import MomentFiles, count_per_class, counts_of_column, flat_values
from senet_viz.recording.writer import stored_manifest
from senet_viz.schema import FileEntry, Gate, Manifest


@dataclass(frozen=True, slots=True)
class Control:
    """Class means and within-class sums of squares of another network on the same images.

    Attributes:
        name: of the network, e.g. "seresnet50 with random weights".
        seed: of its weights; None where it has none.
        id: of the full recording that it was taken from.
        blocks: names of its blocks, the same as the recording's.
        files: where the numbers are.
    """

    name: str
    seed: int | None
    id: str
    blocks: tuple[str, ...]
    files: MomentFiles

    @classmethod
    def read(cls, folder: Path, entries: Sequence[FileEntry]) -> Self:
        """The control whose files these are.

        Raises:
            RecordingError: one is missing, damaged, or not what is listed.
        """
        files = MomentFiles(folder, entries)
        about = files.metadata
        if strange := {"name", "seed", "id"} - {*about}:
            raise RecordingError(f"{folder / entries[0].name} does not say its {min(strange)}: record again.")
        return cls(
            about["name"], int(about["seed"]) if about["seed"] else None, about["id"], files.blocks("gate"), files
        )

    def moments(self, name: str, quantity: Quantity = "gate") -> Moments:
        """One block's count (K,), mean (K, C) and ssw (C,); `m2`, `min`, `max` and `histogram` are None.

        Raises:
            RecordingError: no such block, or no z of it.
        """
        return self.files.read(quantity, name)

    def means(self, name: str, quantity: Quantity = "gate") -> NDArray[np.float64]:
        """Class means of a block, (K, C), NaN where a class has no image."""
        return self.moments(name, quantity).mean

    def ssw(self, name: str, quantity: Quantity = "gate") -> NDArray[np.float64]:
        """Sum of squares within classes of a block, (C,)."""
        return self.moments(name, quantity).ssw


_MOST_HELD = 30  # open files; with more, who reads on after the shard is full is told that they are gone


class Recording(StoredFolder[Manifest]):
    """What a network's gates did on a set of images.

    Attributes:
        path: its folder.
        manifest: what it is and what made it.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        super().__init__(path, manifest)
        self._held = {} if manifest.complete else self._hold()
        self._by_name = {g.label: g for g in manifest.gates} | {g.name: g for g in manifest.gates}

    def _hold(self) -> dict[str, CheckedFile]:
        """The files that a later commit of a recording that goes on removes, open: they are read as they are now."""
        if os.name != "posix":  # where a file that is open cannot be removed
            return {}
        found = {}
        parts = [entry for entry in self.manifest.files if is_part(entry.name)]
        for entry in (*self._files("moments"), *(parts if len(parts) <= _MOST_HELD else ())):
            with reading(path := self.path / entry.name):
                found[entry.name] = CheckedFile(path, entry.sha256)
        return found

    @cached_property
    def _moments(self) -> MomentFiles:
        return MomentFiles(self.path, self._files("moments"), self._held)

    @property
    def form(self) -> str:
        """Form of the recording: "full" or "slim"."""
        return self.manifest.form

    @property
    def has_class_outputs(self) -> bool:
        """Whether the network returns class outputs; without them predictions, losses and answers are null."""
        return self.manifest.model.get("outputs") != 0

    def block(self, name: str) -> Gate:
        """A block by its name ("layer3.5.se") or label ("SE_4_6").

        Raises:
            RecordingError: no such block; the message lists the labels.
        """
        if name not in self._by_name:
            labels = ", ".join(g.label for g in self.blocks)
            raise RecordingError(f"{self.path} has no block {name!r}: it has {labels}.")
        return self._by_name[name]

    @cached_property
    def samples(self) -> pa.Table:
        """A row per image that was read: sample_id, path, label, output_label, prediction, confidence, loss, correct."""
        tables = [self._read(entry) for entry in self._files("samples")]
        return pa.concat_tables(tables).combine_chunks() if tables else SAMPLES_SCHEMA.empty_table()

    @cached_property
    def kept_samples(self) -> pa.Table:
        """The rows of `samples` whose gates are kept, in the order of `gates`."""
        tables = [self._read(entry, ["sample_id"]) for entry in self._files("gates")]
        if not tables:
            return self.samples.slice(0, 0)
        rows = pc.index_in(pa.concat_tables(tables)["sample_id"], value_set=self.samples["sample_id"])
        if rows.null_count:
            raise RecordingError(
                f"{self.path} keeps gates of {rows.null_count} images that it does not list: verify it."
            )
        return self.samples.take(rows).combine_chunks()

    @cached_property
    def errors(self) -> tuple[dict[str, str], ...]:
        """Path and error of every image that could not be read."""
        files = self._files("errors")
        return tuple(
            row for f in files for row in read_lines(self.path / f.name, f.sha256, held=self._held.get(f.name))
        )

    @cached_property
    def answers(self) -> pa.Table:
        """Columns label, prediction and correct of `samples`: without ids and paths, which take most of the memory."""
        columns = ["label", "prediction", "correct"]
        tables = [self._read(entry, columns) for entry in self._files("samples")]
        return pa.concat_tables(tables).combine_chunks() if tables else SAMPLES_SCHEMA.empty_table().select(columns)

    @property
    def classes_seen(self) -> int:
        """Classes of which an image was read; `classes` names also those of which none was, as with a limit."""
        return sum(label is not None and label >= 0 for label in pc.unique(self.answers["label"]).to_pylist())

    def describe_classes(self) -> str:
        """For people: "200 classes", "100 of 200 classes" where the others have no image, "no labels"."""
        classes, seen = len(self.classes), self.classes_seen
        some = "" if seen == classes else f"{seen:,} of "
        return f"{some}{classes:,} class{'' if classes == 1 else 'es'}" if classes else "no labels"

    @property
    def n_kept(self) -> int:
        """Images whose gates are kept."""
        return sum(f.rows for f in self._files("gates"))

    @property
    def n_images(self) -> int:
        """Images that were read."""
        return sum(f.rows for f in self._files("samples"))

    @property
    def keeps_all(self) -> bool:
        """Whether the gates of all images are kept."""
        return self.n_kept == self.n_images > 0

    def gates(self, name: str, quantity: Quantity = "gate") -> NDArray[np.float16]:
        """Kept gates of one block, the exact rounding of the fp32 values; only its column is read.

        Args:
            name: of the block, or its label.
            quantity: "squeeze" for z, where that was kept.

        Returns:
            (N_kept, C) float16, rows in the order of `kept_samples`; no row where nothing was kept.

        Raises:
            RecordingError: no such block, z was not kept, or a file is damaged.
        """
        gate = self.block(name)
        result = np.empty((self.n_kept, gate.channels), dtype=np.float16)
        start = 0
        for chunk in self.gates_by_parts(gate.name, quantity):
            result[start : start + len(chunk)] = chunk
            start += len(chunk)
        return result

    def channel_gates(self, name: str, channel: int, quantity: Quantity = "gate") -> NDArray[np.float16]:
        """Kept gates of one channel: what `gates` gives, without holding those of the other channels.

        Args:
            name: of the block, or its label.
            channel: its number.
            quantity: "squeeze" for z, where that was kept.

        Returns:
            (N_kept,) float16, rows in the order of `kept_samples`.

        Raises:
            ArgumentError: the block has no such channel.
            RecordingError: no such block, z was not kept, or a file is damaged.
        """
        gate = self.block(name)
        if not 0 <= channel < gate.channels:
            raise ArgumentError(f"{gate.label} has no channel {channel}: channels go from 0 to {gate.channels - 1}.")
        parts = [part[:, channel].copy() for part in self.gates_by_parts(gate.name, quantity)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float16)

    def gates_by_parts(self, name: str, quantity: Quantity = "gate") -> Iterator[NDArray[np.float16]]:
        """What `gates` gives, some rows after the other, (n, C) each: a large block need not be held as a whole.

        Raises:
            RecordingError: as for `gates`.
        """
        gate = self.block(name)
        column = column_of(gate.name, quantity)
        for entry in self._files("gates"):
            rows = 0
            held = self._held.get(entry.name)
            for table in read_row_groups(self.path / entry.name, entry.sha256, [column], held=held):
                if column not in table.column_names:
                    raise RecordingError(self._no_squeeze(gate))
                width = getattr(table.schema.field(column).type, "list_size", None)
                if width != gate.channels:
                    raise RecordingError(
                        f"{self.path / entry.name} has {width} channels of {gate.label} and the manifest {gate.channels}: verify it."
                    )
                rows += table.num_rows
                if rows > entry.rows:
                    break
                values = flat_values(table[column].chunks)
                yield values.astype(np.float16, copy=False).reshape(-1, gate.channels)
            self._check_rows(entry, rows)

    def _read(self, entry: FileEntry, columns: list[str] | None = None) -> pa.Table:
        table = read_table(self.path / entry.name, entry.sha256, columns, held=self._held.get(entry.name))
        self._check_rows(entry, table.num_rows)
        return table

    def _check_rows(self, entry: FileEntry, rows: int) -> None:
        if rows != entry.rows:
            raise RecordingError(
                f"{self.path / entry.name} has other rows than the {entry.rows:,} of the manifest: verify it."
            )

    def _no_squeeze(self, gate: Gate) -> str:
        if gate.squeeze_missing is not None:
            return f"Block {gate.label} has no squeeze vector: {gate.squeeze_missing}."
        return f"{self.path} keeps no squeeze of single images: record with the squeeze kept."

    def moments(self, name: str, quantity: Quantity = "gate", *, ranges: bool = True) -> Moments:
        """Statistics per class of one block's channels.

        A slim recording's are rounded (mean and m2 to float32, min and max to float16), and its z has no m2 per
        class, only `ssw`.

        Args:
            name: of the block, or its label.
            quantity: "squeeze" for z.
            ranges: also read min and max, a third of the file; else they are None.

        Returns:
            count (K,), mean and m2 (K, C), and for gates min, max (K, C) and histogram (C, 66).

        Raises:
            RecordingError: no such block, or it has no squeeze.
        """
        gate = self.block(name)
        if quantity == "squeeze" and gate.squeeze_missing is not None:
            raise RecordingError(self._no_squeeze(gate))
        found = self._moments.read(quantity, gate.name, ranges=ranges)
        shape, expected = found.mean.shape, (len(self.classes), gate.channels)
        if shape != expected:
            raise RecordingError(
                f"The moments of {gate.label} in {self.path} are of {shape[0]} classes and {shape[1]} channels, and the manifest has "
                f"{expected[0]} and {expected[1]}: verify it."
            )
        return found

    @cached_property
    def class_counts(self) -> NDArray[np.int64]:
        """Images of each class, (K,): what the moments count, without reading them."""
        return self._moments.counts("gate")

    def class_histogram(self, name: str) -> NDArray[np.uint32]:
        """How the images of each class spread over 32 equal bins of the gate's range.

        Values at a bound are in the first or last bin; unlabelled images are left out.

        Returns:
            (K, C, 32) counts: counted from the kept gates, or stored in a slim recording.

        Raises:
            RecordingError: the gates of some images were not kept.
        """
        gate = self.block(name)
        for entry in self._files("histograms"):
            table = read_table(self.path / entry.name, entry.sha256, [gate.name])
            if gate.name in table.column_names:
                return counts_of_column(table[gate.name], gate.channels)
        if self.form == "slim" or not self.keeps_all:
            raise RecordingError(
                f"{self.path} has no histograms per class, because not all gates were kept: record with --keep all."
            )
        labels = self.kept_samples["label"].to_numpy()
        return count_per_class(self.gates(name), labels, len(self.classes), gate.extent)

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """Other networks on the same images, stored in a slim recording; none in a full one."""
        groups: dict[str, list[FileEntry]] = {}
        for entry in self._files("control"):
            groups.setdefault(entry.name.rpartition("-")[0], []).append(entry)
        return tuple(Control.read(self.path, entries) for entries in groups.values())

    def __repr__(self) -> str:
        return f"Recording({str(self.path)!r}, form={self.form!r}, complete={self.complete})"


def open_recording(path: str | Path) -> Recording:
    """Open a recording's folder, finished or not.

    Checks the manifest and that every file is there in its size; no other is read yet: each is hashed at its first read.

    Raises:
        RecordingError: no recording, one of another schema version, or files that are missing or of another size.
    """
    advice = "copy the recording again or record again"
    manifest = expand_home(path) / MANIFEST
    while True:
        began = state_of(manifest)
        try:
            return Recording(*open_stored(path, stored_manifest, "a recording's folder", advice))
        except RecordingError:
            if state_of(manifest) == began:  # else a commit came between, which removed files of the one before
                raise
