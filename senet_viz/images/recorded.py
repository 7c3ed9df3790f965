"""The images of a recording, found again in their source: the same data set by its digest, or none."""

import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from senet_viz.errors import ImageError, SourceError
from senet_viz.images.builtin import open_torchvision
from senet_viz.images.opening import open_images
from senet_viz.images.source import ImageSource
from senet_viz.paths import expand_home, tell_refusal

_FILES = ("folder", "parquet", "csv")
_FEW_PIXELS = 32


def find_spec(data: Mapping[str, Any]) -> str | None:
    """What `open_recorded` may open without being asked: what the recording names, if that is here; else None.

    Args:
        data: of the recording's manifest.
    """
    kind, name = str(data.get("kind", "")), str(data.get("name", ""))
    if kind in ("digits", "torchvision"):
        return name if name == "digits" or name.startswith("torchvision:") else None
    if kind not in _FILES or not name:
        return None
    path = expand_home(name)
    return name if tell_refusal(path) is None and path.exists() else None


def open_recorded(spec: str | Path, data: Mapping[str, Any], *, fetch: bool = True) -> ImageSource:
    """Opens a source if it is the one that was recorded.

    The digest covers names, order, sizes, labels and classes; pixels that were replaced by as many bytes are not seen.

    Args:
        spec: as for `open_images`.
        data: of the recording's manifest.
        fetch: whether a data set of torchvision that is not here may be downloaded.

    Raises:
        SourceError: it can not be opened, or is another data set.
    """
    text = str(spec)
    if text.startswith("torchvision:") and not fetch:
        source: ImageSource = open_torchvision(text.removeprefix("torchvision:"), fetch=False)
    else:
        source = open_images(spec)
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
