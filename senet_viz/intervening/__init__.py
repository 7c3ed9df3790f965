"""Interventions on a whole set of images: the plan, its baselines and their donors, and the run that makes them."""

from senet_viz.intervening.estimating import InterventionEstimate
from senet_viz.intervening.making import intervene
from senet_viz.intervening.options import InterventionOptions
from senet_viz.intervening.running import InterventionProgress

__all__ = ["InterventionEstimate", "InterventionOptions", "InterventionProgress", "intervene"]
