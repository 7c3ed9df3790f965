"""Image bytes of Parquet shards by row, with a bounded part of them in memory."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from senet_viz.errors import ImageError
from senet_viz.images.decoding import describe_error
from senet_viz.images.reading import FileReader, OpenedFile
from senet_viz.images.storage import StoredFile

BLOCK_BYTES = 8 * 2**20  # a row group is read in blocks of about so much
CACHE_BYTES = 24 * 2**20
MIN_BLOCKS = 4  # however large: threads that read in order are some rows apart
_BUFFER_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Shard:
    """A Parquet file, its rows, and the rows of its row groups."""

    file: StoredFile
    rows: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows [start, stop) of a shard; `values` is an error's text where they cannot be read."""

    shard: int
    start: int
    stop: int
    values: pa.Array | str
    bytes: int


@dataclass(slots=True)
class _Cursor:
    """A row group being read from its beginning."""

    shard: int
    start: int
    stop: int
    blocks: Iterator[_Block] = field(repr=False)


class RowCache:
    """Reads rows of shards block by block; safe from several threads.

    Reading in order is cheap however large the row groups are. A jump back within a row group of several blocks
    (over 8 MiB) reads that group again from its beginning. A pickled one begins with nothing in memory.
    """

    def __init__(self, shards: tuple[Shard, ...], column: str) -> None:
        self._shards = shards
        self._column = column
        self._reader = FileReader()
        self._lock = threading.Lock()
        self._blocks: deque[_Block] = deque()
        self._cursor: _Cursor | None = None

    def __reduce__(self) -> "tuple[type[RowCache], tuple[tuple[Shard, ...], str]]":
        return RowCache, (self._shards, self._column)

    @property
    def held_bytes(self) -> int:
        """What is in memory now."""
        with self._lock:
            return sum(block.bytes for block in self._blocks)

    def read(self, shard: int, row: int) -> bytes | None:
        """The bytes of one image; None where the row holds none.

        Raises:
            ImageError: the row's part of the file is damaged.
        """
        with self._lock:
            block = self._find(shard, row) or self._advance(shard, row)
        if isinstance(block.values, str):
            file = self._shards[shard].file
            raise ImageError(f"Row {row} of {file} could not be read ({block.values}): fetch or write the file again.")
        data = block.values[row - block.start].as_py()
        return data if isinstance(data, bytes) else None  # a column of paths holds texts

    def _find(self, shard: int, row: int) -> _Block | None:
        for block in self._blocks:
            if block.shard == shard and block.start <= row < block.stop:
                self._blocks.remove(block)
                self._blocks.append(block)  # the last used stay longest
                return block
        return None

    def _advance(self, shard: int, row: int) -> _Block:
        cursor = self._cursor
        if cursor is None or cursor.shard != shard or not cursor.start <= row < cursor.stop:
            cursor = self._cursor = self._open_group(shard, row)
        for block in cursor.blocks:
            cursor.start = block.stop
            self._keep(block)
            if block.start <= row < block.stop:
                return block
        self._cursor = None
        return _Block(shard, row, row + 1, "its row group ends before it", 0)

    def _keep(self, block: _Block) -> None:
        self._blocks.append(block)
        while len(self._blocks) > MIN_BLOCKS and sum(kept.bytes for kept in self._blocks) > CACHE_BYTES:
            self._blocks.popleft()

    def _open_group(self, shard: int, row: int) -> _Cursor:
        start = 0
        for group, rows in enumerate(self._shards[shard].groups):
            if row < start + rows:
                return _Cursor(shard, start, start + rows, self._read_group(shard, group, start, rows))
            start += rows
        raise IndexError(f"shard {shard} has no row {row}")

    def _read_group(self, shard: int, group: int, start: int, rows: int) -> Iterator[_Block]:
        at = start
        file = self._shards[shard].file
        try:
            if not file.origin:  # of a URL every part that is fetched is checked
                file.check()
            with pq.ParquetFile(
                OpenedFile(file, self._reader) if file.origin else file.place,
                page_checksum_verification=True,
                pre_buffer=False,
                buffer_size=_BUFFER_BYTES,
            ) as opened:
                batches = opened.iter_batches(
                    batch_size=self._count_rows(opened.metadata.row_group(group), rows),
                    row_groups=[group],
                    columns=[self._column],
                    use_threads=False,
                )
                for batch in batches:
                    values = batch.column(0)
                    data = values.field("bytes") if isinstance(values, pa.StructArray) else values
                    yield _Block(shard, at, at + len(data), data, batch.nbytes)
                    at += len(data)
        except (OSError, pa.ArrowException) as error:
            yield _Block(shard, at, start + rows, describe_error(error), 0)

    def _count_rows(self, group: pq.RowGroupMetaData, rows: int) -> int:
        """Rows of a block, from the uncompressed size of the image column."""
        columns = (group.column(at) for at in range(group.num_columns))
        size: int = sum(c.total_uncompressed_size for c in columns if c.path_in_schema.split(".")[0] == self._column)
        return max(1, min(rows, rows * BLOCK_BYTES // max(size, 1)))
