"""Images of any origin through a recorded network: the torch half of a comparison."""

from senet_viz.comparing.networks import load_recorded_model
from senet_viz.comparing.running import MOST_IMAGES, compare_images
from senet_viz.comparing.stability import vary_image
from senet_viz.comparing.uploads import ImageInput, list_images

__all__ = ["MOST_IMAGES", "ImageInput", "compare_images", "list_images", "load_recorded_model", "vary_image"]
