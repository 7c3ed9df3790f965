"""Images listed in a text file: what separates its cells, which of them is the path and which the label, and where paths lead."""

import contextlib
import csv
import functools
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path

from senet_viz.errors import SourceError
from senet_viz.images.columns import (
    FOUND,
    LABEL_NAMES,
    NO_LABEL,
    NO_LABEL_NAMES,
    PATH_NAMES,
    WINDOWS,
    Columns,
    find_column,
    find_encoding,
    plain_name,
    read_rows,
)  # fmt: skip
from senet_viz.images.files import FileSource, build_source, list_folder, looks_like_image
from senet_viz.images.labels import find_classes_file, read_classes_file, tabulate_classes, tabulate_rows
from senet_viz.schema import UNLABELLED, ClassTable

_SEPARATORS = (",", ";", "\t", "|")
_BLANK, _NOTHING = " ", "\x1f"
_PEEKED = 50
_MOST_FOLDERS = 100


def open_csv(path: Path, *, name: str, columns: Columns = FOUND) -> FileSource:
    """Images listed in a text file: columns of paths and labels, with or without a header.

    A `.jsonl` file has an object a line instead, whose fields are the columns. Cells are separated by commas, semicolons, tabs, "|" or, where none of these does, by the last blank of a row. Paths are
    relative to the list's folder, or to the one folder in it that holds the file; they may have backslashes or lack the
    ending. Labels are names, or whole numbers that a `classes.csv` beside or above names (without one the numbers
    themselves are the names); an empty label is none.

    Args:
        path: of the list.
        name: what the user gave.
        columns: those of paths and labels; found by their names, or as the one that holds images and the only other.

    Raises:
        SourceError: unreadable, a column that is not there or not told, a row with too many cells, or an image with two
            labels.
    """
    encoding = find_encoding(path)
    separator = _find_separator(path, encoding)
    rows = read_rows(path, delimiter=_NOTHING if separator == _BLANK else separator, encoding=encoding)
    rows = [row[0].rsplit(None, 1) for row in rows] if separator == _BLANK else rows
    rows = rows[1:] if rows and rows[0][0].casefold() == "sep=" else rows  # what Excel reads of its separator
    finder = _Finder(path)
    path_at, label_at, first = _find_columns(rows, path, finder, columns)
    cells = [
        _read_row(row, path_at, label_at, width=len(rows[0]), where=f"Row {number} of {path}")
        for number, row in enumerate(rows[first:], start=first + 1)
    ]
    images: dict[str, str] = {}
    for file, (_, label) in zip(finder.find_all([text for text, _ in cells]), cells):
        if images.setdefault(file, label) != label:
            raise SourceError(
                f"{path} gives {file!r} two labels ({images[file]!r}, {label!r}): multi-label data is not supported, "
                "give every image one."
            )
    repeated = len(cells) - len(images)
    if not images:
        raise SourceError(f"{path} lists no image: give rows of path,label.")
    classes, labels = _number_labels(list(images.values()), path)
    notes = [f"{repeated} rows repeat an image and were left out."] if repeated else []
    if encoding == WINDOWS:
        notes.append(f"{path.name} is no UTF-8: it was read as Windows-1252. If names look wrong, save it as UTF-8.")
    return build_source("csv", name, path.parent, list(images), labels, classes, notes)


def _find_separator(path: Path, encoding: str) -> str:
    """What gives every row as many cells, else what parts the first row; the ending's own before others."""
    if path.suffix.casefold() == ".jsonl":
        return ","
    own = "\t" if path.suffix.casefold() == ".tsv" else ","
    lines: list[str] = []
    with contextlib.suppress(OSError, UnicodeDecodeError), path.open(encoding=encoding, newline="") as file:
        lines = [
            line for line in itertools.islice(file, _PEEKED) if line.strip() and not line.casefold().startswith("sep=")
        ]
    parted: list[str] = []
    for separator in dict.fromkeys((own, *_SEPARATORS)):
        with contextlib.suppress(csv.Error):
            widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
            if widths and widths[0] > 1:
                parted.append(separator)
                if len(set(widths)) == 1:
                    return separator
    ends = [line.rsplit(None, 1) for line in lines]
    whole = ends and os.path.exists(path.parent / lines[0].strip())  # noqa: PTH110 (a name that is too long is no file)
    if parted or not ends or whole:
        return parted[0] if parted else own
    return _BLANK if all(len(end) == 2 and not looks_like_image(end[1]) for end in ends) else own


class _Finder:
    """Finds what a list calls images below its folder."""

    def __init__(self, listed: Path) -> None:
        self._root, self._stem = listed.parent, listed.stem
        self._stems = functools.cache(self._list_stems)

    @functools.cached_property
    def _folders(self) -> list[str]:
        """The list's folder first, then those in it, if they are few."""
        found = list_folder(self._root)[1]
        return ["", *(found if len(found) <= _MOST_FOLDERS else ())]

    def holds(self, text: str) -> bool:
        """Whether a cell has an image's ending or is a file."""
        return looks_like_image(text) or any(self._exists(self._find(text, folder)) for folder in self._folders)

    def find_all(self, texts: Sequence[str]) -> list[str]:
        """Paths relative to the list's folder; those that are nowhere, or in several folders, stay as they are written."""
        here = any(self._exists(self._find(text, "")) for text in texts[:_PEEKED])
        return [self._find(text, "" if here else self._choose_folder(text)) for text in texts]

    def _choose_folder(self, text: str) -> str:
        """The one folder that holds a file; of several the one that is called like the list ("train_images": train.csv)."""
        holding = [folder for folder in self._folders if self._exists(self._find(text, folder))]
        called = [folder for folder in holding if folder.startswith(self._stem)] if len(holding) > 1 else holding
        return called[0] if len(called) == 1 else ""

    def _find(self, text: str, folder: str) -> str:
        if "\\" in text and not self._exists(text):
            text = text.replace("\\", "/")
        file = os.path.join(folder, text)  # noqa: PTH118 (a Path each is slow for a million rows)
        if looks_like_image(file) or self._exists(file):
            return file
        place, _, stem = file.rpartition("/")
        endings = self._stems(place).get(stem, ())
        return f"{file}{endings[0]}" if len(endings) == 1 else file

    def _list_stems(self, place: str) -> dict[str, list[str]]:
        """Endings of the images of a folder by their stems."""
        found: dict[str, list[str]] = {}
        with contextlib.suppress(OSError, ValueError):
            for file in (self._root / place).iterdir():
                if looks_like_image(file.name):
                    found.setdefault(file.stem, []).append(file.suffix)
        return found

    def _exists(self, file: str) -> bool:
        try:
            return (self._root / file).is_file()
        except (OSError, ValueError):
            return False


def _find_columns(rows: list[list[str]], path: Path, finder: _Finder, columns: Columns) -> tuple[int, int | None, int]:
    """Positions of path and label, and the first row of data."""
    if not rows:
        raise SourceError(f"{path} is empty: give rows of path,label.")
    header = rows[0]
    path_at = find_column(header, columns.image, PATH_NAMES, path)
    label_at = None if columns.unlabelled else find_column(header, columns.label, LABEL_NAMES, path)
    unnamed = columns.image is None and (columns.label is None or columns.unlabelled)
    if unnamed and _is_data(rows, path_at, label_at, finder):
        return (*_place_cells(rows, path, finder, labelled=not columns.unlabelled), 0)
    if path_at is None:
        holding = [k for k in range(len(header)) if any(finder.holds(row[k]) for row in rows[1:6] if k < len(row))]
        if len(holding) != 1:
            raise SourceError(
                f"{path} has no column called path, image or file (it has {', '.join(header)}): name it with --image-column."
            )
        path_at = holding[0]
    if label_at == path_at:
        label_at = None
    others = [k for k in range(len(header)) if k != path_at]
    if label_at is None and others and not columns.unlabelled:
        if len(others) > 1 or plain_name(header[others[0]]) in NO_LABEL_NAMES:
            raise SourceError(
                f"{path} has no column called label (it has {', '.join(header)}): name it with --label-column, or say "
                f"--label-column {NO_LABEL}; several label columns (multi-label data) are not supported."
            )
        label_at = others[0]
    return path_at, label_at, 1


def _is_data(rows: list[list[str]], path_at: int | None, label_at: int | None, finder: _Finder) -> bool:
    """Whether the first row is no header."""
    if any(looks_like_image(cell) for cell in rows[0]):
        return True
    if path_at is not None:
        return False
    if any(finder.holds(cell) for cell in rows[0]):
        return True
    return label_at is None and not any(finder.holds(cell) for row in rows[1:2] for cell in row)


def _place_cells(rows: list[list[str]], path: Path, finder: _Finder, *, labelled: bool) -> tuple[int, int | None]:
    """Path and label in rows without a header: the cell that is an image, and the only other, or the only one of words."""
    first = rows[0]
    path_at = next((k for k, cell in enumerate(first) if finder.holds(cell)), 0)
    others = [k for k in range(len(first)) if k != path_at]
    words = [k for k in others if not re.fullmatch(r"-?[\d.]+", first[k])] if len(others) > 1 else others
    if not labelled or not others:
        return path_at, None
    if len(words) != 1:
        raise SourceError(
            f"{path} has rows of {len(first)} cells, but no column called path in its first row: give a header with path "
            "and label, or rows of two cells."
        )
    return path_at, words[0]


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
