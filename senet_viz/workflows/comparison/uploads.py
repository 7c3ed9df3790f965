"""Images that a person hands in: read, hashed, decoded and prepared as the network takes them."""

import contextlib
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from senet_viz.analysis.comparison import Failure
from senet_viz.errors import ArgumentError, ImageError
from senet_viz.images import MAX_FILE_BYTES, decode_image
from senet_viz.images.decoding import SUFFIXES, describe_error
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.paths import expand_home, tell_refusal

ImageInput = Path | str | tuple[str, bytes]


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """An image that could be read.

    Attributes:
        name: what it was given as.
        sha256: of the file's bytes, hex.
        size: width and height in px, upright.
        view: what the network sees of it, (H, W, 3) uint8.
        pixels: what the network takes in, (3, H, W) float32.
    """

    name: str
    sha256: str
    size: tuple[int, int]
    view: NDArray[np.uint8]
    pixels: Tensor


def prepare_images(images: Sequence[ImageInput], preprocess: Preprocessing) -> list[PreparedImage | Failure]:
    """Reads every image, two at a time, each by the one safe decoder; nothing is raised for a bad one.

    Args:
        images: paths, or pairs of a name and a file's bytes.
        preprocess: of the network.
    """
    with ThreadPoolExecutor(2, thread_name_prefix="senet-viz-images") as pool:
        return list(pool.map(lambda image: _prepare(image, preprocess), images))


def read_picture(image: ImageInput) -> Image.Image:
    """One decoded image; ImageError with a sentence where it can not be read."""
    name, data = _open(image)
    return decode_image(data, name=name)


def list_images(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files themselves, or the image files of a single folder (by their endings, sorted, hidden ones left out).

    Raises:
        ArgumentError: a folder beside other paths, one that can not be listed, or one without an image file.
    """
    paths = [expand_home(path) for path in paths]
    folders = [path for path in paths if tell_refusal(path) is None and path.is_dir()]
    if not folders:
        return tuple(paths)
    if len(paths) > 1:
        raise ArgumentError(f"{folders[0]} is a folder: give it alone, or give image files.")
    try:
        found = sorted(path for path in folders[0].iterdir() if path.suffix.casefold() in SUFFIXES and path.is_file())
    except OSError as error:
        raise ArgumentError(f"{folders[0]} could not be listed ({error.strerror}): check its permissions.") from error
    files = tuple(path for path in found if not path.name.startswith("."))
    if not files:
        raise ArgumentError(f"{folders[0]} holds no image file ({', '.join(sorted(SUFFIXES))}): give image files.")
    return files


def _prepare(image: ImageInput, preprocess: Preprocessing) -> PreparedImage | Failure:
    name = image[0] if isinstance(image, tuple) else str(image)
    try:
        _, data = _open(image)
        picture = decode_image(data, name=name)
    except ImageError as error:
        return Failure(name, str(error))
    try:
        view = np.array(preprocess.view(picture), dtype=np.uint8)
        pixels = preprocess(picture)
    except Exception as error:  # e.g. a picture one pixel high that cannot be cropped
        return Failure(
            name,
            f"{name} ({picture.width}×{picture.height} pixels) could not be preprocessed "
            f"({type(error).__name__}: {describe_error(error)}): replace or remove it.",
        )
    return PreparedImage(name, hashlib.sha256(data).hexdigest(), picture.size, view, pixels)


def _open(image: ImageInput) -> tuple[str, bytes]:
    """Name and bytes."""
    return image if isinstance(image, tuple) else (str(image), _read(expand_home(image)))


def _read(path: Path) -> bytes:
    """A file's bytes, or the decoder's sentence about why it has none."""
    with contextlib.suppress(OSError, ValueError):
        if path.is_file():  # a pipe would wait for ever
            with path.open("rb") as file:
                return file.read(MAX_FILE_BYTES + 1)
    decode_image(path)
    raise ImageError(f"{path} changed while it was read: try again.")
