"""Interventions on a whole set of images: the plan, its baselines and their donors, and the run that makes them."""

from senet_viz.workflows.interventions.estimating import InterventionEstimate
from senet_viz.workflows.interventions.making import intervene
from senet_viz.workflows.interventions.options import InterventionOptions
from senet_viz.workflows.interventions.running import InterventionProgress

__all__ = ["InterventionEstimate", "InterventionOptions", "InterventionProgress", "intervene"]
