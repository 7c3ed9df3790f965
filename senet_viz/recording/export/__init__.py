"""Statistics of a recording per block, channel and class: a table that is written a block at a time."""

from senet_viz.recording.export.choices import block_word, export_command
from senet_viz.recording.export.columns import (
    ALL,
    ALL_NAME,
    COLUMNS,
    QUANTILE_COLUMNS,
    QUANTILES,
    Column,
    statistics_columns,
    statistics_schema,
)
from senet_viz.recording.export.estimating import ExportEstimate, estimate_export
from senet_viz.recording.export.exporting import SIDE_ENDING, export_statistics, side_file
from senet_viz.recording.export.formats import ENDINGS
from senet_viz.recording.export.naming import file_stem, free_path, name_classes, name_several, name_statistics
from senet_viz.recording.export.table import sorted_quantiles, statistics_batches

__all__ = [
    "ALL",
    "ALL_NAME",
    "COLUMNS",
    "ENDINGS",
    "QUANTILES",
    "QUANTILE_COLUMNS",
    "SIDE_ENDING",
    "Column",
    "ExportEstimate",
    "block_word",
    "estimate_export",
    "export_command",
    "export_statistics",
    "file_stem",
    "free_path",
    "name_classes",
    "name_several",
    "name_statistics",
    "side_file",
    "sorted_quantiles",
    "statistics_batches",
    "statistics_columns",
    "statistics_schema",
]
