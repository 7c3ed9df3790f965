"""What one forward adds to a recording, and the open shard in which rows wait for their file."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.files import read_lines, read_table, write_lines, write_table
from senet_viz.recording.layout import SAMPLES_SCHEMA, column_of, shard_name
from senet_viz.schema import FileEntry, Gate

NONFINITE = "nonfinite"
LOGITS = "the logits"


class NonFinite(NamedTuple):
    """An image that is left out because the network's values for it are not finite.

    Attributes:
        path: for people.
        block: the first one with such a value; "" where only the logits have one.
        sentence: for people.
    """

    path: str
    block: str
    sentence: str


@dataclass(frozen=True)
class RecordedBatch:
    """n images that are recorded, with those that are left out.

    Attributes:
        sample_ids: n ids, unique in the source.
        paths: n, for people.
        labels: (n,) int32 class indices, −1 unlabelled.
        output_labels: (n,) int32 outputs of those classes, −1 where there is none.
        predictions: (n,) int32 outputs, −1 where there is none.
        confidences: (n,) float32, softmax of the prediction; NaN where the logits are not finite, or the network has none.
        losses: (n,) float32 cross entropy, NaN where there is no output.
        kept: (n,) bool, whose gates are kept.
        gates: float32 (n, C) of every block.
        squeezes: float32 (n, C) of every block that has z as one vector.
        errors: path and sentence of each image that could not be read.
        consumed: inputs consumed: n + len(errors) + len(nonfinite).
        nonfinite: the images that were read and whose values are not finite.
    """

    sample_ids: list[str]
    paths: list[str]
    labels: NDArray[np.int32]
    output_labels: NDArray[np.int32]
    predictions: NDArray[np.int32]
    confidences: NDArray[np.float32]
    losses: NDArray[np.float32]
    kept: NDArray[np.bool_]
    gates: Mapping[str, NDArray[np.float32]]
    squeezes: Mapping[str, NDArray[np.float32]]
    errors: Sequence[tuple[str, str]]
    consumed: int
    nonfinite: Sequence[NonFinite] = ()

    @classmethod
    def unreadable(cls, errors: Sequence[tuple[str, str]], consumed: int) -> Self:
        """A batch of which no image could be read."""
        none = np.zeros(0, dtype=np.int32)
        nothing = np.zeros(0, dtype=np.float32)
        return cls([], [], none, none, none, nothing, nothing, np.zeros(0, dtype=bool), {}, {}, errors, consumed)

    def check(self, gates: Sequence[Gate]) -> None:
        """Raise before anything is folded or written.

        Raises:
            ArgumentError: columns of different lengths, blocks or shapes that are not the manifest's.
        """
        n = len(self.sample_ids)
        for name in ("paths", "labels", "output_labels", "predictions", "confidences", "losses", "kept"):
            if len(getattr(self, name)) != n:
                raise ArgumentError(f"A batch of {n} sample ids came with {len(getattr(self, name))} {name}.")
        if self.consumed != n + len(self.errors) + len(self.nonfinite):
            left_out = len(self.errors) + len(self.nonfinite)
            raise ArgumentError(f"A batch says {self.consumed} inputs, {n} were read and {left_out} were left out.")
        if n:
            _check_blocks("gates", self.gates, gates, n)
            _check_blocks("squeezes", self.squeezes, [g for g in gates if g.squeeze_missing is None], n)

    @property
    def left_out(self) -> int:
        """Images that could not be read or are not finite."""
        return len(self.errors) + len(self.nonfinite)

    def without_nonfinite(self, *, judged: bool = True) -> Self:
        """The batch itself where every value is finite, else without the images of which one is not, which it lists.

        Args:
            judged: whether the network has logits.
        """
        found: dict[int, NonFinite] = {}
        for name in self.gates:
            for kind, arrays in (("squeeze", self.squeezes), ("gate", self.gates)):
                values = arrays.get(name)
                if values is None or np.isfinite(values).all():
                    continue
                for row in np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist():
                    sentence = f"Block {name} has a {kind} that is not finite ({say_nonfinite(values[row])})."
                    found.setdefault(row, NonFinite(self.paths[row], name, sentence))
        for row in np.flatnonzero(np.isnan(self.confidences) & judged).tolist():
            found.setdefault(row, NonFinite(self.paths[row], "", "The logits are not finite (NaN or infinite)."))
        if not found:
            return self
        rows = np.setdiff1d(np.arange(len(self.paths)), [*found])
        columns = ("labels", "output_labels", "predictions", "confidences", "losses", "kept")
        return dataclasses.replace(
            self,
            sample_ids=[self.sample_ids[row] for row in rows],
            paths=[self.paths[row] for row in rows],
            gates={name: values[rows] for name, values in self.gates.items()},
            squeezes={name: values[rows] for name, values in self.squeezes.items()},
            nonfinite=[*self.nonfinite, *(found[row] for row in sorted(found))],
            **{column: getattr(self, column)[rows] for column in columns},
        )

    def error_rows(self) -> list[dict[str, str]]:
        """A row of the errors files per image that was left out."""
        rows = [{"path": path, "error": message} for path, message in self.errors]
        for path, block, sentence in self.nonfinite:
            rows.append({"path": path, "error": sentence, "kind": NONFINITE, **({"block": block} if block else {})})
        return rows

    def samples(self) -> pa.Table:
        """A row per image that was read."""
        without, unsaid = self.output_labels < 0, self.predictions < 0
        return pa.table(
            {
                "sample_id": pa.array(self.sample_ids, pa.string()),
                "path": pa.array(self.paths, pa.string()),
                "label": pa.array(self.labels, pa.int32()),
                "output_label": pa.array(self.output_labels, pa.int32(), mask=without),
                "prediction": pa.array(self.predictions, pa.int32(), mask=unsaid),
                "confidence": pa.array(self.confidences, pa.float32(), mask=unsaid),
                "loss": pa.array(self.losses, pa.float32(), mask=without | np.isnan(self.losses)),
                "correct": pa.array(self.predictions == self.output_labels, pa.bool_(), mask=without),
            },
            schema=SAMPLES_SCHEMA,
        )

    def kept_gates(self, schema: pa.Schema) -> pa.Table:
        """A row per kept image, in half precision.

        Raises:
            RecordingError: a squeeze too large for half precision, naming its block.
        """
        rows = np.flatnonzero(self.kept)
        columns: dict[str, pa.Array] = {"sample_id": pa.array([self.sample_ids[i] for i in rows], pa.string())}
        wanted = {column_of(name, "gate"): (name, values) for name, values in self.gates.items()}
        wanted |= {column_of(name, "squeeze"): (name, values) for name, values in self.squeezes.items()}
        for column in schema.names[1:]:
            columns[column] = _halves(*wanted[column], rows)
        return pa.table(columns, schema=schema)


def say_nonfinite(values: NDArray[Any]) -> str:
    """What there is among values that are not finite: "NaN", "inf" or "NaN, inf"."""
    names = {"NaN": np.isnan(values).any(), "inf": np.isinf(values).any()}
    return ", ".join(name for name, there in names.items() if there)


def count_nonfinite(errors: Iterable[Mapping[str, str]]) -> dict[str, int]:
    """How many images were left out as not finite, by the first block that was ("the logits"), in order of appearance."""
    counts: dict[str, int] = {}
    for row in errors:
        if row.get("kind") == NONFINITE:
            where = row.get("block", LOGITS)
            counts[where] = counts.get(where, 0) + 1
    return counts


def _check_blocks(kind: str, values: Mapping[str, NDArray[np.float32]], gates: Sequence[Gate], n: int) -> None:
    expected = {g.name: (n, g.channels) for g in gates}
    missing, unknown = sorted({*expected} - {*values}), sorted({*values} - {*expected})
    if missing or unknown:
        raise ArgumentError(f"A batch's {kind} do not fit the manifest: missing {missing}, unknown {unknown}.")
    for name, shape in expected.items():
        if values[name].shape != shape:
            raise ArgumentError(f"Block {name} came with {kind} of shape {values[name].shape}, {shape} expected.")


def _halves(name: str, values: NDArray[Any], rows: NDArray[np.int64]) -> pa.Array:
    with np.errstate(over="ignore"):  # looked for in the next line
        halves = np.ascontiguousarray(values[rows], dtype=np.float32).astype(np.float16)
    if not np.isfinite(halves).all():
        raise RecordingError(
            f"Block {name} has values up to {np.abs(values).max():g}, half precision ends at 65504: "
            "record without keeping the squeeze."
        )
    return pa.FixedSizeListArray.from_arrays(pa.array(halves.reshape(-1), pa.float16()), values.shape[1])


class OpenShard:
    """Rows of one slice of the input list.

    A commit writes what came since the last one as parts; `close` writes the whole shard in one go.
    """

    def __init__(self, index: int, schema: pa.Schema) -> None:
        self.index = index
        self._schema = schema
        self._rows: dict[str, list[Any]] = {"samples": [], "gates": [], "errors": []}  # tables, and for errors rows
        self._written = dict.fromkeys(self._rows, 0)
        self.parts: tuple[FileEntry, ...] = ()

    def restore(self, folder: Path, parts: Iterable[FileEntry]) -> None:
        """Take up the rows that earlier commits left."""
        self.parts = tuple(parts)
        for entry in self.parts:
            path, sha256 = folder / entry.name, entry.sha256
            self._rows[entry.role] += read_lines(path, sha256) if entry.role == "errors" else [read_table(path, sha256)]
        self._mark_written()

    def append(self, batch: RecordedBatch, kept: pa.Table) -> None:
        """Add a batch that was checked and its kept gates."""
        if batch.sample_ids:
            self._rows["samples"].append(batch.samples())
        if kept.num_rows:
            self._rows["gates"].append(kept)
        self._rows["errors"] += batch.error_rows()

    @property
    def errors(self) -> list[dict[str, str]]:
        """Rows of the images that were left out so far."""
        return list(self._rows["errors"])

    def write_parts(self, folder: Path, generation: int) -> None:
        """Write what came since the last call; the files count once a manifest lists `parts`."""
        self.parts += self._write(folder, self._written, generation)
        self._mark_written()

    def close(self, folder: Path) -> tuple[FileEntry, ...]:
        """Write the whole shard under its final names."""
        return self._write(folder, dict.fromkeys(self._rows, 0), None)

    def _mark_written(self) -> None:
        self._written = {role: len(rows) for role, rows in self._rows.items()}

    def _write(self, folder: Path, first: Mapping[str, int], generation: int | None) -> tuple[FileEntry, ...]:
        entries = []
        for role, schema in (("samples", SAMPLES_SCHEMA), ("gates", self._schema)):
            if tables := self._rows[role][first[role] :]:
                table = pa.concat_tables(tables).cast(schema).combine_chunks()  # one chunk: bytes that do not vary
                name = shard_name(role, self.index, "parquet", generation=generation)
                entries.append(write_table(folder, name, role, table))
        if errors := self._rows["errors"][first["errors"] :]:
            name = shard_name("errors", self.index, "jsonl", generation=generation)
            entries.append(write_lines(folder, name, "errors", errors))
        return tuple(entries)
