"""Freeze advice: a greedy search for the gates that constants can replace, on one half of the images, confirmed on the other."""

from senet_viz.workflows.freezing.estimating import FreezeEstimate
from senet_viz.workflows.freezing.making import advise_freezing
from senet_viz.workflows.freezing.options import FreezeOptions
from senet_viz.workflows.freezing.telling import FreezeProgress

__all__ = ["FreezeEstimate", "FreezeOptions", "FreezeProgress", "advise_freezing"]
