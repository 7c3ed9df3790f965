"""Results turned into figures: nothing but layout is computed here."""

from senet_viz.figures.attribution import draw_attribution, draw_channels, draw_grad_cam
from senet_viz.figures.class_map import draw_class_map
from senet_viz.figures.depth_curves import draw_depth
from senet_viz.figures.distribution import DISTRIBUTION_VIEWS, DistributionView, draw_distribution
from senet_viz.figures.extremes import draw_extreme_classes
from senet_viz.figures.look import (
    CLASS_COLOURS,
    DARK,
    GREY,
    LIGHT,
    PICTURES,
    Look,
    Picture,
    Theme,
    chart_config,
    colour_classes,
    look_of,
)
from senet_viz.figures.page import page_of, plotly_script
from senet_viz.figures.panels import draw_panels

__all__ = [
    "CLASS_COLOURS",
    "DARK",
    "DISTRIBUTION_VIEWS",
    "GREY",
    "LIGHT",
    "PICTURES",
    "DistributionView",
    "Look",
    "Picture",
    "Theme",
    "chart_config",
    "colour_classes",
    "draw_attribution",
    "draw_channels",
    "draw_class_map",
    "draw_depth",
    "draw_distribution",
    "draw_extreme_classes",
    "draw_grad_cam",
    "draw_panels",
    "look_of",
    "page_of",
    "plotly_script",
]
