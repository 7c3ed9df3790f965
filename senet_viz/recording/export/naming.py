"""Names of exported files: of which recording, what, and which choice."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from senet_viz.errors import RecordingError
from senet_viz.paths import tell_refusal
from senet_viz.recording import Recording
from senet_viz.recording.export.choices import block_word, chosen_classes, chosen_gates
from senet_viz.recording.export.columns import ALL, ALL_NAME

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
        if not any(_is_there(place.with_name(place.name + ending)) for ending in ("", *beside)):
            return place
    raise RecordingError(f"{path.parent} holds {_MOST_TRIED:,} files called {path.name}: name another folder.")


def _is_there(path: Path) -> bool:
    return tell_refusal(path) is None and path.exists()
