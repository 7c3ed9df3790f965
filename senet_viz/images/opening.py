"""One door to all labelled image sources, and the images of a recording found again in theirs."""

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from PIL import Image

from senet_viz.errors import ImageError, SourceError
from senet_viz.images.builtin import open_digits, open_torchvision
from senet_viz.images.columns import FOUND, Columns
from senet_viz.images.files import LABEL_FILES, list_folder, looks_like_image, open_folder, unwrap_folder
from senet_viz.images.listing import open_csv
from senet_viz.images.parquet import open_parquet
from senet_viz.images.patterns import SHARDS, find_remote_shards, find_shards, is_pattern, is_shard, sort_shards
from senet_viz.images.source import ImageSource
from senet_viz.images.storage import StoredFile, find_local, hide_credentials, is_url
from senet_viz.images.webdataset import open_webdataset
from senet_viz.paths import expand_home, explain_refusal

_PARQUET, _TAR = ".parquet", ".tar"
_LISTS = (".csv", ".tsv", ".txt", ".jsonl")
_FORMS = "a folder, .parquet or .tar files (a path, pattern or URL), a .csv of path,label, digits, or torchvision:NAME"


def open_images(spec: str | Path, *, image_column: str | None = None, label_column: str | None = None) -> ImageSource:
    """Open a labelled image source. Nothing is decoded yet.

    Args:
        spec: "digits"; "torchvision:CIFAR10" (fetched on first use); a folder of class folders, of unlabelled images
            or of shards; a CSV of path,label; Parquet files or WebDataset tars as a file, a pattern ("data/val-*.parquet",
            "shards/{000..099}.tar") or a URL of such ("s3://bucket/val-*.tar", "hf://datasets/ORG/NAME/data/test-*.parquet").
        image_column: of a Parquet or CSV, the ending in a tar; found by its name or content where None.
        label_column: of a Parquet or CSV, the ending or field of the JSON in a tar, "none" where there are no labels; found
            by its name or content where None.

    Raises:
        SourceError: there is no such source, it cannot be read or reached, or has no such columns.
    """
    columns, name = Columns(image_column, label_column), hide_credentials(str(spec))
    source = _open(spec, name, columns)
    if columns != FOUND and source.kind not in ("parquet", "webdataset", "csv"):
        raise SourceError(f"{name} has no columns: leave out --image-column and --label-column.")
    return source


def _open(spec: str | Path, name: str, columns: Columns) -> ImageSource:
    if isinstance(spec, str) and spec == "digits":
        return open_digits()
    if isinstance(spec, str) and spec.startswith("torchvision:"):
        return open_torchvision(spec.removeprefix("torchvision:"))
    if isinstance(spec, str) and is_url(spec):
        if not spec.casefold().startswith("file://"):
            return _open_shards(find_remote_shards(spec, name), name, columns)
        spec = unquote(spec[len("file://") :].removeprefix("localhost"))
    try:
        path = expand_home(spec)
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise SourceError(f"{name!r} is no path that can be opened: give {_FORMS}.") from error
    if not exists and is_pattern(str(spec)):
        return _open_shards(find_shards(path, name), name, columns)
    if path.is_dir():
        return _open_dir(path, name, columns)
    if not exists:
        raise SourceError(f"{name} does not exist: give {_FORMS}.")
    if path.suffix.casefold() in SHARDS:
        return _open_shards([find_local(path, path.parent)], name, columns)
    if path.suffix.casefold() in _LISTS:
        return open_csv(path, name=name, columns=columns)
    raise SourceError(f"{name} is no source of labelled images: give {_FORMS}.")


def _open_shards(shards: Sequence[StoredFile], name: str, columns: Columns) -> ImageSource:
    if shards[0].suffix.casefold() == _TAR:
        return open_webdataset(shards, name=name, columns=columns)
    return open_parquet(shards, name=name, columns=columns)


def _open_dir(folder: Path, name: str, columns: Columns) -> ImageSource:
    inner = unwrap_folder(folder)
    files, folders = list_folder(inner)
    shards = [file for file in files if is_shard(file) and (inner / file).is_file()]
    tables = [file for file in shards if file.casefold().endswith(_PARQUET)]
    if tables or (shards and not folders and not any(map(looks_like_image, files))):
        return _open_shards(
            sort_shards([find_local(inner / file, inner) for file in tables or shards], name), name, columns
        )
    listed = next((p / word for p in (folder, inner) for word in LABEL_FILES if (p / word).is_file()), None)
    why = ""
    if listed is not None and (any(map(looks_like_image, files)) or len(folders) == 1):
        try:
            found = open_csv(listed, name=name, columns=columns)
            if any((found.root / file).is_file() for file in found.files):
                return found
            why = f"{listed.name} was not used for labels: it lists none of the images here."
        except SourceError as error:
            why = f"{listed.name} was not used for labels: {error}"
            if columns != FOUND:
                raise
    source = open_folder(inner, name=name)
    said = (f"The data are in {inner}, the only folder of {folder.name}.",) if inner != folder else ()
    return replace(source, notes=(*said, *source.notes, *((why,) if why else ())))


_FILES = ("folder", "parquet", "webdataset", "csv")
_FEW_PIXELS = 32


def find_spec(data: Mapping[str, Any]) -> str | None:
    """What `open_recorded` may open without being asked: what the recording names, if that is here; else None.

    A URL is never opened for what a recording says: whoever shares one could make others fetch what they like.

    Args:
        data: of the recording's manifest.
    """
    kind, name = str(data.get("kind", "")), str(data.get("name", ""))
    if kind in ("digits", "torchvision"):
        return name if name == "digits" or name.startswith("torchvision:") else None
    if kind not in _FILES or not name or is_url(name):
        return None
    path = expand_home(name)
    return name if explain_refusal(path) is None and path.exists() else None


def open_recorded(spec: str | Path, data: Mapping[str, Any], *, fetch: bool = True) -> ImageSource:
    """Opens a source if it is the one that was recorded.

    The digest covers names, order, sizes, labels and classes; pixels that were replaced by as many bytes are not seen.

    Args:
        spec: as for `open_images`.
        data: of the recording's manifest.
        fetch: whether a data set of torchvision that is not here may be downloaded, and a URL opened.

    Raises:
        SourceError: it can not be opened, or is another data set.
    """
    text = hide_credentials(str(spec))
    if is_url(spec) and not fetch:
        raise SourceError(f"{text} is a URL, which is opened only where a person gives it: give it, or a copy here.")
    if text.startswith("torchvision:") and not fetch:
        source: ImageSource = open_torchvision(text.removeprefix("torchvision:"), fetch=False)
    else:
        named = {name: data[name] for name in ("image_column", "label_column") if name in data}
        source = open_images(spec, **named)
    if source.digest != data.get("digest"):
        recorded = f"{data.get('name')} ({int(data.get('images', 0)):,} images)"
        raise SourceError(
            f"{text} is not the data set that was recorded: its names, sizes, labels or classes differ from those of {recorded}. "
            "Give that one, with its files named as they were."
        )
    return source


def locate_samples(source: ImageSource, sample_ids: Collection[str]) -> dict[str, int]:
    """Index of each sample in its source; those that it has not are left out.

    Args:
        source: of the recording.
        sample_ids: as in the recording's `samples`.
    """
    wanted, found = set(sample_ids), dict[str, int]()
    for index in range(len(source)):
        if len(found) == len(wanted):
            break
        name = source.sample_id(index)
        if name in wanted:
            found[name] = index
    return found


def read_samples(
    source: ImageSource, sample_ids: Sequence[str], *, side: int | None = None
) -> dict[str, bytes | ImageError]:
    """The pixels of samples as PNG files, upright RGB without a loss: what the network was shown, to be shown again.

    Args:
        source: of the recording.
        sample_ids: as in the recording's `samples`.
        side: for thumbnails: no side is longer, and images of a few pixels are shown as squares.

    Returns:
        By sample; an error where an image can not be read, or is not in the source.
    """
    places = locate_samples(source, sample_ids)
    result: dict[str, bytes | ImageError] = {}
    for name, index in sorted(places.items(), key=lambda place: place[1]):  # shards are read in order
        try:
            image = source.load(index)
            result[name] = encode_png(image if side is None else _shrink(image, side))
        except ImageError as error:
            result[name] = error
    for name in set(sample_ids) - set(places):
        result[name] = ImageError(f"{source.name} has no image {name!r}: it is of another data set, or was renamed.")
    return result


def encode_png(image: Image.Image) -> bytes:
    """An image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def _shrink(image: Image.Image, side: int) -> Image.Image:
    longest = max(image.size)
    if longest > side:
        small = image.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        return small
    times = side // longest
    if longest <= _FEW_PIXELS and times > 1:
        return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    return image
