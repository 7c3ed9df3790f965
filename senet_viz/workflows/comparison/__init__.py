"""Images of any origin through a recorded network: the torch half of a comparison."""

from senet_viz.workflows.comparison.networks import load_recorded_model
from senet_viz.workflows.comparison.running import MOST_IMAGES, compare_images
from senet_viz.workflows.comparison.stability import vary_image
from senet_viz.workflows.comparison.uploads import ImageInput, list_images

__all__ = ["MOST_IMAGES", "ImageInput", "compare_images", "list_images", "load_recorded_model", "vary_image"]
