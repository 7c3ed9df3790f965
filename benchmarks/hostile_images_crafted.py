"""Image files that are made to be costly, and the largest that are still read: what `hostile_images.py --crafted` tries."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

Made = tuple[str, Callable[[], bytes]]
SIDE = 9_459  # squared, the most that is read
MB = 2**20


def crafted() -> Iterator[Made]:
    """Name and maker of each file; nothing is drawn before it is called."""
    turned = Image.Exif()
    turned[0x112] = 6
    side = (SIDE, SIDE)
    yield "white_9000.png", lambda: _save("PNG", Image.new("L", (9000, 9000), 255))
    yield "rgba.png", lambda: _save("PNG", Image.new("RGBA", side, (9, 9, 0, 99)))
    yield "rgba_turned.png", lambda: _save("PNG", Image.new("RGBA", side, (9, 9, 0, 99)), exif=turned)
    yield "grey_alpha.png", lambda: _save("PNG", Image.new("LA", side, (9, 99)))
    yield "sixteen_bits.png", lambda: _save("PNG", Image.new("I;16", side, 30_000))
    yield "palette_transparent.png", lambda: _save("PNG", Image.new("P", side), transparency=b"\0\x80")
    yield "palette_transparent.gif", lambda: _save("GIF", Image.new("P", side), transparency=0)
    yield "67_bytes.png", lambda: _png(SIDE, SIDE, b"")
    yield "43_bytes.gif", _small_gif
    yield "photo.jpg", lambda: _save("JPEG", _photo(side), quality=90)
    yield "photo_turned.jpg", lambda: _save("JPEG", _photo(side), quality=90, exif=turned)
    yield "plain_turned.jpg", lambda: _save("JPEG", Image.new("RGB", side, (9, 99, 9)), exif=turned)
    yield "photo_progressive.jpg", lambda: _save("JPEG", _photo(side), quality=90, progressive=True)
    yield "progressive_444.jpg", lambda: _save("JPEG", _photo(side), progressive=True, subsampling=0)
    yield (
        "progressive_444_50_million.jpg",
        lambda: _save("JPEG", _photo((7_200, 6_900)), progressive=True, subsampling=0),
    )
    yield "cmyk_turned.jpg", lambda: _save("JPEG", _photo(side).convert("CMYK"), exif=turned)
    yield "photo_102_million.jpg", lambda: _save("JPEG", _photo((11_648, 8_736)), quality=90)
    yield "photo_50_million.png", lambda: _save("PNG", _photo((8_160, 6_144)), compress_level=1)
    yield "photo.ppm", lambda: _save("PPM", _photo(side))
    yield "a_row.ppm", lambda: b"P6 80000000 1 255\n" + bytes(240_000_000)
    yield (
        "a_strip_rgba.tif",
        lambda: _save("TIFF", Image.new("RGBA", side, (9, 9, 0, 99)), compression="tiff_deflate", tiffinfo={278: SIDE}),
    )
    yield "photo_24_million.webp", lambda: _save("WEBP", _photo((6_000, 4_000)), lossless=True, quality=0, method=0)
    yield "photo_24_million.avif", lambda: _save("AVIF", _photo((6_000, 4_000)), speed=10, subsampling="4:4:4")
    yield "avif_that_lies.avif", _lying_avif
    yield "photo_19_million.jp2", lambda: _save("JPEG2000", _photo((5_000, 3_800)))
    yield "rle8_few_bytes.bmp", lambda: _rle(SIDE, SIDE, b"\1\0\0\0" * SIDE)
    yield "rle8_four_million.bmp", lambda: _rle(2_048, 2_048, b"\1\0\0\0" * 2_048)
    yield "text_half_a_million.ppm", lambda: b"P3 1024 512 200\n" + b"9 " * (3 * MB // 2)
    yield "scaled_half_a_million.ppm", lambda: b"P6 1024 512 200\n" + bytes(3 * MB // 2)
    yield "junk_between_parts.jpg", lambda: _in_jpeg(b"\0" * 64 * MB)
    yield "padding_between_parts.jpg", lambda: _in_jpeg(b"\xff" * 64 * MB)
    yield "exif_1000_times.jpg", lambda: _in_jpeg((b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527)) * 1_000)
    yield "many_segments.jpg", lambda: _in_jpeg(b"\xff\xfe\0\x02" * 16 * MB)
    yield "many_scans.jpg", lambda: _scans(2_000)
    yield "scans_to_the_limit.jpg", lambda: _scans(12)  # beside the ten of its picture
    yield "many_chunks.png", lambda: _png(8, 8, _chunk(b"tEXt", b"") * 4 * MB)
    yield "text_to_the_limit.png", lambda: _png(8, 8, _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(MB - 1))) * 70)
    yield "colour_profile.png", lambda: _png(8, 8, _chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(200 * MB))))
    yield "many_blocks.gif", lambda: b"GIF89a\x08\0\x08\0\0\0\0!\xfe" + b"\1a" * 32 * MB + b"\0" + _small_gif()[13:]
    yield "many_strips.tif", lambda: _tiff(8, 8, strips=16 * MB)
    yield "many_tags.tif", lambda: _tiff(8, 8, strips=1, more=60_000)
    yield "many_directories.tif", lambda: _chained_tiff(2 * MB)
    yield "strips_to_the_limit.tif", lambda: _tiff(64, 100_000, strips=100_000)


def _save(kind: str, image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _photo(size: tuple[int, int]) -> Image.Image:
    colours = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize(size, Image.Resampling.BICUBIC)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _png(width: int, height: int, chunks: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunks + _chunk(b"IDAT", zlib.compress(bytes(200))) + _chunk(b"IEND", b"")


def _small_gif() -> bytes:
    """A canvas of the most pixels, on which one is drawn."""
    size = struct.pack("<HH", SIDE, SIDE)
    return b"GIF89a" + size + b"\x80\0\0\0\0\0\xff\xff\xff" + b"!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"


def _rle(width: int, height: int, rows: bytes) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows) + 2, 0, 0, 4, 0)
    return b"BM" + struct.pack("<IHHI", 72 + len(rows), 0, 0, 70) + header + bytes(16) + rows + b"\0\1"


def _in_jpeg(part: bytes) -> bytes:
    data = _save("JPEG", Image.new("RGB", (32, 32)))
    return data[:2] + part + data[2:]


def _scans(more: int) -> bytes:
    """A progressive JPEG of the most pixels that says its last scan, which holds nothing, again and again."""
    data = _save("JPEG", Image.new("RGB", (8_000, 8_000)), progressive=True)
    last = data.rindex(b"\xff\xda")
    length = int.from_bytes(data[last + 2 : last + 4], "big")
    return data[:last] + data[last : last + 2 + length] * more + data[last:]


def _lying_avif() -> bytes:
    """24 million pixels by its picture, 64 by its header."""
    data = bytearray(_save("AVIF", _photo((6_000, 4_000)), speed=10))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 8, 8)
    return bytes(data)


def _tiff(width: int, height: int, *, strips: int, more: int = 0) -> bytes:
    """Grey of 8 bits, its strips' offsets all the same; `more` tags each name 100 kB of the file."""
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (278, 4, 1, max(1, height // strips)),
    ]
    size = 8 + 2 + 12 * (8 + more) + 4
    entries += [(273, 4, strips, size), (279, 4, strips, size)]
    entries += [(1_000 + tag, 7, 100_000, 8) for tag in range(more)]
    head = (
        b"II*\0"
        + struct.pack("<IH", 8, len(entries))
        + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        + bytes(4)
    )
    return (
        head
        + struct.pack("<I", 64) * max(strips, 2)
        + bytes(200_000 if more else width * height // max(1, strips) + 64)
    )


def _chained_tiff(directories: int) -> bytes:
    data = bytearray(_tiff(8, 8, strips=2))
    start, first = len(data), 8 + 2 + 12 * 8
    data[first : first + 4] = struct.pack("<I", start)
    return bytes(data) + b"".join(struct.pack("<HI", 0, start + 6 * (at + 1)) for at in range(directories))
