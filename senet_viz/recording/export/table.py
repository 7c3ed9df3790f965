"""Statistics of a recording as a table: a row per block, channel and class, made a block at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from senet_viz.recording import Recording
from senet_viz.recording.export.choices import chosen_classes, chosen_gates
from senet_viz.recording.export.columns import ALL, ALL_NAME, QUANTILE_COLUMNS, QUANTILES, statistics_schema
from senet_viz.recording.moments import Moments
from senet_viz.schema import Gate

_CHANNELS_AT_ONCE = 128

Tables = Iterator[pa.Table]


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
    gates = chosen_gates(recording, blocks)
    chosen = chosen_classes(recording, classes)
    return (block_table(recording, gate, chosen, np.arange(gate.channels)) for gate in gates)


def block_table(recording: Recording, gate: Gate, classes: NDArray[np.int32], channels: NDArray[np.int64]) -> pa.Table:
    """Rows of some channels of one block, in the order given; classes are ids, −1 for all images.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    moments = recording.moments(gate.name)
    overall = moments.overall()
    rows = classes + 1  # row 0 is all images
    count = np.concatenate([overall.count, moments.count])[rows]
    columns: dict[str, pa.Array] = _keys(recording, gate, classes, channels)
    columns["n"] = pa.array(np.tile(count, len(channels)))
    for name in ("mean", "std", "min", "max"):
        columns[name] = _column(_table_of(overall, moments, name)[rows][:, channels])
    if recording.keeps_all:
        found = _quantiles(recording, gate, classes, channels)
        columns |= {column.name: _column(values) for column, values in zip(QUANTILE_COLUMNS, found)}
    return pa.table(columns, schema=statistics_schema(quantiles=recording.keeps_all))


def _table_of(overall: Moments, moments: Moments, name: str) -> NDArray[Any]:
    """(1 + K, C) of one statistic, all images first."""
    parts = [m.std() if name == "std" else getattr(m, name) for m in (overall, moments)]
    return np.concatenate(parts)


def _keys(
    recording: Recording, gate: Gate, classes: NDArray[np.int32], channels: NDArray[np.int64]
) -> dict[str, pa.Array]:
    width = len(channels)
    size = len(classes) * width
    names = [ALL_NAME if k == ALL else recording.classes.names[k] for k in classes.tolist()]
    constants = {"block": gate.name, "label": gate.label}
    columns: dict[str, pa.Array] = {key: pa.repeat(pa.scalar(value), size) for key, value in constants.items()}
    columns["stage"] = pa.array(np.full(size, gate.stage, dtype=np.int32))
    columns["depth"] = pa.array(np.full(size, gate.depth, dtype=np.int32))
    columns["channel"] = pa.array(np.repeat(channels.astype(np.int32), len(classes)))
    columns["class_id"] = pa.array(np.tile(classes, width))
    columns["class_name"] = pa.array(names, pa.string()).take(pa.array(np.tile(np.arange(len(classes)), width)))
    return columns


def _column(values: NDArray[Any]) -> pa.Array:
    """(rows, C) as a column ordered by channel, then class; NaN becomes null."""
    flat = np.ascontiguousarray(values.T).reshape(-1)
    return pa.array(flat, mask=np.isnan(flat))


def _quantiles(
    recording: Recording, gate: Gate, classes: NDArray[np.int32], channels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(5, classes, channels) of all images of a class."""
    gates = recording.gates(gate.name)
    labels = recording.kept_samples["label"].to_numpy()
    members = [np.arange(len(labels)) if k == ALL else np.flatnonzero(labels == k) for k in classes.tolist()]
    result = np.full((len(QUANTILES), len(classes), len(channels)), np.nan)
    for start in range(0, len(channels), _CHANNELS_AT_ONCE):
        part = gates[:, channels[start : start + _CHANNELS_AT_ONCE]].astype(np.float32)
        for row, images in enumerate(members):
            if len(images):
                result[:, row, start : start + part.shape[1]] = sorted_quantiles(part[images])
    return result


def sorted_quantiles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """`QUANTILES` of every column by linear interpolation, (5, C): position (n − 1)·q of the sorted values."""
    ordered = np.sort(values, axis=0).astype(np.float64)
    positions = (len(values) - 1) * np.array(QUANTILES)
    below = np.floor(positions).astype(np.int64)
    above = np.minimum(below + 1, len(values) - 1)
    weight = (positions - below)[:, None]
    return np.asarray(ordered[below] + weight * (ordered[above] - ordered[below]))
