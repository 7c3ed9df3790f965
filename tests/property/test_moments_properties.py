import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from senet_viz.recording.moments import Channels, ClassMoments

CLASSES, WIDTH = 3, 2
CHANNELS = Channels(("a",), (WIDTH,), ((0.0, 1.0),))
UNIT = st.floats(0, 1, width=32)


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(1, 30))
    values = draw(arrays(np.float32, (n, WIDTH), elements=UNIT))
    labels = draw(arrays(np.int32, n, elements=st.integers(-1, CLASSES - 1)))
    return values, labels


def folded(values: np.ndarray, labels: np.ndarray) -> ClassMoments:
    state = ClassMoments.empty(CLASSES, CHANNELS)
    state.update(values, labels)
    return state


def assert_same(left: ClassMoments, right: ClassMoments) -> None:
    """Equal to 1e-9 of each channel's scale of 1."""
    np.testing.assert_array_equal(left.count, right.count)
    np.testing.assert_array_equal(left.histogram, right.histogram)
    np.testing.assert_array_equal(left.min, right.min)
    np.testing.assert_array_equal(left.max, right.max)
    np.testing.assert_allclose(left.mean, right.mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(left.m2, right.m2, rtol=1e-9, atol=1e-12)


@given(images(), st.integers(1, 7))
def test_batching_changes_no_bit(batch: tuple[np.ndarray, np.ndarray], size: int) -> None:
    values, labels = batch
    state = ClassMoments.empty(CLASSES, CHANNELS)
    for start in range(0, len(values), size):
        state.update(values[start : start + size], labels[start : start + size])
    for name, array in folded(values, labels).arrays().items():
        np.testing.assert_array_equal(array, state.arrays()[name])


@pytest.mark.slow
@given(images(), st.randoms(use_true_random=False))
def test_order_does_not_matter(batch: tuple[np.ndarray, np.ndarray], chance: object) -> None:
    values, labels = batch
    order = list(range(len(values)))
    chance.shuffle(order)
    assert_same(folded(values, labels), folded(values[order], labels[order]))


@given(images(), st.lists(st.integers(0, 30), max_size=4))
def test_any_grouping_of_shards_merges_to_the_whole(batch: tuple[np.ndarray, np.ndarray], cuts: list[int]) -> None:
    values, labels = batch
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    shards = [folded(values[a:b], labels[a:b]) for a, b in itertools.pairwise(edges)]  # empty ones included
    left = shards[0]
    for shard in shards[1:]:
        left = left.merge(shard)
    right = shards[-1]
    for shard in shards[-2::-1]:
        right = shard.merge(right)
    whole = folded(values, labels)
    assert_same(left, whole)
    assert_same(right, whole)


@settings(max_examples=50)
@given(images())
def test_shards_of_one_image(batch: tuple[np.ndarray, np.ndarray]) -> None:
    values, labels = batch
    merged = ClassMoments.empty(CLASSES, CHANNELS)
    for i in range(len(values)):
        merged = merged.merge(folded(values[i : i + 1], labels[i : i + 1]))
    assert_same(merged, folded(values, labels))


@given(images(), st.permutations(range(CLASSES)))
def test_renaming_classes_moves_rows_and_nothing_else(batch: tuple[np.ndarray, np.ndarray], names: list[int]) -> None:
    values, labels = batch
    renamed = np.where(labels < 0, -1, np.array(names)[np.maximum(labels, 0)])
    before, after = folded(values, labels).finish(), folded(values, renamed).finish()
    np.testing.assert_array_equal(before.mean, after.mean[names])
    np.testing.assert_array_equal(before.m2, after.m2[names])
    np.testing.assert_array_equal(before.histogram, after.histogram)
    np.testing.assert_allclose(before.overall().m2, after.overall().m2, rtol=1e-9, atol=1e-12)
