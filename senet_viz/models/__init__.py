"""Networks: where they come from, how their inputs are prepared, how weights are loaded safely."""

from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.zoo import Model, bundled_folder, load_model

__all__ = ["Model", "Preprocessing", "bundled_folder", "load_model"]
