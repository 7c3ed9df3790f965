"""One pattern for all classes up to a scale, and its opposites, with noise that is correlated across channels."""

import numpy as np
import pytest

from senet_viz.recording.moments import Channels, ClassMoments
from senet_viz.stats.shares import (
    MeanDirection,
    SumsOfSquares,
    mean_direction,
    random_shares,
    split_between,
    sums_of_squares,
    unit_directions,
)

CLASSES, EACH, WIDTH = 30, 40, 48
LABELS = np.repeat(np.arange(CLASSES), EACH)
PATTERN = np.random.default_rng(0).uniform(0.2, 0.9, size=WIDTH)


def sums(values: np.ndarray) -> SumsOfSquares:
    state = ClassMoments.empty(CLASSES, Channels(("a",), (values.shape[1],)))
    state.update(values.astype(np.float32), LABELS)
    return sums_of_squares(state.finish())


def split(gates: np.ndarray) -> tuple[MeanDirection, np.ndarray]:
    mean = gates.mean(axis=0)
    along = (gates - mean) @ unit_directions(mean, seed=1)
    channels = sums(gates)
    return mean_direction(channels, sums(along[:, :1])), random_shares(channels, sums(along[:, 1:]))


def noise(generator: np.random.Generator) -> np.ndarray:
    """Mostly a common scale of each image along the pattern: uncorrected, it would pass for class differences."""
    images = len(LABELS)
    return 0.1 * generator.normal(size=(images, 1)) * PATTERN + 0.02 * generator.normal(size=(images, WIDTH))


def test_a_scaled_pattern_lies_along_the_mean() -> None:
    generator = np.random.default_rng(2)
    scale = 1 + 0.1 * generator.normal(size=CLASSES)
    found, null = split(scale[LABELS, None] * PATTERN + noise(generator))
    assert found.share == pytest.approx(1, abs=0.03)
    assert found.residual_variance < 1e-5
    assert np.quantile(null, 0.95) < 0.2


def test_class_patterns_of_their_own_do_not() -> None:
    generator = np.random.default_rng(3)
    profiles = PATTERN + 0.05 * generator.normal(size=(CLASSES, WIDTH))
    found, null = split(profiles[LABELS] + noise(generator))
    assert found.share == pytest.approx(1 / WIDTH, abs=0.03)
    assert np.sqrt(found.residual_variance) == pytest.approx(0.05, rel=0.1)
    assert null.mean() == pytest.approx(1 / WIDTH, abs=0.01)


def test_an_offset_common_to_all_channels_is_no_scale() -> None:
    generator = np.random.default_rng(4)
    offset = 0.05 * generator.normal(size=CLASSES)
    found, _ = split(PATTERN + offset[LABELS, None] + noise(generator))
    cosine = PATTERN.sum() / np.linalg.norm(PATTERN) / np.sqrt(WIDTH)
    assert found.share == pytest.approx(cosine**2, abs=0.03)


def test_without_class_differences_the_share_is_not_read_off_noise() -> None:
    """Either not defined, or far from what its error allows to be told; the corrected variance is about zero."""
    variances = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        gates = PATTERN + noise(generator)
        variances.append(sums(gates).variance_between.mean())
    assert abs(np.mean(variances)) < 1e-5


def test_no_positive_between_variance_is_nan() -> None:
    flat = SumsOfSquares(np.full(3, 5.0), np.ones(4), np.zeros(4), np.ones(4))
    one = SumsOfSquares(np.full(3, 5.0), np.zeros(1), np.zeros(1), np.ones(1))
    assert np.isnan(mean_direction(flat, one).share)
    assert np.isnan(random_shares(flat, one)).all()


def test_directions_are_unit_vectors_and_the_first_is_the_means() -> None:
    directions = unit_directions(PATTERN, random=7, seed=3)
    assert directions.shape == (WIDTH, 8)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), 1)
    np.testing.assert_allclose(directions[:, 0] * np.linalg.norm(PATTERN), PATTERN)
    assert not unit_directions(np.zeros(4), random=0).any()


def test_from_single_images_it_is_the_same() -> None:
    generator = np.random.default_rng(5)
    scale = 1 + 0.1 * generator.normal(size=CLASSES)
    gates = scale[LABELS, None] * PATTERN + noise(generator)
    expected, _ = split(gates)
    state = ClassMoments.empty(CLASSES, Channels(("a",), (WIDTH,)))
    state.update(gates.astype(np.float32), LABELS)
    unlabelled = np.full((3, WIDTH), PATTERN)  # left out
    values = np.concatenate([gates, unlabelled]).astype(np.float32)
    found = split_between(state.finish(), values, np.concatenate([LABELS, np.full(3, -1)]))
    assert found.share == pytest.approx(expected.share, abs=1e-4)
    assert found.residual_variance == pytest.approx(expected.residual_variance, abs=1e-8)
