"""Classes: how distinct their gates are along the depth, which are near each other, and which are confused; numpy only."""

from senet_viz.analysis.classes.accuracy import ClassAccuracy, count_correct
from senet_viz.analysis.classes.agreement import (
    BlockAgreement,
    ConfusionAgreement,
    agree_with_confusions,
    gather_agreement,
)
from senet_viz.analysis.classes.answers import answer_agreement, answer_distinctness, answer_plane, answer_use
from senet_viz.analysis.classes.confusions import Confusions, count_confusions
from senet_viz.analysis.classes.distinctness import ClassDistinctness, Emergence, measure_distinctness
from senet_viz.analysis.classes.neighbours import ClassComparison, NearestClasses, compare_classes, find_nearest
from senet_viz.analysis.classes.overview import SORTS, ClassOverview, SortBy
from senet_viz.analysis.classes.pairs import ClassPairs, pair_classes
from senet_viz.analysis.classes.plane import ProfilePlane, place_classes
from senet_viz.analysis.classes.profiles import ClassProfiles, read_class_profiles, squared_distances

__all__ = [
    "SORTS",
    "BlockAgreement",
    "ClassAccuracy",
    "ClassComparison",
    "ClassDistinctness",
    "ClassOverview",
    "ClassPairs",
    "ClassProfiles",
    "ConfusionAgreement",
    "Confusions",
    "Emergence",
    "NearestClasses",
    "ProfilePlane",
    "SortBy",
    "agree_with_confusions",
    "answer_agreement",
    "answer_distinctness",
    "answer_plane",
    "answer_use",
    "compare_classes",
    "count_confusions",
    "count_correct",
    "find_nearest",
    "gather_agreement",
    "measure_distinctness",
    "pair_classes",
    "place_classes",
    "read_class_profiles",
    "squared_distances",
]
