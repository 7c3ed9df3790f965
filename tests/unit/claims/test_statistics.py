"""Each statistic against numbers worked out by hand or by plain numpy."""

import numpy as np
import pytest
from scipy import stats

from senet_viz.claims.inputs import Series, find_roles
from senet_viz.claims.statistics import Contrast, Lead, Rise, Sd, SdDifference, SdRatio, measure_series
from tests.support.claimed import ERROR, GROUPS, make_curves, make_series
from tests.support.synthetic import PAPER_BLOCKS, make_gates

LAYOUT = find_roles(make_gates(PAPER_BLOCKS))
T = float(stats.t.ppf(0.975, GROUPS - 1))


def test_a_single_block_has_the_jackknife_interval() -> None:
    found = Contrast("omega_squared", (("SE_5_1", 1.0),)).measure(make_series([0.1] * 6), LAYOUT, 0.95)
    assert found.value == pytest.approx(0.1)
    assert found.interval.low == pytest.approx(0.1 - T * ERROR)
    assert found.interval.high == pytest.approx(0.1 + T * ERROR)


def test_what_blocks_have_in_common_cancels() -> None:
    common = np.random.default_rng(0).normal(size=GROUPS)
    values = np.arange(6) / 10
    series = Series(values, values[:, None] + common)
    found = Contrast("omega_squared", (("SE_5_1", 1.0), ("SE_2_3", -1.0))).measure(series, LAYOUT, 0.95)
    assert found.interval.low == pytest.approx(0.3) == found.interval.high
    rise = Rise("omega_squared", ("SE_5_1",)).measure(series, LAYOUT, 0.95)
    assert rise.interval.high - rise.interval.low < 1e-12


def test_rise_is_the_fitted_line_from_first_to_last() -> None:
    values = np.array([0.1, 0.05, 0.3, 0.2, 9.0, 9.0])
    slope = stats.linregress(np.arange(4), values[:4]).slope
    assert float(Rise("omega_squared", ("SE_5_1",)).points(values, LAYOUT)) == pytest.approx(3 * slope)
    alone = find_roles(make_gates({"SE_2_1": 4}))
    assert np.isnan(Rise("omega_squared", ("SE_5_1",)).points(values[:1], alone))


def test_a_third_of_nothing_compares_nothing() -> None:
    third = Contrast("omega_squared", (("SE_2_3", 1.0), ("SE_5_1", -1 / 3)), compares=True)
    nothing = third.measure(make_series([0.0001] * 6), LAYOUT, 0.90)
    assert "nothing to compare" in nothing.nothing
    one_is = third.measure(make_series([0.0, 0, 0, 0.4, 0, 0]), LAYOUT, 0.90)
    assert not one_is.nothing
    assert one_is.value == pytest.approx(-0.4 / 3)
    early_is = third.measure(make_series([0.4, 0, 0, 0.0, 0, 0]), LAYOUT, 0.90)
    assert not early_is.nothing


def test_lead_is_over_the_nearest_other_block() -> None:
    found = Lead("near_one", ("SE_5_2",)).measure(make_series([0.0, 0.1, 0.0, 0.3, 0.7, 0.2]), LAYOUT, 0.95)
    assert found.value == pytest.approx(0.4)
    assert found.note == "from SE_5_1"
    assert found.interval.low < 0.4 < found.interval.high < 0.41
    alone = find_roles(make_gates({"SE_2_1": 4}))
    assert "no other block" in Lead("near_one", ("SE_5_1",)).measure(make_series([0.5]), alone, 0.95).problem
    assert np.isnan(Lead("near_one", ("SE_5_1",)).points(np.array([0.5]), alone))


def test_the_lead_of_many_blocks_takes_the_lowest_limits() -> None:
    series = make_series([0.0, 0.1, 0.0, 0.3, 0.7, 0.3])
    noisy = Series(series.values, series.replicates.copy())
    noisy.replicates[5] += 50 * (noisy.replicates[5] - 0.3)  # as near as SE_5_1, and far less certain
    found = Lead("near_one", ("SE_5_2",)).measure(noisy, LAYOUT, 0.95)
    assert found.interval.low < 0.4 - T * 40 * ERROR
    assert found.interval.high < 0.41


def test_sds_keep_the_interval_of_the_variance() -> None:
    series = make_series([-1e-5, 4e-4, 4e-4, 4e-4, 4e-4, 4e-4], error=1e-5)
    low = Sd("between_variance", ("SE_2_3",)).measure(series, LAYOUT, 0.90)
    assert low.value == 0 == low.interval.low
    reach = float(stats.t.ppf(0.95, GROUPS - 1)) * 1e-5
    assert low.interval.high == pytest.approx(np.sqrt(-1e-5 + reach))
    high = Sd("between_variance", ("SE_5_1",)).measure(series, LAYOUT, 0.90)
    assert high.interval.low == pytest.approx(np.sqrt(4e-4 - reach))


def test_differences_and_ratios_of_sds() -> None:
    series = make_series([1e-4, 4e-4, 4e-4, 9e-4, 4e-4, 4e-4], error=1e-7)
    difference = SdDifference("within_variance", ("SE_5_1", "SE_2_3")).measure(series, LAYOUT, 0.95)
    assert difference.value == pytest.approx(0.02)
    assert 0.0199 < difference.interval.low < 0.02 < difference.interval.high < 0.0201
    ratio = SdRatio("within_variance", ("SE_5_1", "SE_2_3")).measure(series, LAYOUT, 0.95)
    assert ratio.value == pytest.approx(3)
    assert ratio.interval.low * ratio.interval.high == pytest.approx(9), "symmetric on the log scale"
    assert np.isnan(SdRatio("within_variance", ("SE_5_1", "SE_2_3")).points(np.zeros(6), LAYOUT))


def test_points_of_many_curves_are_those_of_each() -> None:
    curves = np.random.default_rng(1).uniform(0.1, 0.9, size=(7, 6))
    for statistic in (
        Contrast("omega_squared", (("SE_5_1", 1.0), ("SE_5_2", -1.0))), Rise("omega_squared", ("SE_5_1",)),
        Lead("near_one", ("SE_5_2",)), Sd("between_variance", ("SE_2_3",)), SdDifference("between_variance", ("SE_5_1", "SE_2_3")),
        SdRatio("within_variance", ("SE_5_1", "SE_2_3")),
    ):  # fmt: skip
        together = statistic.points(curves, LAYOUT)
        assert together.shape == (7,)
        each = [statistic.measure(make_series(curve, groups=0), LAYOUT, 0.95).value for curve in curves]
        np.testing.assert_allclose(together, each)


def test_what_is_not_known_is_told() -> None:
    rank = Contrast("near_one", (("SE_5_2", 1.0),))
    curves = make_curves()
    object.__setattr__(curves, "near_one", None)
    assert measure_series(rank, curves, LAYOUT, 0.95).problem == "the share of gates above .9 was not measured"
    undefined = make_curves(near_one=[0, 0, 0, 0, float("nan"), 0])
    assert "is not defined" in measure_series(rank, undefined, LAYOUT, 0.95).problem
    broken = make_curves()
    assert broken.near_one is not None
    broken.near_one.replicates[4, 3] = np.nan
    found = measure_series(rank, broken, LAYOUT, 0.95)
    assert found.value == 0.75
    assert "without one of the groups" in found.problem
