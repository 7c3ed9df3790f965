"""The recordings in a folder: listed, renamed, deleted, and nothing else touched."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from senet_viz.dashboard.jobs.request import alone_in, check_name, job_folder, refuse_if_written
from senet_viz.dashboard.jobs.running import find_job, remove_job
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.files import as_recording_errors, size_problem
from senet_viz.recording.folder import LOCK, FolderLock, read_lock
from senet_viz.recording.layout import ASSESSMENT, EFFECTS, FREEZING, MANIFEST, MEASURES, OWN
from senet_viz.recording.writer import holds_recording, stored_manifest
from senet_viz.schema import Manifest

DERIVED = (ASSESSMENT, MEASURES, EFFECTS, FREEZING)


@dataclass(frozen=True, slots=True)
class KeptRecording:
    """A line of the list.

    Attributes:
        name: of the folder.
        path: of the folder.
        model, data: names; empty where the recording is damaged.
        images, total: done, and in all.
        bytes: on disk.
        state: "complete", "slim", "unfinished", "being written" or "damaged".
        changed: when it was last written, ISO 8601 in UTC; empty where it does not say.
        problem: what is wrong with it; empty where nothing is.
    """

    name: str
    path: Path
    model: str
    data: str
    images: int
    total: int
    bytes: int
    state: str
    changed: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What deleting a recording would remove: its folder, file names and their bytes in all."""

    path: Path
    names: tuple[str, ...]
    bytes: int


def list_recordings(root: Path) -> tuple[KeptRecording, ...]:
    """The recordings right under a folder, the latest first; links are left out."""
    try:
        folders = [path for path in root.iterdir() if not path.is_symlink() and holds_recording(path)]
    except OSError:
        return ()
    found = [_describe(path) for path in folders if not path.name.startswith(".")]
    return tuple(sorted(found, key=lambda kept: (kept.changed, kept.name), reverse=True))


def list_contents(root: Path, name: str) -> Contents:
    """What a recording's folder holds, if it can be deleted.

    Raises:
        ArgumentError: a name that is none.
        RecordingError: no recording, a link, or a folder that holds something that is not a recording's.
    """
    folder = _own_folder(root, name)
    names, size = [], 0
    with as_recording_errors(f"Listing {folder}", "Check its permissions."), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            plain = entry.is_file(follow_symlinks=False)
            if not plain or not (entry.name == MANIFEST or entry.name in DERIVED or OWN.fullmatch(entry.name)):
                raise RecordingError(
                    f"{folder} holds {entry.name}, which is not a file of a recording, so nothing was deleted: "
                    "move it away first."
                )
            with contextlib.suppress(FileNotFoundError):  # a temporary file that took its place meanwhile
                size += entry.stat(follow_symlinks=False).st_size
                names.append(entry.name)
    return Contents(folder, tuple(names), size)


def delete_recording(root: Path, name: str) -> Contents:
    """Delete a recording and what is known of its job, for good.

    The manifest goes last, so that one that was cut short is still a recording and can be deleted again.

    Returns:
        What was removed.

    Raises:
        RecordingError: as `list_contents`, or it is being written.
    """
    root = root.absolute()
    with alone_in(root):
        folder = _own_folder(root, name)
        _refuse_busy(root, folder)
        contents = list_contents(root, name)
        lock = FolderLock(folder)
        with as_recording_errors(f"Deleting {folder}", "Some of its files may be gone."):
            lock.acquire()
            try:
                for own in sorted(contents.names, key=lambda each: each == MANIFEST):
                    if own != LOCK:
                        (folder / own).unlink(missing_ok=True)
            finally:
                lock.release()
            folder.rmdir()
        remove_job(root, folder.name)
    return contents


def rename_recording(root: Path, name: str, new: str) -> Path:
    """Give a recording another name, and its job with it.

    Returns:
        The new folder.

    Raises:
        ArgumentError: the new name can not be used.
        RecordingError: no recording, it is being written, or the new name is taken.
    """
    root, new = root.absolute(), check_name(new)
    with alone_in(root):
        folder = _own_folder(root, name)
        _refuse_busy(root, folder)
        if os.path.lexists(root / new):
            raise RecordingError(f"{root / new} exists already: choose another name.")
        remove_job(root, new)  # of a recording that is no more
        with as_recording_errors(f"Renaming {folder}", "It has its old name."):
            folder.rename(root / new)
            if job_folder(root, folder.name).is_dir():
                with contextlib.suppress(OSError):  # then the job keeps the old name and can be forgotten
                    job_folder(root, folder.name).rename(job_folder(root, new))
    return root / new


def _own_folder(root: Path, name: str) -> Path:
    """The folder of a recording right under `root`."""
    if name != Path(name).name or name in ("", ".", ".."):
        raise ArgumentError(f"{name!r} is no name of a folder in {root}.")
    folder = root / name
    if folder.is_symlink():
        raise RecordingError(f"{folder} is a link: go to the folder that it leads to.")
    if not folder.is_dir() or stored_manifest(folder) is None:
        raise RecordingError(f"{folder} is no recording.")
    return folder


def _refuse_busy(root: Path, folder: Path) -> None:
    refuse_if_written(folder)
    job = find_job(root, folder.name)
    if job is not None and job.process.lives():
        raise RecordingError(f"{folder} is being recorded: cancel that first.")


def _describe(path: Path) -> KeptRecording:
    size = _bytes_in(path)
    manifest, problem = None, f"{path} is no recording any more."  # deleted a moment ago
    try:
        manifest = stored_manifest(path)
    except RecordingError as error:
        problem = str(error)
    if manifest is None:
        return KeptRecording(path.name, path, "", "", 0, 0, size, "damaged", "", problem)
    state, total = _state(path, manifest), int(manifest.data.get("images", 0))
    problems = [] if state == "being written" else [found for f in manifest.files if (found := size_problem(path, f))]
    return KeptRecording(
        name=path.name,
        path=path,
        model=str(manifest.model.get("name", "")),
        data=str(manifest.data.get("name", "")),
        images=int(manifest.progress.get("images", total)),
        total=total,
        bytes=size,
        state="damaged" if problems else state,
        changed=str(manifest.environment.get("updated") or manifest.environment.get("started") or ""),
        problem=f"{path}: {problems[0]}; copy the recording again or record again." if problems else "",
    )


def _state(path: Path, manifest: Manifest) -> str:
    holder = read_lock(path)
    if holder is not None and holder.lives():
        return "being written"
    return "slim" if manifest.form == "slim" else "complete" if manifest.complete else "unfinished"


def _bytes_in(folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # a running job replaces files
                total += entry.stat(follow_symlinks=False).st_size
    return total
