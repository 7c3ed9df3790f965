"""Uncertainty: two intervals for two questions (these classes, classes like these), and the null of shuffled labels."""

from senet_viz.stats.resampling.classes import FEWEST_CLASSES, ClassReplicates, resample_classes
from senet_viz.stats.resampling.estimate import (
    EQUIVALENCE_LEVEL,
    LEVEL,
    Estimate,
    Interval,
    combine,
    difference_of_sds,
    ratio_of_sds,
)
from senet_viz.stats.resampling.grouped import Cells, GroupedMoments, at_sizes
from senet_viz.stats.resampling.groups import assign_groups, count_groups
from senet_viz.stats.resampling.images import ImageReplicates, StatisticName, resample_block, resample_images
from senet_viz.stats.resampling.permutation import PERMUTATIONS, PermutationNull, choose_images, permute_labels

__all__ = [
    "EQUIVALENCE_LEVEL",
    "FEWEST_CLASSES",
    "LEVEL",
    "PERMUTATIONS",
    "Cells",
    "ClassReplicates",
    "Estimate",
    "GroupedMoments",
    "ImageReplicates",
    "Interval",
    "PermutationNull",
    "StatisticName",
    "assign_groups",
    "at_sizes",
    "choose_images",
    "combine",
    "count_groups",
    "difference_of_sds",
    "permute_labels",
    "ratio_of_sds",
    "resample_block",
    "resample_classes",
    "resample_images",
]
