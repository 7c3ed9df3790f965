"""WebDataset: images and labels in tars, `key.jpg` with `key.cls`, `key.json` or `key.txt`, here or behind a URL."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from senet_viz.errors import ImageError, SourceError
from senet_viz.images.bounds import MAX_FILE_BYTES
from senet_viz.images.columns import FOUND, Columns
from senet_viz.images.decoding import decode_image, describe_error
from senet_viz.images.index_cache import ShardIndex, index_once
from senet_viz.images.patterns import AT_ONCE
from senet_viz.images.reading import FileReader, open_stored
from senet_viz.images.shard_labels import join_labels, name_labels, refuse_mixed_splits
from senet_viz.images.source import compute_digest, freeze_labels, list_some
from senet_viz.images.storage import StoredFile
from senet_viz.images.tar_index import COLUMNS, index_tar
from senet_viz.schema import UNLABELLED, ClassTable


@dataclass(frozen=True, eq=False, slots=True)
class TarSource:
    """Images in tars; see `ImageSource`. Sample ids are "shard.tar#key".

    Attributes:
        shards: the tars in order.
        starts: (shards + 1,) index of each tar's first image, then N.
        keys: N names without endings.
        endings: N endings without the first dot.
        offsets: (N,) where each image begins in its tar.
        sizes: (N,) its bytes.
        reader: reads them and keeps a bounded part.
    """

    kind: str
    name: str
    classes: ClassTable
    label_kind: str
    labels: NDArray[np.int32]
    digest: str
    notes: tuple[str, ...]
    shards: tuple[StoredFile, ...]
    starts: NDArray[np.int64]
    keys: pa.ChunkedArray
    endings: pa.ChunkedArray
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    reader: FileReader

    def __len__(self) -> int:
        return len(self.labels)

    def sample_id(self, index: int) -> str:
        return f"{self._find_shard(index).name}#{self.keys[index].as_py()}"

    def path(self, index: int) -> str:
        return f"{self.sample_id(index)}.{self.endings[index].as_py()}"

    def load(self, index: int) -> Image.Image:
        shard, size = self._find_shard(index), int(self.sizes[index])
        if size > MAX_FILE_BYTES:
            raise ImageError(
                f"{self.path(index)} is larger than {MAX_FILE_BYTES // 2**20} MiB, the limit for one image: save it smaller."
            )
        try:
            data = self.reader.read(shard, int(self.offsets[index]), size)
        except OSError as error:
            raise ImageError(
                f"{self.path(index)} could not be read from {shard} ({describe_error(error)}): put the shard back as it was, or open "
                "the source again."
            ) from error
        return decode_image(data, name=self.path(index))

    def _find_shard(self, index: int) -> StoredFile:
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} images, there is none at {index}")
        return self.shards[int(np.searchsorted(self.starts, index, side="right")) - 1]


def open_webdataset(files: Sequence[StoredFile], *, name: str, columns: Columns = FOUND) -> TarSource:
    """Images in one or several tars, in the order of the tars' names and then of the images in them.

    What belongs together and which label counts is said at `index_tar`. Names are classes in sorted order; numbers index
    the classes of a `classes.csv` beside the tars or above, and are called "0", "1", … without one. The digest is of
    the tars' names and sizes and of where each image is in them, beside labels and classes.

    Args:
        files: at least one.
        name: what the user gave, without credentials.
        columns: endings, or a field of the JSON, that a person named.

    Raises:
        SourceError: a damaged tar, tars of different splits or labels, a key with two images, labels of several kinds, no image.
    """
    ordered = sorted(files, key=lambda file: file.name)
    refuse_mixed_splits(ordered, name)
    asked = ["tar", columns.image, columns.label]

    def read(file: StoredFile) -> ShardIndex:
        return index_once(file, asked, COLUMNS, lambda: _index(file, columns))

    with ThreadPoolExecutor(AT_ONCE if ordered[0].origin else 1) as pool:
        indexes = list(pool.map(read, ordered))
    origins = sorted({str(index.about["from"]) for index in indexes} - {""})
    if len(origins) > 1:
        raise SourceError(
            f"Some shards of {name} have their labels from {origins[0]}, some from {origins[1]}: name one with --label-column."
        )
    starts = np.cumsum([0, *(index.table.num_rows for index in indexes)], dtype=np.int64)
    if not starts[-1]:
        raise SourceError(
            f"{name} holds no image: give tars of key.jpg, key.png or the like, with key.cls or key.json."
        )
    labels = join_labels([_flatten(index, "label") for index in indexes], name)
    numbers, classes, label_kind = name_labels(labels, None, ordered[0], name)
    frozen = freeze_labels(np.full(int(starts[-1]), UNLABELLED) if numbers is None else numbers, len(classes), name)
    samples = [
        pair
        for file, index in zip(ordered, indexes)
        for pair in ((file.name, file.size), (_hash_index(index), index.table.num_rows))
    ]
    keys, endings = (pa.chunked_array([_flatten(i, at) for i in indexes], pa.string()) for at in ("key", "ending"))
    offsets, sizes = (
        np.concatenate([index.table.column(at).to_numpy() for index in indexes]) for at in ("start", "size")
    )
    return TarSource(
        kind="webdataset",
        name=name,
        classes=classes,
        label_kind=label_kind,
        labels=frozen,
        digest=compute_digest("webdataset", samples, frozen, classes),
        notes=_note(indexes, name),
        shards=tuple(ordered),
        starts=starts,
        keys=keys,
        endings=endings,
        offsets=offsets,
        sizes=sizes,
        reader=FileReader(),
    )


def _index(file: StoredFile, columns: Columns) -> ShardIndex:
    try:
        with open_stored(file) as opened:
            return index_tar(file, opened, columns)
    except OSError as error:
        raise SourceError(
            f"{file} could not be opened ({describe_error(error)}): check it and its permissions."
        ) from error


def _flatten(index: ShardIndex, column: str) -> pa.Array:
    return index.table.column(column).combine_chunks()


def _hash_index(index: ShardIndex) -> str:
    """sha256 of keys, endings, places and sizes of a shard's images."""
    digest = hashlib.sha256()
    for column in ("key", "ending"):
        digest.update("\0".join(_flatten(index, column).to_pylist()).encode())
    for column in ("start", "size"):
        digest.update(index.table.column(column).to_numpy().astype("<i8").tobytes())
    return digest.hexdigest()


def _note(indexes: Sequence[ShardIndex], name: str) -> tuple[str, ...]:
    """Sentences about what was left out."""
    notes: list[str] = []
    said = {
        "bare": "keys have no image and were left out",
        "left_out": "members are links, sparse or special files and were left out",
    }
    for word, sentence in said.items():
        counts = [index.about[word] for index in indexes]
        names = [each for _, some in counts for each in some]
        total = sum(int(count) for count, _ in counts)
        if total:
            more = f" and {total - 3} more" if total > 3 else ""
            notes.append(f"{total} {sentence} of {name}: {list_some(names[:3])}{more}.")
    return tuple(notes)
