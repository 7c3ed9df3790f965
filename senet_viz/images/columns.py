"""Tables of text, and which columns hold images and labels: by the names that people give them, or as a person says."""

import codecs
import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from senet_viz.errors import SourceError
from senet_viz.images.decoding import describe_error
from senet_viz.images.reading import open_stored
from senet_viz.images.storage import StoredFile

# Columns' names, without case, spaces, "_" and "-"; the first that is there counts.
PATH_NAMES = (
    "path", "image", "file", "filename", "filepath", "img", "imagepath", "imgpath", "imagefile", "imagefilename",
    "imagename", "imgname", "imgfile", "fname", "fpath", "relativepath", "relpath", "images", "imgs", "imageid", "imgid",
    "idcode", "photo", "picture",
)  # fmt: skip
IMAGE_NAMES = (
    "image", "img", "picture", "photo", "images", "imgs", "jpg", "jpeg", "png", "webp", "imagebytes", "imgbytes", "bytes",
    "imagedata",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "finelabel", "class", "target", "classname", "labelname", "category", "categoryname", "wnid",
    "synset", "species", "breed", "diagnosis", "classid", "labelid", "categoryid", "targetid", "cls", "classlabel",
    "classlabels", "classes", "targets", "groundtruth", "y",
)  # fmt: skip
NO_LABEL_NAMES = frozenset((
    "id", "index", "unnamed:0", "indexlevel0", "key", "url", "caption", "text", "description", "width", "height", "size",
    "split", "fold", "md5", "sha256", "hash", "uid", "uuid", "seed", "source", "title", *PATH_NAMES,
))  # fmt: skip
NO_LABEL = "none"  # a label column that is no column: the images have no labels


class Columns(NamedTuple):
    """The columns that a person named: of images or their paths, and of labels ("none": there are none); None: to be found."""

    image: str | None = None
    label: str | None = None

    @property
    def unlabelled(self) -> bool:
        """Whether a person said that the images have no labels."""
        return self.label == NO_LABEL


FOUND = Columns()


def plain_name(column: str) -> str:
    """A column's name without what people write differently: "Image_Path" and "image path" are "imagepath"."""
    return re.sub(r"[\s_.-]+", "", column.casefold())


def find_column(names: Sequence[str], asked: str | None, known: Sequence[str], where: object) -> int | None:
    """Position of the column that was asked for, else of the first that is called so; None where none is.

    Raises:
        SourceError: no column is called as asked.
    """
    if asked is not None:
        found = [k for k, name in enumerate(names) if name == asked]
        found = found or [k for k, name in enumerate(names) if plain_name(name) == plain_name(asked)]
        if not found:
            raise SourceError(f"{where} has no column {asked!r}: it has {', '.join(names)}.")
        return found[0]
    plain = [plain_name(name) for name in names]
    return next((plain.index(word) for word in known if word in plain), None)


WINDOWS = "cp1252"


def find_encoding(path: Path) -> str:
    """Of a text file: UTF-8; UTF-16 where it begins so, as Excel's "Unicode text"; Windows-1252 where it is neither."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                return "utf-16"
            file.seek(0)
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return WINDOWS
    except OSError:
        return "utf-8-sig"  # whoever reads it will say what is wrong
    return "utf-8-sig"


def _open(path: Path | StoredFile) -> BinaryIO:
    return path.open("rb") if isinstance(path, Path) else open_stored(path)


def read_rows(path: Path | StoredFile, *, delimiter: str = ",", encoding: str = "utf-8-sig") -> list[list[str]]:
    """The non-empty rows of a CSV file, cells stripped; of a `.jsonl` file its keys and then the values of each line.

    Raises:
        SourceError: the file cannot be read as such.
    """
    try:
        with io.TextIOWrapper(_open(path), encoding=encoding, newline="") as file:
            if path.suffix.casefold() == ".jsonl":
                return _tabulate_objects([json.loads(line) for line in file if line.strip()])
            rows = [
                [cell.strip() for cell in row] for row in csv.reader(file, delimiter=delimiter, skipinitialspace=True)
            ]
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        form = "one JSON object a line" if path.suffix.casefold() == ".jsonl" else "CSV in UTF-8"
        raise SourceError(f"{path} could not be read as {form} ({describe_error(error)}): correct it.") from error
    return [row for row in rows if any(row)]


def _tabulate_objects(objects: Sequence[Any]) -> list[list[str]]:
    """Names of all fields, and a row an object; what an object lacks is empty (ValueError where one is no object)."""
    if not all(isinstance(each, dict) for each in objects):
        raise ValueError("a line is no object")
    names = list(dict.fromkeys(name for each in objects for name in each))
    rows = [["" if each.get(name) is None else str(each[name]).strip() for name in names] for each in objects]
    return [names, *rows] if names else []
