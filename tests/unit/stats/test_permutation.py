"""The null of shuffled labels: its value against the measures, its p-values against the uniform distribution."""

import numpy as np
import pytest
from scipy import stats

from senet_viz.errors import RecordingError
from senet_viz.recording.moments import Channels, ClassMoments
from senet_viz.stats.permutation import draw_per_class, permute_labels
from senet_viz.stats.shares import block_statistics, sums_of_squares

LABELS = np.repeat([0, 2, 5, 6], [12, 3, 10, 7])


def test_the_value_is_the_blocks_omega_squared_on_these_images() -> None:
    gates = np.random.default_rng(0).uniform(size=(32, 5)).astype(np.float16)
    gates[:, 2] = 0.1
    state = ClassMoments.empty(7, Channels(("a",), (5,)))
    state.update(gates.astype(np.float32), LABELS)
    expected = block_statistics(sums_of_squares(state.finish())).omega_squared
    found = permute_labels(gates, LABELS)
    assert found.value == pytest.approx(expected, rel=1e-9)
    assert (len(found.null), found.images) == (200, 32)


def test_a_null_value_is_that_of_permuted_labels() -> None:
    gates = np.random.default_rng(0).uniform(size=(32, 5))
    found = permute_labels(gates, LABELS, permutations=3, seed=4)
    generator = np.random.default_rng(4)
    classes = np.unique(LABELS, return_inverse=True)[1]
    expected = [permute_labels(gates, generator.permutation(classes), permutations=1).value for _ in range(3)]
    np.testing.assert_allclose(found.null, expected, rtol=1e-9)


def test_a_real_effect_has_the_smallest_p_and_the_null_is_centred() -> None:
    labels = np.repeat(np.arange(10), 10)
    gates = labels[:, None] / 20 + np.random.default_rng(1).normal(scale=0.1, size=(100, 8))
    found = permute_labels(gates, labels)
    assert found.p == 1 / 201
    assert abs(found.null.mean()) < 0.01


@pytest.mark.slow
def test_p_values_are_uniform_without_an_effect() -> None:
    generator = np.random.default_rng(2)
    labels = np.repeat(np.arange(4), 6)
    ps = [permute_labels(generator.normal(size=(24, 3)), labels, permutations=99, seed=s).p for s in range(150)]
    assert stats.kstest(ps, "uniform").pvalue > 0.01


def test_at_most_ten_images_of_each_class_take_part() -> None:
    labels = np.append(np.repeat([0, 1, 2], [30, 10, 4]), [-1, -1])
    rows = draw_per_class(labels, seed=1)
    assert np.bincount(labels[rows]).tolist() == [10, 10, 4]
    assert (np.diff(rows) > 0).all()
    assert not np.array_equal(rows, draw_per_class(labels, seed=2))
    assert len(draw_per_class(np.zeros(0, dtype=int))) == 0


def test_constant_gates_have_no_p() -> None:
    found = permute_labels(np.full((32, 2), 0.1), LABELS, permutations=5)
    assert np.isnan(found.value)
    assert np.isnan(found.p)


@pytest.mark.parametrize("labels", [np.zeros(6, dtype=int), np.arange(6)])
def test_one_class_or_one_image_a_class_is_refused(labels: np.ndarray) -> None:
    with pytest.raises(RecordingError, match="two"):
        permute_labels(np.ones((6, 2)), labels)
