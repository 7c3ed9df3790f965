"""Intervals from replicates, and what is computed from several estimates."""

import numpy as np
import pytest
from scipy import stats

from senet_viz.errors import ArgumentError
from senet_viz.stats.estimates import Estimate, combine, difference_of_sds, ratio_of_sds, wilson_interval


def jackknife_of_mean(groups: np.ndarray) -> Estimate:
    """Groups of equal size: leaving one out of the mean of their means."""
    total = groups.sum()
    return Estimate(groups.mean(), (total - groups) / (len(groups) - 1))


GROUPS = np.random.default_rng(0).normal(2, 1, size=10)


def test_for_a_mean_it_is_the_t_interval_over_groups() -> None:
    found = jackknife_of_mean(GROUPS).interval()
    expected = stats.t.interval(0.95, 9, loc=GROUPS.mean(), scale=stats.sem(GROUPS))
    assert (found.low, found.high, found.level) == (pytest.approx(expected[0]), pytest.approx(expected[1]), 0.95)


def test_equivalence_reads_a_narrower_interval() -> None:
    estimate = jackknife_of_mean(GROUPS)
    wide, narrow = estimate.interval(), estimate.interval(0.90)
    ratio = stats.t.ppf(0.95, 9) / stats.t.ppf(0.975, 9)
    assert (narrow.high - narrow.low) / (wide.high - wide.low) == pytest.approx(ratio)


def test_differences_are_paired_by_their_groups() -> None:
    left, right = jackknife_of_mean(GROUPS), jackknife_of_mean(GROUPS + np.linspace(0, 0.1, 10))
    difference = combine(lambda a, b: b - a, left, right)
    assert difference.value == pytest.approx(0.05)
    assert difference.error == pytest.approx(stats.sem(np.linspace(0, 0.1, 10)))
    assert difference.error < left.error / 10


def test_contrasts_take_any_number_of_blocks() -> None:
    blocks = [jackknife_of_mean(GROUPS * (i + 1)) for i in range(4)]
    weights = np.array([-1.5, -0.5, 0.5, 1.5])
    slope = combine(lambda *values: float(weights @ values), *blocks)
    assert slope.value == pytest.approx(5 * GROUPS.mean())


def test_sds_are_bounded_on_the_scale_of_variances() -> None:
    estimate = Estimate(1e-6, np.linspace(-1e-6, 3e-6, 10), "square root")
    found = estimate.interval()
    assert estimate.value == pytest.approx(1e-3)
    assert found.low == 0
    assert found.high == pytest.approx(np.sqrt(1e-6 + stats.t.ppf(0.975, 9) * estimate.error))


def test_difference_of_sds_far_from_zero_is_the_jackknifes() -> None:
    generator = np.random.default_rng(1)
    shared = generator.normal(size=10)
    left, right = (v + 1e-5 * (shared + generator.normal(size=10)) for v in (0.04, 0.01))
    a, b = (Estimate(v.mean(), (v.sum() - v) / 9, "square root") for v in (left, right))
    value, interval = difference_of_sds(a, b)
    direct = Estimate(value, np.sqrt(a.replicates) - np.sqrt(b.replicates)).interval()
    assert value == pytest.approx(0.1, rel=1e-3)
    assert (interval.low, interval.high) == (pytest.approx(direct.low, rel=1e-4), pytest.approx(direct.high, rel=1e-4))


def test_difference_from_an_sd_of_nothing_covers_what_it_should() -> None:
    """Variance 0 on the one side, where replicates of its root would cover in three quarters of the runs."""
    generator = np.random.default_rng(2)
    covered = []
    for _ in range(2000):
        left, right = 0.0025 + 3e-4 * generator.normal(size=10), 3e-4 * generator.normal(size=10)
        a, b = (Estimate(v.mean(), (v.sum() - v) / 9, "square root") for v in (left, right))
        _, interval = difference_of_sds(a, b)
        covered.append(interval.low <= 0.05 <= interval.high)
    assert np.mean(covered) >= 0.93


def test_ratio_of_sds_is_on_the_log_scale() -> None:
    a, b = (Estimate(v, v * np.linspace(0.9, 1.1, 10), "square root") for v in (0.04, 0.01))
    ratio = ratio_of_sds(a, b)
    assert ratio.value == pytest.approx(2)
    assert ratio.interval().low == pytest.approx(2), "what both share cancels"
    assert np.isnan(ratio_of_sds(a, Estimate(-1e-9, b.replicates, "square root")).value)


def test_what_is_not_defined_is_nan() -> None:
    broken = Estimate(float("nan"), np.full(10, np.nan), "square root")
    assert np.isnan([broken.value, broken.interval().low, broken.interval().high]).all()
    one = Estimate(1.0, np.array([1.0]))
    assert np.isnan([one.error, one.interval().low]).all()


def test_estimates_that_do_not_belong_together_are_refused() -> None:
    ten, five = jackknife_of_mean(GROUPS), jackknife_of_mean(GROUPS[:5])
    with pytest.raises(ArgumentError, match="same groups"):
        combine(lambda a, b: a - b, ten, five)
    with pytest.raises(ArgumentError, match="square root"):
        combine(lambda a: a, Estimate(1.0, GROUPS, "square root"))
    with pytest.raises(ArgumentError, match="identity"):
        ratio_of_sds(ten, ten)
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        ten.interval(95)


@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 20), (1, 20), (0, 30), (7, 30), (17, 40), (40, 40), (300, 2000), (950, 1000), (1000, 1000)]
)  # fmt: skip
@pytest.mark.parametrize("level", [0.90, 0.95])
def test_the_interval_of_a_share_is_scipys_wilson(successes: int, trials: int, level: float) -> None:
    oracle = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    found = wilson_interval(successes / trials, trials, level)
    assert (found.low, found.high, found.level) == (
        pytest.approx(oracle.low, abs=1e-12), pytest.approx(oracle.high, abs=1e-12), level,
    )  # fmt: skip
