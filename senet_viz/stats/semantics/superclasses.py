"""Which superclass each class of a data set belongs to: by WordNet, or by a table of the user's."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.paths import expand_home
from senet_viz.schema import ClassTable

NO_SUPERCLASS = -1
_IMAGENET = Path(__file__).with_name("imagenet_superclasses.csv")
_COLUMNS = ("class", "superclass")


@dataclass(frozen=True, eq=False)
class Superclasses:
    """A partition of classes into groups of meaning.

    Attributes:
        names: of the S superclasses that have a class, sorted.
        of_class: superclass of each class, (K,); −1 where a class has none.
        source: where the partition comes from, one sentence.
    """

    names: tuple[str, ...]
    of_class: NDArray[np.int64]
    source: str

    @classmethod
    def from_names(cls, named: Mapping[int, str], n_classes: int, source: str) -> Self:
        """Of K classes, those with an entry in `named` (class index → superclass)."""
        names = tuple(sorted(set(named.values())))
        of_class = np.full(n_classes, NO_SUPERCLASS, dtype=np.int64)
        for index, name in named.items():
            of_class[index] = names.index(name)
        return cls(names, of_class, source)

    @property
    def without(self) -> int:
        """Classes that have no superclass."""
        return int((self.of_class == NO_SUPERCLASS).sum())


def wordnet_superclasses(classes: ClassTable) -> Superclasses:
    """The superclasses of ImageNet classes by their wnids.

    A class gets the superclass of its nearest ancestor in WordNet 3.0 among the synsets in `superclass_cuts.csv` (the
    fewest steps up; the first listed among equals). Classes outside the 1,000 of ILSVRC 2012 have none.

    Raises:
        ArgumentError: no class is one of ImageNet's by its wnid.
    """
    with _IMAGENET.open(encoding="utf-8", newline="") as file:
        table = {row["wnid"]: row["superclass"] for row in csv.DictReader(file)}
    named = {index: table[wnid] for index, wnid in enumerate(classes.wnids) if wnid in table}
    if not named:
        raise ArgumentError(
            "No class has the wnid of an ImageNet class, so WordNet gives no superclasses: "
            "give a CSV with the columns class,superclass."
        )
    return Superclasses.from_names(named, len(classes), "WordNet 3.0, nearest of the listed synsets above each class")


def read_superclasses(path: str | Path, classes: ClassTable) -> Superclasses:
    """A user's partition: a CSV with the columns class and superclass.

    A class is given by its wnid, its name, the name's first synonym, or its index from 0, tried in this order. Classes
    that are not listed have no superclass.

    Raises:
        ArgumentError: the file cannot be read, lacks a column, names no class, an unknown one, or one twice; the
            message gives the line.
    """
    named: dict[int, str] = {}
    path = expand_home(path)
    for line, row in _read_rows(path):
        index = _find_class(row["class"], classes, f"{path.name}, line {line}")
        if index in named:
            raise ArgumentError(f"{path.name}, line {line}: class {row['class']!r} is listed twice; keep one line.")
        named[index] = row["superclass"]
    if not named:
        raise ArgumentError(f"{path.name} lists no class: give a line class,superclass for each.")
    return Superclasses.from_names(named, len(classes), f"the table {path.name}")


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line number and stripped cells of every row that has any."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            repeated = [name for name, times in Counter(reader.fieldnames or ()).items() if times > 1]
            if repeated or not set(_COLUMNS) <= set(reader.fieldnames or ()):
                raise ArgumentError(
                    f"{path.name} needs the columns class and superclass, each once, in its first line."
                )
            rows = [(reader.line_num, {name: (row[name] or "").strip() for name in _COLUMNS}) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ArgumentError(f"{path} cannot be read as a CSV table in UTF-8: {error}.") from error
    for line, row in rows:
        if not all(row.values()):
            raise ArgumentError(
                f"{path.name}, line {line}: a class and its superclass are needed, one of them is empty."
            )
    return rows


def _find_class(wanted: str, classes: ClassTable, where: str) -> int:
    try:
        return classes.find(wanted)
    except ArgumentError as error:
        if wanted.isascii() and wanted.isdigit() and int(wanted) < len(classes):
            return int(wanted)
        raise ArgumentError(f"{where}: {error}") from error
