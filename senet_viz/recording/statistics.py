"""Statistics of a recording as a table: its columns, the choice of blocks and classes, and the rows, a block at a time."""

import contextlib
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.reader import Recording
from senet_viz.schema import UNLABELLED, ClassTable, Gate

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ALL = UNLABELLED  # class_id of the whole set
ALL_NAME = "all"


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Attributes:
        name: as in the file.
        type: of its values.
        unit: of its values; "–" where they have none.
        definition: what it says, for people.
    """

    name: str
    type: pa.DataType
    unit: str
    definition: str


COLUMNS = (
    Column("block", pa.string(), "–", "Path of the module that returns s·x in the network."),
    Column("label", pa.string(), "–", "The paper's label of the block: stage and position within the stage."),
    Column("stage", pa.int32(), "–", "Resolution stage, as in the paper."),
    Column("depth", pa.int32(), "–", "Position of the block in the order of the forward pass, from 0."),
    Column("channel", pa.int32(), "–", "Channel of the block, from 0 to C − 1."),
    Column("class_id", pa.int32(), "–", "Index of the class; −1 is the whole set, unlabelled images included."),
    Column("class_name", pa.string(), "–", "The class as the data names it; `all` for the whole set."),
    Column("n", pa.int64(), "images", "Images of the class that were recorded. With 0 all that follows is empty."),
    Column("mean", pa.float64(), "s", "Mean gate over these images."),
    Column(
        "std",
        pa.float64(),
        "s",
        "Sample standard deviation over these images: the divisor is n − 1, and it is empty for n = 1.",
    ),
    Column("min", pa.float32(), "s", "Smallest gate over these images."),
    Column("max", pa.float32(), "s", "Largest gate over these images."),
)
QUANTILE_COLUMNS = tuple(
    Column(
        f"q{round(100 * q):02d}",
        pa.float64(),
        "s",
        f"{100 * q:.0f} % of these images have at most this gate (linear interpolation between gates in half precision, "
        "moved to min or max where rounding would put it beyond).",
    )
    for q in QUANTILES
)


def statistics_columns(*, quantiles: bool) -> tuple[Column, ...]:
    """The columns in their order; the quantiles only where the gates of all images are kept."""
    return COLUMNS + QUANTILE_COLUMNS if quantiles else COLUMNS


def statistics_schema(*, quantiles: bool) -> pa.Schema:
    """Names and types of `statistics_columns`."""
    return pa.schema([(column.name, column.type) for column in statistics_columns(quantiles=quantiles)])


def chosen_gates(recording: Recording, blocks: Sequence[str] | None) -> list[Gate]:
    """The blocks in order of depth; all of them where None.

    Raises:
        ArgumentError: an unknown block.
    """
    if blocks is None:
        return list(recording.blocks)
    try:
        wanted = {recording.block(name).name for name in blocks}
    except RecordingError as error:
        raise ArgumentError(str(error)) from error
    return [gate for gate in recording.blocks if gate.name in wanted]


def chosen_classes(recording: Recording, classes: Sequence[str | int] | None) -> NDArray[np.int32]:
    """Class ids in ascending order, −1 for all images; all of them where None.

    Raises:
        ArgumentError: an unknown class.
    """
    count = len(recording.classes)
    if classes is None:
        return np.arange(ALL, count, dtype=np.int32)
    chosen = {find_class(recording.classes, name) if isinstance(name, str) else name for name in classes}
    for index in chosen:
        if not ALL <= index < count:
            known = f"classes go from 0 to {count - 1}" if count else "the recording has no labels"
            raise ArgumentError(f"There is no class {index}: {known}, −1 is all images.")
    return np.array(sorted(chosen), dtype=np.int32)


def count_rows(
    recording: Recording, *, blocks: Sequence[str] | None = None, classes: Sequence[str | int] | None = None
) -> int:
    """Rows of the whole table; arguments and errors as in `statistics_batches`."""
    channels = sum(gate.channels for gate in chosen_gates(recording, blocks))
    return len(chosen_classes(recording, classes)) * channels


def find_class(table: ClassTable, name: str) -> int:
    """A class by name or wnid, else by an index written as text: a class may be called "7".

    Raises:
        ArgumentError: no class or several are called so.
    """
    if name.strip().casefold() == ALL_NAME:
        return ALL
    try:
        return table.find(name)
    except ArgumentError:
        if re.fullmatch(r"-?\d+", name.strip()):
            return int(name)
        raise


def name_export_command(
    recording: Recording,
    out: str | Path,
    *,
    blocks: Sequence[str] | None = None,
    classes: Sequence[int] | None = None,
) -> str:
    """The command line that writes the same file, quoted for a POSIX shell.

    Args:
        recording: whose folder is named in full.
        out: the file.
        blocks: module names or labels; None for all.
        classes: class ids, −1 for all images; None for all.

    Raises:
        ArgumentError: an unknown block or class, or a class that no text names.
    """
    words = ["senet-viz", "export", str(recording.path.resolve()), "--out", str(out)]
    if blocks is not None:
        words += ["--blocks", ",".join(block_word(recording, gate) for gate in chosen_gates(recording, blocks))]
    if classes is not None:
        ids = chosen_classes(recording, classes).tolist()
        words += ["--classes", ";".join(_class_word(recording.classes, k) for k in ids)]
    return shlex.join(words)


def block_word(recording: Recording, gate: Gate) -> str:
    """A block's label where that finds it, else its module's name."""
    return gate.label if recording.block(gate.label) == gate else gate.name


def _class_word(table: ClassTable, index: int) -> str:
    """The first text that finds this class and survives being split at semicolons."""
    if index == ALL:
        return ALL_NAME
    wnid = table.wnids[index : index + 1]
    for word in (table.short_name(index), *wnid, table.names[index], str(index)):
        if word and word == word.strip() and ";" not in word and word.isprintable():
            with contextlib.suppress(ArgumentError):  # several classes are called so
                if find_class(table, word) == index:
                    return word
    raise ArgumentError(
        f"No text names class {index} alone: export all classes, or use export_statistics with numbers."
    )


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
    precision, kept within min and max, which are of the unrounded gates) are there only where the gates of **all** images are kept: quantiles of a part are not given.

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
    rows = classes + 1  # all images come first
    count = np.concatenate([overall.count, moments.count])[rows]
    columns: dict[str, pa.Array] = _keys(recording, gate, classes, channels)
    columns["n"] = pa.array(np.tile(count, len(channels)))
    tables = {
        name: np.concatenate([m.std() if name == "std" else getattr(m, name) for m in (overall, moments)])[rows][
            :, channels
        ]
        for name in ("mean", "std", "min", "max")
    }
    columns |= {name: _column(values) for name, values in tables.items()}
    if recording.keeps_all:
        found = np.clip(_quantiles(recording, gate, classes, channels), tables["min"], tables["max"])
        columns |= {column.name: _column(values) for column, values in zip(QUANTILE_COLUMNS, found)}
    return pa.table(columns, schema=statistics_schema(quantiles=recording.keeps_all))


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
