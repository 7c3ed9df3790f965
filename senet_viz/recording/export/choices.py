"""Which blocks and classes a table is of, and how a command line names them."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording import Recording
from senet_viz.recording.export.columns import ALL, ALL_NAME
from senet_viz.schema import ClassTable, Gate


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


def export_command(
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
        if word and word == word.strip() and ";" not in word and word.isprintable() and _finds(table, word, index):
            return word
    raise ArgumentError(
        f"No text names class {index} alone: export all classes, or use export_statistics with numbers."
    )


def _finds(table: ClassTable, word: str, index: int) -> bool:
    try:
        return find_class(table, word) == index
    except ArgumentError:
        return False
