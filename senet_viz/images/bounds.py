"""What decoding an image may cost, settled from its bytes before a pixel is decoded."""

import itertools
import struct
from collections.abc import Iterator

from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from senet_viz.errors import ImageError

MAX_PIXELS = 89_478_485  # Pillow's own limit, from which on it warns of a decompression bomb
MAX_JPEG_PIXELS = 2 * MAX_PIXELS  # beyond MAX_PIXELS, a JPEG is decoded at half its width and height
MAX_FILE_BYTES = 256 * 2**20
ROOM = 300 * 2**20  # bytes that decoding may hold above the file's bytes and the result's pixels

_OPAQUE = {"WEBP": 13, "AVIF": 13, "ICO": 20}  # bytes a pixel that the libraries hold above Pillow's pixels
_SLOW = {
    "bmp_rle": ("run-length coded", 2**22),
    "ppm": ("scaled", 2**20),
    "ppm_plain": ("text", 2**20),
}  # in Python; px
_MAX_PARTS = 2**17  # chunks, blocks, strips or tiles: each is a step in Python
_MAX_JPEG_JUNK, _MAX_JPEG_SEGMENTS, _MAX_JPEG_EXIF = 2**16, 2**12, 2**6
_MAX_SCAN_PIXELS = 16 * MAX_PIXELS  # of all scans of a JPEG together; encoders write 10 or so
_MAX_JP2_TILES, _MAX_JP2_LAYERS, _MAX_JP2_HEADERS = 2**12, 2**7, 8
_PNG_PER_BYTE, _GIF_PER_BYTE = 1032, 2731  # what a byte of deflate and of LZW can stand for at most
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WIDTH, _HEIGHT, _BITS, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 258, 277, 278, 322, 323


def check_bytes(data: bytes, name: str) -> None:
    """Refuse a file that would cost too much merely to open.

    Args:
        data: the whole file.
        name: what messages call the image.

    Raises:
        ImageError: too many pixels for plugins that decode when they open, or too many parts.
    """
    if data[:3] == b"\xff\xd8\xff":
        _walk_jpeg(data, name)
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        _walk_png(data, name)
    elif data[:6] in (b"GIF87a", b"GIF89a"):
        _walk_gif(data, name)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        _check_pixels("WEBP", _measure_webp(data), name)
    elif data[:4] == b"\0\0\1\0":
        _check_pixels("ICO", _measure_icon(data), name)
    elif data[:2] in (b"II", b"MM"):
        _check_tiff(data, name)
    elif data[:4] == b"\xff\x4f\xff\x51" or data[4:8] == b"jP  ":
        _check_jpeg2000(data, name)


def measure_bytes(data: bytes) -> int:
    """Pixels of a WebP or an icon by their header, whose plugins decode when they open; 0 of anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _measure_webp(data)
    return _measure_icon(data) if data[:4] == b"\0\0\1\0" else 0


def check_opened(image: Image.Image, data: bytes, name: str) -> None:
    """Refuse an opened image whose pixels would take more than `ROOM` above the result, or too long.

    Args:
        image: opened, not loaded.
        data: the whole file.
        name: what messages call the image.

    Raises:
        ImageError: too many pixels for its format, or more than its bytes can stand for.
    """
    pixels, kind = image.width * image.height, str(image.format)
    if isinstance(image, JpegImageFile):  # MPO too
        _check_jpeg(image, data, name)
    elif pixels > MAX_PIXELS:
        raise refuse_pixels(name)
    _check_pixels(kind, pixels, name)
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    if not tiles:
        return
    codec, extents, offset, _ = tiles[0]
    form, most = _SLOW.get(codec, ("", MAX_PIXELS))
    if form and pixels > most:
        raise ImageError(
            f"{name} is a {form} {kind} of {_millions(pixels)} million pixels, and this form is read so slowly that "
            f"{_millions(most)} million are the limit: save it as PNG."
        )
    if kind == "GIF" and extents:
        left, top, right, bottom = extents
        if (right - left) * (bottom - top) > _GIF_PER_BYTE * (len(data) - offset):
            raise _refuse_short(name)


def allowed_seconds(pixels: int, size: int) -> float:
    """The bound of time, of one core: for the pixels of the result and the bytes of the file."""
    return 2 + 0.15 * pixels / 10**6 + 0.1 * size / 2**20


def refuse_pixels(name: str) -> ImageError:
    """The sentence for an image above `MAX_PIXELS`."""
    return ImageError(
        f"{name} has more than {MAX_PIXELS // 10**6} million pixels, the limit against decompression bombs: "
        "save it smaller."
    )


def _refuse_short(name: str) -> ImageError:
    return ImageError(
        f"{name} is damaged or cut short and could not be decoded (its header tells more pixels than its bytes can "
        "hold): replace or remove it."
    )


def _refuse_room(name: str, why: str) -> ImageError:
    return ImageError(
        f"{name} would take more than {ROOM // 2**20} MB of memory to decode ({why}): save it smaller, or as baseline "
        "JPEG or PNG."
    )


def _refuse_parts(name: str, what: str) -> ImageError:
    return ImageError(
        f"{name} has more {what} than any usual image, which would take too long to read: save it anew or remove it."
    )


def _millions(pixels: float) -> str:
    return f"{pixels / 10**6:.3g}"


def _check_pixels(kind: str, pixels: int, name: str) -> None:
    if kind in _OPAQUE and pixels > MAX_PIXELS:
        raise refuse_pixels(name)
    if pixels * _OPAQUE.get(kind, 0) > ROOM:
        raise _refuse_room(
            name,
            f"{kind} of {_millions(pixels)} million pixels; {_millions(ROOM / _OPAQUE[kind])} million are the limit",
        )


def _walk_jpeg(data: bytes, name: str) -> None:
    """Segments up to the first scan: Pillow reads junk between them byte by byte, and joins EXIF parts one by one."""
    at, junk, exif = 2, 0, 0
    for _ in range(_MAX_JPEG_SEGMENTS):
        start = data.find(b"\xff", at)
        if start < 0:
            break
        mark = start + 1
        while mark < len(data) and data[mark] == 0xFF and mark - start <= _MAX_JPEG_JUNK:
            mark += 1
        junk += mark - 1 - at
        if junk > _MAX_JPEG_JUNK:
            raise _refuse_parts(name, "bytes between its parts")
        kind = data[mark : mark + 1]
        if not kind or kind == b"\xda":
            return
        at = mark + 1
        if (
            kind[0] >= 0xC0
            and not 0xD0 <= kind[0] <= 0xD8
            and kind[0] not in (0xC8, 0xD9)
            and not 0xF0 <= kind[0] <= 0xFD
        ):
            exif += kind == b"\xe1" and data[at + 2 : at + 6] == b"Exif"
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
        if exif > _MAX_JPEG_EXIF:
            raise _refuse_parts(name, "EXIF blocks")
    else:
        raise _refuse_parts(name, "segments")
    if len(data) - at > _MAX_JPEG_JUNK:
        raise _refuse_parts(name, "bytes between its parts")


def _check_jpeg(image: JpegImageFile, data: bytes, name: str) -> None:
    """The pixels, and what several scans cost: libjpeg keeps all coefficients, and goes over all of them in each."""
    pixels = image.width * image.height
    if pixels > MAX_JPEG_PIXELS:
        raise refuse_pixels(name)
    scans = data.count(b"\xff\xda")  # within entropy-coded data, 0 follows 0xFF
    if scans < 2 and "progressive" not in image.info:
        return
    across = max(1, *(layer[1] for layer in image.layer))
    down = max(1, *(layer[2] for layer in image.layer))
    coefficients = 2 * pixels * sum(layer[1] * layer[2] for layer in image.layer) / (across * down)
    several = "progressive" in image.info or _has_several_scans(image, data)
    if several and coefficients > ROOM:
        raise _refuse_room(name, f"a progressive JPEG of {_millions(pixels)} million pixels")
    if several and scans > 4 and scans * pixels > _MAX_SCAN_PIXELS:
        raise _refuse_parts(name, "scans")


def _has_several_scans(image: JpegImageFile, data: bytes) -> bool:
    """Whether any scan lacks a component."""
    starts = (at for at in _find_all(data, b"\xff\xda"))
    return any(data[at + 4 : at + 5] != bytes([image.layers]) for at in itertools.islice(starts, 64))


def _find_all(data: bytes, what: bytes) -> Iterator[int]:
    at = data.find(what)
    while at >= 0:
        yield at
        at = data.find(what, at + 1)


def _walk_png(data: bytes, name: str) -> None:
    at, packed = 8, 0
    for _ in range(_MAX_PARTS):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if len(kind) < 4 or kind == b"IEND":
            break
        packed += min(length, len(data) - at - 8) if kind == b"IDAT" else 0
        at += length + 12
    else:
        raise _refuse_parts(name, "chunks")
    if len(data) < 33 or not packed:
        return  # which Pillow tells better
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    row = (width * depth * {2: 3, 4: 2, 6: 4}.get(colour, 1) + 7) // 8
    if width * height <= MAX_PIXELS and row * height > _PNG_PER_BYTE * packed:
        raise _refuse_short(name)


def _walk_gif(data: bytes, name: str) -> None:
    """Blocks up to the first picture, which Pillow reads one by one."""
    at = 13 + (3 << (data[10] & 7) + 1 if len(data) > 10 and data[10] & 128 else 0)
    parts = 0
    while at < len(data) and data[at : at + 1] not in (b",", b";"):
        parts += 1
        extension = data[at : at + 1] == b"!"
        at += 2 if extension else 1
        while extension and at < len(data):
            size = data[at]
            at += size + 1
            parts += 1
            if not size or parts > _MAX_PARTS:
                break
        if parts > _MAX_PARTS:
            raise _refuse_parts(name, "blocks")


def _measure_webp(data: bytes) -> int:
    """Pixels of a WebP's canvas by its header; 0 where there is none."""
    if len(data) < 30:
        return 0
    kind = data[12:16]
    if kind == b"VP8X":
        return (1 + int.from_bytes(data[24:27], "little")) * (1 + int.from_bytes(data[27:30], "little"))
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return ((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1)
    return (int.from_bytes(data[26:28], "little") & 0x3FFF) * (int.from_bytes(data[28:30], "little") & 0x3FFF)


def _measure_icon(data: bytes) -> int:
    """The most pixels of an ICO's images by their own headers, since its directory may lie."""
    most = 0
    for at in range(6, min(len(data), 6 + 16 * int.from_bytes(data[4:6], "little")), 16):
        start = int.from_bytes(data[at + 12 : at + 16], "little")
        is_png = data[start : start + 4] == b"\x89PNG"
        first, second = (16, 20) if is_png else (4, 8)
        sides = [
            abs(int.from_bytes(data[start + k : start + k + 4], "big" if is_png else "little", signed=True))
            for k in (first, second)
        ]
        most = max(most, sides[0] * sides[1])
    return most


def _check_tiff(data: bytes, name: str) -> None:
    """Long lists of numbers, of which Pillow makes Python objects, and what a strip or tile holds, which is decoded at once."""
    found: dict[int, int] = {}
    for tag, kind, count, value in _read_tiff_tags(data):
        size = _TIFF_SIZES.get(kind, 0)
        if (
            count > _MAX_PARTS and size > 1 and count * size <= len(data)
        ):  # Pillow passes over what the file cannot hold
            raise _refuse_parts(name, "strips, tiles or entries of a tag")
        found.setdefault(tag, value)
    width, height = found.get(_WIDTH, 0), found.get(_HEIGHT, 0)
    across = found.get(_TILE_WIDTH, width)
    down = found.get(_TILE_HEIGHT, min(found.get(_ROWS, height), height))
    samples = min(found.get(_SAMPLES, 4), 8)
    at_once = across * down * samples * max(1, found.get(_BITS, 8)) // 8
    if width * height <= MAX_PIXELS and at_once > ROOM:
        raise _refuse_room(name, f"a TIFF whose strips or tiles have {_millions(across * down)} million pixels")


def _read_tiff_tags(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, count and first value of the first directory; numbers that are not whole count as 0."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"\x2b\0", b"\0\x2b")
    try:
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
        step, inside, layout = (20, 8, "HHQ") if big else (12, 4, "HHI")
        for at in itertools.islice(itertools.count(start + (8 if big else 2), step), min(entries, _MAX_PARTS)):
            tag, kind, count = struct.unpack_from(order + layout, data, at)
            where = at + step - inside
            if count * _TIFF_SIZES.get(kind, 1) > inside:
                (where,) = struct.unpack_from(order + ("Q" if big else "I"), data, where)
            letter = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q"}.get(kind)
            whole = letter and where + _TIFF_SIZES[kind] <= len(data)
            yield (
                tag,
                kind,
                count,
                max(0, struct.unpack_from(order + letter, data, where)[0]) if whole and letter else 0,
            )
    except struct.error:  # cut short, which Pillow tells
        return


def _check_jpeg2000(data: bytes, name: str) -> None:
    """Tiles, which are decoded at once, and layers, each of which is gone through for every tile."""
    for seen, at in enumerate(_find_all(data, b"\xff\x4f\xff\x51")):
        if seen == _MAX_JP2_HEADERS:
            raise _refuse_parts(name, "headers")
        if len(data) < at + 42:
            return
        right, bottom, left, top, across, down = struct.unpack(">6I", data[at + 8 : at + 32])
        (channels,) = struct.unpack(">H", data[at + 40 : at + 42])
        width, height = max(0, right - left), max(0, bottom - top)
        if width * height > MAX_PIXELS:
            raise refuse_pixels(name)
        tile = min(across, width) * min(down, height)
        if tile * (5 * channels + 1) > ROOM:
            raise _refuse_room(
                name, f"JPEG 2000 with tiles of {_millions(tile)} million pixels and {channels} channels"
            )
        tiles = -(-width // max(1, across)) * -(-height // max(1, down))
        coding = data.find(b"\xff\x52", at)
        layers = int.from_bytes(data[coding + 6 : coding + 8], "big") if coding > 0 else 0
        if tiles > _MAX_JP2_TILES or layers > _MAX_JP2_LAYERS:
            raise _refuse_parts(name, "tiles or layers")
