"""Balanced accuracy and its interval against scikit-learn and scipy."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from senet_viz.stats.estimates import wilson_interval
from senet_viz.stats.lda import balanced_accuracy


def test_classes_count_alike_whatever_their_number_of_images() -> None:
    generator = np.random.default_rng(0)
    truth = np.repeat(np.arange(5), [2, 9, 4, 30, 1])
    decoded = np.where(generator.uniform(size=len(truth)) < 0.5, truth, generator.integers(0, 5, len(truth)))
    result = balanced_accuracy(truth, [decoded])
    assert result.value == pytest.approx(balanced_accuracy_score(truth, decoded), abs=1e-12)
    assert result.chance == 0.2
    images = 25 / sum(1 / n for n in (2, 9, 4, 30, 1))
    expected = wilson_interval(result.value, images)
    assert (result.low, result.high) == (expected.low, expected.high)


def test_repeats_on_the_same_images_are_averaged_and_do_not_narrow_the_interval() -> None:
    truth = np.repeat(np.arange(4), 10)
    good, bad = truth.copy(), (truth + 1) % 4
    single, both = balanced_accuracy(truth, [good]), balanced_accuracy(truth, [good, bad])
    assert (single.value, both.value) == (1.0, 0.5)
    expected = wilson_interval(0.5, 40)
    assert (both.low, both.high) == (expected.low, expected.high)


def test_the_interval_covers_the_expected_accuracy_of_unequal_classes() -> None:
    generator = np.random.default_rng(1)
    chances = generator.uniform(0, 0.6, 40)
    truth = np.repeat(np.arange(40), 10)
    covered = 0
    for _ in range(1000):
        decoded = np.where(generator.uniform(size=400) < chances[truth], truth, -1)
        result = balanced_accuracy(truth, [decoded])
        covered += result.low <= chances.mean() <= result.high
    assert covered >= 950, "classes that are unequally hard make it a little wider than it need be, never narrower"
