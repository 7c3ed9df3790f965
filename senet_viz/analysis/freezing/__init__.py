"""Which gates can be frozen to constants, and what it costs: greedy paths on disk and advice from them; numpy only."""

from senet_viz.analysis.freezing.answers import answer_freezing, describe_freezing, summarize_freezing
from senet_viz.analysis.freezing.choosing import choose_block, measure_cost
from senet_viz.analysis.freezing.result import (
    Candidate,
    Cost,
    FreezeAdvice,
    FreezePath,
    FreezeStep,
    FreezeVerdict,
    Timing,
    least_reach,
)
from senet_viz.analysis.freezing.storing import (
    check_freezing,
    open_freezing,
    read_freezing,
    stored_freezing,
    write_freezing,
)
from senet_viz.recording.layout import FREEZING

__all__ = [
    "FREEZING",
    "Candidate",
    "Cost",
    "FreezeAdvice",
    "FreezePath",
    "FreezeStep",
    "FreezeVerdict",
    "Timing",
    "answer_freezing",
    "check_freezing",
    "choose_block",
    "describe_freezing",
    "least_reach",
    "measure_cost",
    "open_freezing",
    "read_freezing",
    "stored_freezing",
    "summarize_freezing",
    "write_freezing",
]
