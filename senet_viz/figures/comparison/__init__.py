"""A few images compared: what the network said, a grid of gate vectors, distances, nearest classes, single channels."""

from senet_viz.figures.comparison.channels import draw_block_gates, draw_differing_channels
from senet_viz.figures.comparison.distances import DISTANCES, Distance, draw_distances
from senet_viz.figures.comparison.emergence import draw_emergence
from senet_viz.figures.comparison.grid import draw_gate_grid
from senet_viz.figures.comparison.inks import colour_images
from senet_viz.figures.comparison.predictions import draw_predictions
from senet_viz.figures.comparison.stability import draw_stability

__all__ = [
    "DISTANCES",
    "Distance",
    "colour_images",
    "draw_block_gates",
    "draw_differing_channels",
    "draw_distances",
    "draw_emergence",
    "draw_gate_grid",
    "draw_predictions",
    "draw_stability",
]
