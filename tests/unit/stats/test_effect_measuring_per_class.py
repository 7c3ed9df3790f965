"""Class by class: exact p-values against scipy's, Benjamini–Hochberg, and shrinking that comes nearer to the truth."""

import itertools

import numpy as np
import pytest
from scipy import stats

from senet_viz.stats.effect_measuring import group_images, judge_classes, shrink_changes, sign_flip_p


@pytest.mark.parametrize(
    ("lost", "won", "same"), [(0, 0, 50), (5, 0, 45), (7, 2, 41), (3, 3, 0), (30, 12, 8), (1, 0, 0)]
)
def test_for_one_draw_it_is_mcnemars_exact_test(lost: int, won: int, same: int) -> None:
    changes = np.repeat([-1, 1, 0], [lost, won, same])
    oracle = stats.binomtest(lost, lost + won).pvalue if lost + won else 1.0
    assert sign_flip_p(changes) == pytest.approx(oracle, abs=1e-12)
    assert sign_flip_p(-changes) == sign_flip_p(changes)


@pytest.mark.parametrize("seed", range(5))
def test_for_several_draws_it_counts_all_signs(seed: int) -> None:
    changes = np.random.default_rng(seed).integers(-3, 3, size=11)
    signs = np.array(list(itertools.product([-1, 1], repeat=11)))
    oracle = (np.abs(signs @ changes) >= abs(changes.sum())).mean()
    assert sign_flip_p(changes) == pytest.approx(oracle, abs=1e-12)


def test_the_smallest_p_value_is_exact_and_never_below_zero() -> None:
    assert sign_flip_p(np.full(50, -1)) == pytest.approx(2.0**-49, rel=1e-9)
    assert sign_flip_p(np.full(50, 3)) == pytest.approx(2.0**-49, rel=1e-9)
    assert np.isnan(sign_flip_p(np.zeros(0, np.int64)))


def test_under_no_effect_p_values_are_not_too_small() -> None:
    generator = np.random.default_rng(0)
    p = [
        sign_flip_p(generator.choice([-2, -1, 0, 1, 2], size=50, p=[0.03, 0.07, 0.8, 0.07, 0.03])) for _ in range(2000)
    ]
    for level in (0.01, 0.05, 0.2):
        assert np.mean(np.array(p) <= level) <= level + 2 * np.sqrt(level / 2000)


def judged(per_class: list[tuple[int, int]], images: int = 50) -> object:
    """Classes with so many lost and won images of `images`."""
    hits = np.concatenate([np.repeat([-1, 1, 0], [lost, won, images - lost - won]) for lost, won in per_class])
    labels = np.repeat(np.arange(len(per_class)), images)
    return judge_classes(hits, group_images(labels, len(per_class) + 1), 1)


def test_q_values_are_benjamini_hochbergs_over_the_classes_with_images() -> None:
    tests = judged([(20, 0), (9, 1), (2, 2), (0, 12), (4, 3), (0, 0)])
    assert np.isnan([tests.p[6], tests.q[6], tests.shrunken[6]]).all()
    order = np.argsort(tests.p[:6])
    ranked = tests.p[:6][order] * 6 / np.arange(1, 7)
    by_hand = np.minimum.accumulate(ranked[::-1])[::-1]
    np.testing.assert_allclose(tests.q[:6][order], np.minimum(by_hand, 1))
    assert tests.found.tolist() == [True, True, False, True, False, False, False]


def test_images_are_tested_in_their_own_class_whatever_their_order() -> None:
    labels = np.repeat(np.arange(4), 12)
    hits = np.repeat([-1, 0, 1, 0], 12)
    turn = np.random.default_rng(0).permutation(48)
    plain = judge_classes(hits, group_images(labels, 4), 1)
    turned = judge_classes(hits[turn], group_images(labels[turn], 4), 1)
    np.testing.assert_array_equal(plain.p, turned.p)
    np.testing.assert_allclose(plain.p, [2.0**-11, 1, 2.0**-11, 1])


@pytest.mark.parametrize("sizes", ["equal", "unequal"])
@pytest.mark.parametrize("spread", [0.0, 1.0, 4.0, 20.0])
def test_shrunken_effects_are_nearer_to_the_truth(spread: float, sizes: str) -> None:
    """Binary answers of 40 classes, 150 runs: summed squared error below that of the raw means, by far for small spreads."""
    generator = np.random.default_rng(5)
    images = np.full(40, 50) if sizes == "equal" else generator.integers(10, 120, 40)
    raw = shrunk = 0.0
    for _ in range(150):
        truth = np.clip(generator.normal(-5, spread, 40), -60, 60)
        labels = np.repeat(np.arange(40), images)
        lost = np.clip(0.05 - truth / 200, 0, 1)[labels]
        won = np.clip(0.05 + truth / 200, 0, 1)[labels]
        draw = generator.uniform(size=len(labels))
        values = 100.0 * np.where(draw < lost, -1, np.where(draw < lost + won, 1, 0))
        true_means = 100 * np.array([(won - lost)[labels == k].mean() for k in range(40)])
        grouping = group_images(labels, 40)
        means = grouping.change(values).per_class
        made = shrink_changes(means, grouping.class_images, grouping.within_variance(values))
        raw += ((means - true_means) ** 2).sum()
        shrunk += ((made - true_means) ** 2).sum()
    assert shrunk < raw
    if spread <= 1:
        assert shrunk < 0.25 * raw


@pytest.mark.parametrize("noise", [0.1, 2.5, 8.0, 50.0])
def test_for_equal_classes_it_is_james_and_steins_positive_part(noise: float) -> None:
    values = np.array([3.0, -1.0, 0.5, 2.0, -4.0, 1.0])
    spread = ((values - values.mean()) ** 2).sum()
    by_hand = values.mean() + max(0.0, 1 - 3 * noise / spread) * (values - values.mean())
    np.testing.assert_allclose(shrink_changes(values, np.full(6, 40), 40 * noise), by_hand)


def test_what_can_not_be_shrunk_stays() -> None:
    values = np.array([1.0, np.nan, -2.0, 0.5])
    np.testing.assert_array_equal(shrink_changes(values, np.array([5, 0, 5, 5]), 4.0), values)
    five = np.array([1.0, -1.0, 2.0, 0.0, 0.0])
    np.testing.assert_array_equal(shrink_changes(five, np.full(5, 9), 0.0), five)
    np.testing.assert_array_equal(shrink_changes(five, np.full(5, 1), np.nan), five)
    np.testing.assert_allclose(shrink_changes(five, np.full(5, 9), 1e6), five.mean())
