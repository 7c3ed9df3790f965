"""Two recordings side by side: blocks matched, differences with intervals, verdicts; numpy and scipy only."""

from senet_viz.analysis.pair.differences import Difference, subtract_estimates
from senet_viz.analysis.pair.matching import BlockMatch, match_blocks
from senet_viz.analysis.pair.result import PAIR_CURVES, PAIR_WORDS, PairSide, RecordingPair, pair_recordings
from senet_viz.analysis.pair.same_images import explain_pairing
from senet_viz.analysis.pair.verdicts import count_verdict_changes, tabulate_verdicts

__all__ = [
    "PAIR_CURVES",
    "PAIR_WORDS",
    "BlockMatch",
    "Difference",
    "PairSide",
    "RecordingPair",
    "count_verdict_changes",
    "explain_pairing",
    "match_blocks",
    "pair_recordings",
    "subtract_estimates",
    "tabulate_verdicts",
]
