"""One door to all labelled image sources."""

import glob
from pathlib import Path

from senet_viz.errors import SourceError
from senet_viz.images.builtin import open_digits, open_torchvision
from senet_viz.images.folder import open_folder
from senet_viz.images.listing import open_csv
from senet_viz.images.parquet import open_parquet
from senet_viz.images.source import ImageSource
from senet_viz.paths import expand_home

_SUFFIX = ".parquet"
_FORMS = "a folder, a .parquet file or glob, a .csv of path,label, digits, or torchvision:NAME"


def open_images(spec: str | Path) -> ImageSource:
    """Open a labelled image source. Nothing is decoded yet.

    Args:
        spec: "digits"; "torchvision:CIFAR10" (fetched on first use); a folder of class folders, of unlabelled images
            or of Parquet shards; a Parquet file or a glob of such ("data/val-*.parquet"); a CSV of path,label.

    Raises:
        SourceError: there is no such source, or it cannot be read.
    """
    name = str(spec)
    if isinstance(spec, str) and spec == "digits":
        return open_digits()
    if isinstance(spec, str) and spec.startswith("torchvision:"):
        return open_torchvision(spec.removeprefix("torchvision:"))
    try:
        path = expand_home(spec)
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise SourceError(f"{name!r} is no path that can be opened: give {_FORMS}.") from error
    if not exists and glob.has_magic(name):
        return _open_glob(path, name)
    if path.is_dir():
        return _open_dir(path, name)
    if not exists:
        raise SourceError(f"{name} does not exist: give {_FORMS}.")
    suffix = path.suffix.casefold()
    if suffix == _SUFFIX:
        return open_parquet([path], name=name, root=path.parent)
    if suffix in (".csv", ".tsv"):
        return open_csv(path, name=name)
    raise SourceError(f"{name} is no source of labelled images: give {_FORMS}.")


def _open_dir(folder: Path, name: str) -> ImageSource:
    try:
        shards = [file for file in folder.iterdir() if _is_shard(file)]
    except OSError as error:
        raise SourceError(f"{name} could not be listed ({error.strerror}): check its permissions.") from error
    return open_parquet(shards, name=name, root=folder) if shards else open_folder(folder, name=name)


def _open_glob(pattern: Path, name: str) -> ImageSource:
    files = [Path(file) for file in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207 (takes absolute patterns)
    shards = [file for file in files if _is_shard(file)]
    if not shards:
        raise SourceError(f"No .parquet file matches {name}: quote the glob and check the folder.")
    root = pattern.parent
    while glob.has_magic(str(root)):
        root = root.parent
    return open_parquet(shards, name=name, root=root)


def _is_shard(file: Path) -> bool:
    return file.suffix.casefold() == _SUFFIX and not file.name.startswith(".") and file.is_file()
