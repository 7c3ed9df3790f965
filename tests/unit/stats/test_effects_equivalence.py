"""Equivalence needs an interval inside the bounds: no significance is not enough."""

import numpy as np
import pytest
from scipy import stats

from senet_viz.errors import ArgumentError
from senet_viz.stats.effect_measuring import make_grouping
from senet_viz.stats.effects import judge_equivalence
from senet_viz.stats.estimates import Estimate


def estimate(value: float, error: float) -> Estimate:
    noise = np.array([-1.0, 1.0] * 5)
    noise *= error / np.sqrt(0.9 * (noise**2).sum())
    return Estimate(value, value + noise)


@pytest.mark.parametrize(
    ("value", "error", "verdict", "words"),
    [
        (0.1, 0.2, "equivalent", "Equivalent: the change lies within ±1 points (90 % interval [−0.27, 0.47], two one-sided tests)."),
        (-0.5, 0.1, "equivalent", "Equivalent"),  # told from 0, and still as good as none
        (-3.0, 0.2, "not equivalent", "Not equivalent: the change does not lie within ±1 points"),
        (3.0, 0.2, "not equivalent", "Not equivalent"),
        (0.0, 2.0, "inconclusive", "that no change was found does not show that there is none."),
        (-0.9, 0.2, "inconclusive", "Not told"),
    ],
)  # fmt: skip
def test_verdicts(value: float, error: float, verdict: str, words: str) -> None:
    found = judge_equivalence(estimate(value, error), 1.0)
    assert found.verdict == verdict
    assert words in found.describe()


def test_it_is_two_one_sided_t_tests() -> None:
    generator = np.random.default_rng(0)
    for shift in (-1.4, -0.8, -0.4, 0.0, 0.5, 0.9, 1.6):
        values = generator.normal(shift, 2, size=40)
        p = max(
            stats.ttest_1samp(values, -1, alternative="greater").pvalue,
            stats.ttest_1samp(values, 1, alternative="less").pvalue,
        )
        change = make_grouping(np.zeros(40, np.int64), np.arange(40), 1, stratified=False).change(values)
        assert (judge_equivalence(change.images, 1.0).verdict == "equivalent") == (p <= 0.05)


def test_without_an_interval_nothing_is_told() -> None:
    found = judge_equivalence(Estimate(0.0, np.zeros(0)), 1.0)
    assert found.verdict == "not applicable"
    assert found.describe("loss") == "Not told: there is no interval."
    with pytest.raises(ArgumentError, match="A bound of 0 leaves no room"):
        judge_equivalence(estimate(0, 1), 0.0)
