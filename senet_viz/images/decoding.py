"""The one safe decoder: every image, from a folder, a Parquet or an upload, comes through `decode_image`."""

import contextlib
import functools
import io
import logging
import re
import stat
from pathlib import Path
from typing import BinaryIO

import PIL
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError, features

from senet_viz.errors import ImageError
from senet_viz.images.apart import decode_apart
from senet_viz.images.bounds import MAX_FILE_BYTES, MAX_PIXELS, check_bytes, check_opened, measure_bytes, refuse_pixels
from senet_viz.images.pixels import refuse_unknown_range, to_upright_rgb
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
    ".avifs",
    ".jp2",
    ".j2k",
    ".j2c",
    ".jpc",
    ".jpx",
    ".jpf",
    ".mpo",
    ".ico",
    ".tga",
)
SUFFIXES = frozenset(JPEG_SUFFIXES + OTHER_SUFFIXES)  # what a folder takes for images
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


def decode_image(source: Path | bytes | BinaryIO, *, name: str = "", apart: bool = False) -> Image.Image:
    """Decode one image file, of whatever origin, into upright RGB.

    JPEG (MPO too), PNG, GIF, BMP, WebP, TIFF, PPM, ICO and, where Pillow was built with them, AVIF and JPEG 2000 are read,
    whatever the file is called; TGA by its ending. The first frame of an animation, the largest of an icon is taken,
    EXIF orientation applied (an unreadable EXIF block counts as none), transparency laid on white, grey, palette, YCbCr
    and CMYK converted, 16-bit grey scaled: `round(v · 255 / 65535)`. Embedded colour profiles (ICC) are ignored, as the
    training pipelines of the networks do. A JPEG of more than 89 and up to 178 million pixels is decoded at half its
    width and height. Decoding holds at most 300 MB above the file and the result (4 bytes a pixel).

    Args:
        source: a file's path, its bytes, or a binary stream, read from where it stands.
        name: what messages call the image; by default the path.
        apart: in a process of its own, whose memory and time are limited, and which may die: for files of strangers. An
            AVIF always is.

    Returns:
        An image of mode "RGB" in memory, without metadata.

    Raises:
        ImageError: nothing else is ever raised for bad data: a missing, empty, truncated or too large file, a
            format or pixel type that is not read, more than 89 million pixels (178 million of a JPEG), more memory or
            time than the bounds allow.
    """
    called = _clean(name or (str(source) if isinstance(source, Path) else "The image"))
    data = _read_bytes(source, called)
    if apart or (data[4:8] == b"ftyp" and _is_known("AVIF")):  # its picture may be larger than its header says
        return decode_apart(data, name=called)
    return decode_here(data, called)


def decode_here(data: bytes, called: str) -> Image.Image:
    """As `decode_image`, never in another process.

    Args:
        data: the whole file.
        called: what messages call the image, printable.

    Raises:
        ImageError: as `decode_image`.
    """
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
        except MemoryError as error:
            raise ImageError(
                f"{called} would take more memory than there is to decode: save it smaller, or as baseline JPEG or PNG."
            ) from error
        except Image.DecompressionBombError as error:
            raise refuse_pixels(called) from error
        except Exception as error:  # Pillow's plugins raise whatever broken bytes lead to
            raise ImageError(
                f"{called} is damaged or cut short and could not be decoded ({describe_error(error)}): "
                "replace or remove it."
            ) from error


def count_pixels(data: bytes) -> int:
    """Pixels of an image file by its header, before any is decoded; 0 where it is not an image that is read."""
    told = measure_bytes(data)
    with quiet_libraries(), contextlib.suppress(Exception):
        check_bytes(data, "")  # what would cost too much to open is refused when it is decoded
        if not told:
            with Image.open(io.BytesIO(data), formats=[name for name in FORMATS if _is_known(name)]) as image:
                told = image.width * image.height
    return told


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
    check_bytes(data, called)
    is_tga = called.casefold().rstrip(")").endswith(".tga") or data.endswith(
        _TGA_END
    )  # TGA has no beginning of its own
    formats = (*FORMATS, "TGA") if is_tga else FORMATS
    with Image.open(io.BytesIO(data), formats=[name for name in formats if _is_known(name)]) as image:
        check_opened(image, data, called)
        refuse_unknown_range(image, name=called)
        if image.width * image.height > MAX_PIXELS:  # a JPEG, which would be refused otherwise
            image.draft(None, (image.width // 2, image.height // 2))
        image.decodermaxblock = max(image.decodermaxblock, min(8 * image.width, len(data)))  # long rows in one part
        image.load()
        turn = _TURNS.get(_read_orientation(image))
        upright = to_upright_rgb(image, turn, name=called)
    upright.info = {}
    return upright


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


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text.replace("\n", " "))
