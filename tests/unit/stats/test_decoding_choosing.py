"""Which images take part: equally many of every class, seeded, and never too many."""

import numpy as np
import pytest

from senet_viz.errors import RecordingError
from senet_viz.stats.decoding import choose_per_class, split_images

LABELS = np.random.default_rng(0).permutation(np.repeat([-1, 0, 2, 3, 7, 9], [6, 4, 30, 5, 80, 12]))


def test_small_classes_are_left_out_and_counted() -> None:
    chosen = choose_per_class(LABELS, at_least=5, at_most=20, in_all=1000, seed=1)
    assert list(chosen.classes) == [2, 3, 7, 9]
    assert (chosen.left_out, chosen.not_drawn, chosen.per_class) == (1, 0, 20)
    assert list(np.bincount(chosen.labels)) == [20, 5, 20, 12]
    np.testing.assert_array_equal(chosen.classes[chosen.labels], LABELS[chosen.rows])
    assert (np.diff(chosen.rows) > 0).all()


def test_the_number_in_all_lowers_the_number_of_each() -> None:
    chosen = choose_per_class(LABELS, at_least=5, at_most=50, in_all=40, seed=1)
    assert chosen.per_class == 11
    assert list(np.bincount(chosen.labels)) == [11, 5, 11, 11]


def test_classes_are_drawn_where_there_are_too_many() -> None:
    labels = np.repeat(np.arange(100), 6)
    chosen = choose_per_class(labels, at_least=5, at_most=50, in_all=60, seed=2)
    assert len(chosen.classes) == 12
    assert chosen.not_drawn == 88
    assert len(chosen.rows) == 60
    assert list(chosen.classes) != list(choose_per_class(labels, at_least=5, at_most=50, in_all=60, seed=3).classes)


def test_the_seed_makes_the_draw() -> None:
    first, again, other = (choose_per_class(LABELS, at_least=5, at_most=10, in_all=99, seed=s).rows for s in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


@pytest.mark.parametrize("labels", [np.zeros(0, int), np.full(9, -1), np.repeat([0, 1], [9, 4])])
def test_fewer_than_two_classes_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(RecordingError, match="and decoding takes two"):
        choose_per_class(labels, at_least=5, at_most=10, in_all=99)


def test_a_fifth_of_every_class_is_for_testing() -> None:
    chosen = choose_per_class(LABELS, at_least=5, at_most=50, in_all=1000, seed=1)
    train, test = split_images(chosen)
    assert sorted([*train, *test]) == list(range(len(chosen.rows)))
    assert list(np.bincount(chosen.labels[test])) == [6, 1, 10, 2]
    assert set(test) != set(split_images(choose_per_class(LABELS, at_least=5, at_most=50, in_all=1000, seed=2))[1])
