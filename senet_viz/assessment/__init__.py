"""A recording put to the test: estimates with intervals, nulls and controls along the depth, stored beside it."""

from senet_viz.assessment.computing import assess_blocks
from senet_viz.assessment.judging import judge_assessment
from senet_viz.assessment.result import (
    CURVES,
    Assessment,
    BlockAssessment,
    ClassesLikeThese,
    ControlCurve,
    CurveName,
    NullSummary,
    PlainStatistics,
)
from senet_viz.assessment.storing import (
    read_assessment,
    read_measures,
    read_tree,
    write_assessment,
)
from senet_viz.recording.layout import ASSESSMENT, MEASURES

__all__ = [
    "ASSESSMENT",
    "CURVES",
    "MEASURES",
    "Assessment",
    "BlockAssessment",
    "ClassesLikeThese",
    "ControlCurve",
    "CurveName",
    "NullSummary",
    "PlainStatistics",
    "assess_blocks",
    "judge_assessment",
    "read_assessment",
    "read_measures",
    "read_tree",
    "write_assessment",
]
