"""The two acts of a greedy search: what a set of frozen blocks costs, and which block is frozen next."""

import math
from collections.abc import Sequence

import numpy as np

from senet_viz.analysis.freezing.result import Candidate, Cost
from senet_viz.errors import ArgumentError
from senet_viz.recording.outcomes import Outcome
from senet_viz.stats.effects import Grouping


def measure_cost(clean: Outcome, moved: Outcome, grouping: Grouping) -> Cost:
    """Paired change of accuracy and loss.

    Args:
        clean: of judged images, (n,).
        moved: of the same images.
        grouping: of the same images.
    """
    hits = moved.correct.astype(np.int64) - clean.correct.astype(np.int64)
    return Cost(grouping.change(100.0 * hits).images, _change_loss(clean, moved), len(hits))


def try_block(block: str, clean: Outcome, moved: Outcome) -> Candidate:
    """A candidate; arguments as in `measure_cost`."""
    hits = int(moved.correct.sum()) - int(clean.correct.sum())
    return Candidate(block, 100 * hits / len(clean.correct), _change_loss(clean, moved))


def _change_loss(clean: Outcome, moved: Outcome) -> float:
    with np.errstate(invalid="ignore"):  # inf − inf
        change = float((moved.loss.astype(np.float64) - clean.loss.astype(np.float64)).mean())
    return change if math.isfinite(change) else float("nan")


def choose_block(candidates: Sequence[Candidate]) -> Candidate:
    """The one that costs least top-1; of equals the one of least loss, of these the first.

    Raises:
        ArgumentError: there is none.
    """
    if not candidates:
        raise ArgumentError("There is no block left to freeze.")
    return max(candidates, key=lambda c: (c.top1, -math.inf if math.isnan(c.loss) else -c.loss))
