"""What was read of a shard to list its images, kept in the user's cache folder so that it is read once.

A shard's index (of a tar: names, places and labels of its images; of a remote Parquet: labels and rows) is a Parquet file in
`shard-indexes` of the folder that `find_cache` names. Its name is the sha256 of the shard's URL or path (without credentials),
its size, its stamp (time of change, ETag), what was asked of it (columns) and `FORMAT`: a shard of another size or stamp, or
other columns, have another name, so nothing is ever out of date. A shard whose storage tells no stamp is indexed each time,
as are all where the folder cannot be written. What is read is believed only where its own name, its columns, its
metadata and its page checksums are whole; else it is made anew. A source's digest is of what an index says, so it is the same
with and without this. The folder may be deleted at any time.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from senet_viz.images.builtin import find_cache
from senet_viz.images.storage import StoredFile, hide_credentials

FORMAT = 1
_KEY, _ABOUT = b"senet_viz.key", b"senet_viz.about"


class ShardIndex(NamedTuple):
    """A row per image of a shard, and what holds for all of them (values of JSON)."""

    table: pa.Table
    about: dict[str, Any]


def index_once(file: StoredFile, asked: list[Any], columns: list[str], make: Callable[[], ShardIndex]) -> ShardIndex:
    """The index of a shard: from the cache if it is there, else made and kept.

    Args:
        file: the shard.
        asked: what else the index depends on, as JSON.
        columns: names of the index's columns.
        make: reads the shard.

    Raises:
        Whatever `make` raises.
    """
    if not file.stamp:
        return make()
    server = hide_credentials(file.origin).split("/")[:3] if file.origin else [file.place]
    key = json.dumps([FORMAT, server, file.shown if file.origin else "", file.size, file.stamp, asked])
    place = find_cache() / "shard-indexes" / f"{hashlib.sha256(key.encode()).hexdigest()}.parquet"
    kept = _recall(place, key)
    if kept is not None and kept.table.column_names == columns:
        return kept
    made = make()
    with contextlib.suppress(OSError):  # a folder that is full or read-only costs time, nothing else
        _keep(place, key, made)
    return made


def _recall(place: Path, key: str) -> ShardIndex | None:
    try:
        with pq.ParquetFile(place, page_checksum_verification=True) as opened:
            told = opened.schema_arrow.metadata or {}
            if told.get(_KEY) != key.encode():
                return None
            about = json.loads(told[_ABOUT])
            table = opened.read(use_threads=False)
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None
    return ShardIndex(table.replace_schema_metadata(None), about) if isinstance(about, dict) else None


def _keep(place: Path, key: str, made: ShardIndex) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    told = {_KEY: key.encode(), _ABOUT: json.dumps(made.about).encode()}
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".part")
    os.close(handle)
    try:
        pq.write_table(
            made.table.replace_schema_metadata(told), temporary, write_page_checksum=True, compression="zstd"
        )
        Path(temporary).replace(place)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
