"""Experiments run: each condition trained with each seed, judged, recorded and timed; resumable at any step."""

from senet_viz.workflows.experiments.running import ExperimentProgress, ExperimentRequest, run_experiment

__all__ = ["ExperimentProgress", "ExperimentRequest", "run_experiment"]
