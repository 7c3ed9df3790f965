"""Images: the one safe decoder, labelled sources, their labels, and batches of them."""

from senet_viz.images.choosing import choose_indices, choose_kept
from senet_viz.images.decoding import DECODER, MAX_FILE_BYTES, MAX_PIXELS, decode_image, to_rgb
from senet_viz.images.labels import map_labels, name_classes
from senet_viz.images.loading import Batch, load_batches
from senet_viz.images.opening import open_images
from senet_viz.images.source import ImageSource

__all__ = [
    "DECODER",
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "Batch",
    "ImageSource",
    "choose_indices",
    "choose_kept",
    "decode_image",
    "load_batches",
    "map_labels",
    "name_classes",
    "open_images",
    "to_rgb",
]
