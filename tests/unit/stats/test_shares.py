"""Shares of variance and SDs against scipy and plain float64 numpy; what is not defined is NaN."""

import numpy as np
import pytest
from scipy import stats

from senet_viz.recording.moments import Channels, ClassMoments, Moments
from senet_viz.stats.shares import (
    between_sds,
    block_statistics,
    class_shares,
    epsilon_squared,
    eta_squared,
    f_test,
    intraclass_correlation,
    mean_share,
    omega_squared,
    sums_of_squares,
    within_sds,
)

SIZES = (3, 17, 1, 40, 9)  # unbalanced, one class of a single image
LABELS = np.repeat(np.arange(5), SIZES)
WIDTH = 6


def fold(values: np.ndarray, labels: np.ndarray, classes: int) -> Moments:
    state = ClassMoments.empty(classes, Channels(("a",), (values.shape[1],), ((0.0, 1.0),)))
    state.update(values.astype(np.float32), labels.astype(np.int32))
    return state.finish()


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    generator = np.random.default_rng(8)
    means = generator.uniform(0.4, 0.6, size=(5, WIDTH))
    return (means[LABELS] + 0.05 * generator.normal(size=(len(LABELS), WIDTH))).astype(np.float32)


@pytest.fixture(scope="module")
def moments(values: np.ndarray) -> Moments:
    return fold(values, LABELS, 5)


def by_class(values: np.ndarray) -> list[np.ndarray]:
    return [values[k == LABELS].astype(np.float64) for k in range(5)]


def squares(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grand = values.astype(np.float64).mean(0)
    between = sum(len(g) * (g.mean(0) - grand) ** 2 for g in by_class(values))
    within = sum(((g - g.mean(0)) ** 2).sum(0) for g in by_class(values))
    return between, within


def test_f_p_and_q_equal_scipys(values: np.ndarray, moments: Moments) -> None:
    expected = stats.f_oneway(*by_class(values))
    f, p, q = f_test(sums_of_squares(moments))
    np.testing.assert_allclose(f, expected.statistic, rtol=1e-9)
    np.testing.assert_allclose(p, expected.pvalue, rtol=1e-7)
    np.testing.assert_allclose(q, stats.false_discovery_control(expected.pvalue), rtol=1e-7)


def test_shares_equal_their_formulas_in_plain_numpy(values: np.ndarray, moments: Moments) -> None:
    between, within = squares(values)
    n, k, msw = len(values), 5, within / (len(values) - 5)
    sums = sums_of_squares(moments)
    np.testing.assert_allclose(omega_squared(sums), (between - (k - 1) * msw) / (between + within + msw), rtol=1e-9)
    np.testing.assert_allclose(epsilon_squared(sums), 1 - (n - 1) / (n - k) * within / (between + within), rtol=1e-9)
    np.testing.assert_allclose(eta_squared(sums), between / (between + within), rtol=1e-9)
    np.testing.assert_allclose(within_sds(sums), np.sqrt(msw), rtol=1e-9)


def test_icc_and_between_sd_equal_the_anova_estimators(values: np.ndarray, moments: Moments) -> None:
    between, within = squares(values)
    n = np.array(SIZES)
    n0 = (n.sum() - (n**2).sum() / n.sum()) / 4
    msb, msw = between / 4, within / (n.sum() - 5)
    np.testing.assert_allclose(
        intraclass_correlation(sums_of_squares(moments)), (msb - msw) / (msb + (n0 - 1) * msw), rtol=1e-9
    )
    np.testing.assert_allclose(
        between_sds(sums_of_squares(moments)), np.sqrt(np.maximum(0, (msb - msw) / n0)), rtol=1e-9
    )


def test_a_class_without_an_image_changes_nothing(values: np.ndarray, moments: Moments) -> None:
    wider = fold(values, np.where(LABELS > 2, LABELS + 1, LABELS), 7)
    np.testing.assert_array_equal(class_shares(wider), class_shares(moments))


def test_unlabelled_images_take_no_part(values: np.ndarray, moments: Moments) -> None:
    more = np.concatenate([values, np.full((4, WIDTH), 0.9, dtype=np.float32)])
    with_unlabelled = fold(more, np.append(LABELS, [-1] * 4), 5)
    np.testing.assert_array_equal(class_shares(with_unlabelled), class_shares(moments))


@pytest.mark.parametrize("constant", [0.1, 0.3, 1 / 3, 0.0, 1.0])
def test_a_constant_channel_has_no_share_and_no_between_sd(values: np.ndarray, constant: float) -> None:
    """.1 and the like, whose weighted mean of equal means would be off by a rounding."""
    stuck = values.copy()
    stuck[:, 2] = constant
    moments = fold(stuck, LABELS, 5)
    sums = sums_of_squares(moments)
    for measure in (omega_squared, epsilon_squared, eta_squared, intraclass_correlation):
        assert np.isnan(measure(sums)).tolist() == [False, False, True, False, False, False]
    assert np.isnan(np.stack(f_test(sums))).sum(axis=1).tolist() == [1, 1, 1]
    assert between_sds(sums)[2] == 0
    assert mean_share(sums)[1] == WIDTH - 1


def test_a_single_image_in_the_last_place_is_no_constant_channel() -> None:
    values = np.full((200, 1), 0.3, dtype=np.float32)
    values[7] = np.nextafter(np.float32(0.3), np.float32(1))
    sums = sums_of_squares(fold(values, np.arange(200) % 4, 4))
    assert not sums.constant[0]
    assert np.isfinite(omega_squared(sums)[0])


def test_one_image_a_class_leaves_eta_squared_only(values: np.ndarray) -> None:
    sums = sums_of_squares(fold(values[:5], np.arange(5), 5))
    np.testing.assert_allclose(eta_squared(sums), 1)
    for measure in (omega_squared, intraclass_correlation, within_sds, lambda s: f_test(s)[1]):
        assert np.isnan(measure(sums)).all()
    assert np.isnan(block_statistics(sums).omega_squared)


@pytest.mark.parametrize("classes", [0, 1])
def test_fewer_than_two_classes_leave_nothing_between(values: np.ndarray, classes: int) -> None:
    labels = np.full(len(values), classes - 1)
    sums = sums_of_squares(fold(values, labels, max(classes, 1)))
    statistics = block_statistics(sums)
    mean, defined = mean_share(sums)
    assert np.isnan([statistics.omega_squared, mean, statistics.between_sd]).all()
    assert defined == 0
    assert np.isnan(eta_squared(sums)).all()


def test_no_variance_within_classes_is_a_share_of_one() -> None:
    values = np.repeat([[0.25], [0.75]], 4, axis=0)
    sums = sums_of_squares(fold(values, np.repeat([0, 1], 4), 2))
    f, p, q = f_test(sums)
    assert omega_squared(sums)[0] == intraclass_correlation(sums)[0] == 1
    assert (f[0], p[0], q[0]) == (np.inf, 0, 0)


def test_pooled_and_mean_omega_squared_answer_different_questions(values: np.ndarray) -> None:
    """A channel with a hundredth of the SD counts as much in the mean and nearly nothing in the pool."""
    quiet = values[:, :2].copy()
    quiet[:, 1] = 0.5 + 0.01 * np.random.default_rng(0).normal(size=len(values)) * 0.05
    sums = sums_of_squares(fold(quiet, LABELS, 5))
    statistics, shares = block_statistics(sums), omega_squared(sums)
    np.testing.assert_allclose(mean_share(sums)[0], shares.mean())
    np.testing.assert_allclose(statistics.omega_squared, shares[0], atol=1e-3)
    weights = sums.total + sums.mean_within
    np.testing.assert_allclose(statistics.omega_squared, (weights @ shares) / weights.sum(), rtol=1e-12)
    np.testing.assert_allclose(statistics.between_sd, np.sqrt(sums.variance_between.mean()))


def test_null_variance_is_not_clipped_channel_by_channel() -> None:
    generator = np.random.default_rng(2)
    values = (0.5 + 0.05 * generator.normal(size=(200, 400))).astype(np.float32)
    statistics = block_statistics(sums_of_squares(fold(values, np.arange(200) % 10, 10)))
    clipped = between_sds(sums_of_squares(fold(values, np.arange(200) % 10, 10)))
    assert abs(statistics.omega_squared) < 0.005
    assert statistics.between_sd < np.sqrt((clipped**2).mean()) / 3
