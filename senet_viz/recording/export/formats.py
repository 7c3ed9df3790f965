"""One table in four formats, each written block by block."""

import contextlib
import io
import json
import math
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.recording import Recording
from senet_viz.recording.export.columns import ALL_NAME, statistics_schema
from senet_viz.recording.export.table import Tables

ENDINGS = (".csv", ".parquet", ".json", ".npz")
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Job:
    """What is to be written: the recording and a table a block."""

    recording: Recording
    tables: Tables

    @property
    def schema(self) -> pa.Schema:
        """The columns of every table."""
        return statistics_schema(quantiles=self.recording.keeps_all)


Writer = Callable[[BinaryIO, Job], None]


def find_writer(ending: str, *, name: str = "") -> Writer:
    """The writer of a format by its ending, e.g. ".parquet" (case is ignored).

    Args:
        ending: with its dot.
        name: of the file, for the message.

    Raises:
        ArgumentError: another ending.
    """
    if ending.lower() not in _WRITERS:
        raise ArgumentError(f"{name or repr(ending)} has an ending that is no format: use one of {', '.join(ENDINGS)}.")
    return _WRITERS[ending.lower()]


def describe_recording(recording: Recording) -> dict[str, Any]:
    """What the side file says: id, form, complete, schema_version, model and data of the manifest."""
    tree = recording.manifest.to_json()
    return {name: tree[name] for name in ("id", "form", "complete", "schema_version", "model", "data")}


def _write_csv(file: BinaryIO, job: Job) -> None:
    options = pacsv.WriteOptions(quoting_style="needed")
    with pacsv.CSVWriter(file, job.schema, write_options=options) as writer:
        for table in job.tables:
            writer.write_table(table)


def _write_parquet(file: BinaryIO, job: Job) -> None:
    about = {"senet_viz": json.dumps(describe_recording(job.recording))}
    with pq.ParquetWriter(
        file, job.schema.with_metadata(about), compression="zstd", write_page_checksum=True
    ) as writer:
        for table in job.tables:
            writer.write_table(table.replace_schema_metadata(about))


def _write_json(file: BinaryIO, job: Job) -> None:
    about = json.dumps(describe_recording(job.recording), ensure_ascii=False)
    file.write(f'{{"recording": {about},\n"columns": {json.dumps(job.schema.names)},\n"rows": ['.encode())
    separator = "\n"
    for table in job.tables:
        for start in range(0, table.num_rows, _ROWS_AT_ONCE):
            rows = table.slice(start, _ROWS_AT_ONCE).to_pylist()
            text = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
            file.write((separator + text).encode())
            separator = ",\n"
    file.write(b"\n]}\n")


def _write_npz(file: BinaryIO, job: Job) -> None:
    """Every column grows in its own spool; the archive is put together when the number of rows is known."""
    kinds = {f.name: _numpy_kind(f, job.recording) for f in job.schema}
    with contextlib.ExitStack() as stack:
        spools = {name: stack.enter_context(tempfile.TemporaryFile()) for name in job.schema.names}
        rows = 0
        for table in job.tables:
            rows += table.num_rows
            for name, spool in spools.items():
                spool.write(_numpy_column(table[name], kinds[name]).tobytes())
        archive = stack.enter_context(zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1))
        for name, spool in spools.items():
            _add_array(archive, name, spool, kinds[name], rows)


def _numpy_kind(field: pa.Field, recording: Recording) -> np.dtype[Any]:
    if not pa.types.is_string(field.type):
        kind: np.dtype[Any] = np.dtype(field.type.to_pandas_dtype())
        return kind
    texts = {
        "block": [g.name for g in recording.blocks],
        "label": [g.label for g in recording.blocks],
        "class_name": [ALL_NAME, *recording.classes.names],
    }[field.name]
    return np.dtype(f"<U{max(1, *(len(text) for text in texts))}")


def _numpy_column(column: pa.ChunkedArray, kind: np.dtype[Any]) -> NDArray[Any]:
    if kind.kind != "f":
        return np.asarray(column.to_numpy(zero_copy_only=False)).astype(kind)
    return np.asarray(column.fill_null(math.nan).to_numpy(), dtype=kind)


def _add_array(archive: zipfile.ZipFile, name: str, spool: Any, kind: np.dtype[Any], rows: int) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": (rows,)}
    )
    spool.seek(0)
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        member.write(header.getvalue())
        while chunk := spool.read(1 << 20):
            member.write(chunk)


_WRITERS: Mapping[str, Writer] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".json": _write_json,
    ".npz": _write_npz,
}
