"""Pixels of any mode as upright RGB, with room for little more than the result."""

import itertools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from senet_viz.errors import ImageError
from senet_viz.images.bounds import ROOM

_BLOCK = 1024  # px a side


def to_upright_rgb(image: Image.Image, turn: Image.Transpose | None, *, name: str) -> Image.Image:
    """A decoded image as RGB, turned; never more than `ROOM` bytes are held above the result.

    Args:
        image: loaded; it may be closed and is not to be used afterwards.
        turn: what its EXIF orientation asks for.
        name: what messages call the image.

    Raises:
        ImageError: as `to_rgb`.
    """
    plain = image.mode == "RGB" and not image.has_transparency_data
    copies = (4 if plain else 16) + (4 if turn is not None else 0)  # bytes a pixel above the result
    if image.width * image.height * copies <= ROOM:
        rgb = to_rgb(image, name=name)
        return rgb.transpose(turn) if turn is not None else rgb
    bands = _split_into_bands(image, name)  # 3 bytes a pixel; RGB itself takes 4
    image.close()  # gives its pixels back
    if turn is not None:
        for at in range(3):
            bands[at] = bands[at].transpose(turn)
    return Image.merge("RGB", bands)


def _split_into_bands(image: Image.Image, name: str) -> list[Image.Image]:
    """Red, green and blue, converted a block at a time."""
    width, height = image.size
    bands = [Image.new("L", image.size) for _ in "RGB"]
    for left, top in itertools.product(range(0, width, _BLOCK), range(0, height, _BLOCK)):
        block = image.crop((left, top, min(left + _BLOCK, width), min(top + _BLOCK, height)))
        block.format = image.format
        for band, part in zip(bands, to_rgb(block, name=name).split()):
            band.paste(part, (left, top))
    return bands


def refuse_unknown_range(image: Image.Image, *, name: str) -> None:
    """Refuse pixels whose range is not known, which `to_rgb` cannot convert; needs no pixel.

    Raises:
        ImageError: 32-bit integers, floats, LAB.
    """
    if image.mode in ("I", "F", "LAB") and not _has_16_bits(image):
        kind = {"I": "32-bit integer", "F": "floating-point", "LAB": "LAB"}[image.mode]
        raise ImageError(f"{name} has {kind} pixels, whose range is not known: save it with 8 or 16 bits a channel.")


def to_rgb(image: Image.Image, *, name: str = "The image") -> Image.Image:
    """An image of any usual mode as RGB: transparency on white, 16 bits scaled.

    Args:
        image: a Pillow image; `format` "PNG" or "PPM" tells that mode "I" holds 16-bit values.
        name: what messages call the image.

    Raises:
        ImageError: pixels whose range is not known (32-bit integers, floats) or that have no conversion (LAB).
    """
    refuse_unknown_range(image, name=name)
    if _has_16_bits(image):
        return _scale_16_bits(image)
    if image.has_transparency_data:
        rgba = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _has_16_bits(image: Image.Image) -> bool:
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))


def _scale_16_bits(image: Image.Image) -> Image.Image:
    values: NDArray[np.int32] = np.asarray(image).astype(np.int32)
    np.clip(values, 0, 65535, out=values)
    transparent = image.info.get("transparency")
    holes = values == transparent if isinstance(transparent, int) else None
    values *= 255
    values += 32767
    values //= 65535
    grey = values.astype(np.uint8)
    if holes is not None:
        grey[holes] = 255
    return Image.fromarray(grey).convert("RGB")
