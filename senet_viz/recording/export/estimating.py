"""How many rows and about how many bytes an export will have, told before it is made."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from senet_viz.recording import Recording
from senet_viz.recording.export.choices import chosen_classes, chosen_gates
from senet_viz.recording.export.columns import statistics_columns
from senet_viz.recording.export.formats import Job, Writer, find_writer
from senet_viz.recording.export.table import block_table
from senet_viz.schema import Gate

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
    gates = chosen_gates(recording, blocks)
    ids = chosen_classes(recording, classes)
    columns = len(statistics_columns(quantiles=recording.keeps_all))
    rows = len(ids) * sum(gate.channels for gate in gates)
    if not rows:
        return ExportEstimate(0, columns, 0)
    sample = _sample(recording, min(gates, key=lambda gate: gate.channels), ids)
    groups = len(gates) if ending.lower() == ".parquet" else 1
    empty = _encoded(recording, write)
    top, slope = _fit(recording, write, sample, len(ids))
    return ExportEstimate(rows, columns, round(empty + max(0.0, top - empty) * groups + slope * rows))


def _sample(recording: Recording, gate: Gate, ids: np.ndarray) -> pa.Table:
    """Rows of evenly spread channels: all, or as many as make some thousand rows (at least two channels)."""
    wanted = min(gate.channels, max(2, _SAMPLE_ROWS // len(ids)))
    channels = np.linspace(0, gate.channels - 1, wanted).round().astype(np.int64)
    return block_table(recording, gate, ids, channels)


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
    write(file, Job(recording, iter(tables)))
    return file.getbuffer().nbytes
