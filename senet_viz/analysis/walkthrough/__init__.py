"""One image step by step through one SE block, as frozen data and in plain words; what the blocks of a network cost."""

from senet_viz.analysis.walkthrough.costs import CostSummary, StageCost
from senet_viz.analysis.walkthrough.paper import PaperRow, read_beside_paper
from senet_viz.analysis.walkthrough.result import BlockSteps, HiddenLayer
from senet_viz.analysis.walkthrough.words import Step, answer_steps, tell_share, tell_steps

__all__ = [
    "BlockSteps",
    "CostSummary",
    "HiddenLayer",
    "PaperRow",
    "StageCost",
    "Step",
    "answer_steps",
    "read_beside_paper",
    "tell_share",
    "tell_steps",
]
