"""Images: the one safe decoder, labelled sources, their labels, and batches of them."""

from typing import TYPE_CHECKING, Any

from senet_viz.images.choosing import choose_indices, choose_kept
from senet_viz.images.decoding import DECODER, MAX_FILE_BYTES, MAX_PIXELS, decode_image, to_rgb
from senet_viz.images.labels import map_labels, name_classes
from senet_viz.images.opening import open_images
from senet_viz.images.part import take_classes
from senet_viz.images.recorded import find_spec, open_recorded, read_samples
from senet_viz.images.source import ImageSource

if TYPE_CHECKING:
    from senet_viz.images.loading import Batch as Batch
    from senet_viz.images.loading import load_batches as load_batches

__all__ = [
    "DECODER",
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "Batch",
    "ImageSource",
    "choose_indices",
    "choose_kept",
    "decode_image",
    "find_spec",
    "load_batches",
    "map_labels",
    "name_classes",
    "open_images",
    "open_recorded",
    "read_samples",
    "take_classes",
    "to_rgb",
]


def __getattr__(name: str) -> Any:
    """Batches are tensors: whoever only looks at images does not wait for torch."""
    if name in ("Batch", "load_batches"):
        from senet_viz.images import loading

        return getattr(loading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
