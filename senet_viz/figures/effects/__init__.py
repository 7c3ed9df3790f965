"""What interventions on gates do: costs along the depth, their parts, classes, and one image of a person's own."""

from senet_viz.figures.effects.classes import draw_changed_classes
from senet_viz.figures.effects.components import draw_components
from senet_viz.figures.effects.costs import OVER, Over, draw_costs
from senet_viz.figures.effects.freezing import draw_freezing
from senet_viz.figures.effects.trial import draw_dose, draw_trial

__all__ = [
    "OVER",
    "Over",
    "draw_changed_classes",
    "draw_components",
    "draw_costs",
    "draw_dose",
    "draw_freezing",
    "draw_trial",
]
