"""Parquet in the Hugging Face image layout: struct<bytes, path> and label, in one file or in shards, here or behind a URL."""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from senet_viz.errors import ImageError, SourceError
from senet_viz.images.columns import (
    FOUND,
    IMAGE_NAMES,
    LABEL_NAMES,
    NO_LABEL,
    NO_LABEL_NAMES,
    PATH_NAMES,
    Columns,
    find_column,
    plain_name,
)  # fmt: skip
from senet_viz.images.decoding import decode_image, describe_error
from senet_viz.images.index_cache import ShardIndex, index_once
from senet_viz.images.patterns import AT_ONCE
from senet_viz.images.reading import OpenedFile, open_stored
from senet_viz.images.row_cache import RowCache, Shard
from senet_viz.images.shard_labels import join_labels, name_labels, refuse_mixed_splits
from senet_viz.images.source import compute_digest, freeze_labels, list_some
from senet_viz.images.storage import StoredFile
from senet_viz.schema import UNLABELLED, ClassTable

_SURE_LABELS = LABEL_NAMES[:4]  # a column that is called so holds labels, or the file is refused
_INDEX = ["label", "path"]
_FOOTER_END = 8  # length of the footer in 4 bytes, then "PAR1"


@dataclass(frozen=True, eq=False, slots=True)
class ParquetSource:
    """Images in Parquet shards; see `ImageSource`.

    Attributes:
        shards: the files in order.
        starts: (shards + 1,) index of each shard's first image, then N.
        inner_paths: N paths that the shards give, null where they give none; followed where there are no bytes.
        rows: reads and keeps a bounded part of the shards.
    """

    kind: str
    name: str
    classes: ClassTable
    label_kind: str
    labels: NDArray[np.int32]
    digest: str
    notes: tuple[str, ...]
    shards: tuple[Shard, ...]
    starts: NDArray[np.int64]
    inner_paths: pa.ChunkedArray
    rows: RowCache

    def __len__(self) -> int:
        return len(self.labels)

    def sample_id(self, index: int) -> str:
        shard, row = self._locate(index)
        return f"{self.shards[shard].file.name}#{row}"

    def path(self, index: int) -> str:
        inner = self.inner_paths[index].as_py()
        return f"{self.sample_id(index)} ({inner})" if inner else self.sample_id(index)

    def load(self, index: int) -> Image.Image:
        shard, row = self._locate(index)
        data = self.rows.read(shard, row)
        return decode_image(self._follow(index) if data is None else data, name=self.path(index))

    def _follow(self, index: int) -> Path:
        """The file that a row without bytes names, relative to its shard."""
        inner = str(self.inner_paths[index].as_py() or "")
        shard = self.shards[self._locate(index)[0]].file
        with contextlib.suppress(OSError, ValueError):
            for text in (inner, inner.replace("\\", "/")):
                file = Path(shard.place).parent / text
                if text and not shard.origin and file.exists():  # what a URL serves names no file here
                    return file
        raise ImageError(
            f"{self.path(index)} holds no image bytes, and no path of a file here: write the images themselves into the "
            "Parquet, or put them where its paths lead."
        )

    def _locate(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} images, there is none at {index}")
        shard = int(np.searchsorted(self.starts, index, side="right")) - 1
        return shard, index - int(self.starts[shard])


def open_parquet(files: Sequence[StoredFile], *, name: str, columns: Columns = FOUND) -> ParquetSource:
    """Images in one or several Parquet files, taken in the order of their names.

    The image column is called image (or as in `IMAGE_NAMES`) or is the only one of struct<bytes, path> or binary; where
    none is, one of paths. Paths of rows without bytes are followed, relative to their file, if it is on this machine. The label column is called
    label (or as in `LABEL_NAMES`), or is the only declared ClassLabel, column of whole numbers or categorical. Class names come
    from a `classes.csv` beside the files, else from the Hugging Face metadata, else from a `classes.csv` above;
    without any, whole numbers are classes called "0", "1", …

    Args:
        files: at least one.
        name: what the user gave, without credentials.
        columns: those that a person named.

    Raises:
        SourceError: unreadable or damaged files, no column of images, several that may be the labels, shards of different splits or columns, several labels
            an image, labels beyond the classes.
    """
    ordered = sorted(files, key=lambda file: file.name)
    refuse_mixed_splits(ordered, name)
    layout = _read_layout(ordered[0], columns)
    with ThreadPoolExecutor(AT_ONCE if ordered[0].origin else 1) as pool:
        parts = list(pool.map(lambda file: _read_shard(file, layout), ordered))
    labels = join_labels([part.labels for part in parts], name) if layout.label else None
    numbers, classes, label_kind = name_labels(labels, layout.class_names, ordered[0], name)
    shards = tuple(part.shard for part in parts)
    starts = np.cumsum([0, *(shard.rows for shard in shards)], dtype=np.int64)
    frozen = freeze_labels(np.full(int(starts[-1]), UNLABELLED) if numbers is None else numbers, len(classes), name)
    samples = [pair for p in parts for pair in ((p.shard.file.name, p.shard.file.size), (p.footer, p.shard.rows))]
    return ParquetSource(
        kind="parquet",
        name=name,
        classes=classes,
        label_kind=label_kind,
        labels=frozen,
        digest=compute_digest("parquet", samples, frozen, classes),
        notes=(),
        shards=shards,
        starts=starts,
        inner_paths=pa.chunked_array([part.paths for part in parts], type=pa.string()),
        rows=RowCache(shards, layout.image),
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    image: str
    path: str | None
    label: str | None
    class_names: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class _Part:
    shard: Shard
    labels: pa.Array
    paths: pa.Array
    footer: str


def _read_layout(file: StoredFile, columns: Columns) -> _Layout:
    try:
        schema = pq.read_schema(_reach(file))
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from error
    image = _find_image_column(schema, file, columns.image)
    label = None if columns.unlabelled else _find_label_column(schema, file, columns.label, image)
    if label is not None:
        _check_label_type(schema.field(label).type, label, file)
    kind = schema.field(image).type
    inner = f"{image}.path" if pa.types.is_struct(kind) and kind.get_field_index("path") >= 0 else None
    return _Layout(image, image if _holds_text(kind) else inner, label, _read_class_names(schema, label))


def _find_image_column(schema: pa.Schema, file: StoredFile, asked: str | None) -> str:
    fitting = [field.name for field in schema if _holds_bytes(field.type)]
    texts = [field.name for field in schema if _holds_text(field.type)]
    if asked is not None:
        at = find_column(schema.names, asked, (), file)
        fitting = [name for name in (*fitting, *texts) if at is not None and name == schema.names[at]]
    else:
        at = find_column(fitting, None, IMAGE_NAMES, file)
        fitting = fitting if at is None else [fitting[at]]
    if not fitting and asked is None:
        at = find_column(texts, None, PATH_NAMES, file)
        fitting = [] if at is None else [texts[at]]
    if len(fitting) == 1:
        return str(fitting[0])
    raise SourceError(
        f"{file} has {'several columns' if fitting else 'no column'} of images (struct<bytes, path> called image): it has "
        f"{', '.join(schema.names) or 'none'}; name it with --image-column, or write it in the Hugging Face image layout."
    )


def _find_label_column(schema: pa.Schema, file: StoredFile, asked: str | None, image: str) -> str | None:
    if asked is not None:
        return str(schema.names[find_column(schema.names, asked, (), file) or 0])
    kinds = {field.name: field.type for field in schema if field.name != image}
    fitting = [name for name, kind in kinds.items() if _holds_labels(kind)]
    known = [name for name in kinds if name in fitting or plain_name(name) in _SURE_LABELS]
    at = find_column(known, None, LABEL_NAMES, file)
    if at is not None:
        return str(known[at])
    likely = [name for name in fitting if plain_name(name) not in NO_LABEL_NAMES]
    declared = [name for name in likely if _read_class_names(schema, name) is not None]
    numbers = [name for name in likely if pa.types.is_integer(kinds[name])]
    categories = [name for name in likely if pa.types.is_dictionary(kinds[name])]
    sure = declared or numbers or categories
    if not likely or len(sure) == 1:
        return sure[0] if sure else None
    raise SourceError(
        f"{file} has no column called label, and {list_some(sure or likely)} may hold the labels: name it with --label-column, or say "
        f"--label-column {NO_LABEL}."
    )


def _holds_text(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _holds_labels(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_integer(value) or pa.types.is_boolean(value)) or _holds_text(value)


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        at = kind.get_field_index("bytes")
        return at >= 0 and _holds_bytes(kind.field(at).type)
    return any(is_kind(kind) for is_kind in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view))


def _check_label_type(kind: pa.DataType, label: str, file: StoredFile) -> None:
    if pa.types.is_nested(kind):
        raise SourceError(
            f"Column {label!r} of {file} gives an image several labels ({kind}): multi-label data is not supported, "
            "give every image one whole number."
        )
    if not _holds_labels(kind) and not pa.types.is_floating(kind):
        raise SourceError(f"Column {label!r} of {file} is {kind}: labels are whole numbers or names.")


def _read_class_names(schema: pa.Schema, label: str | None) -> tuple[str, ...] | None:
    """Names of the Hugging Face ClassLabel of the label column; None without one."""
    try:
        tree = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        feature = tree.get("info", {}).get("features", {}).get(label)
        names = feature["names"] if feature and feature.get("_type") == "ClassLabel" else None
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        return None
    return tuple(names)


def _reach(file: StoredFile) -> str | OpenedFile:
    return OpenedFile(file) if file.origin else file.place


def _read_shard(file: StoredFile, layout: _Layout) -> _Part:
    asked = ["parquet", layout.image, layout.path, layout.label, layout.class_names]
    if file.origin:
        index = index_once(file, asked, _INDEX, lambda: _index_shard(file, layout))
    else:  # read as fast as the index of it would be
        index = _index_shard(file, layout)
    label, path = (index.table.column(at).combine_chunks() for at in range(2))
    shard = Shard(file, index.table.num_rows, tuple(index.about["groups"]))
    return _Part(shard, label, path, str(index.about["footer"]))


def _index_shard(file: StoredFile, layout: _Layout) -> ShardIndex:
    columns = [layout.label] if layout.label else []
    columns += [layout.path] if layout.path else []
    try:
        with pq.ParquetFile(_reach(file), page_checksum_verification=True) as opened:
            metadata = opened.metadata
            groups = [metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)]
            if layout.image not in opened.schema_arrow.names:
                raise _other_columns(file, layout.image)
            if layout.label and layout.label not in opened.schema_arrow.names:
                raise _other_columns(file, layout.label)
            if _read_class_names(opened.schema_arrow, layout.label) != layout.class_names:
                raise SourceError(f"{file} names other classes than the shards before it: give shards of one data set.")
            table = opened.read(columns=columns, use_threads=False)
        footer = _hash_footer(file)
        labels = paths = pa.nulls(metadata.num_rows)
        if layout.label:
            labels = _flatten_labels(table.column(layout.label), layout.label, file)
        if layout.path:
            given = table.column(layout.image).combine_chunks()
            paths = given if layout.path == layout.image else pc.struct_field(given, "path")
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from error
    return ShardIndex(
        pa.table({"label": labels, "path": paths.cast(pa.string())}), {"groups": groups, "footer": footer}
    )


def _flatten_labels(column: pa.ChunkedArray, label: str, file: StoredFile) -> pa.Array:
    """Labels of a shard as int64 or string, without chunks or dictionary."""
    _check_label_type(column.type, label, file)
    labels = column.combine_chunks()
    labels = labels.dictionary_decode() if isinstance(labels, pa.DictionaryArray) else labels
    if pa.types.is_floating(labels.type):  # whole numbers of which some are missing, as pandas has them
        try:
            return pc.if_else(pc.is_nan(labels), None, labels).cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise SourceError(
                f"Column {label!r} of {file} is {column.type}: labels are whole numbers or names."
            ) from error
    return labels.cast(pa.int64() if pa.types.is_integer(labels.type) else pa.string())


def _hash_footer(file: StoredFile) -> str:
    """sha256 of the footer: it tells the size and place of every column chunk."""
    with open_stored(file) as opened:
        opened.seek(-_FOOTER_END, 2)
        length = int.from_bytes(opened.read(4), "little")
        opened.seek(-_FOOTER_END - length, 2)
        return hashlib.sha256(opened.read(length)).hexdigest()


def _unreadable(file: StoredFile, error: BaseException) -> SourceError:
    return SourceError(f"{file} could not be read as Parquet ({describe_error(error)}): fetch or write it again.")


def _other_columns(file: StoredFile, column: str) -> SourceError:
    return SourceError(f"{file} has no column {column!r} like the shards before it: give shards of one data set.")
