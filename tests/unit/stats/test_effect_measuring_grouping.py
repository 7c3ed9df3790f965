"""Means with what becomes of them without a group of images or a class, beside scipy's paired intervals."""

import numpy as np
import pytest
from scipy import stats

from senet_viz.stats.effect_measuring import group_images, make_grouping
from senet_viz.stats.resampling import assign_groups


def paired(images: int, seed: int = 0) -> np.ndarray:
    """Differences of right answers in points: most images do not change."""
    return 100.0 * np.random.default_rng(seed).choice([-1, 0, 1], size=images, p=[0.06, 0.91, 0.03])


@pytest.mark.parametrize("level", [0.90, 0.95])
def test_left_out_one_by_one_it_is_the_paired_t_interval(level: float) -> None:
    after, before = np.random.default_rng(0).normal(size=(2, 60))
    grouping = make_grouping(np.zeros(60, np.int64), np.arange(60), 1, stratified=False)
    interval = grouping.change(after - before).images.interval(level)
    oracle = stats.ttest_rel(after, before).confidence_interval(level)
    assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high), rel=1e-9)


def test_ten_groups_have_the_same_error_on_average() -> None:
    """Over 200 dealings the jackknife's variance is that of the mean difference within classes."""
    labels = np.repeat(np.arange(8), 50)
    values = paired(400) + 10 * labels  # classes differ, and that is no error where the classes are fixed
    within = np.mean([values[labels == k].var(ddof=1) for k in range(8)]) / 400
    errors = [group_images(labels, 8, seed=s).change(values).images.error for s in range(200)]
    assert np.mean(np.square(errors)) == pytest.approx(within, rel=0.1)


def test_the_groups_are_those_of_all_other_intervals() -> None:
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(4), 12))
    grouping = group_images(labels, 6, seed=3)
    np.testing.assert_array_equal(grouping.group, assign_groups(labels, seed=3))
    assert (grouping.groups, grouping.stratified, grouping.note) == (10, True, "")
    np.testing.assert_array_equal(grouping.class_images, [12] * 4 + [0] * 2)


def test_a_class_keeps_its_weight_without_a_group() -> None:
    """Where nothing varies within classes there is no error over images, however unequal the classes are."""
    labels = np.repeat(np.arange(3), [7, 23, 50])
    change = group_images(labels, 3).change(np.array([1.0, -4.0, 2.5])[labels])
    assert change.images.error == pytest.approx(0, abs=1e-12)
    assert change.value == pytest.approx((7 * 1 - 23 * 4 + 50 * 2.5) / 80)
    np.testing.assert_allclose(change.per_class, [1.0, -4.0, 2.5])


def test_few_images_a_class_are_dealt_across_classes() -> None:
    labels = np.repeat(np.arange(20), 3)
    grouping = group_images(labels, 20)
    assert grouping.groups == 10
    assert not grouping.stratified
    assert "fewer than 5 judged images" in grouping.note
    np.testing.assert_array_equal(grouping.counts.sum(axis=1), [6] * 10)
    values = paired(60)
    replicates = grouping.change(values).images.replicates
    assert replicates[4] == pytest.approx(values[grouping.group != 4].mean())


def test_under_ten_images_there_is_no_interval() -> None:
    grouping = group_images(np.array([0, 0, 1, 1, 2, 2, 0]), 3)
    change = grouping.change(np.arange(7.0))
    assert grouping.groups == 0
    assert grouping.note == "There are no intervals: 7 judged images, 10 needed."
    assert change.value == 3
    assert np.isnan(change.images.interval().low)


def test_over_classes_each_is_left_out_with_its_images() -> None:
    labels = np.repeat(np.arange(22), np.arange(5, 27))
    values = paired(len(labels), seed=4)
    found = group_images(labels, 23).change(values).classes
    assert len(found.replicates) == 22
    for k in (0, 9, 21):
        assert found.replicates[k] == pytest.approx(values[labels != k].mean())
    equal = np.repeat(np.arange(25), 10)
    values = paired(250, seed=5)
    means = values.reshape(25, 10).mean(axis=1)
    oracle = stats.ttest_1samp(means, 0).confidence_interval()
    interval = group_images(equal, 25).change(values).classes.interval()
    assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high), rel=1e-9)


def test_under_twenty_classes_nothing_is_said_of_classes_like_these() -> None:
    change = group_images(np.repeat(np.arange(19), 10), 19).change(paired(190))
    assert np.isnan(change.classes.interval().low)
    assert change.classes.value == change.value


def test_a_difference_of_effects_is_that_of_the_paired_images() -> None:
    labels = np.repeat(np.arange(21), 10)
    grouping = group_images(labels, 21)
    first, second = paired(210, 6), paired(210, 7)
    found, direct = grouping.change(first).less(grouping.change(second)), grouping.change(first - second)
    np.testing.assert_allclose(found.images.replicates, direct.images.replicates)
    np.testing.assert_allclose(found.classes.replicates, direct.classes.replicates)
    np.testing.assert_allclose(found.per_class, direct.per_class)


def test_the_variance_within_classes_is_pooled() -> None:
    labels, values = np.array([0, 0, 1, 1, 1]), np.array([1.0, 3.0, 2.0, 2.0, 5.0])
    assert make_grouping(labels, labels, 2, stratified=False).within_variance(values) == pytest.approx((2 + 6) / 3)
    assert np.isnan(make_grouping(np.arange(2), np.arange(2), 2, stratified=False).within_variance(values[:2]))
