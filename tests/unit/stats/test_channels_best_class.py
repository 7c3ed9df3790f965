"""Selectivity index and d′ against plain numpy over single images."""

import dataclasses

import numpy as np
import pytest

from senet_viz.recording.moments import Moments
from senet_viz.stats.channels import d_primes, find_best_class
from tests.unit.stats.test_shares import LABELS, WIDTH, fold


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    generator = np.random.default_rng(3)
    return generator.uniform(0.2, 0.6, size=(len(LABELS), WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def moments(values: np.ndarray) -> Moments:
    return fold(values, LABELS, 5)


def test_best_class_selectivity_and_d_prime_equal_numpys(values: np.ndarray, moments: Moments) -> None:
    best = find_best_class(moments)
    precise = values.astype(np.float64)
    means = np.stack([precise[k == LABELS].mean(0) for k in (0, 1, 3, 4)])  # class 2 has one image
    for c in range(WIDTH):
        k = (0, 1, 3, 4)[int(means[:, c].argmax())]
        own, rest = precise[k == LABELS, c], precise[k != LABELS, c]
        others = np.delete(means[:, c], means[:, c].argmax()).mean()
        assert best.index[c] == k
        assert best.selectivity[c] == pytest.approx((own.mean() - others) / (own.mean() + others), rel=1e-9)
        spread = np.sqrt((own.var(ddof=1) + rest.var(ddof=1)) / 2)
        assert best.d_prime[c] == pytest.approx((own.mean() - rest.mean()) / spread, rel=1e-9)


def test_a_class_of_one_image_is_never_the_best_and_has_no_d_prime(values: np.ndarray) -> None:
    high = values.copy()
    high[LABELS == 2] = 1.0
    moments = fold(high, LABELS, 5)
    assert 2 not in find_best_class(moments).index
    assert np.isnan(d_primes(moments, np.full(WIDTH, 2))).all()


def test_a_constant_channel_has_no_best_class(values: np.ndarray) -> None:
    stuck = values.copy()
    stuck[:, 1] = 0.1
    best = find_best_class(fold(stuck, LABELS, 5))
    assert best.index[1] == -1
    assert np.isnan([best.selectivity[1], best.d_prime[1]]).all()
    assert (np.delete(best.index, 1) >= 0).all()


def test_a_sum_not_above_zero_has_no_selectivity(moments: Moments) -> None:
    lowered = dataclasses.replace(moments, mean=moments.mean - 2)
    best = find_best_class(lowered)
    assert np.isnan(best.selectivity).all()
    assert np.isfinite(best.d_prime).all()


def test_without_variance_per_class_there_is_a_best_class_and_no_d_prime(moments: Moments) -> None:
    slim = dataclasses.replace(moments, m2=None, within=moments.ssw)
    best = find_best_class(slim)
    np.testing.assert_array_equal(best.index, find_best_class(moments).index)
    assert np.isnan(best.d_prime).all()


def test_one_class_has_no_best(values: np.ndarray) -> None:
    best = find_best_class(fold(values, np.zeros(len(values)), 1))
    assert set(best.index) == {-1}
    assert np.isnan(best.selectivity).all()


def test_the_winners_curse_of_the_index_is_as_stated() -> None:
    """Facts: about .044 at K = 1,000, n = 50, mean .5, SD .1 without any class effect."""
    generator = np.random.default_rng(1)
    count = np.full(1000, 50)
    mean = 0.5 + 0.1 / np.sqrt(50) * generator.normal(size=(1000, 200))
    moments = Moments(count, mean, np.full((1000, 200), 49 * 0.01), None, None, None)
    assert find_best_class(moments).selectivity.mean() == pytest.approx(0.044, abs=0.003)
