"""Which columns of a table hold images and labels: by the names that people give them, or as a person says."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from senet_viz.errors import SourceError

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


def find_column(names: Sequence[str], asked: str | None, known: Sequence[str], where: Path) -> int | None:
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
