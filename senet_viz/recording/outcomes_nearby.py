"""Finished interventions on what a recording holds, found automatically near it: nobody names their folder twice."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from senet_viz.errors import RecordingError
from senet_viz.recording.files import size_problem
from senet_viz.recording.outcomes import MANIFEST, OutcomesManifest, stored_outcomes
from senet_viz.recording.reader import Recording
from senet_viz.schema import are_same_gates


def find_outcomes(recording: Recording, roots: Iterable[Path] = (), *, judged: bool = True) -> Path | None:
    """The finished interventions on a recording's network and images, of those that lie in `nearby_folders`.

    Those whose baselines are from this very recording come first, then those that were finished last. Folders of other
    networks or images, unfinished and damaged ones are passed over without a word. Manifests that have not changed are not
    read again, so that asking often costs little.

    Args:
        recording: full or slim.
        roots: further folders whose subfolders are looked at.
        judged: pass over those of which no class has an output, since they tell nothing of accuracy.
    """
    found: list[tuple[bool, int, Path]] = []
    for folder in nearby_folders(recording, roots):
        try:
            changed = (folder / MANIFEST).stat().st_mtime_ns
        except OSError:
            continue
        about = _read_finished(folder, changed)
        if about is None or find_mismatch(about, recording) is not None:
            continue
        if judged and all(output is None for output in about.mapping.outputs):
            continue
        if not any(size_problem(folder, entry) for entry in about.files):
            found.append((about.baselines.get("recording") == recording.id, changed, folder))
    return max(found)[2] if found else None


def nearby_folders(recording: Recording, roots: Iterable[Path] = ()) -> Iterator[Path]:
    """Folders in a recording, beside it, in `interventions` beside it, and in the roots; each once, none of them opened."""
    here, beside = recording.path.absolute(), recording.path.absolute().parent
    seen = {here}
    for root in (here, beside, beside / "interventions", *(root.absolute() for root in roots)):
        try:
            inside = sorted(path for path in root.iterdir() if path.is_dir())
        except OSError:
            continue
        yield from (path for path in inside if path not in seen)
        seen.update(inside)


def find_mismatch(about: OutcomesManifest, recording: Recording) -> tuple[str, str] | None:
    """What interventions were made on that is not the recording's, and what should be the same; None where all is.

    Returns:
        For example ("another network", "weights").
    """
    mine = recording.manifest
    if mine.model.get("sha256") != about.model.get("sha256") or not are_same_gates(recording.blocks, about.gates):
        return "another network", "weights"
    if mine.data.get("digest") != about.data.get("digest") or about.classes.keys != recording.classes.keys:
        return "other images", "images"
    if mine.preprocessing != about.preprocessing:
        return "images of another preprocessing", "network, with the same preprocessing"
    if mine.mapping.outputs != about.mapping.outputs:
        return "other outputs for the classes", "images, with the same label map"
    return None


@lru_cache(maxsize=256)
def _read_finished(folder: Path, changed: int) -> OutcomesManifest | None:
    """The manifest of finished interventions; None where the folder holds something else."""
    del changed
    try:
        about = stored_outcomes(folder)
    except (ValueError, RecordingError):
        return None
    return about if about is not None and about.complete else None
