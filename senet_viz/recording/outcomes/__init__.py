"""Outcomes of interventions on disk: written by the torch wing, read by the numpy wing."""

from senet_viz.recording.outcomes.files import stored_outcomes
from senet_viz.recording.outcomes.layout import CLEAN_FOLDER, SCRATCH_FOLDER, OutcomesManifest
from senet_viz.recording.outcomes.reader import Outcome, Outcomes, open_outcomes, read_clean_predictions
from senet_viz.recording.outcomes.summary import describe_outcomes, summarize_outcomes
from senet_viz.recording.outcomes.variants import BASELINES, CLEAN, DRAWN, Variant
from senet_viz.recording.outcomes.writer import OutcomesWriter

__all__ = [
    "BASELINES",
    "CLEAN",
    "CLEAN_FOLDER",
    "DRAWN",
    "SCRATCH_FOLDER",
    "Outcome",
    "Outcomes",
    "OutcomesManifest",
    "OutcomesWriter",
    "Variant",
    "describe_outcomes",
    "open_outcomes",
    "read_clean_predictions",
    "stored_outcomes",
    "summarize_outcomes",
]
