"""What decoding, CKA and the semantic partition must not depend on: order, names, rotations, scales."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senet_viz.recording.moments import Channels, ClassMoments
from senet_viz.stats.lda import fit_discriminant
from senet_viz.stats.similarity import center_gram, multiply_grams
from senet_viz.stats.superclasses import Superclasses, partition_variance

SEEDS = st.integers(0, 10_000)


def representations(seed: int, n: int, c: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    left = generator.normal(size=(n, c)) * generator.uniform(0.1, 3, c)
    return left, left @ generator.normal(size=(c, d)) + generator.normal(size=(n, d))


def debiased_cka(left: np.ndarray, right: np.ndarray) -> float:
    return float(multiply_grams([center_gram(left), center_gram(right)])[0, 1])


@given(SEEDS, st.integers(5, 40), st.integers(1, 12), st.integers(1, 12), st.floats(1e-3, 1e3))
def test_cka_knows_no_rotation_no_scale_no_shift_and_no_order(seed: int, n: int, c: int, d: int, scale: float) -> None:
    left, right = representations(seed, n, c, d)
    generator = np.random.default_rng((seed, 1))
    rotation = np.linalg.qr(generator.normal(size=(c, c)))[0]
    order = generator.permutation(n)
    expected = debiased_cka(left, right)
    moved = debiased_cka((scale * left @ rotation + scale * generator.normal(size=c))[order], right[order])
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    np.testing.assert_allclose(debiased_cka(right, left), expected, atol=1e-12)
    assert expected <= 1 + 1e-6


@settings(deadline=None)
@given(SEEDS, st.permutations(range(4)))
def test_renaming_classes_and_ordering_images_change_no_decoded_class(seed: int, names: list[int]) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(4), 6))
    values = generator.normal(size=(4, 5))[labels] + generator.normal(size=(24, 5))
    tested = generator.normal(size=(30, 5))
    order = generator.permutation(24)
    before = fit_discriminant(values, labels).predict(tested)
    after = fit_discriminant(values[order], np.array(names)[labels[order]]).predict(tested)
    np.testing.assert_array_equal(np.array(names)[before], after)


def folded(values: np.ndarray, labels: np.ndarray) -> ClassMoments:
    state = ClassMoments.empty(6, Channels(("a",), (3,)))
    state.update(values, labels)
    return state


@pytest.mark.slow
@given(SEEDS, st.lists(st.integers(0, 2), min_size=6, max_size=6), st.permutations(range(6)), st.permutations(range(3)))
def test_the_partition_knows_no_names_no_order_and_no_shards(
    seed: int, of_class: list[int], names: list[int], groups: list[int]
) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 6, 40)
    values = generator.uniform(size=(40, 3)).astype(np.float32)
    before = partition_variance(folded(values, labels).finish(), Superclasses(("a", "b", "c"), np.array(of_class), ""))
    renamed = np.empty(6, dtype=np.int64)
    renamed[names] = np.array(groups)[of_class]
    merged = ClassMoments.empty(6, Channels(("a",), (3,)))
    for image in generator.permutation(40):
        merged = merged.merge(folded(values[image : image + 1], np.array(names)[labels[image : image + 1]]))
    after = partition_variance(merged.finish(), Superclasses(("a", "b", "c"), renamed, ""))
    assert (before.degrees, before.images) == (after.degrees, after.images)
    np.testing.assert_allclose(before.squares, after.squares, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(before.components, after.components, rtol=1e-6, atol=1e-10)
    total = folded(values, labels).finish().overall().m2
    np.testing.assert_allclose(before.squares.sum(axis=0), total[0], rtol=1e-9)
