"""Results turned into figures: nothing but layout is computed here.

Every `draw_…` takes the result it draws, `look` (colours of the light or the dark page) and `narrow` (for a phone's width).
"""

from senet_viz.figures.attribution import draw_attribution, draw_channels, draw_grad_cam
from senet_viz.figures.blocks import draw_gate_health
from senet_viz.figures.claims import draw_depth
from senet_viz.figures.distributions import (
    DISTRIBUTION_VIEWS,
    DistributionView,
    draw_class_map,
    draw_distribution,
    draw_extreme_classes,
    draw_panels,
)
from senet_viz.figures.theme import (
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
    page_of,
    plotly_script,
)

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
    "draw_gate_health",
    "draw_grad_cam",
    "draw_panels",
    "look_of",
    "page_of",
    "plotly_script",
]
