"""The statistics written to a file that appears whole or not at all."""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from senet_viz.errors import RecordingError
from senet_viz.paths import expand_home, tell_refusal
from senet_viz.recording import Recording
from senet_viz.recording.export.choices import chosen_gates
from senet_viz.recording.export.formats import Job, describe_recording, find_writer
from senet_viz.recording.export.naming import free_path, name_statistics
from senet_viz.recording.export.table import Tables, statistics_batches

SIDE_ENDING = ".manifest.json"
OnProgress = Callable[[int, int], None]


def export_statistics(
    recording: Recording,
    path: str | Path,
    *,
    blocks: Sequence[str] | None = None,
    classes: Sequence[str | int] | None = None,
    on_progress: OnProgress | None = None,
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

    Returns:
        The file.

    Raises:
        ArgumentError: another ending, an unknown block or class.
        RecordingError: the file can not be written.
    """
    target = expand_home(path)
    if tell_refusal(target) is None and target.is_dir():
        name = name_statistics(recording, ".parquet", blocks=blocks, classes=classes)
        target = free_path(target / name, SIDE_ENDING)
    write = find_writer(target.suffix, name=target.name)
    tables = statistics_batches(recording, blocks=blocks, classes=classes)
    if on_progress is not None:
        tables = _told(tables, len(chosen_gates(recording, blocks)), on_progress)
    job = Job(recording, tables)
    about = json.dumps(describe_recording(recording), indent=1, ensure_ascii=False).encode()
    try:
        _replace(target, lambda file: write(file, job))
        _replace(side_file(target), lambda file: file.write(about))
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


def _replace(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
