"""Figures of the page Classes."""

from senet_viz.figures.classes.agreement import draw_agreement
from senet_viz.figures.classes.depths import draw_class_distances, draw_distinctness
from senet_viz.figures.classes.matrix import draw_class_matrix
from senet_viz.figures.classes.plane import draw_plane

__all__ = ["draw_agreement", "draw_class_distances", "draw_class_matrix", "draw_distinctness", "draw_plane"]
