"""The verdict rule at, beside and across a bound."""

import pytest

from senet_viz.claims.statistics import Side, Verdict, join_verdicts, judge_interval
from senet_viz.stats.estimates import Interval


@pytest.mark.parametrize(
    ("low", "high", "side", "verdict"),
    [
        (0.10, 0.20, "at least", "supported"),
        (0.10, 0.20, "above", "inconclusive"),
        (0.11, 0.20, "above", "supported"),
        (0.05, 0.10, "at least", "inconclusive"),
        (0.05, 0.10, "above", "refuted"),
        (0.05, 0.09, "at least", "refuted"),
        (0.05, 0.10, "at most", "supported"),
        (0.05, 0.10, "below", "inconclusive"),
        (0.05, 0.09, "below", "supported"),
        (0.05, 0.15, "at most", "inconclusive"),
        (0.10, 0.15, "below", "refuted"),
        (0.11, 0.15, "at most", "refuted"),
        (-1.0, 1.0, "at least", "inconclusive"),
    ],
)
def test_where_the_interval_lies_decides(low: float, high: float, side: Side, verdict: Verdict) -> None:
    assert judge_interval(Interval(low, high, 0.95), side, 0.10) == verdict


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        (("supported", "supported"), "supported"),
        (("supported", "refuted"), "refuted"),
        (("inconclusive", "refuted"), "refuted"),
        (("not applicable", "refuted"), "refuted"),
        (("supported", "inconclusive"), "inconclusive"),
        (("supported", "not applicable"), "not applicable"),
        ((), "not applicable"),
    ],
)
def test_parts_join(parts: tuple[Verdict, ...], verdict: Verdict) -> None:
    assert join_verdicts(parts) == verdict
