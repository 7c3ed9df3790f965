"""Parts of files read by offset, here or behind a URL: safe from several threads, a bounded part in memory, nothing held open.

A file here is opened, read and closed for each part. Of a URL, blocks of 1 MiB are fetched and the last 32 of them kept;
while reading goes on in order, four are fetched at a time. After each fetch the file is looked at again, so that pixels of
two versions of a shard are not mixed; on Hugging Face's hub, which counts such requests, at most every 30 seconds (an
"@REVISION" in the URL cannot change). What fails for other reasons than that the file is gone, forbidden or changed is
tried again three times within 20 seconds: a hiccup of the network must not cost an image.
"""

import io
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import BinaryIO

from senet_viz.images.storage import (
    ChangedError,
    LastingError,
    StoredFile,
    connect,
    describe_failure,
    is_web,
    try_again,
)

BLOCK_BYTES = 2**20
KEPT_BLOCKS = 32
AHEAD = 4  # blocks in one request while reading goes on in order
WHOLE_BYTES = 64 * 2**20  # the largest shard that is fetched whole where a server serves no parts
PAUSES = (1.0, 4.0, 15.0)  # seconds before trying again
SELDOM = {"hf": 30.0}  # seconds for which a look at a file holds, by protocol


class _NoPartsError(LastingError):
    """A server that serves whole files only."""


class FileReader:
    """Reads parts of stored files. A copy in another process, or a pickled one, begins with nothing in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._whole: OrderedDict[str, bytes] = OrderedDict()
        self._looked: dict[str, float] = {}

    def __reduce__(self) -> tuple[type["FileReader"], tuple[()]]:
        return FileReader, ()

    @property
    def held_bytes(self) -> int:
        """What is in memory now."""
        with self._lock:
            return sum(map(len, (*self._blocks.values(), *self._whole.values())))

    def read(self, file: StoredFile, start: int, length: int) -> bytes:
        """`length` bytes from `start`, fewer only at the file's end.

        Raises:
            OSError: they could not be read, or the file is gone or changed; its text is fit for a message.
        """
        length = max(0, min(length, file.size - start))
        if not length:
            return b""
        if file.origin:
            with self._lock:
                return self._read_remote(file, start, length)
        with file.open() as opened:
            opened.seek(start)
            data = opened.read(length)
        file.check()
        return data

    def _read_remote(self, file: StoredFile, start: int, length: int) -> bytes:
        if file.place not in self._whole:
            try:
                return self._join(file, start, length)
            except _NoPartsError:
                self._keep_whole(file)
        self._whole.move_to_end(file.place)
        return self._whole[file.place][start : start + length]

    def _join(self, file: StoredFile, start: int, length: int) -> bytes:
        stop = start + length
        first, last = start // BLOCK_BYTES, (stop - 1) // BLOCK_BYTES
        parts = bytearray()
        for block in range(first, last + 1):  # joined while they come: more blocks than are kept may be asked for
            data = self._find_block(file, block, last)
            begin = block * BLOCK_BYTES
            parts += data[max(0, start - begin) : stop - begin]
        return bytes(parts)

    def _find_block(self, file: StoredFile, block: int, last: int) -> bytes:
        key = (file.place, block)
        if key not in self._blocks:
            in_order = (file.place, block - 1) in self._blocks
            stop = max(last, block + AHEAD - 1 if in_order else block)
            stop = min(stop, block + KEPT_BLOCKS // 2, (file.size - 1) // BLOCK_BYTES)
            start = block * BLOCK_BYTES
            data = _try_again(file, lambda: self._fetch(file, start, min(file.size, (stop + 1) * BLOCK_BYTES)))
            for at in range(block, stop + 1):
                begin = (at - block) * BLOCK_BYTES
                self._blocks[file.place, at] = data[begin : begin + BLOCK_BYTES]
            while len(self._blocks) > KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(key)
        return self._blocks[key]

    def _keep_whole(self, file: StoredFile) -> None:
        if file.size > WHOLE_BYTES:
            raise OSError(
                f"its server serves no parts of files (range requests), and it has over {WHOLE_BYTES // 2**20} MiB: download it, or use "
                "a server that does"
            )
        self._whole[file.place] = _try_again(file, lambda: self._fetch_whole(file))
        while len(self._whole) > 2:  # threads that read in order are at the border of two shards at most
            self._whole.popitem(last=False)

    def _fetch(self, file: StoredFile, start: int, stop: int) -> bytes:
        files, _ = connect(file.origin)
        known = {"size": file.size} if is_web(file.origin) else {}  # else it is asked for each time
        # a block of size 0 would stream; no cache, since what is read is kept here
        with files.open(file.place, "rb", block_size=stop - start, cache_type="none", **known) as opened:
            opened.seek(start)
            try:
                data = bytes(opened.read(stop - start))
            except ValueError as error:
                if is_web(file.origin):  # a reply without the part that was asked for
                    raise _NoPartsError from error
                raise
        self._check(file)
        if len(data) != stop - start:
            raise OSError(f"{len(data):,} bytes came instead of {stop - start:,}")
        return data

    def _fetch_whole(self, file: StoredFile) -> bytes:
        files, _ = connect(file.origin)
        with files.open(file.place, "rb", block_size=0) as opened:
            data = bytearray()
            while len(data) <= file.size and (
                part := opened.read(file.size + 1 - len(data))
            ):  # a stream gives what it has
                data += part
        self._check(file)
        if len(data) != file.size:
            raise OSError(f"{len(data):,} bytes came instead of {file.size:,}")
        return bytes(data)

    def _check(self, file: StoredFile) -> None:
        now, holds = time.monotonic(), SELDOM.get(file.origin.partition("://")[0].casefold(), 0.0)
        if now - self._looked.get(file.place, -math.inf) >= holds:
            file.check()
            self._looked[file.place] = now


def _try_again(file: StoredFile, fetch: Callable[[], bytes]) -> bytes:
    """What `fetch` returns, tried again where it fails for what may pass; raises OSError."""
    try:
        return try_again(fetch, file.place, PAUSES)
    except _NoPartsError:
        raise
    except Exception as error:  # whatever a protocol's package raises
        raise _tell(file, error) from error


def _tell(file: StoredFile, error: Exception) -> OSError:
    if isinstance(error, ChangedError):
        return error
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError("it is no longer there")
    return OSError(describe_failure(error, file.origin))


class OpenedFile(io.RawIOBase):
    """A stored file for those who read and seek, as pyarrow does; reads through a `FileReader`."""

    def __init__(self, file: StoredFile, reader: FileReader | None = None) -> None:
        self._file = file
        self._reader = reader or FileReader()
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, all that are left for a negative number; raises OSError."""
        data = self._reader.read(self._file, self._at, self._file.size if size is None or size < 0 else size)
        self._at += len(data)
        return data

    def readinto(self, buffer: "bytearray | memoryview[int]") -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def open_stored(file: StoredFile, reader: FileReader | None = None) -> BinaryIO:
    """A stored file, opened for reading and seeking; raises OSError, whose text is fit for a message."""
    return io.BufferedReader(OpenedFile(file, reader), BLOCK_BYTES) if file.origin else file.open()
