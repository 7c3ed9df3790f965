"""Formats beside the usual ones, and files that bear another's ending."""

import io
import struct
from pathlib import Path

import pytest
from PIL import Image, features

from senet_viz.errors import ImageError
from senet_viz.images.decoding import decode_image
from senet_viz.images.opening import open_images
from tests.support import image_files as draw

GREEN = (30, 160, 60)
KINDS = {
    "dib": "DIB", "ico": "ICO", "tga": "TGA", "mpo": "MPO", "jp2": "JPEG2000", "j2k": "JPEG2000", "avif": "AVIF",
}  # fmt: skip
NEEDED = {"jp2": "jpg_2000", "j2k": "jpg_2000", "avif": "avif"}


def draw_green(ending: str, size: tuple[int, int] = (32, 32)) -> bytes:
    if ending in NEEDED and not features.check(NEEDED[ending]):
        pytest.skip(f"this Pillow has no {NEEDED[ending]}")
    buffer = io.BytesIO()
    Image.new("RGB", size, GREEN).save(buffer, format=KINDS[ending], no_jp2=ending == "j2k")
    return buffer.getvalue()


@pytest.mark.parametrize("ending", sorted(KINDS))
def test_whatever_pillow_reads_is_listed_and_read(tmp_path: Path, ending: str) -> None:
    draw.write_file(tmp_path / f"a/x.{ending}", draw_green(ending))
    draw.write_file(tmp_path / f"b/y.{ending.upper()}", draw_green(ending))
    source = open_images(tmp_path)
    assert (len(source), source.classes.names) == (2, ("a", "b"))
    for index in range(2):
        pixel = source.load(index).getpixel((3, 3))
        assert isinstance(pixel, tuple)
        assert max(abs(got - meant) for got, meant in zip(pixel, GREEN)) <= 3


@pytest.mark.parametrize("ending", sorted(set(KINDS) - {"tga"}))
def test_the_content_counts_not_the_ending(ending: str) -> None:
    assert decode_image(draw_green(ending), name="photo.jpg").size == (32, 32)


@pytest.mark.parametrize("ending", sorted(KINDS))
def test_their_damaged_files_are_told_in_one_sentence(ending: str) -> None:
    data = draw_green(ending, (64, 48))
    for end in (5, 20):
        with pytest.raises(ImageError, match=rf"^x\.{ending} [^\n]*$"):
            decode_image(data[:end], name=f"x.{ending}")


def test_their_bombs_are_refused_before_a_pixel_is_made() -> None:
    huge = 12_000
    png = bytearray(draw.draw_plain(kind="PNG"))
    png[16:24] = struct.pack(">II", huge, huge)
    icon = b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(png), 22) + bytes(png)
    bitmap = struct.pack("<IiiHHIIiiII", 40, huge, 2 * huge, 1, 32, 0, 0, 0, 0, 0, 0)
    other = b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(bitmap), 22) + bitmap
    tga = bytearray(draw_green("tga"))
    tga[12:16] = struct.pack("<HH", huge, huge)
    for name, data in (("a.ico", icon), ("b.ico", other), ("c.tga", bytes(tga))):
        with pytest.raises(ImageError, match="million pixels"):
            decode_image(data, name=name)
    if features.check("jpg_2000"):
        for ending, mark, offset in (("j2k", b"\xff\x51", 6), ("jp2", b"ihdr", 4)):
            jp2 = bytearray(draw_green(ending))
            at = jp2.index(mark) + offset
            jp2[at : at + 8] = struct.pack(">II", huge, huge)
            with pytest.raises(ImageError, match="million pixels"):
                decode_image(bytes(jp2), name=ending)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypisom\0\0\2\0isomiso2", "MP4"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\n <!DOCTYPE html><html>", "HTML"),
        (b'<svg xmlns="x"/>', "SVG"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0" * 128 + b"DICM", "DICOM"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_a_file_of_another_format_is_named_whatever_its_ending(tmp_path: Path, data: bytes, kind: str) -> None:
    with pytest.raises(ImageError, match=rf"photo\.jpg is {kind}.* by its content, which is not read: convert it"):
        decode_image(draw.write_file(tmp_path / "photo.jpg", data + bytes(40)))


def test_a_damaged_avif_is_called_so() -> None:
    with pytest.raises(ImageError, match=r"AVIF|damaged"):
        decode_image(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(40), name="photo.jpg")


def test_no_other_file_is_taken_for_tga() -> None:
    with pytest.raises(ImageError, match="is no JPEG"):
        decode_image(draw_green("tga")[:-26], name="photo.jpg")
