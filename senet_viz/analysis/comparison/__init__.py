"""A few images' gates against a recording: distances, nearest class profiles, places in its distribution."""

from senet_viz.analysis.comparison.blocks import BlockComparison, compare_block
from senet_viz.analysis.comparison.channels import DifferingChannels
from senet_viz.analysis.comparison.lines import describe_comparison
from senet_viz.analysis.comparison.placement import Placement, place_gates
from senet_viz.analysis.comparison.recorded import BlockProfiles, RecordedProfiles, read_profiles
from senet_viz.analysis.comparison.result import ComparedImage, Comparison, Emergence, Failure, Prediction
from senet_viz.analysis.comparison.spread import ClassSpread, measure_spread
from senet_viz.analysis.comparison.stability import Stability, VariedGates, describe_stability
from senet_viz.analysis.comparison.summary import summarize_comparison

__all__ = [
    "BlockComparison",
    "BlockProfiles",
    "ClassSpread",
    "ComparedImage",
    "Comparison",
    "DifferingChannels",
    "Emergence",
    "Failure",
    "Placement",
    "Prediction",
    "RecordedProfiles",
    "Stability",
    "VariedGates",
    "compare_block",
    "describe_comparison",
    "describe_stability",
    "measure_spread",
    "place_gates",
    "read_profiles",
    "summarize_comparison",
]
