"""Folds, groups and donors keep the rules of the declaration."""

import numpy as np
import pytest
from numpy.typing import NDArray

from senet_viz.workflows.interventions.donors import (
    FOLDS,
    GROUP_SIZE,
    deal_images,
    draw_derangement,
    draw_donors,
    draw_groups,
    make_folds,
    make_halves,
)

BALANCED = np.repeat(np.arange(6), 20).astype(np.int32)


def donors_of(labels: NDArray[np.int32], repeat: int = 0, seed: int = 0, judged: NDArray[np.int64] | None = None):
    folds = make_folds(labels, seed)
    rows = np.arange(len(labels)) if judged is None else judged
    return draw_donors(labels, folds, rows, seed=seed, repeat=repeat), folds


@pytest.mark.parametrize("hands", [2, 5])
def test_dealing_is_even_in_every_class_and_in_all(hands):
    labels = np.random.default_rng(0).integers(-1, 7, 243).astype(np.int32)
    hand = deal_images(labels, hands, np.random.default_rng(1))
    for rows in (labels >= -1, *(labels == k for k in range(-1, 7))):
        counts = np.bincount(hand[rows], minlength=hands)
        assert counts.max() - counts.min() <= 1


def test_folds_and_halves_are_seeded_and_not_the_same():
    assert np.array_equal(make_folds(BALANCED, 3), make_folds(BALANCED, 3))
    assert not np.array_equal(make_folds(BALANCED, 3), make_folds(BALANCED, 4))
    folds, halves = make_folds(BALANCED, 3), make_halves(BALANCED, 3)
    table = np.array([[((folds == f) & (halves == h)).sum() for h in (0, 1)] for f in range(FOLDS)])
    assert table.min() > 0


@pytest.mark.parametrize("count", [2, 3, 7, 200])
def test_derangements_leave_nothing_in_its_place(count):
    for seed in range(20):
        drawn = draw_derangement(count, np.random.default_rng(seed))
        assert np.array_equal(np.sort(drawn), np.arange(count))
        assert not (drawn == np.arange(count)).any()


def test_derangements_are_equally_likely():
    generator = np.random.default_rng(0)
    drawn = [tuple(draw_derangement(4, generator)) for _ in range(9000)]
    counts = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(counts) == 9  # of 4 things there are nine
    assert ((counts - 1000) ** 2 / 1000).sum() < 26.1  # χ² with 8 degrees, p = .001


@pytest.mark.parametrize("repeat", range(5))
def test_donors_have_the_class_that_they_should_and_another_fold(repeat):
    donors, folds = donors_of(BALANCED, repeat)
    rows = np.arange(len(BALANCED))
    for given in (donors.within, donors.between):
        assert (folds[given] != folds[rows]).all()
        assert (given != rows).all()
    assert np.array_equal(BALANCED[donors.within], BALANCED)
    for fold in range(FOLDS):
        swaps = {(int(k), int(BALANCED[d])) for k, d in zip(BALANCED[folds == fold], donors.between[folds == fold])}
        assert len(swaps) == 6  # one class for each
        assert len({other for _, other in swaps}) == 6  # a permutation
        assert all(own != other for own, other in swaps)


@pytest.mark.parametrize("repeat", range(5))
def test_every_donor_serves_equally_often_in_both(repeat):
    donors, _ = donors_of(BALANCED, repeat)
    once = np.ones(len(BALANCED), dtype=int)
    assert np.array_equal(np.bincount(donors.within, minlength=len(once)), once)
    assert np.array_equal(np.bincount(donors.between, minlength=len(once)), once)
    assert donors.count_difference == 0


def test_a_limited_set_of_judged_images_is_served_evenly_too():
    judged = np.sort(np.concatenate([np.flatnonzero(k == BALANCED)[:10] for k in range(6)]))
    folds = make_folds(BALANCED, 0)
    even = np.array(
        [r for r in range(len(BALANCED)) if ((BALANCED[r] == BALANCED) & (folds == folds[r]))[:r].sum() < 2]
    )
    assert len(even) == 60
    donors, _ = donors_of(BALANCED, judged=even)
    assert donors.count_difference == 0
    donors, _ = donors_of(BALANCED, judged=judged)
    assert len(donors.within) == len(donors.between) == 60


def test_repeats_draw_other_donors_from_another_fold():
    first, folds = donors_of(BALANCED, 0)
    second, _ = donors_of(BALANCED, 1)
    assert (folds[first.within] != folds[second.within]).all()
    assert not np.array_equal(BALANCED[first.between], BALANCED[second.between])


def test_the_same_donor_serves_the_class_and_the_class_in_its_place():
    donors, folds = donors_of(BALANCED)
    for fold in range(FOLDS):
        mine = folds == fold
        assert set(donors.within[mine]) == set(donors.between[mine])


def test_classes_of_unequal_size():
    labels = np.repeat(np.arange(4), [2, 7, 30, 31]).astype(np.int32)
    for repeat in range(4):
        donors, folds = donors_of(labels, repeat)
        assert np.array_equal(labels[donors.within], labels)
        assert (labels[donors.between] != labels).all()
        assert (folds[donors.within] != folds).all()
        assert (folds[donors.between] != folds).all()
        counts = [np.bincount(d, minlength=len(labels)) for d in (donors.within, donors.between)]
        assert donors.count_difference == np.abs(counts[0] - counts[1]).max() > 0


def test_groups_are_of_other_folds_and_of_any_class():
    folds = make_folds(BALANCED, 0)
    groups = draw_groups(folds, 6, repeats=2, seed=0)
    assert groups.shape == (2, FOLDS, 6, GROUP_SIZE)
    for fold in range(FOLDS):
        assert not (folds[groups[:, fold]] == fold).any()
    assert (np.diff(np.sort(groups, axis=-1), axis=-1) > 0).all()  # nobody twice
    assert len(np.unique(groups.reshape(-1, GROUP_SIZE), axis=0)) == 2 * FOLDS * 6
    assert len(np.unique(BALANCED[groups])) == 6


def test_groups_of_few_images_are_all_of_the_other_folds():
    folds = make_folds(np.zeros(20, dtype=np.int32), 0)
    assert draw_groups(folds, 1, repeats=1, seed=0).shape[-1] == 16
