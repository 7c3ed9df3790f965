"""Hashes every file of a recording, or of interventions, against its manifest."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from senet_viz.errors import RecordingError
from senet_viz.paths import expand_home, explain_refusal
from senet_viz.recording.checked import sha256_of
from senet_viz.recording.files import read_lines, row_problems, size_problem
from senet_viz.recording.layout import MANIFEST
from senet_viz.recording.outcomes import OutcomesManifest, stored_outcomes
from senet_viz.recording.rows import count_nonfinite
from senet_viz.recording.writer import holds_recording, stored_manifest
from senet_viz.schema import FileEntry, Manifest


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found.

    Attributes:
        files: how many were hashed.
        bytes: how much that was.
        problems: one sentence for every difference from the manifest.
    """

    files: int
    bytes: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every file is what the manifest says."""
        return not self.problems


def verify_recording(path: str | Path) -> VerifyReport:
    """Compare every file's size, sha256 and rows with the manifest, and the rows with the counts of images; also of interventions.

    Raises:
        RecordingError: no manifest that can be read; differences are no error but the report's problems.
    """
    folder = expand_home(path)
    if reason := explain_refusal(folder):
        raise RecordingError(f"{folder} could not be opened ({reason}): check the path and its permissions.")
    manifest = _read_manifest(folder) if folder.is_dir() else None
    if manifest is None:
        raise RecordingError(f"{folder} has no {MANIFEST}: give a folder of a recording, or of interventions.")
    problems = [problem for entry in manifest.files for problem in _file_problems(folder, entry)]
    if not isinstance(manifest, OutcomesManifest):  # whose rows are compared when it is read
        problems += [f"{problem[0].upper()}{problem[1:]}." for problem in row_problems(manifest)]
    if not problems and (expected := manifest.progress.get("nonfinite", 0)):
        errors = [row for f in manifest.files if f.role == "errors" for row in read_lines(folder / f.name, f.sha256)]
        if (found := sum(count_nonfinite(errors).values())) != expected:
            problems.append(
                f"The errors files list {found} images that are not finite, the manifest counts {expected}."
            )
    return VerifyReport(len(manifest.files), sum(f.bytes for f in manifest.files), tuple(problems))


def _read_manifest(folder: Path) -> Manifest | None:
    return stored_manifest(folder) if holds_recording(folder) else stored_outcomes(folder)


def _file_problems(folder: Path, entry: FileEntry) -> Iterator[str]:
    if problem := size_problem(folder, entry):
        yield f"{problem}."
        return
    try:
        digest = sha256_of(folder / entry.name)
    except OSError as error:
        yield f"{entry.name} could not be read ({error.strerror or error})."
        return
    if digest != entry.sha256:
        yield f"{entry.name} has the sha256 {digest}, {entry.sha256} expected."
        return
    rows = _rows(folder / entry.name, entry.sha256)
    if rows is not None and rows != entry.rows:
        yield f"{entry.name} has {rows} rows, {entry.rows} expected."


def _rows(path: Path, sha256: str) -> int | None:
    try:
        if path.suffix == ".parquet":
            return int(pq.read_metadata(path).num_rows)
        if path.suffix == ".jsonl":
            return len(read_lines(path, sha256))
    except (OSError, pa.ArrowException, RecordingError):
        return -1  # unreadable: a difference from any count
    return None
