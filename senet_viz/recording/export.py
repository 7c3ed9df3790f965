"""The statistics written to a file that appears whole or not at all: names, four formats, and an estimate beforehand."""

import contextlib
import functools
import hashlib
import io
import json
import math
import re
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.paths import expand_home, explain_refusal, name_beside
from senet_viz.recording.export_csv import write_csv
from senet_viz.recording.files import replacing
from senet_viz.recording.reader import Recording
from senet_viz.recording.statistics import (
    ALL,
    ALL_NAME,
    Tables,
    block_table,
    block_word,
    chosen_classes,
    chosen_gates,
    count_rows,
    statistics_batches,
    statistics_columns,
    statistics_schema,
)

_MOST_NAMED = 3
_MOST_TRIED = 10_000


def name_statistics(
    recording: Recording,
    ending: str,
    *,
    blocks: Sequence[str] | None = None,
    classes: Sequence[str | int] | None = None,
) -> str:
    """A name for a file of statistics, e.g. "statistics-1a2b3c4d-SE_5_1-12-classes-9f3a.csv"; no choice, no word for it.

    Args:
        recording: named by the first eight digits of its id.
        ending: with its dot.
        blocks: as in `export_statistics`.
        classes: as in `export_statistics`.

    Raises:
        ArgumentError: an unknown block or class.
    """
    gates, ids = chosen_gates(recording, blocks), chosen_classes(recording, classes).tolist()
    words = [
        ""
        if len(gates) == len(recording.blocks)
        else name_several([block_word(recording, gate) for gate in gates], "blocks"),
        "" if len(ids) == len(recording.classes) + 1 else name_classes(ids),
    ]
    return file_stem("statistics", recording.id, *words) + ending


def name_classes(ids: Sequence[int]) -> str:
    """Words for classes by their index: "class-3-17", "all", "12-classes-9f3a"."""
    if list(ids) == [ALL]:
        return ALL_NAME
    few = len(ids) <= _MOST_NAMED
    named = name_several([ALL_NAME if k == ALL else str(k) for k in ids], "classes")
    return f"class-{named}" if few and ids else named


def name_several(names: Sequence[str], kind: str) -> str:
    """The names themselves where they are at most three, else their number and a digest that tells this choice."""
    if not names:
        return f"no-{kind}"
    if len(names) <= _MOST_NAMED and len(set(names)) == len(names):
        return "-".join(names)
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:4]
    return f"{len(names)}-{kind}-{digest}"


def file_stem(what: str, recording_id: str, *choices: str) -> str:
    """A file's name without its ending, of letters, digits, dots, - and _ alone."""
    parts = [what, recording_id[:8], *filter(None, choices)]
    return "-".join(re.sub(r"[^\w.-]+", "_", part) for part in parts)


def free_path(path: Path, *beside: str) -> Path:
    """The path, or the first of `x-2.csv`, `x-3.csv`, … that is not taken, nor with one of the endings in `beside`.

    Raises:
        RecordingError: thousands are taken.
    """
    for number in range(1, _MOST_TRIED + 1):
        place = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        taken = (place.with_name(place.name + ending) for ending in ("", *beside))
        if not any(explain_refusal(path) is None and path.exists() for path in taken):
            return place
    raise RecordingError(f"{path.parent} holds {_MOST_TRIED:,} files called {path.name}: name another folder.")


ENDINGS = (".csv", ".parquet", ".json", ".npz")
_ROWS_AT_ONCE = 50_000


Writer = Callable[[BinaryIO, Recording, Tables], None]


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
    """What the side file says: id, form, complete, schema_version, model and data of the manifest.

    Where images were left out because they are not finite: their number, as `nonfinite`.
    """
    tree = recording.manifest.to_json()
    told = {name: tree[name] for name in ("id", "form", "complete", "schema_version", "model", "data")}
    nonfinite = recording.manifest.progress.get("nonfinite", 0)
    return {**told, "nonfinite": nonfinite} if nonfinite else told


def _schema(recording: Recording) -> pa.Schema:
    return statistics_schema(quantiles=recording.keeps_all)


def _write_csv(file: BinaryIO, recording: Recording, tables: Tables, *, for_excel: bool = False) -> None:
    write_csv(file, _schema(recording), tables, for_excel=for_excel)


def _write_parquet(file: BinaryIO, recording: Recording, tables: Tables) -> None:
    about = {"senet_viz": json.dumps(describe_recording(recording))}
    schema = _schema(recording).with_metadata(about)
    with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
        for table in tables:
            writer.write_table(table.replace_schema_metadata(about))


def _write_json(file: BinaryIO, recording: Recording, tables: Tables) -> None:
    about = json.dumps(describe_recording(recording), ensure_ascii=False)
    file.write(f'{{"recording": {about},\n"columns": {json.dumps(_schema(recording).names)},\n"rows": ['.encode())
    separator = "\n"
    for table in tables:
        for start in range(0, table.num_rows, _ROWS_AT_ONCE):
            rows = table.slice(start, _ROWS_AT_ONCE).to_pylist()
            text = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
            file.write((separator + text).encode())
            separator = ",\n"
    file.write(b"\n]}\n")


def _write_npz(file: BinaryIO, recording: Recording, tables: Tables) -> None:
    """Every column grows in its own spool; the archive is put together when the number of rows is known."""
    kinds = {f.name: _numpy_kind(f, recording) for f in _schema(recording)}
    with contextlib.ExitStack() as stack:
        spools = {name: stack.enter_context(tempfile.TemporaryFile()) for name in kinds}
        rows = 0
        for table in tables:
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

_SAMPLE_ROWS = 12_000


@dataclass(frozen=True)
class ExportEstimate:
    """The size of an export.

    Attributes:
        rows: exact.
        columns: exact.
        bytes: about; within 30 % on the bundled recording.
    """

    rows: int
    columns: int
    bytes: int


def estimate_export(
    recording: Recording,
    ending: str,
    *,
    blocks: Sequence[str] | None = None,
    classes: Sequence[str | int] | None = None,
) -> ExportEstimate:
    """Rows and bytes of an export, from the real encoding of some channels of the chosen block with the fewest.

    No row, a sample and the sample's first half are encoded. The line through the latter two gives what a row takes
    and what comes on top, which above the empty file is once a file or, in Parquet, once a block:
    bytes = empty + top · groups + row · rows.

    Args:
        recording: full or slim.
        ending: of the format, e.g. ".parquet".
        blocks: names or labels; all blocks where None.
        classes: names, wnids, indices, −1 or "all"; all classes and `all` where None.

    Raises:
        ArgumentError: another ending, an unknown block or class.
        RecordingError: a file is missing or damaged.
    """
    write = find_writer(ending)
    gates, ids = chosen_gates(recording, blocks), chosen_classes(recording, classes)
    columns = len(statistics_columns(quantiles=recording.keeps_all))
    rows = count_rows(recording, blocks=blocks, classes=classes)
    if not rows:
        return ExportEstimate(0, columns, 0)
    smallest = min(gates, key=lambda gate: gate.channels)
    channels = min(smallest.channels, max(2, _SAMPLE_ROWS // len(ids)))  # as many as make some thousand rows
    spread = np.linspace(0, smallest.channels - 1, channels).round().astype(np.int64)
    sample = block_table(recording, smallest, ids, spread)
    groups = len(gates) if ending.lower() == ".parquet" else 1
    empty = _encoded(recording, write)
    top, slope = _fit(recording, write, sample, len(ids))
    return ExportEstimate(rows, columns, round(empty + max(0.0, top - empty) * groups + slope * rows))


def _fit(recording: Recording, write: Writer, sample: pa.Table, n_classes: int) -> tuple[float, float]:
    """Bytes on top and bytes a row."""
    whole = _encoded(recording, write, sample)
    half_rows = sample.num_rows // n_classes // 2 * n_classes
    if not half_rows:
        empty = _encoded(recording, write)
        return empty, (whole - empty) / sample.num_rows
    half = _encoded(recording, write, sample.slice(0, half_rows))
    slope = (whole - half) / (sample.num_rows - half_rows)
    return whole - slope * sample.num_rows, slope


def _encoded(recording: Recording, write: Writer, *tables: pa.Table) -> int:
    file = io.BytesIO()
    write(file, recording, iter(tables))
    return file.getbuffer().nbytes


SIDE_ENDING = ".manifest.json"
OnProgress = Callable[[int, int], None]


def export_statistics(
    recording: Recording,
    path: str | Path,
    *,
    blocks: Sequence[str] | None = None,
    classes: Sequence[str | int] | None = None,
    on_progress: OnProgress | None = None,
    for_excel: bool = False,
) -> Path:
    """Write the statistics of `statistics_batches` to a file, and beside it `<path>.manifest.json`.

    The ending chooses the format: `.csv` (nulls are empty), `.parquet`, `.json` (an object with `recording`: id,
    form, model and data; `columns`; `rows`: a list of objects, null where there is no value), `.npz` (an array a
    column, NaN for null, no pickle). The side file carries the recording's id, form, model and data. The file appears
    whole or not at all.

    Args:
        recording: full or slim.
        path: file to write, replaced if it is there; or a folder, which gets a Parquet file named after recording and choice
            beside those that it holds.
        blocks: names or labels; all blocks where None.
        classes: names, wnids, indices, −1 or "all"; all classes and `all` where None.
        on_progress: told blocks done and in all, before the first block and after each; what it raises stops the
            export, which then leaves nothing behind.
        for_excel: a CSV that begins with a byte order mark, and an apostrophe before names that Excel would take for
            formulas (they begin with =, +, - or @).

    Returns:
        The file.

    Raises:
        ArgumentError: another ending, or none of a CSV for Excel; an unknown block or class.
        RecordingError: the file can not be written.
    """
    target = expand_home(path)
    if explain_refusal(target) is None and target.is_dir():
        name = name_statistics(recording, ".csv" if for_excel else ".parquet", blocks=blocks, classes=classes)
        target = free_path(target / name, SIDE_ENDING)
    write = find_writer(target.suffix, name=target.name)
    if for_excel:
        if write is not _write_csv:
            raise ArgumentError(f"{target.name} is no .csv: a file for Excel is one.")
        write = functools.partial(_write_csv, for_excel=True)
    tables = statistics_batches(recording, blocks=blocks, classes=classes)
    if on_progress is not None:
        tables = _told(tables, len(chosen_gates(recording, blocks)), on_progress)
    about = json.dumps(describe_recording(recording), indent=1, ensure_ascii=False).encode()
    try:
        with replacing(target, temporary=name_beside(target)) as file:
            write(file, recording, tables)
        with replacing(side_file(target), temporary=name_beside(side_file(target))) as file:
            file.write(about)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordingError(f"{target} could not be written ({reason}): give a path that can be.") from error
    return target


def side_file(path: Path) -> Path:
    """Where the recording's id, form, model and data stand beside an exported file."""
    return path.with_name(path.name + SIDE_ENDING)


def _told(tables: Tables, total: int, on_progress: OnProgress) -> Tables:
    on_progress(0, total)
    for done, table in enumerate(tables, start=1):
        yield table
        on_progress(done, total)
