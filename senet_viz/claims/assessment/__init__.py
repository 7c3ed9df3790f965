"""A recording put to the test: estimates with intervals, nulls and controls along the depth, stored beside it."""

from senet_viz.claims.assessment.computing import assess_blocks, tell_nothing_to_assess
from senet_viz.claims.assessment.effects import check_outcomes, claim_effects, class_rows, effects_tree, read_effects
from senet_viz.claims.assessment.judging import judge_assessment
from senet_viz.claims.assessment.result import (
    CURVES,
    Assessment,
    BlockAssessment,
    ClassesLikeThese,
    ControlCurve,
    CurveName,
    NullSummary,
    PlainStatistics,
)
from senet_viz.claims.assessment.storing import (
    read_assessment,
    read_measures,
    read_tree,
    write_assessment,
)
from senet_viz.recording.layout import ASSESSMENT, EFFECTS, MEASURES

__all__ = [
    "ASSESSMENT",
    "CURVES",
    "EFFECTS",
    "MEASURES",
    "Assessment",
    "BlockAssessment",
    "ClassesLikeThese",
    "ControlCurve",
    "CurveName",
    "NullSummary",
    "PlainStatistics",
    "assess_blocks",
    "check_outcomes",
    "claim_effects",
    "class_rows",
    "effects_tree",
    "judge_assessment",
    "read_assessment",
    "read_effects",
    "read_measures",
    "read_tree",
    "tell_nothing_to_assess",
    "write_assessment",
]
