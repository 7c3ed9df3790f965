"""What interventions on gates do: paired effects with intervals, their parts, class by class; numpy and scipy only."""

from senet_viz.stats.effects.decomposition import (
    CLASS_EFFECT_MEANING,
    COMPONENT_WORDS,
    COMPONENTS,
    FORMULAS,
    Component,
    ComponentName,
    decompose,
    describe_components,
    tabulate_components,
)
from senet_viz.stats.effects.equivalence import Equivalence, EquivalenceVerdict, judge_equivalence
from senet_viz.stats.effects.grouping import Grouping, group_images, make_grouping, over_classes
from senet_viz.stats.effects.measuring import measure_effects
from senet_viz.stats.effects.per_class import judge_classes, shrink_changes, sign_flip_p
from senet_viz.stats.effects.result import (
    DISCOVERY_RATE,
    MEASURE_WORDS,
    MEASURES,
    Change,
    ClassTests,
    EffectTable,
    Measure,
    TargetEffect,
    say_change,
)

__all__ = [
    "CLASS_EFFECT_MEANING",
    "COMPONENTS",
    "COMPONENT_WORDS",
    "DISCOVERY_RATE",
    "FORMULAS",
    "MEASURES",
    "MEASURE_WORDS",
    "Change",
    "ClassTests",
    "Component",
    "ComponentName",
    "EffectTable",
    "Equivalence",
    "EquivalenceVerdict",
    "Grouping",
    "Measure",
    "TargetEffect",
    "decompose",
    "describe_components",
    "group_images",
    "judge_classes",
    "judge_equivalence",
    "make_grouping",
    "measure_effects",
    "over_classes",
    "say_change",
    "shrink_changes",
    "sign_flip_p",
    "tabulate_components",
]
