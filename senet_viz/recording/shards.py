"""The open shard: rows that wait for their file, so that its bytes do not depend on interruptions."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from senet_viz.recording.batches import RecordedBatch
from senet_viz.recording.files import read_lines, read_table, write_lines, write_table
from senet_viz.recording.layout import SAMPLES_SCHEMA, shard_name
from senet_viz.schema import FileEntry


class OpenShard:
    """Rows of one slice of the input list.

    A commit writes what came since the last one as parts; `close` writes the whole shard in one go.
    """

    def __init__(self, index: int, schema: pa.Schema) -> None:
        self.index = index
        self._schema = schema
        self._samples: list[pa.Table] = []
        self._gates: list[pa.Table] = []
        self._errors: list[dict[str, str]] = []
        self._written = (0, 0, 0)
        self.parts: tuple[FileEntry, ...] = ()

    def restore(self, folder: Path, parts: Iterable[FileEntry]) -> None:
        """Take up the rows that earlier commits left."""
        self.parts = tuple(parts)
        for entry in self.parts:
            path = folder / entry.name
            if entry.role == "samples":
                self._samples.append(read_table(path))
            elif entry.role == "gates":
                self._gates.append(read_table(path))
            else:
                self._errors += read_lines(path)
        self._written = (len(self._samples), len(self._gates), len(self._errors))

    def append(self, batch: RecordedBatch, kept: pa.Table) -> None:
        """Add a batch that was checked and its kept gates."""
        if batch.sample_ids:
            self._samples.append(batch.samples())
        if kept.num_rows:
            self._gates.append(kept)
        self._errors += [{"path": path, "error": message} for path, message in batch.errors]

    def write_parts(self, folder: Path, generation: int) -> None:
        """Write what came since the last call; the files count once a manifest lists `parts`."""
        samples, gates, errors = self._written
        self.parts += self._write(
            folder, self._samples[samples:], self._gates[gates:], self._errors[errors:], generation
        )
        self._written = (len(self._samples), len(self._gates), len(self._errors))

    def close(self, folder: Path) -> tuple[FileEntry, ...]:
        """Write the whole shard under its final names."""
        return self._write(folder, self._samples, self._gates, self._errors, None)

    def _write(
        self,
        folder: Path,
        samples: list[pa.Table],
        gates: list[pa.Table],
        errors: list[dict[str, str]],
        generation: int | None,
    ) -> tuple[FileEntry, ...]:
        entries = []
        for role, tables, schema in (("samples", samples, SAMPLES_SCHEMA), ("gates", gates, self._schema)):
            if tables:
                table = pa.concat_tables(tables).cast(schema).combine_chunks()  # one chunk: bytes that do not vary
                name = shard_name(role, self.index, "parquet", generation=generation)
                entries.append(write_table(folder, name, role, table))
        if errors:
            name = shard_name("errors", self.index, "jsonl", generation=generation)
            entries.append(write_lines(folder, name, "errors", errors))
        return tuple(entries)
