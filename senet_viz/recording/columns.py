"""Columns of tensors in a safetensors file, read a row at a time and not mapped.

A mapping of a block's columns brings the rest of the file into memory with it: of rows that lie 120 KB apart, pages come
in by neighbourhoods. What is read stays whole while the file is replaced beside it, as with a mapping: it is held open.
"""

import io
import json
import os
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from senet_viz.errors import RecordingError
from senet_viz.recording.files import SAFETENSORS_TYPES

_TYPES: dict[str, np.dtype[Any]] = {name: kind for kind, name in SAFETENSORS_TYPES.items()}


class TensorFile:
    """A safetensors file of vectors and matrices, held open.

    Attributes:
        path: of the file.
        metadata: its header's.
    """

    def __init__(self, path: Path) -> None:
        """Checks the header.

        Raises:
            RecordingError: missing or damaged.
        """
        self.path = path
        self._lock = threading.Lock()
        try:
            with safe_open(path, framework="np") as checked:
                self.metadata: dict[str, str] = checked.metadata() or {}
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            weakref.finalize(self, os.close, descriptor)
            self._file = io.FileIO(descriptor, "rb", closefd=False)
            length = int.from_bytes(self._file.read(8), "little")
            header = json.loads(self._file.read(length))
        except (OSError, SafetensorError, ValueError) as error:
            raise RecordingError(
                f"{path} could not be read ({error}): copy the recording again or record again."
            ) from error
        header.pop("__metadata__", None)
        self._tensors = {
            key: (_TYPES[about["dtype"]], tuple(about["shape"]), 8 + length + about["data_offsets"][0])
            for key, about in header.items()
        }

    def __contains__(self, key: str) -> bool:
        return key in self._tensors

    def read(self, key: str, columns: slice | None = None) -> NDArray[Any]:
        """A tensor, or some columns of a matrix.

        Args:
            key: its name.
            columns: from a start to a stop; all where None.

        Raises:
            RecordingError: the file ends before it, or the disk is gone.
        """
        kind, shape, start = self._tensors[key]
        if columns is None or len(shape) < 2:
            whole: NDArray[Any] = np.empty(shape, dtype=kind)
            self._fill([whole.reshape(-1)], start, 0)
            return whole
        step = kind.itemsize * shape[1]
        part: NDArray[Any] = np.empty((shape[0], columns.stop - columns.start), dtype=kind)
        self._fill(part, start + kind.itemsize * columns.start, step)
        return part

    def _fill(self, rows: Any, start: int, step: int) -> None:
        """Read each row from its place, the first at `start`, each next one `step` bytes on."""
        try:
            with self._lock:
                for at, row in enumerate(rows):
                    self._file.seek(start + at * step)
                    self._fill_row(memoryview(row).cast("B") if row.size else memoryview(b""))
        except OSError as error:
            raise RecordingError(f"{self.path} could not be read ({error}): copy it again or record again.") from error

    def _fill_row(self, room: memoryview) -> None:
        while len(room):
            count = self._file.readinto(room)
            if not count:
                raise RecordingError(f"{self.path} ends too early: copy the recording again or record again.")
            room = room[count:]
