"""Statistics of a recording as a table: a row per block, channel and class, written a block at a time."""

import contextlib
import io
import json
import math
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.moments import Moments
from senet_viz.recording import Recording
from senet_viz.schema import UNLABELLED, ClassTable, Gate

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ALL = UNLABELLED  # class_id of the whole set
ALL_NAME = "all"
ENDINGS = (".csv", ".parquet", ".json", ".npz")
_CHANNELS_AT_ONCE = 128
_ROWS_AT_ONCE = 50_000

Tables = Iterator[pa.Table]


@dataclass(frozen=True)
class _Job:
    """What is to be written: the recording, the columns, and a table a block."""

    recording: Recording
    schema: pa.Schema
    tables: Tables


def statistics_schema(*, quantiles: bool) -> pa.Schema:
    """Columns of the table; the quantiles only where the gates of all images are kept."""
    fields: list[tuple[str, pa.DataType]] = [
        ("block", pa.string()),
        ("label", pa.string()),
        ("stage", pa.int32()),
        ("depth", pa.int32()),
        ("channel", pa.int32()),
        ("class_id", pa.int32()),
        ("class_name", pa.string()),
        ("n", pa.int64()),
        ("mean", pa.float64()),
        ("std", pa.float64()),
        ("min", pa.float32()),
        ("max", pa.float32()),
    ]
    if quantiles:
        fields += [(f"q{round(100 * q):02d}", pa.float64()) for q in QUANTILES]
    return pa.schema(fields)


def statistics_batches(
    recording: Recording,
    *,
    blocks: Sequence[str] | None = None,
    classes: Sequence[str | int] | None = None,
) -> Tables:
    """Tables of one block each, rows ordered by channel, then class.

    Columns are `block, label, stage, depth, channel, class_id, class_name, n, mean, std, min, max`. Class −1 `all` is
    the whole set, unlabelled images included. std has the divisor n − 1 and is null for n = 1; a class without an
    image has n = 0 and null statistics. `q05, q25, q50, q75, q95` (linear interpolation between gates in half
    precision) are there only where the gates of **all** images are kept: quantiles of a part are not given.

    Args:
        recording: full or slim.
        blocks: names or labels; all blocks where None.
        classes: names, wnids, indices, −1 or "all"; all classes and `all` where None.

    Raises:
        ArgumentError: an unknown block or class.
    """
    gates = _chosen_blocks(recording, blocks)
    chosen = _chosen_classes(recording, classes)
    return (_block_table(recording, gate, chosen) for gate in gates)


def export_statistics(
    recording: Recording,
    path: str | Path,
    *,
    blocks: Sequence[str] | None = None,
    classes: Sequence[str | int] | None = None,
) -> Path:
    """Write the statistics of `statistics_batches` to a file, and beside it `<path>.manifest.json`.

    The ending chooses the format: `.csv` (nulls are empty), `.parquet`, `.json` (an object with `recording`: id,
    form, model and data; `columns`; `rows`: a list of objects, null where there is no value), `.npz` (an array a
    column, NaN for null, no pickle). The side file carries the recording's id, form, model and data. The file appears
    whole or not at all.

    Args:
        recording: full or slim.
        path: file to write; one that exists is replaced.
        blocks: names or labels; all blocks where None.
        classes: names, wnids, indices, −1 or "all"; all classes and `all` where None.

    Returns:
        The path.

    Raises:
        ArgumentError: another ending, an unknown block or class.
        RecordingError: the file can not be written.
    """
    target = Path(path)
    writers: dict[str, Callable[[BinaryIO, _Job], None]] = {
        ".csv": _write_csv,
        ".parquet": _write_parquet,
        ".json": _write_json,
        ".npz": _write_npz,
    }
    if target.suffix.lower() not in writers:
        raise ArgumentError(f"{target.name} has an ending that is no format: use one of {', '.join(ENDINGS)}.")
    tables = statistics_batches(recording, blocks=blocks, classes=classes)
    job = _Job(recording, statistics_schema(quantiles=recording.keeps_all), tables)
    write = writers[target.suffix.lower()]
    about = json.dumps(_about(recording), indent=1, ensure_ascii=False).encode()
    try:
        _replace(target, lambda file: write(file, job))
        _replace(target.with_name(target.name + ".manifest.json"), lambda file: file.write(about))
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordingError(f"{target} could not be written ({reason}): give a path that can be.") from error
    return target


def _about(recording: Recording) -> dict[str, Any]:
    tree = recording.manifest.to_json()
    return {name: tree[name] for name in ("id", "form", "complete", "schema_version", "model", "data")}


def _chosen_blocks(recording: Recording, blocks: Sequence[str] | None) -> list[Gate]:
    if blocks is None:
        return list(recording.blocks)
    try:
        wanted = {recording.block(name).name for name in blocks}
    except RecordingError as error:
        raise ArgumentError(str(error)) from error
    return [gate for gate in recording.blocks if gate.name in wanted]


def _chosen_classes(recording: Recording, classes: Sequence[str | int] | None) -> NDArray[np.int32]:
    """Class ids in ascending order, −1 for all images."""
    count = len(recording.classes)
    if classes is None:
        return np.arange(ALL, count, dtype=np.int32)
    chosen = set()
    for name in classes:
        chosen.add(_class_id(recording.classes, name) if isinstance(name, str) else name)
    for index in chosen:
        if not ALL <= index < count:
            raise ArgumentError(f"There is no class {index}: classes go from 0 to {count - 1}, −1 is all images.")
    return np.array(sorted(chosen), dtype=np.int32)


def _class_id(table: ClassTable, name: str) -> int:
    """A class by name or wnid, else by an index written as text: a class may be called "7"."""
    if name.strip().casefold() == ALL_NAME:
        return ALL
    try:
        return table.find(name)
    except ArgumentError:
        if re.fullmatch(r"-?\d+", name.strip()):
            return int(name)
        raise


def _block_table(recording: Recording, gate: Gate, classes: NDArray[np.int32]) -> pa.Table:
    moments = recording.moments(gate.name)
    overall = moments.overall()
    rows = classes + 1  # row 0 is all images
    count = np.concatenate([overall.count, moments.count])[rows]
    columns: dict[str, pa.Array] = _keys(recording, gate, classes)
    columns["n"] = pa.array(np.tile(count, gate.channels))
    for name in ("mean", "std", "min", "max"):
        columns[name] = _column(_table_of(overall, moments, name)[rows])
    if recording.keeps_all:
        columns |= {name: _column(values) for name, values in _quantiles(recording, gate, classes).items()}
    return pa.table(columns, schema=statistics_schema(quantiles=recording.keeps_all))


def _table_of(overall: Moments, moments: Moments, name: str) -> NDArray[Any]:
    """(1 + K, C) of one statistic, all images first."""
    parts = [m.std() if name == "std" else getattr(m, name) for m in (overall, moments)]
    return np.concatenate(parts)


def _keys(recording: Recording, gate: Gate, classes: NDArray[np.int32]) -> dict[str, pa.Array]:
    size = len(classes) * gate.channels
    names = [ALL_NAME if k == ALL else recording.classes.names[k] for k in classes.tolist()]
    constants = {"block": gate.name, "label": gate.label}
    columns: dict[str, pa.Array] = {key: pa.repeat(pa.scalar(value), size) for key, value in constants.items()}
    columns["stage"] = pa.array(np.full(size, gate.stage, dtype=np.int32))
    columns["depth"] = pa.array(np.full(size, gate.depth, dtype=np.int32))
    columns["channel"] = pa.array(np.repeat(np.arange(gate.channels, dtype=np.int32), len(classes)))
    columns["class_id"] = pa.array(np.tile(classes, gate.channels))
    columns["class_name"] = pa.array(names, pa.string()).take(pa.array(np.tile(np.arange(len(classes)), gate.channels)))
    return columns


def _column(values: NDArray[Any]) -> pa.Array:
    """(rows, C) as a column ordered by channel, then class; NaN becomes null."""
    flat = np.ascontiguousarray(values.T).reshape(-1)
    return pa.array(flat, mask=np.isnan(flat))


def _quantiles(recording: Recording, gate: Gate, classes: NDArray[np.int32]) -> dict[str, NDArray[np.float64]]:
    """(classes, C) of each quantile, of all images of a class."""
    gates = recording.gates(gate.name)
    labels = recording.kept_samples["label"].to_numpy()
    members = [np.arange(len(labels)) if k == ALL else np.flatnonzero(labels == k) for k in classes.tolist()]
    result = np.full((len(QUANTILES), len(classes), gate.channels), np.nan)
    for start in range(0, gate.channels, _CHANNELS_AT_ONCE):
        part = gates[:, start : start + _CHANNELS_AT_ONCE].astype(np.float32)
        for row, images in enumerate(members):
            if len(images):
                result[:, row, start : start + part.shape[1]] = sorted_quantiles(part[images])
    return {f"q{round(100 * q):02d}": values for q, values in zip(QUANTILES, result)}


def sorted_quantiles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """`QUANTILES` of every column by linear interpolation, (5, C): position (n − 1)·q of the sorted values."""
    ordered = np.sort(values, axis=0).astype(np.float64)
    positions = (len(values) - 1) * np.array(QUANTILES)
    below = np.floor(positions).astype(np.int64)
    above = np.minimum(below + 1, len(values) - 1)
    weight = (positions - below)[:, None]
    return np.asarray(ordered[below] + weight * (ordered[above] - ordered[below]))


def _replace(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write_csv(file: BinaryIO, job: _Job) -> None:
    options = pacsv.WriteOptions(quoting_style="needed")
    with pacsv.CSVWriter(file, job.schema, write_options=options) as writer:
        for table in job.tables:
            writer.write_table(table)


def _write_parquet(file: BinaryIO, job: _Job) -> None:
    about = {"senet_viz": json.dumps(_about(job.recording))}
    with pq.ParquetWriter(
        file, job.schema.with_metadata(about), compression="zstd", write_page_checksum=True
    ) as writer:
        for table in job.tables:
            writer.write_table(table.replace_schema_metadata(about))


def _write_json(file: BinaryIO, job: _Job) -> None:
    about = json.dumps(_about(job.recording), ensure_ascii=False)
    file.write(f'{{"recording": {about},\n"columns": {json.dumps(job.schema.names)},\n"rows": ['.encode())
    separator = "\n"
    for table in job.tables:
        for start in range(0, table.num_rows, _ROWS_AT_ONCE):
            rows = table.slice(start, _ROWS_AT_ONCE).to_pylist()
            text = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
            file.write((separator + text).encode())
            separator = ",\n"
    file.write(b"\n]}\n")


def _write_npz(file: BinaryIO, job: _Job) -> None:
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
