"""What shards of every form share: labels of several files put together, named by what stands beside them, and splits kept apart."""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from senet_viz.errors import SourceError
from senet_viz.images.files import is_split
from senet_viz.images.labels import CLASSES_FILE, read_classes_file, sort_names, tabulate_classes, tabulate_rows
from senet_viz.images.source import CLASSES, MAX_CLASSES, NO_LABELS
from senet_viz.images.storage import StoredFile, find_beside
from senet_viz.schema import UNLABELLED, ClassTable


def join_labels(parts: Sequence[pa.Array], name: str) -> pa.ChunkedArray:
    """Labels of all shards: int64 or string; those of a shard without any may be of type null.

    Raises:
        SourceError: some label by name and some by number.
    """
    kinds = [part.type for part in parts if not pa.types.is_null(part.type)]
    try:
        return pa.chunked_array(
            [part.cast(kinds[0]) if pa.types.is_null(part.type) else part for part in parts] if kinds else parts
        )
    except pa.ArrowException as error:
        raise SourceError(
            f"Some shards of {name} label by name and some by number: give shards of one data set."
        ) from error


def name_labels(
    labels: pa.ChunkedArray | None, class_names: tuple[str, ...] | None, first: StoredFile, name: str
) -> tuple[NDArray[np.int64] | None, ClassTable, str]:
    """Numbers the classes of labels.

    Names are classes in sorted order. Numbers index the classes of a `classes.csv` beside the first shard, else
    `class_names`, else those of a `classes.csv` above; without any they are called "0", "1", …

    Args:
        labels: (N,) int64 or string, null where an image has none; None: no labels at all.
        class_names: what the shards themselves name the numbers.
        first: the first shard.
        name: of the source, for messages.

    Returns:
        (N,) class indices (None: no labels), the class table and the kind of labels.

    Raises:
        SourceError: numbers that are no classes', or a damaged `classes.csv`.
    """
    if labels is None or labels.null_count == len(labels):
        return None, ClassTable(()), NO_LABELS
    if pa.types.is_string(labels.type):
        names = sort_names(pc.unique(labels.drop_null()).to_pylist())
        found = pc.index_in(labels, value_set=pa.array(names, pa.string()))
        return _to_numpy(found), tabulate_classes(names), CLASSES
    numbers = _to_numpy(labels)
    if (numbers < 0).all():
        return numbers, ClassTable(()), NO_LABELS
    classes = _find_class_table(class_names, first)
    if classes is not None:
        return numbers, classes, CLASSES
    count = int(numbers.max()) + 1
    if count > MAX_CLASSES:
        raise SourceError(
            f"Labels of {name} go up to {count - 1}: without class names, they number classes below {MAX_CLASSES}."
        )
    return numbers, ClassTable(tuple(str(index) for index in range(count))), CLASSES


def _find_class_table(class_names: tuple[str, ...] | None, first: StoredFile) -> ClassTable | None:
    path = find_beside(first, CLASSES_FILE)
    if path is None and class_names is not None:
        return tabulate_classes(class_names)
    path = path or find_beside(first, CLASSES_FILE, above=1)
    return None if path is None else tabulate_rows(read_classes_file(path), path)


def _to_numpy(labels: pa.ChunkedArray) -> NDArray[np.int64]:
    values: NDArray[np.int64] = pc.fill_null(labels, UNLABELLED).to_numpy().astype(np.int64)
    return values


def refuse_mixed_splits(files: Sequence[StoredFile], name: str) -> None:
    """Raises SourceError where shards are of several splits by their names or folders ("train-00000", "val/0001")."""
    splits: dict[str, str] = {}
    for file in files:
        place, _, last = file.name.rpartition("/")
        shown, ending = file.shown[: len(file.shown) - len(last)], file.suffix
        beginning = re.sub(
            r"[-_.]?\d.*", "", last.removesuffix(ending)
        ).casefold()  # "train" of "train-00000-of-00002-0a1b2c"
        folder = place.rpartition("/")[2].casefold()
        if is_split(beginning):
            splits.setdefault(beginning, f"{shown}{beginning}*{ending}")
        elif is_split(folder):
            splits.setdefault(folder, f"{shown}*{ending}")
    if len(splits) > 1:
        raise SourceError(
            f"{name} mixes splits ({', '.join(splits)}): give one of them, as a file or as a glob such as "
            f"{next(reversed(splits.values()))}."
        )
