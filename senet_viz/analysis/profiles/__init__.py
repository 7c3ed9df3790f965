"""What the pages show of gates per class, computed from a recording and frozen."""

from senet_viz.analysis.profiles.answers import describe_distances
from senet_viz.analysis.profiles.choices import (
    CHANNEL_ORDERS,
    ChannelOrder,
    ChosenClass,
    choose_blocks,
    choose_channels,
    choose_classes,
    label_blocks,
    label_classes,
    order_channels,
)
from senet_viz.analysis.profiles.class_map import (
    MAP_VIEWS,
    ChannelRanking,
    ClassChannelMap,
    MapView,
    map_classes,
    rank_channels,
)
from senet_viz.analysis.profiles.decimals import count_decimals
from senet_viz.analysis.profiles.distribution import (
    ChannelDistribution,
    ClassSpread,
    distribute_channel,
    unroll_histogram,
)
from senet_viz.analysis.profiles.extremes import (
    ClassGate,
    ExtremeClasses,
    ExtremeImages,
    KeptImage,
    find_extreme_classes,
    find_extreme_images,
    short_path,
)
from senet_viz.analysis.profiles.panels import ClassPanels, Panel, ShownClass, profile_classes
from senet_viz.stats.measures import class_sds, class_shares

__all__ = [
    "CHANNEL_ORDERS",
    "MAP_VIEWS",
    "ChannelDistribution",
    "ChannelOrder",
    "ChannelRanking",
    "ChosenClass",
    "ClassChannelMap",
    "ClassGate",
    "ClassPanels",
    "ClassSpread",
    "ExtremeClasses",
    "ExtremeImages",
    "KeptImage",
    "MapView",
    "Panel",
    "ShownClass",
    "choose_blocks",
    "choose_channels",
    "choose_classes",
    "class_sds",
    "class_shares",
    "count_decimals",
    "describe_distances",
    "distribute_channel",
    "find_extreme_classes",
    "find_extreme_images",
    "label_blocks",
    "label_classes",
    "map_classes",
    "order_channels",
    "profile_classes",
    "rank_channels",
    "short_path",
    "unroll_histogram",
]
