"""Class names: from folders, from a `classes.csv`, with WordNet ids where names are such."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from senet_viz.errors import SourceError
from senet_viz.images.decoding import describe_error
from senet_viz.schema import ClassTable

CLASSES_FILE = "classes.csv"
_WNID = re.compile(r"(n\d{8})(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A line of `classes.csv`."""

    label: int
    wnid: str
    name: str


def tabulate_classes(names: Sequence[str]) -> ClassTable:
    """A class table in which a class whose name is or begins with a WordNet id ("n01443537_goldfish") has it."""
    wnids = tuple(found.group(1) if (found := _WNID.match(name)) else "" for name in names)
    return ClassTable(tuple(names), wnids if any(wnids) else ())


def find_classes_file(folder: Path) -> Path | None:
    """The `classes.csv` in a folder, or the one above it."""
    for place in (folder, folder.absolute().parent):
        if (place / CLASSES_FILE).is_file():
            return place / CLASSES_FILE
    return None


def read_rows(path: Path, *, delimiter: str = ",") -> list[list[str]]:
    """The non-empty rows of a CSV file in UTF-8, cells stripped.

    Raises:
        SourceError: the file cannot be read as such.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file, delimiter=delimiter)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} could not be read as CSV in UTF-8 ({describe_error(error)}): correct it.") from error
    return [row for row in rows if any(row)]


def read_classes_file(path: Path) -> tuple[ClassRow, ...]:
    """The rows of a `classes.csv` with columns label, wnid and name (wnid or name may be absent).

    Raises:
        SourceError: no such columns, a label that is no whole number or comes twice, or a row without a name.
    """
    rows = read_rows(path)
    header = [cell.casefold() for cell in rows[0]] if rows else []
    if "label" not in header or not {"wnid", "name"} & set(header):
        raise SourceError(f"{path} lacks the header label,wnid,name: name its columns so.")
    found: list[ClassRow] = []
    for number, cells in enumerate(rows[1:], start=2):
        row = dict(zip(header, cells))
        name = row.get("name") or row.get("wnid") or ""
        label = row["label"]
        if not (label.isascii() and label.isdigit()) or not name or len(cells) > len(header):
            raise SourceError(
                f"Row {number} of {path} is no whole number and name of a class: correct it (names with commas "
                'stand in "quotes").'
            )
        found.append(ClassRow(int(label), row.get("wnid", ""), name))
    if len({row.label for row in found}) < len(found):
        raise SourceError(f"{path} gives one label twice: every label stands in one row.")
    return tuple(found)


def tabulate_rows(rows: Sequence[ClassRow], path: Path) -> ClassTable:
    """The class table of a `classes.csv` whose labels index the classes.

    Raises:
        SourceError: the labels are not 0 to K − 1.
    """
    ordered = sorted(rows, key=lambda row: row.label)
    if [row.label for row in ordered] != list(range(len(ordered))) or not ordered:
        raise SourceError(f"{path} must give a class to every label from 0 on: it skips some or holds none.")
    wnids = tuple(row.wnid for row in ordered)
    return ClassTable(tuple(row.name for row in ordered), wnids if any(wnids) else ())


def name_folders(names: Sequence[str], folder: Path) -> tuple[ClassTable, tuple[str, ...]]:
    """Classes named by folders, with whole names and wnids where a `classes.csv` beside or above knows them.

    A folder may be called like a class's wnid, name, first synonym or label there.

    Returns:
        The table, in the order of `names`, and notes.

    Raises:
        SourceError: the `classes.csv` is damaged, or two folders are one class by it.
    """
    path = find_classes_file(folder)
    if path is None:
        return tabulate_classes(names), ()
    rows = read_classes_file(path)
    found = [_find_row(name, rows) for name in names]
    known = [row for row in found if row is not None]
    if not known:
        return tabulate_classes(names), (f"{path.name} names none of the classes and was not used.",)
    if len({row.label for row in known}) < len(known):
        raise SourceError(f"Two class folders of {folder} are the same class by {path}: rename one.")
    plain = tabulate_classes(names)
    table = ClassTable(
        tuple(row.name if row else name for row, name in zip(found, names)),
        tuple(row.wnid if row else wnid for row, wnid in zip(found, plain.wnids or [""] * len(names))),
    )
    missing = [name for name, row in zip(names, found) if row is None]
    notes = (f"{path.name} does not name {len(missing)} of the classes, e.g. {missing[0]!r}.",) if missing else ()
    return (table if any(table.wnids) else ClassTable(table.names)), notes


def _find_row(name: str, rows: Sequence[ClassRow]) -> ClassRow | None:
    wanted = name.casefold()
    readings = (
        [row for row in rows if row.wnid.casefold() == wanted],
        [row for row in rows if row.name.casefold() == wanted],
        [row for row in rows if row.name.split(",")[0].strip().casefold() == wanted],
        [row for row in rows if str(row.label) == wanted],
    )
    return next((found[0] for found in readings if len(found) == 1), None)
