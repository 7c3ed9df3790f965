"""The one safe decoder: every image, from a folder, a Parquet or an upload, comes through `decode_image`."""

import contextlib
import io
import logging
import re
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError, features

from senet_viz.errors import ImageError

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
OTHER_SUFFIXES = (".png", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")
SUFFIXES = frozenset(JPEG_SUFFIXES + OTHER_SUFFIXES)  # what a folder takes for images
MAX_PIXELS = 89_478_485  # Pillow's own limit, from which on it warns of a decompression bomb
MAX_FILE_BYTES = 256 * 2**20
logging.getLogger("PIL").addHandler(logging.NullHandler())  # where nobody logs, Pillow would write to stderr

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _name_decoder() -> str:
    library = "libjpeg-turbo" if features.check_feature("libjpeg_turbo") else "libjpeg"
    version = features.version_feature("libjpeg_turbo") or features.version_codec("jpg")
    return f"pillow {PIL.__version__} ({library} {version})"


DECODER = _name_decoder()
"""Name and version of the decoder, for manifests: decoders differ in the last bits of a JPEG."""


def decode_image(source: Path | bytes | BinaryIO, *, name: str = "") -> Image.Image:
    """Decode one image file, of whatever origin, into upright RGB.

    JPEG, PNG, GIF, BMP, WebP, TIFF and PPM are read, whatever the file is called. The first frame of an
    animation is taken, EXIF orientation applied (an unreadable EXIF block counts as none), transparency laid
    on white, grey, palette, YCbCr and CMYK converted, 16-bit grey scaled: `round(v · 255 / 65535)`. Embedded colour
    profiles (ICC) are ignored, as the training pipelines of the networks do.

    Args:
        source: a file's path, its bytes, or a binary stream, read from where it stands.
        name: what messages call the image; by default the path.

    Returns:
        An image of mode "RGB" in memory, without metadata.

    Raises:
        ImageError: nothing else is ever raised for bad data: a missing, empty, truncated or too large file, a
            format or pixel type that is not read, more than 89 million pixels.
    """
    called = _clean(name or (str(source) if isinstance(source, Path) else "The image"))
    data = _read_bytes(source, called)
    with quiet_pillow():
        try:
            return _decode(data, called)
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            raise ImageError(
                f"{called} is no JPEG, PNG, GIF, BMP, WebP, TIFF or PPM image, or its header is damaged: "
                "convert it to one of these or remove it."
            ) from error
        except Image.DecompressionBombError as error:
            raise _bomb(called) from error
        except Exception as error:  # Pillow's plugins raise whatever broken bytes lead to
            raise ImageError(
                f"{called} is damaged or cut short and could not be decoded ({describe_error(error)}): "
                "replace or remove it."
            ) from error


def to_rgb(image: Image.Image, *, name: str = "The image") -> Image.Image:
    """An image of any usual mode as RGB: transparency on white, 16 bits scaled.

    Args:
        image: a Pillow image; `format` "PNG" or "PPM" tells that mode "I" holds 16-bit values.
        name: what messages call the image.

    Raises:
        ImageError: pixels whose range is not known (32-bit integers, floats) or that have no conversion (LAB).
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return _scale_16_bits(image)
    if image.mode in ("I", "F", "LAB"):
        kind = {"I": "32-bit integer", "F": "floating-point", "LAB": "LAB"}[image.mode]
        raise ImageError(f"{name} has {kind} pixels, whose range is not known: save it with 8 or 16 bits a channel.")
    if image.has_transparency_data:
        rgba = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def describe_error(error: BaseException) -> str:
    """A third party's exception as one line without memory addresses, the same on every run."""
    text = re.sub(r"<[^<>]* at 0x[0-9a-fA-F]+>|0x[0-9a-fA-F]{6,}", "…", _clean(str(error)))[:200].strip(" .:")
    return text or type(error).__name__


class _QuietPillow:
    """Counts who decodes, so that threads switch Pillow's warnings off once and the last one restores them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._saved = warnings.catch_warnings()

    def enter(self) -> None:
        with self._lock:
            if self._users == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
                warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # checked in _decode
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._saved.__exit__(None, None, None)


_QUIET = _QuietPillow()


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings about odd files from being shown or raised; safe to nest and in threads."""
    _QUIET.enter()
    try:
        yield
    finally:
        _QUIET.leave()


def _decode(data: bytes, called: str) -> Image.Image:
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ImageError(
            f"{called} was not read, since PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set and would fill truncated images "
            "with grey: set it to False."
        )
    if _measure_webp(data) > MAX_PIXELS:  # its plugin makes room for all pixels when it opens a file
        raise _bomb(called)
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:  # before a pixel is decoded
            raise _bomb(called)
        image.load()
        turn = _TURNS.get(_read_orientation(image))
        rgb = to_rgb(image, name=called)
        upright = rgb.transpose(turn) if turn is not None else rgb
    upright.info = {}
    return upright


def _measure_webp(data: bytes) -> int:
    """Pixels of an extended WebP's canvas by its header; 0 of other files."""
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:16] != b"WEBPVP8X":
        return 0
    return (1 + int.from_bytes(data[24:27], "little")) * (1 + int.from_bytes(data[27:30], "little"))


def _read_orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return 1
    return value if isinstance(value, int) else 1


def _scale_16_bits(image: Image.Image) -> Image.Image:
    values: NDArray[np.int64] = np.asarray(image).astype(np.int64).clip(0, 65535)
    grey = ((values * 255 + 32767) // 65535).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey).convert("RGB")


def _read_bytes(source: Path | bytes | BinaryIO, called: str) -> bytes:
    try:
        if isinstance(source, Path):
            about = source.stat()
            if not stat.S_ISREG(about.st_mode):  # a pipe would wait for ever
                raise ImageError(f"{called} is not a regular file: give an image file.")
            data = b"" if about.st_size > MAX_FILE_BYTES else source.read_bytes()
            size = about.st_size
        else:
            data = source if isinstance(source, bytes) else source.read(MAX_FILE_BYTES + 1)
            size = len(data)
    except FileNotFoundError as error:
        raise ImageError(f"{called} does not exist: correct its path or remove it from the list.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or describe_error(error)
        raise ImageError(f"{called} could not be read ({reason}): check the file and its permissions.") from error
    if size > MAX_FILE_BYTES:
        raise ImageError(
            f"{called} is larger than {MAX_FILE_BYTES // 2**20} MiB, the limit for one image file: save it smaller."
        )
    if not data:
        raise ImageError(f"{called} is empty (0 bytes): replace or remove it.")
    return data


def _bomb(called: str) -> ImageError:
    return ImageError(
        f"{called} has more than {MAX_PIXELS // 10**6} million pixels, the limit against decompression bombs: "
        "save it smaller."
    )


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text.replace("\n", " "))
