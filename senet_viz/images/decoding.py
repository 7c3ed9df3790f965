"""The one safe decoder: every image, from a folder, a Parquet or an upload, comes through `decode_image`."""

import contextlib
import functools
import io
import logging
import re
import stat
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError, features

from senet_viz.errors import ImageError
from senet_viz.images.quiet import quiet_libraries

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "DIB", "AVIF", "JPEG2000", "ICO")
JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
OTHER_SUFFIXES = (
    ".png",
    ".gif",
    ".bmp",
    ".dib",
    ".webp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".avif",
    ".jp2",
    ".j2k",
    ".jpx",
    ".jpf",
    ".mpo",
    ".ico",
    ".tga",
)
SUFFIXES = frozenset(JPEG_SUFFIXES + OTHER_SUFFIXES)  # what a folder takes for images
MAX_PIXELS = 89_478_485  # Pillow's own limit, from which on it warns of a decompression bomb
MAX_FILE_BYTES = 256 * 2**20
logging.getLogger("PIL").addHandler(logging.NullHandler())  # where nobody logs, Pillow would write to stderr

_TGA_END = b"TRUEVISION-XFILE.\0"
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"jxl ": "JPEG XL", b"crx ": "Canon raw"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
)
_BEGINNINGS = {
    b"\x00\x00\x00\x0cJXL ": "JPEG XL", b"\xff\x0a": "JPEG XL", b"\x00\x00\x00\x0cjP": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "Photoshop", b"%PDF": "PDF", b"%!PS": "PostScript", b"<svg": "SVG", b"<?xml": "XML or SVG", b"<!doc": "HTML",
    b"<html": "HTML", b"\x93NUMPY": "NumPy", b"\x89HDF": "HDF5", b"\x76\x2f\x31\x01": "OpenEXR", b"PK\x03\x04": "ZIP",
    b"\x1f\x8b": "gzip", b"SIMPLE": "FITS", b"#?RADIANCE": "Radiance HDR", b"qoif": "QOI", b"II\xbc": "JPEG XR",
    b"version https://git-lfs": "Git LFS pointer",
}  # fmt: skip
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

    JPEG (MPO too), PNG, GIF, BMP, WebP, TIFF, PPM, ICO and, where Pillow was built with them, AVIF and JPEG 2000 are read,
    whatever the file is called; TGA by its ending. The first frame of an animation, the largest of an icon is taken, EXIF orientation applied (an unreadable EXIF block counts as none), transparency laid
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
    with quiet_libraries():
        try:
            return _decode(data, called)
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            kind = _name_format(data)
            raise ImageError(
                f"{called} is {kind} by its content, which is not read: convert it to JPEG or PNG, or remove it."
                if kind
                else f"{called} is no JPEG, PNG, GIF, BMP, WebP, TIFF or PPM image, or its header is damaged: "
                "convert it to one of these or remove it."
            ) from error
        except Image.DecompressionBombError as error:
            raise _bomb(called) from error
        except Exception as error:  # Pillow's plugins raise whatever broken bytes lead to
            raise ImageError(
                f"{called} is damaged or cut short and could not be decoded ({describe_error(error)}): "
                "replace or remove it."
            ) from error


def count_pixels(data: bytes) -> int:
    """Pixels of an image file by its header, before any is decoded; 0 where it is not an image that is read."""
    told = max(_measure_webp(data), _measure_icon(data))
    with quiet_libraries(), contextlib.suppress(Exception):
        if not told:
            with Image.open(io.BytesIO(data), formats=[name for name in FORMATS if _is_known(name)]) as image:
                told = image.width * image.height
    return told


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


def _decode(data: bytes, called: str) -> Image.Image:
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ImageError(
            f"{called} was not read, since PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set and would fill truncated images "
            "with grey: set it to False."
        )
    if max(_measure_webp(data), _measure_icon(data)) > MAX_PIXELS:  # their plugins make room for all pixels at once
        raise _bomb(called)
    is_tga = called.casefold().rstrip(")").endswith(".tga") or data.endswith(
        _TGA_END
    )  # TGA has no beginning of its own
    formats = (*FORMATS, "TGA") if is_tga else FORMATS
    with Image.open(io.BytesIO(data), formats=[name for name in formats if _is_known(name)]) as image:
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


def _measure_icon(data: bytes) -> int:
    """The most pixels of an ICO's images by their own headers, since its directory may lie; 0 of other files."""
    if data[:4] != b"\0\0\1\0":
        return 0
    most = 0
    for at in range(6, 6 + 16 * int.from_bytes(data[4:6], "little"), 16):
        start = int.from_bytes(data[at + 12 : at + 16], "little")
        order: Literal["big", "little"] = "big" if data[start : start + 4] == b"\x89PNG" else "little"
        first, second = (16, 20) if order == "big" else (4, 8)
        sides = [abs(int.from_bytes(data[start + k : start + k + 4], order, signed=True)) for k in (first, second)]
        most = max(most, sides[0] * sides[1])
    return most


@functools.cache
def _is_known(kind: str) -> bool:
    """Whether this Pillow reads a format: AVIF and JPEG 2000 need libraries."""
    needed = {"AVIF": "avif", "JPEG2000": "jpg_2000"}.get(kind)
    return needed is None or needed in features.get_supported()


def _name_format(data: bytes) -> str:
    """The format of a file that is not read, by its beginning; "" where it is not known."""
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "MP4 or QuickTime")
    if data[128:132] == b"DICM":
        return "DICOM"
    begins = data[:200].lstrip()[:24].lower()
    return next((kind for start, kind in _BEGINNINGS.items() if begins.startswith(start.lower())), "")


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
