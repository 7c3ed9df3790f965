"""What the gates of each block do, gathered for people: health, measures along the depth, similarity; numpy only."""

from senet_viz.analysis.blocks.answers import describe_health, describe_saturation
from senet_viz.analysis.blocks.curves import BlockCurve, BlockMeasures, gather_measures, measures_from_table
from senet_viz.analysis.blocks.health import BlockHealth, gather_health, health_from_table
from senet_viz.analysis.blocks.quick import measure_blocks, measure_from_moments, ranks_are_quick
from senet_viz.analysis.blocks.similarity import BlockSimilarity, gather_similarity

__all__ = [
    "BlockCurve",
    "BlockHealth",
    "BlockMeasures",
    "BlockSimilarity",
    "describe_health",
    "describe_saturation",
    "gather_health",
    "gather_measures",
    "gather_similarity",
    "health_from_table",
    "measure_blocks",
    "measure_from_moments",
    "measures_from_table",
    "ranks_are_quick",
]
