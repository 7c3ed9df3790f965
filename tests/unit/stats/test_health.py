"""Saturation from histograms against single gates; effective rank against planted spectra."""

import dataclasses

import numpy as np
import pytest

from senet_viz.stats.health import RANK_IMAGES, effective_rank, gate_health, gate_rank, profile_rank
from tests.unit.stats.test_shares import fold

LABELS = np.arange(600) % 6
UNIT = (0.0, 1.0)


def test_saturation_is_that_of_single_gates() -> None:
    values = np.random.default_rng(0).beta(0.7, 0.5, size=(600, 20)).astype(np.float32)
    health = gate_health(fold(values, LABELS, 6), UNIT)
    assert health.near_one == pytest.approx((values > 0.9).mean(), abs=3e-3)  # two bins are split linearly
    assert health.near_zero == pytest.approx((values < 0.1).mean(), abs=3e-3)
    assert (health.at_lower, health.at_upper) == (0, pytest.approx((values == 1).mean()))


def test_values_beside_the_split_bins_are_counted_exactly() -> None:
    values = np.repeat([0.0, 0.02, 0.5, 0.95, 1.0, 1.0], 100)[:, None]
    health = gate_health(fold(values, LABELS, 6), UNIT)
    assert (health.near_one, health.near_zero) == (0.5, pytest.approx(1 / 3))
    assert (health.at_lower, health.at_upper) == (pytest.approx(1 / 6), pytest.approx(1 / 3))


def test_the_bin_that_straddles_is_split_linearly() -> None:
    values = np.full((600, 1), 0.9)  # bin 57, from .890625 to .90625: two fifths of it lie above .9
    assert gate_health(fold(values, LABELS, 6), UNIT).near_one == pytest.approx(0.4)


@pytest.mark.parametrize("bounds", [(0.0, 2.0), (-1.0, 1.0)])
def test_another_range_has_no_near_one_but_exact_bounds(bounds: tuple[float, float]) -> None:
    moments = fold(np.full((600, 1), 1.0), LABELS, 6)
    health = gate_health(moments, bounds)
    assert np.isnan([health.near_one, health.near_zero]).all()
    assert health.at_upper == 1


def test_without_a_histogram_saturation_is_nan() -> None:
    moments = dataclasses.replace(fold(np.full((600, 1), 0.95), LABELS, 6), histogram=None)
    health = gate_health(moments, UNIT)
    assert np.isnan([health.near_one, health.near_zero, health.at_lower, health.at_upper]).all()


def test_dead_channels_are_those_under_a_thousandth() -> None:
    generator = np.random.default_rng(3)
    values = 0.5 + np.array([0, 5e-4, 2e-3, 0.1]) * generator.normal(size=(600, 4)).clip(-3, 3)
    assert gate_health(fold(values, LABELS, 6), UNIT).dead == 2


def test_effective_rank_of_planted_spectra() -> None:
    generator = np.random.default_rng(4)
    left, _ = np.linalg.qr(generator.normal(size=(40, 8)))
    right, _ = np.linalg.qr(generator.normal(size=(90, 8)))
    assert effective_rank(left @ right.T) == pytest.approx(8)
    spectrum = np.array([4, 2, 1, 1, 0, 0, 0, 0]) / 8
    entropy = -sum(p * np.log(p) for p in spectrum if p)
    assert effective_rank(left * np.sqrt(spectrum) @ right.T) == pytest.approx(np.exp(entropy))
    assert effective_rank((left * np.sqrt(spectrum) @ right.T).T) == pytest.approx(np.exp(entropy))
    assert np.isnan(effective_rank(np.zeros((5, 3))))


def test_profiles_of_one_pattern_have_rank_one() -> None:
    pattern = np.linspace(0.2, 0.8, 30)
    scale = np.linspace(0.9, 1.1, 6)[LABELS]
    moments = fold(scale[:, None] * pattern, LABELS, 6)
    assert profile_rank(moments) == pytest.approx(1, abs=1e-6)
    assert np.isnan(profile_rank(fold(np.ones((600, 2)), np.zeros(600), 1)))


def test_profile_rank_weights_classes_by_their_images() -> None:
    labels = np.repeat([0, 1, 2], [500, 90, 10])
    means = np.array([[0.2, 0.5], [0.5, 0.2], [0.9, 0.9]])
    centred = means[labels] - means[labels].mean(0)
    values = np.linalg.eigvalsh(centred.T @ centred)
    shares = values / values.sum()
    assert profile_rank(fold(means[labels], labels, 3)) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_gate_rank_reads_at_most_two_thousand_images() -> None:
    gates = np.random.default_rng(0).normal(size=(RANK_IMAGES + 500, 12)).astype(np.float16)
    rank, images = gate_rank(gates, seed=1)
    assert images == RANK_IMAGES
    assert rank == pytest.approx(12, rel=0.01)
    assert gate_rank(gates, seed=1)[0] == rank
    assert np.isnan(gate_rank(gates[:1])[0])
