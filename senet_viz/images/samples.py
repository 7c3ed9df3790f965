"""Images for whoever has none at hand: two photos that scikit-learn ships, two that are drawn here."""

import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from senet_viz.errors import SourceError

_SIDE = 256
_PHOTOS = {"flower.jpg": "flower photo.jpg", "china.jpg": "temple photo.jpg"}


def sample_images() -> tuple[tuple[str, bytes], ...]:
    """Name and file of four images: a flower and a temple (photos of scikit-learn), a drawn fish, a chequered board.

    Raises:
        SourceError: scikit-learn is not installed, or lacks its photos.
    """
    return (*_read_photos(), ("drawn fish.png", _as_png(_draw_fish())), ("chequered.png", _as_png(_draw_board())))


def _read_photos() -> tuple[tuple[str, bytes], ...]:
    try:
        found = find_spec("sklearn")  # not imported, which takes a second
        if found is None or found.origin is None:
            raise ImportError("no module named sklearn")
        folder = Path(found.origin).parent / "datasets" / "images"
        return tuple((name, (folder / file).read_bytes()) for file, name in _PHOTOS.items())
    except (ImportError, OSError) as error:
        raise SourceError(
            f"The sample photos come with scikit-learn and could not be read ({error}): pip install scikit-learn."
        ) from error


def _draw_fish() -> Image.Image:
    """An orange fish before blue water that is brighter above."""
    depth = np.linspace(1, 0.45, _SIDE)[:, None, None] * np.array([70.0, 150.0, 205.0])
    image = Image.fromarray(np.broadcast_to(depth, (_SIDE, _SIDE, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    orange, dark = (240, 128, 32), (206, 92, 16)
    draw.polygon([(172, 128), (236, 78), (222, 128), (236, 178)], fill=dark)  # tail
    draw.polygon([(96, 88), (132, 46), (160, 92)], fill=dark)  # back fin
    draw.polygon([(104, 160), (128, 204), (146, 160)], fill=dark)  # belly fin
    draw.ellipse((34, 76, 190, 180), fill=orange)
    draw.ellipse((62, 108, 84, 130), fill=(250, 250, 250))
    draw.ellipse((68, 114, 79, 125), fill=(15, 15, 15))
    return image.filter(ImageFilter.GaussianBlur(1.2))


def _draw_board() -> Image.Image:
    rows, columns = np.indices((_SIDE, _SIDE)) // 32
    return Image.fromarray(np.where((rows + columns) % 2, 230, 25).astype(np.uint8)).convert("RGB")


def _as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
