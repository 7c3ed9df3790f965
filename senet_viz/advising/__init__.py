"""Freeze advice: a greedy search for the gates that constants can replace, on one half of the images, confirmed on the other."""

from senet_viz.advising.estimating import FreezeEstimate
from senet_viz.advising.making import advise_freezing
from senet_viz.advising.options import FreezeOptions
from senet_viz.advising.telling import FreezeProgress

__all__ = ["FreezeEstimate", "FreezeOptions", "FreezeProgress", "advise_freezing"]
