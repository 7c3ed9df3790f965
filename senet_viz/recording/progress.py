"""`progress.json`: what a running recording tells whoever watches it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from senet_viz.errors import ArgumentError
from senet_viz.recording.files import as_recording_errors, replace_json

PROGRESS = "progress.json"
STATES = ("running", "finished", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recording is.

    Attributes:
        state: "running", "finished", "failed" or "cancelled".
        consumed: images done, unreadable ones among them.
        total: images in all.
        errors: images that could not be read.
        rate: images a second in this run; None before the first batch.
        seconds_left: None before the first batch.
        updated: when this was written, ISO 8601 in UTC.
        pid: the process that wrote it.
        message: one sentence, e.g. why it failed.
    """

    state: str
    consumed: int
    total: int
    errors: int
    rate: float | None
    seconds_left: float | None
    updated: str
    pid: int
    message: str = ""


def write_progress(folder: str | Path, state: str, values: Mapping[str, Any], *, message: str = "") -> None:
    """Replace `progress.json`; a reader sees the old one or the new one.

    Args:
        folder: of the recording; it exists.
        state: one of `STATES`.
        values: consumed, total, errors, rate, seconds_left.
        message: one sentence.

    Raises:
        ArgumentError: an unknown state.
        RecordingError: the folder can not be written.
    """
    if state not in STATES:
        raise ArgumentError(f"{state!r} is no state of a recording: use one of {', '.join(STATES)}.")
    names = ("consumed", "total", "errors", "rate", "seconds_left")
    tree: dict[str, Any] = {"state": state} | {name: values.get(name) for name in names}
    tree |= {"updated": datetime.now(UTC).isoformat(timespec="seconds"), "pid": os.getpid(), "message": message}
    with as_recording_errors(f"Writing {PROGRESS} in {folder}", "What was committed remains."):
        replace_json(Path(folder), PROGRESS, tree, durable=False)


def read_progress(folder: str | Path) -> Progress | None:
    """The last progress written in a folder; None where there is none that can be read."""
    try:
        tree = json.loads((Path(folder) / PROGRESS).read_text("utf-8"))
        return Progress(**tree)
    except (OSError, ValueError, TypeError):
        return None
