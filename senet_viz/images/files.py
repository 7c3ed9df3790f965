"""Images in files: a folder of class folders, a flat folder, or a CSV list of paths and labels."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from senet_viz.errors import SourceError
from senet_viz.images.decoding import SUFFIXES, decode_image
from senet_viz.images.labels import (
    CLASSES_FILE,
    find_classes_file,
    name_folders,
    read_classes_file,
    read_rows,
    tabulate_classes,
    tabulate_rows,
)
from senet_viz.images.source import CLASSES, NO_LABELS, compute_digest, freeze_labels, list_some, show_path
from senet_viz.schema import UNLABELLED, ClassTable

SPLITS = frozenset(("train", "training", "val", "valid", "validation", "dev", "test", "testing"))


@dataclass(frozen=True, eq=False, slots=True)
class FileSource:
    """Images in files below a folder; see `ImageSource`.

    Attributes:
        root: what `files` are relative to.
        files: N paths as the file system gives them.
    """

    kind: str
    name: str
    classes: ClassTable
    label_kind: str
    labels: NDArray[np.int32]
    digest: str
    notes: tuple[str, ...]
    root: Path
    files: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.files)

    def sample_id(self, index: int) -> str:
        return show_path(self.files[index])

    def path(self, index: int) -> str:
        return show_path(self.root / self.files[index])

    def load(self, index: int) -> Image.Image:
        return decode_image(self.root / self.files[index], name=self.path(index))


def open_folder(folder: Path, *, name: str) -> FileSource:
    """A folder of class folders, whose names are the classes in sorted order, or of unlabelled images.

    Files of class folders may lie deeper. Hidden files are skipped; files whose ending is no image's are left out and
    noted. An empty class folder stays a class.

    Raises:
        SourceError: the folder cannot be listed, holds no image, or holds splits ("train", "val") instead of classes.
    """
    loose, folders = _list_folder(folder)
    _refuse_splits(folder, folders)
    found = {sub: list(_walk_files(folder / sub)) for sub in folders}
    images = {sub: sorted(f"{sub}/{f}" for f in files if _looks_like_image(f)) for sub, files in found.items()}
    others = [f"{sub}/{f}" for sub, files in found.items() for f in files if not _looks_like_image(f)]
    others += [f for f in loose if not _looks_like_image(f) and f != CLASSES_FILE]
    loose = [f for f in loose if _looks_like_image(f)]
    if not loose and not any(images.values()):
        raise SourceError(
            f"{folder} holds no image file ({', '.join(sorted(SUFFIXES))}): give a folder of images or of class "
            "folders, Parquet shards, or a CSV of path,label."
        )
    notes = [f"{len(others)} files have no image's ending and were left out: {list_some(others)}."] if others else []
    if not any(images.values()):
        notes += [f"The images of {folder.name} are not in class folders: they have no labels."]
        return _build("folder", name, folder, loose, [UNLABELLED] * len(loose), ClassTable(()), notes)
    if loose:
        notes.append(f"{len(loose)} images beside the class folders belong to no class and were left out.")
    classes, said = name_folders([show_path(sub) for sub in folders], folder)
    notes += [*said, *(f"Class folder {show_path(sub)!r} is empty." for sub in folders if not images[sub])]
    files = [f for sub in folders for f in images[sub]]
    labels = [label for label, sub in enumerate(folders) for _ in images[sub]]
    return _build("folder", name, folder, files, labels, classes, notes)


def _build(
    kind: str, name: str, root: Path, files: list[str], labels: list[int], classes: ClassTable, notes: list[str]
) -> FileSource:
    frozen = freeze_labels(labels, len(classes), name)
    samples = ((show_path(file), _measure_size(root / file)) for file in files)
    return FileSource(
        kind=kind,
        name=name,
        classes=classes,
        label_kind=CLASSES if len(classes) else NO_LABELS,
        labels=frozen,
        digest=compute_digest(kind, samples, frozen, classes),
        notes=tuple(show_path(note) for note in notes),
        root=root,
        files=tuple(files),
    )


def _list_folder(folder: Path) -> tuple[list[str], list[str]]:
    try:
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError as error:
        raise SourceError(f"{folder} could not be listed ({error.strerror}): check its permissions.") from error
    folders = sorted(entry.name for entry in entries if entry.is_dir())
    return sorted(entry.name for entry in entries if not entry.is_dir()), folders


def _walk_files(folder: Path) -> Iterator[str]:
    """Relative paths of all files below; links are followed, each folder is entered once."""
    entered: set[str] = set()

    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename} could not be listed ({error.strerror}): check its permissions.") from error

    for place, below, files in os.walk(folder, followlinks=True, onerror=refuse):
        real = os.path.realpath(place)
        below[:] = [] if real in entered else sorted(d for d in below if not d.startswith("."))
        if real in entered:
            continue
        entered.add(real)
        for file in files:
            if not file.startswith("."):
                yield (Path(place) / file).relative_to(folder).as_posix()


def _refuse_splits(folder: Path, folders: list[str]) -> None:
    splits = [sub for sub in folders if sub.casefold() in SPLITS]
    if not splits or len(splits) < min(2, len(folders)):  # a lone "train" among others may be the vehicle
        return
    if any(_list_folder(folder / sub)[1] for sub in splits):
        raise SourceError(
            f"The folders of {folder} are splits ({', '.join(splits)}), not classes: give one of them, "
            f"e.g. {folder / splits[-1]}."
        )


def _looks_like_image(file: str) -> bool:
    return os.path.splitext(file)[1].casefold() in SUFFIXES  # noqa: PTH122 (a Path each is slow for a million files)


def _measure_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return -1  # loading it will say what is wrong


PATH_COLUMNS = ("path", "image", "file", "filename", "file_name", "filepath")
LABEL_COLUMNS = ("label", "class", "target")


def open_csv(path: Path, *, name: str) -> FileSource:
    """Images listed in a CSV (comma, or tab in a .tsv): columns path and label, with or without a header.

    Paths are relative to the CSV's folder. Labels are names, or whole numbers that a `classes.csv` beside or above
    names (without one the numbers themselves are the names); an empty label is none.

    Raises:
        SourceError: unreadable, without a column of paths, a row with too many cells, or an image with two labels.
    """
    rows = read_rows(path, delimiter="\t" if path.suffix.casefold() == ".tsv" else ",")
    path_at, label_at, first = _find_columns(rows, path)
    images: dict[str, str] = {}
    repeated = 0
    for number, row in enumerate(rows[first:], start=first + 1):
        file, label = _read_row(row, path_at, label_at, width=len(rows[0]), where=f"Row {number} of {path}")
        if images.get(file, label) != label:
            raise SourceError(
                f"{path} gives {file!r} two labels ({images[file]!r}, {label!r}): multi-label data is not supported, "
                "give every image one."
            )
        repeated += file in images
        images[file] = label
    if not images:
        raise SourceError(f"{path} lists no image: give rows of path,label.")
    classes, labels = _number_labels(list(images.values()), path)
    notes = [f"{repeated} rows repeat an image and were left out."] if repeated else []
    return _build("csv", name, path.parent, list(images), labels, classes, notes)


def _find_columns(rows: list[list[str]], path: Path) -> tuple[int, int | None, int]:
    """Positions of path and label, and the first row of data."""
    if not rows:
        raise SourceError(f"{path} is empty: give rows of path,label.")
    header = [cell.casefold() for cell in rows[0]]
    paths = [header.index(word) for word in PATH_COLUMNS if word in header]
    labels = [header.index(word) for word in LABEL_COLUMNS if word in header]
    if not paths and (labels or len(header) > 2):
        raise SourceError(
            f"{path} has no column called path, image or file: give a header with path and label, or rows of two cells."
        )
    if not paths:
        return 0, (1 if len(header) > 1 else None), 0
    if not labels and len(header) > 1:
        raise SourceError(
            f"{path} has no column called label (it has {', '.join(rows[0])}): name it so; several label columns "
            "(multi-label data) are not supported."
        )
    return paths[0], (labels[0] if labels else None), 1


def _read_row(row: list[str], path_at: int, label_at: int | None, *, width: int, where: str) -> tuple[str, str]:
    if len(row) > width:
        raise SourceError(f'{where} has {len(row)} cells instead of {width}: put text with commas in "quotes".')
    file = row[path_at] if path_at < len(row) else ""
    if not file or "\0" in file:
        raise SourceError(f"{where} has no path: correct or remove it.")
    label = row[label_at] if label_at is not None and label_at < len(row) else ""
    return file, label


def _number_labels(texts: list[str], path: Path) -> tuple[ClassTable, list[int]]:
    """The class table and every image's class, by name or by number."""
    distinct = sorted({text for text in texts if text})
    numeric = bool(distinct) and all(_is_number(text) for text in distinct)
    classes_file = find_classes_file(path.parent)
    if classes_file is not None and classes_file != path and numeric:
        table = tabulate_rows(read_classes_file(classes_file), classes_file)
        return table, [int(text) if text and text != "-1" else UNLABELLED for text in texts]
    if numeric:
        numbers = sorted({int(text) for text in distinct} - {UNLABELLED})
        table = tabulate_classes([str(number) for number in numbers])
        position = {number: at for at, number in enumerate(numbers)}
        return table, [position.get(int(text), UNLABELLED) if text else UNLABELLED for text in texts]
    return _number_names(texts, distinct, classes_file if classes_file != path else None)


def _number_names(texts: list[str], distinct: list[str], classes_file: Path | None) -> tuple[ClassTable, list[int]]:
    table = tabulate_classes(distinct)
    if classes_file is not None and distinct:
        rows = read_classes_file(classes_file)
        known = tabulate_rows(rows, classes_file)
        by_wnid = {wnid: at for at, wnid in enumerate(known.wnids) if wnid}
        by_name = {name: at for at, name in enumerate(known.names)} | by_wnid
        if all(text in by_name for text in distinct):
            return known, [by_name[text] if text else UNLABELLED for text in texts]
    position = {text: at for at, text in enumerate(distinct)}
    return table, [position[text] if text else UNLABELLED for text in texts]


def _is_number(text: str) -> bool:
    return text == "-1" or (text.isascii() and text.isdigit())
