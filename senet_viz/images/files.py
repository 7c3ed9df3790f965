"""Images in files: a folder of class folders, or a flat folder."""

import os
import re
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
    is_wnid,
    name_folders,
    sort_names,
)
from senet_viz.images.source import CLASSES, NO_LABELS, compute_digest, freeze_labels, list_some, show_path
from senet_viz.schema import UNLABELLED, ClassTable

LABEL_FILES = (
    "metadata.csv", "metadata.tsv", "metadata.jsonl", "labels.csv", "labels.tsv", "annotations.csv", "val_annotations.txt",
)  # fmt: skip
_SPLIT = re.compile(
    r"(train|training|val|valid|validation|dev|test|testing|eval|evaluation|holdout)([-_. ]?(set|data|split|images|imgs|img))?[-_. ]?\d*"
)
_JUNK = frozenset(("__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information", "lost+found"))
_WRAPPERS = frozenset(
    ("images", "image", "imgs", "img", "jpegimages", "jpegs", "pictures", "photos", "data", "dataset")
)


def is_split(name: str) -> bool:
    """Whether a folder or file is called as parts of a data set are: "train", "Training_Set", "val2017"."""
    return _SPLIT.fullmatch(name.casefold()) is not None


@dataclass(frozen=True, eq=False, slots=True)
class FileSource:
    """Images in files below a folder; see `ImageSource`.

    Attributes:
        root: what `files` are relative to, as messages call it.
        files: N paths as the file system gives them.
        place: the root whatever the working folder is: another process may have another.
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
    place: Path

    def __len__(self) -> int:
        return len(self.files)

    def sample_id(self, index: int) -> str:
        return show_path(self.files[index])

    def path(self, index: int) -> str:
        return show_path(self.root / self.files[index])

    def load(self, index: int) -> Image.Image:
        return decode_image(self.place / self.files[index], name=self.path(index))


def open_folder(folder: Path, *, name: str) -> FileSource:
    """A folder of class folders, whose names are the classes in sorted order (numbers by value), or of unlabelled images.

    Files of class folders may lie deeper. Hidden files are skipped; files whose ending is no image's are left out and
    noted. An empty class folder stays a class.

    Raises:
        SourceError: the folder cannot be listed, holds no image, or holds splits ("train", "val") instead of classes.
    """
    loose, folders = list_folder(folder)
    _refuse_splits(folder, folders)
    found = {sub: list(_walk_files(folder / sub)) for sub in folders}
    images = {sub: sorted(f"{sub}/{f}" for f in files if looks_like_image(f)) for sub, files in found.items()}
    others = [f"{sub}/{f}" for sub, files in found.items() for f in files if not looks_like_image(f)]
    others += [f for f in loose if not looks_like_image(f) and f != CLASSES_FILE]
    loose = [f for f in loose if looks_like_image(f)]
    if not loose and not any(images.values()):
        raise SourceError(
            f"{folder} holds no image file ({', '.join(sorted(SUFFIXES))}): give a folder of images or of class "
            "folders, Parquet shards, or a CSV of path,label."
        )
    notes = [f"{len(others)} files have no image's ending and were left out: {list_some(others)}."] if others else []
    if not any(images.values()):
        notes += [f"The images of {folder.name} are not in class folders: they have no labels."]
        return build_source("folder", name, folder, loose, [UNLABELLED] * len(loose), ClassTable(()), notes)
    if loose:
        notes.append(f"{len(loose)} images beside the class folders belong to no class and were left out.")
    classes, said = name_folders([show_path(sub) for sub in folders], folder)
    notes += [*said, *(f"Class folder {show_path(sub)!r} is empty." for sub in folders if not images[sub])]
    files = [f for sub in folders for f in images[sub]]
    labels = [label for label, sub in enumerate(folders) for _ in images[sub]]
    return build_source("folder", name, folder, files, labels, classes, notes)


def build_source(
    kind: str, name: str, root: Path, files: list[str], labels: list[int], classes: ClassTable, notes: list[str]
) -> FileSource:
    """A source of files below `root`; raises as `freeze_labels`."""
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
        place=root.absolute(),
    )


def list_folder(folder: Path) -> tuple[list[str], list[str]]:
    """Names of files and of folders in a folder, sorted (numbers by value); what is hidden or no one's is left out.

    Raises:
        SourceError: it cannot be listed.
    """
    try:
        entries = [entry for entry in os.scandir(folder) if not is_hidden(entry.name)]
    except OSError as error:
        raise SourceError(f"{folder} could not be listed ({error.strerror}): check its permissions.") from error
    folders = sort_names(entry.name for entry in entries if entry.is_dir())
    return sorted(entry.name for entry in entries if not entry.is_dir()), folders


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or one that a system left behind."""
    return name.startswith(".") or name.casefold() in _JUNK


def unwrap_folder(folder: Path) -> Path:
    """The folder itself, or the one inside that is its only one and no class but what classes, shards or images lie in.

    Two class folders, Parquet shards or a list of labels tell it, or images where it is called "images", "test" or the like.

    Raises:
        SourceError: a folder cannot be listed.
    """
    loose, folders = list_folder(folder)
    if len(folders) != 1 or any(map(looks_like_image, loose)):
        return folder
    inner, called = folder / folders[0], folders[0].casefold()
    files, below = list_folder(inner)
    if any(file.casefold().endswith(".parquet") or file.casefold() in LABEL_FILES for file in files):
        return inner
    if any(map(looks_like_image, files)):
        return inner if (called in _WRAPPERS or is_split(called)) and not below else folder
    if is_split(called) or is_wnid(called):
        return folder
    if len(below) == 1:
        deeper = unwrap_folder(inner)
        return deeper if len(list_folder(deeper)[1]) > 1 or is_split(below[0]) else folder
    return inner if sum(any(map(looks_like_image, _walk_files(inner / sub))) for sub in below) > 1 else folder


def _walk_files(folder: Path) -> Iterator[str]:
    """Relative paths of all files below; links are followed, each folder is entered once."""
    entered: set[str] = set()

    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename} could not be listed ({error.strerror}): check its permissions.") from error

    for place, below, files in os.walk(folder, followlinks=True, onerror=refuse):
        real = os.path.realpath(place)
        below[:] = [] if real in entered else sorted(d for d in below if not is_hidden(d))
        if real in entered:
            continue
        entered.add(real)
        for file in files:
            if not file.startswith("."):
                yield (Path(place) / file).relative_to(folder).as_posix()


def _refuse_splits(folder: Path, folders: list[str]) -> None:
    shared = os.path.commonprefix(folders) if len(folders) > 1 else ""  # noqa: RUF071 ("seg_t" of "seg_train" and "seg_test")
    begins = shared[: shared.rfind("_") + 1]
    splits = [sub for sub in folders if is_split(sub) or is_split(sub.removeprefix(begins))]
    if not splits or len(splits) < min(2, len(folders)):  # a lone "train" among others may be the vehicle
        return
    if 1 < len(splits) == len(folders) or any(list_folder(folder / sub)[1] for sub in splits):
        raise SourceError(
            f"The folders of {folder} are splits ({', '.join(splits)}), not classes: give one of them, "
            f"e.g. {folder / splits[-1]}."
        )


def looks_like_image(file: str) -> bool:
    """Whether a file's ending is an image's."""
    return os.path.splitext(file)[1].casefold() in SUFFIXES  # noqa: PTH122 (a Path each is slow for a million files)


def _measure_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return -1  # loading it will say what is wrong
