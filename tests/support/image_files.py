"""Draws ordinary and hostile image files for tests, and writes Parquet shards of them."""

import dataclasses
import io
import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from senet_viz.images.opening import open_images
from senet_viz.images.parquet import ParquetSource

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
ORIENTATION = 0x0112
Colour = tuple[int, int, int]


def encode(image: Image.Image, kind: str = "PNG", *, orientation: int | None = None) -> bytes:
    """A file's bytes; JPEG at quality 95 without chroma subsampling."""
    out = io.BytesIO()
    if orientation is not None:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        image.save(out, kind, exif=exif)
    elif kind == "JPEG":
        image.save(out, kind, quality=95, subsampling=0)
    else:
        image.save(out, kind)
    return out.getvalue()


def draw_plain(colour: Colour = RED, *, size: tuple[int, int] = (16, 12), kind: str = "JPEG") -> bytes:
    """An image of one colour."""
    return encode(Image.new("RGB", size, colour), kind)


def draw_halves(left: Colour = RED, right: Colour = BLUE, *, size: tuple[int, int] = (16, 8)) -> Image.Image:
    """Two colours side by side."""
    image = Image.new("RGB", size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    return image


def draw_noise(seed: int = 0, *, size: tuple[int, int] = (64, 48), kind: str = "JPEG") -> bytes:
    """Noise: a file that does not shrink."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return encode(Image.fromarray(pixels), kind)


def cut_short(data: bytes, *, share: float = 0.6) -> bytes:
    """The beginning of a file."""
    return data[: int(len(data) * share)]


def draw_truncated_jpeg() -> bytes:
    return cut_short(draw_noise())


def draw_text() -> bytes:
    return b"This is no image, whatever its name says.\n" * 5


def draw_16_bit(values: NDArray[np.uint16] | None = None, *, kind: str = "PNG") -> bytes:
    """Grey of 16 bits; by default columns of 0, 32768, 40000 and 65535."""
    if values is None:
        values = np.tile(np.array([0, 32768, 40000, 65535], np.uint16), (4, 1))
    return encode(Image.fromarray(values), kind)


def draw_cmyk_jpeg(ink: tuple[int, int, int, int] = (0, 255, 255, 0)) -> bytes:
    """Ink of one colour, by default red; stored inverted with Adobe's marker, as Photoshop does."""
    return encode(Image.new("CMYK", (16, 16), ink), "JPEG")


def draw_animation(kind: str = "GIF", colours: Sequence[Colour] = (GREEN, RED, BLUE)) -> bytes:
    """An animation of one frame a colour."""
    frames = [Image.new("RGB", (10, 10), colour) for colour in colours]
    out = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], **options)
    return out.getvalue()


def draw_alpha_png() -> bytes:
    """Left: transparent black. Right: red at half opacity."""
    image = Image.new("RGBA", (8, 4), (0, 0, 0, 0))
    image.paste((255, 0, 0, 128), (4, 0, 8, 4))
    return encode(image)


def draw_palette_png() -> bytes:
    """Left: a transparent palette entry. Right: blue."""
    image = Image.new("P", (8, 4), 0)
    image.putpalette([10, 20, 30, 0, 0, 255])
    image.paste(1, (4, 0, 8, 4))
    out = io.BytesIO()
    image.save(out, "PNG", transparency=b"\x00\xff")
    return out.getvalue()


def draw_rotated_photo(orientation: int = 6) -> bytes:
    """Left red, right blue as stored (16×8); orientation 6 shows red above blue (8×16)."""
    return encode(draw_halves(), "JPEG", orientation=orientation)


def draw_bomb(side: int = 9_600) -> bytes:
    """A grey PNG of side² pixels in a few KB."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    rows = 256
    body = b"".join(packer.compress(bytes(-(-side // 8) + 1) * rows) for _ in range(side // rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def write_hostile_folder(folder: Path) -> dict[str, str]:
    """Two class folders and an empty one, with files of every kind.

    Returns:
        Relative path of every file to what must become of it: "image" or "error".
    """
    files = {
        "cats/truncated.jpg": (draw_truncated_jpeg(), "error"),
        "cats/text.jpg": (draw_text(), "error"),
        "cats/sixteen.png": (draw_16_bit(), "image"),
        "cats/ink.jpg": (draw_cmyk_jpeg(), "image"),
        "cats/nothing.jpg": (b"", "error"),
        "dogs/animation.gif": (draw_animation(), "image"),
        "dogs/alpha.png": (draw_alpha_png(), "image"),
        "dogs/rotated.jpg": (draw_rotated_photo(), "image"),
        "dogs/bomb.png": (draw_bomb(), "error"),
        "dogs/plain.JPEG": (draw_plain(), "image"),
    }
    for name, (data, _) in files.items():
        write_file(folder / name, data)
    (folder / "empty").mkdir(parents=True)
    return {name: outcome for name, (_, outcome) in files.items()}


def write_file(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def write_class_folders(folder: Path, names: Sequence[str], *, images: int = 2, size: int = 8) -> Path:
    """A folder of class folders with `images` plain JPEGs each, a colour a class."""
    for at, name in enumerate(names):
        colour = (40 * at % 256, 90 * at % 256, 255 - 20 * at % 256)
        for number in range(images):
            write_file(folder / name / f"{number}.jpg", draw_plain(colour, size=(size, size)))
    return folder


def write_parquet(
    path: Path,
    images: Sequence[bytes | None],
    labels: Sequence[object] | pa.Array | None = None,
    *,
    paths: Sequence[str | None] | None = None,
    class_names: Sequence[str] | None = None,
    group_rows: int = 1000,
    image_column: str = "image",
    label_column: str = "label",
) -> Path:
    """A shard in the Hugging Face image layout."""
    inner = paths if paths is not None else [f"{at}.jpg" for at in range(len(images))]
    struct_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": data, "path": name} for data, name in zip(images, inner)]
    columns: dict[str, pa.Array] = {image_column: pa.array(rows, struct_type)}
    if labels is not None:
        columns[label_column] = labels if isinstance(labels, pa.Array) else pa.array(labels)
    table = pa.table(columns)
    if class_names is not None:
        feature = {"names": list(class_names), "_type": "ClassLabel"}
        features = {image_column: {"_type": "Image"}, label_column: feature}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=group_rows, write_page_checksum=True)
    return path


def open_outputs(path: Path) -> ParquetSource:
    """A Parquet whose unnamed labels are said to be output indices, as `--label-map outputs` does for a recording."""
    source = open_images(path)
    assert isinstance(source, ParquetSource)
    return source if source.label_kind == "none" else dataclasses.replace(source, label_kind="output indices")
