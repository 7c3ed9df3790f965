"""Which recordings a person can pick: the bundled one, those under `runs/`, and those an environment variable names."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from senet_viz.dashboard.mode import named_folders, read_public
from senet_viz.errors import RecordingError
from senet_viz.paths import expand_home, repository
from senet_viz.recording.writer import holds_recording

ROOT = repository()
BUNDLED_MODEL = "seresnet50-w050-64px"
BUNDLED = "bundled"


def find_recordings(environment: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Folders of recordings by the name under which they are picked; the bundled ones first.

    In public these are names of folders, and all that can be opened; else their paths as they were given.

    `SENET_VIZ_RECORDINGS` names further folders (separated like PATH), each a recording or a folder of recordings;
    `SENET_VIZ_CHECKPOINTS` another place of the bundled models.
    """
    found: dict[str, Path] = {}
    checkpoints = expand_home(environment.get("SENET_VIZ_CHECKPOINTS") or ROOT / "checkpoints")
    bundled = checkpoints / BUNDLED_MODEL / "recording"
    if holds_recording(bundled):
        found[BUNDLED] = bundled
    for path in sorted(checkpoints.glob("*/recording")):
        if path != bundled and holds_recording(path):
            found[f"{BUNDLED}:{path.parent.name}"] = path
    if read_public(environment) is not None:
        for folder in recording_roots(environment):
            for path in _recordings_in(folder):
                found[_free_name(path, found)] = path
        return found
    for folder in named_folders(environment):
        for path in _recordings_in(folder):
            found[str(path)] = path
    for root in dict.fromkeys((Path.cwd(), ROOT)):
        for path in _recordings_in(root / "runs"):
            found.setdefault(path.relative_to(root).as_posix(), path)
    return found


def _free_name(path: Path, found: Mapping[str, Path]) -> str:
    """A recording's name in public: of its folder, with a number where another one has it."""
    names = (path.name, *(f"{path.name} ({number})" for number in range(2, len(found) + 3)))
    return next(name for name in names if found.get(name, path) == path)


def recording_roots(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The folders whose subfolders are looked through: those that the environment names, then `runs/`; in public that of jobs."""
    named = named_folders(environment)
    if (public := read_public(environment)) is not None:
        return (*named, *(expand_home(folder) for folder in (public.jobs,) if folder))
    return (*named, *(root / "runs" for root in dict.fromkeys((Path.cwd(), ROOT))))


def recordings_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where new recordings go: the first folder of `SENET_VIZ_RECORDINGS` that is no recording, else `runs/` here."""
    for folder in named_folders(environment):
        if not holds_recording(folder):
            return folder.absolute()
    return Path.cwd() / "runs"


def name_of(path: Path, found: Mapping[str, Path]) -> str:
    """The name under which a recording is picked, which is its path where it is none of these; in public its folder's name."""
    other = str(path) if read_public() is None else path.name
    return next((name for name, place in found.items() if place.absolute() == path.absolute()), other)


def resolve(choice: str, found: Mapping[str, Path]) -> Path:
    """The folder of a name that was picked or of a path that was typed.

    Raises:
        RecordingError: a name that is none of them, in public, where nothing else is opened.
    """
    if choice not in found and read_public() is not None:
        raise RecordingError(f"This server has no recording {choice!r}: choose one in the sidebar.")
    return found.get(choice) or expand_home(choice)


def _recordings_in(folder: Path) -> Iterator[Path]:
    if holds_recording(folder):
        yield folder
        return
    try:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return
    yield from (path for path in inside if holds_recording(path))
