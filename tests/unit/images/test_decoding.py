"""Every kind of file becomes the right pixels, or one sentence."""

import io
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from senet_viz.errors import ImageError
from senet_viz.images import decoding
from senet_viz.images.decoding import DECODER, decode_image
from senet_viz.images.pixels import to_rgb
from tests.support import image_files as draw


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    value = image.getpixel((x, y))
    assert isinstance(value, tuple)
    return value


def assert_near(found: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 4) -> None:
    assert np.abs(np.subtract(found, wanted)).max() <= tolerance, (found, wanted)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_every_format_gives_its_colour(kind: str) -> None:
    image = decode_image(draw.draw_plain((200, 100, 50), kind=kind))
    assert (image.mode, image.size, image.info) == ("RGB", (16, 12), {})
    assert_near(pixel(image, 8, 6), (200, 100, 50))


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICNS", "PCX"])
def test_formats_beside_the_list_are_refused(kind: str) -> None:
    data = draw.encode(Image.new("RGB", (32, 32)), kind)
    with pytest.raises(ImageError, match=r"^door is (no JPEG, PNG|P).*convert it"):
        decode_image(data, name="door")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_half_a_file_is_refused(kind: str, share: float) -> None:
    data = draw.cut_short(draw.draw_noise(kind=kind), share=share)
    with pytest.raises(ImageError, match=r"^half\.img "):
        decode_image(data, name="half.img")


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(kind: str) -> None:
    image = decode_image(draw.draw_16_bit(kind=kind))
    assert [pixel(image, x, 0)[0] for x in range(4)] == [0, 128, 156, 255]  # round(v · 255 / 65535)


def test_16_bits_with_a_transparent_value_lie_on_white() -> None:
    out = io.BytesIO()
    Image.fromarray(np.array([[0, 1000, 65535]], np.uint16)).save(out, "PNG", transparency=1000)
    assert [pixel(decode_image(out.getvalue()), x, 0)[0] for x in range(3)] == [0, 255, 255]


def test_16_bit_pgm_is_scaled() -> None:
    data = b"P5 2 1 65535\n" + np.array([32768, 65535], ">u2").tobytes()
    assert [pixel(decode_image(data), x, 0)[0] for x in range(2)] == [128, 255]


@pytest.mark.parametrize("ink", [(0, 255, 255, 0), (255, 0, 255, 0), (0, 0, 0, 255), (0, 0, 0, 0)])
def test_cmyk_is_not_inverted(ink: tuple[int, int, int, int]) -> None:
    image = decode_image(draw.draw_cmyk_jpeg(ink))
    assert_near(pixel(image, 8, 8), tuple(255 - min(255, part + ink[3]) for part in ink[:3]))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_of_an_animation(kind: str) -> None:
    assert pixel(decode_image(draw.draw_animation(kind)), 5, 5) == draw.GREEN


def test_transparency_lies_on_white() -> None:
    image = decode_image(draw.draw_alpha_png())
    assert (pixel(image, 0, 0), pixel(image, 6, 2)) == (draw.WHITE, (255, 127, 127))
    image = decode_image(draw.draw_palette_png())
    assert (pixel(image, 0, 0), pixel(image, 6, 2)) == (draw.WHITE, draw.BLUE)


@pytest.mark.parametrize(
    ("mode", "transparency"),
    [("RGB", (1, 2, 3)), ("L", 7)],
)
def test_a_colour_that_stands_for_transparency_becomes_white(mode: str, transparency: object) -> None:
    image = Image.new(mode, (2, 1), transparency)
    image.putpixel((1, 0), (9, 9, 9) if mode == "RGB" else 9)
    out = io.BytesIO()
    image.save(out, "PNG", transparency=transparency)
    decoded = decode_image(out.getvalue())
    assert (pixel(decoded, 0, 0), pixel(decoded, 1, 0)) == (draw.WHITE, (9, 9, 9))


def test_grey_with_alpha_lies_on_white() -> None:
    image = Image.new("LA", (2, 1), (0, 0))
    image.putpixel((1, 0), (80, 255))
    decoded = decode_image(draw.encode(image))
    assert (pixel(decoded, 0, 0), pixel(decoded, 1, 0)) == (draw.WHITE, (80, 80, 80))


@pytest.mark.parametrize(("mode", "value", "wanted"), [("L", 77, 77), ("1", 1, 255), ("1", 0, 0)])
def test_grey_and_one_bit(mode: str, value: int, wanted: int) -> None:
    assert pixel(decode_image(draw.encode(Image.new(mode, (4, 4), value))), 1, 1) == (wanted,) * 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_exif(kind: str, orientation: int) -> None:
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:8, :12], pixels[:8, 12:], pixels[8:, :12] = draw.RED, draw.GREEN, draw.BLUE
    turns = {
        1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1],
        5: pixels.transpose(1, 0, 2), 6: np.rot90(pixels, -1), 7: np.rot90(pixels, 2).transpose(1, 0, 2),
        8: np.rot90(pixels),
    }  # fmt: skip
    image = decode_image(draw.encode(Image.fromarray(pixels), kind, orientation=orientation))
    wanted = turns[orientation]
    assert image.size == (wanted.shape[1], wanted.shape[0])
    centres = [(image.width // 4, image.height // 4), (3 * image.width // 4, image.height // 4)]
    for x, y in centres:
        assert_near(pixel(image, x, y), tuple(wanted[y, x].tolist()), tolerance=60)


def test_damaged_exif_leaves_the_picture_as_it_is() -> None:
    out = io.BytesIO()
    draw.draw_halves().save(out, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40)
    assert decode_image(out.getvalue()).size == (16, 8)


def test_a_bomb_is_refused_before_its_pixels_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*args: object) -> None:
        raise AssertionError("decoded a pixel")

    data = draw.draw_bomb()
    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    assert len(data) < 50_000
    with pytest.raises(ImageError, match=r"^bomb\.png has more than 89 million pixels"):
        decode_image(data, name="bomb.png")
    with pytest.raises(ImageError, match="89 million pixels"):
        decode_image(draw.draw_bomb(side=14_080), name="bomb.png")  # beyond Pillow's own error


def test_a_webp_of_a_huge_canvas_is_refused_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(draw.draw_animation("WEBP"))
    assert data[12:16] == b"VP8X"
    data[24:30] = b"\xff\x3f\0\xff\x3f\0"  # 16,384 pixels each way
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(ImageError, match=r"^x\.webp has more than 89 million pixels"):
        decode_image(bytes(data), name="x.webp")


def test_unknown_ranges_of_pixels_are_refused() -> None:
    for mode, kind in [("F", "floating-point"), ("I", "32-bit integer")]:
        with pytest.raises(ImageError, match=rf"^x\.tif has {kind} pixels.*8 or 16 bits"):
            decode_image(draw.encode(Image.new(mode, (4, 4)), "TIFF"), name="x.tif")


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match=r"none\.jpg does not exist"):
        decode_image(tmp_path / "none.jpg")
    with pytest.raises(ImageError, match="is not a regular file"):
        decode_image(tmp_path)
    if hasattr(os, "mkfifo"):  # a pipe would wait for ever
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(ImageError, match="is not a regular file"):
            decode_image(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="is empty"):
        decode_image(draw.write_file(tmp_path / "empty.jpg", b""))
    with pytest.raises(ImageError, match=r"text\.jpg is no JPEG"):
        decode_image(draw.write_file(tmp_path / "text.jpg", draw.draw_text()))
    monkeypatch.setattr(decoding, "MAX_FILE_BYTES", 100)
    for source in (draw.write_file(tmp_path / "big.jpg", draw.draw_noise()), draw.draw_noise(), io.BytesIO(b"x" * 101)):
        with pytest.raises(ImageError, match="larger than"):
            decode_image(source)


def test_path_bytes_and_stream_are_the_same(tmp_path: Path) -> None:
    data = draw.draw_noise()
    path = draw.write_file(tmp_path / "a.jpg", data)
    images = [decode_image(source).tobytes() for source in (path, data, io.BytesIO(data))]
    assert images[0] == images[1] == images[2] == Image.open(path).tobytes()


def test_messages_are_one_line_and_the_same_every_time() -> None:
    def sentence() -> str:
        with pytest.raises(ImageError) as caught:
            decode_image(draw.draw_truncated_jpeg(), name="two\nlines.jpg")
        return str(caught.value)

    assert sentence() == sentence()
    assert sentence().startswith("two lines.jpg is damaged or cut short")
    assert "\n" not in sentence()
    assert "0x" not in sentence()


def test_truncated_files_are_refused_even_where_pillow_was_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ImageError, match="LOAD_TRUNCATED_IMAGES"):
        decode_image(draw.draw_truncated_jpeg())


def test_to_rgb_never_returns_another_mode() -> None:
    for mode in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "I;16"):
        assert to_rgb(Image.new(mode, (3, 2))).mode == "RGB"
    with pytest.raises(ImageError, match="LAB"):
        to_rgb(Image.new("LAB", (3, 2)))


def test_warnings_are_kept_quiet_in_threads_and_restored() -> None:
    before = list(warnings.filters)
    odd = draw.draw_bomb(9_600)  # Pillow warns of it
    barrier = threading.Barrier(4)

    def decode() -> bool:
        barrier.wait(timeout=10)
        with pytest.raises(ImageError):
            decode_image(odd)
        return True

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(4) as pool:
            assert all(future.result() for future in [pool.submit(decode) for _ in range(4)])
    assert seen == []
    assert list(warnings.filters) == before


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "jpeg"])
def test_libtiff_says_nothing_of_a_damaged_file(compression: str, capfd: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    file = io.BytesIO()
    image.save(file, "TIFF", compression=compression)
    data = bytearray(file.getvalue())
    third = len(data) // 3
    data[20 : 20 + third] = random.integers(0, 256, third, dtype=np.uint8).tobytes()
    with pytest.raises(ImageError, match="damaged or cut short"):
        decode_image(bytes(data))
    assert capfd.readouterr() == ("", "")
    with pytest.raises(OSError, match="decoder error"), Image.open(io.BytesIO(bytes(data))) as opened:
        opened.load()
    assert capfd.readouterr().err, "whoever decodes elsewhere hears it as before"


def test_the_decoder_is_named() -> None:
    assert DECODER.startswith("pillow ")
    assert "libjpeg" in DECODER
