"""Intervals of paired differences: against scipy, on planted differences, and what they allow one to say."""

import numpy as np
import pytest
from scipy import stats

from senet_viz.analysis.experiments.result import answer, mean_over_both, mean_over_seeds
from senet_viz.errors import ArgumentError


def test_intervals_over_one_side_are_students() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(0.2, 1, (5, 40))
    found = mean_over_both(values)
    assert found.value == pytest.approx(values.mean())
    assert found.seeds == pytest.approx(stats.ttest_1samp(values.mean(axis=1), 0).confidence_interval())
    assert found.images == pytest.approx(stats.ttest_1samp(values.mean(axis=0), 0).confidence_interval())
    assert (found.n_seeds, found.n_images) == (5, 40)
    assert mean_over_seeds(values.mean(axis=1))[1] == pytest.approx(found.seeds)


def test_both_sources_together_have_satterthwaites_degrees_of_freedom() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(0, 1, (3, 50)) + generator.normal(0, 2, (3, 1))
    found = mean_over_both(values)
    seeds, images = values.mean(axis=1).var(ddof=1) / 3, values.mean(axis=0).var(ddof=1) / 50
    freedom = (seeds + images) ** 2 / (seeds**2 / 2 + images**2 / 49)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(seeds + images)
    assert found.both == pytest.approx((values.mean() - half, values.mean() + half))


@pytest.mark.parametrize(("over_seeds", "over_images"), [(0.5, 0.0), (0.0, 3.0), (0.2, 1.0), (0.0, 0.0)])
def test_the_interval_covers_a_planted_mean(over_seeds: float, over_images: float) -> None:
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        values = 0.3 + generator.normal(0, over_seeds, (3, 1)) + generator.normal(0, over_images, (1, 60))
        low, high = mean_over_both(values + generator.normal(0, 1, (3, 60))).both
        covered += low <= 0.3 <= high
    assert covered >= 0.93 * 400


def test_one_seed_says_nothing_of_other_trainings() -> None:
    found = mean_over_both(np.array([[0, 1, 1, 0, 1]]))
    assert np.isnan(found.both).all()
    assert np.isnan(found.seeds).all()
    assert found.images[0] < found.value < found.images[1]
    assert answer(found.both, 0.01) == "cannot tell"


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.011, 0.03), "better"),
        ((-0.03, -0.011), "worse"),
        ((-0.009, 0.009), "same"),
        ((0.005, 0.03), "cannot tell"),
        ((-0.02, 0.02), "cannot tell"),
        ((0.01, 0.02), "cannot tell"),
        ((float("nan"), float("nan")), "cannot tell"),
    ],
)
def test_an_interval_says_no_more_than_it_holds(interval: tuple[float, float], expected: str) -> None:
    assert answer(interval, 0.01) == expected


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((0, 5)), np.zeros((2, 1))])
def test_what_has_no_mean_over_both_is_refused(values: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match="seeds × images"):
        mean_over_both(values)
