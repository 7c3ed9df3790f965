"""The folder of a search: locked, resumed step by step, and with nothing in it that is another's."""

import re
from pathlib import Path
from types import TracebackType
from typing import Self

from senet_viz.analysis.freezing import FREEZING, FreezePath, stored_freezing, write_freezing
from senet_viz.errors import RecordingError
from senet_viz.recording.files import as_recording_errors
from senet_viz.recording.layout import differences
from senet_viz.recording.lock import LOCK, FolderLock
from senet_viz.recording.outcomes import CLEAN_FOLDER, SCRATCH_FOLDER
from senet_viz.recording.progress import PROGRESS

_OWN = re.compile(rf"({'|'.join(map(re.escape, (LOCK, PROGRESS, FREEZING)))})(\..*)?|{CLEAN_FOLDER}|{SCRATCH_FOLDER}")


class FreezingFolder:
    """A folder that one search writes into; entered by `with`. Replacing `freezing.json` is the only commit point.

    Attributes:
        folder: the folder.
        stored: the path that was there; None where there was none.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder's lock.

        Raises:
            RecordingError: the folder is locked, can not be written, or is something else's.
        """
        self.folder = folder
        self._lock = FolderLock(folder)
        with as_recording_errors(f"Writing into {folder}", "Give a folder that can be written."):
            _check_free(folder)
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        try:
            self.stored = stored_freezing(folder)
        except BaseException:
            self._lock.release()
            raise

    def take_up(self, draft: FreezePath) -> FreezePath:
        """The stored path of the same identity, or the draft.

        Raises:
            RecordingError: a path of other inputs; the message names the first field that differs and both values.
        """
        if self.stored is None:
            return draft
        for path, old, new in differences(dict(self.stored.identity), dict(draft.identity), "identity"):
            name = path.removeprefix("identity.")
            raise RecordingError(
                f"{self.folder} was made with {name} = {old!r}, this run has {new!r}: repeat the first run's choices, or "
                "give another folder."
            )
        return self.stored

    def commit(self, path: FreezePath) -> None:
        """Store a step."""
        write_freezing(self.folder, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


def _check_free(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise RecordingError(f"{folder} is a file: give a folder.")
    if not folder.exists():
        return
    foreign = sorted(path.name for path in folder.iterdir() if _OWN.fullmatch(path.name) is None)
    if foreign:
        raise RecordingError(f"{folder} is not empty and holds {foreign[0]}: give another folder.")
