"""What no measure may depend on: order and batching of images, names of classes, merging of shards, units of s."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from senet_viz.recording.moments import Channels, ClassMoments, Moments
from senet_viz.stats.channels import ChannelMeasures, measure_channels, rank_measures
from senet_viz.stats.resampling import assign_groups, resample_images
from senet_viz.stats.shares import block_statistics, sums_of_squares

CLASSES, WIDTH = 3, 2
CHANNELS = Channels(("a",), (WIDTH,), ((0.0, 1.0),))
LEVELS = st.integers(0, 64).map(lambda i: i / 64)  # halves exactly, with ties
SHARES = ("omega_squared", "epsilon_squared", "eta_squared", "icc", "auc", "information")
NAMELESS = (*SHARES, "between_sd", "within_sd", "f", "p", "q", "mean")


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(2, 30))
    values = draw(arrays(np.float32, (n, WIDTH), elements=LEVELS))
    labels = draw(arrays(np.int64, n, elements=st.integers(-1, CLASSES - 1)))
    return values, labels


def fold(values: np.ndarray, labels: np.ndarray) -> ClassMoments:
    state = ClassMoments.empty(CLASSES, CHANNELS)
    state.update(values, labels)
    return state


def measure(values: np.ndarray, labels: np.ndarray, moments: Moments | None = None) -> ChannelMeasures:
    finished = fold(values, labels).finish() if moments is None else moments
    return measure_channels(finished, gates=values.astype(np.float16), labels=labels)


def assert_same(left: ChannelMeasures, right: ChannelMeasures, names: tuple[str, ...]) -> None:
    for name in names:
        np.testing.assert_allclose(
            getattr(left, name), getattr(right, name), rtol=1e-6, atol=1e-9, equal_nan=True, err_msg=name
        )


@pytest.mark.slow
@given(images(), st.randoms(use_true_random=False))
def test_order_does_not_matter(batch: tuple[np.ndarray, np.ndarray], chance: object) -> None:
    values, labels = batch
    order = list(range(len(values)))
    chance.shuffle(order)
    names = tuple(name for name in NAMELESS if name != "information")  # its shuffles follow the images
    assert_same(measure(values, labels), measure(values[order], labels[order]), names)


@pytest.mark.slow
@given(images(), st.permutations(range(CLASSES)))
def test_renaming_classes_changes_no_number(batch: tuple[np.ndarray, np.ndarray], names: list[int]) -> None:
    values, labels = batch
    renamed = np.where(labels < 0, -1, np.array(names)[np.maximum(labels, 0)])
    before, after = measure(values, labels), measure(values, renamed)
    assert_same(before, after, tuple(name for name in NAMELESS if name != "information"))
    top = before.auc_class >= 0
    ranked = rank_measures(values.astype(np.float16), labels)
    np.testing.assert_array_equal(np.isnan(before.auc), np.isnan(after.auc))
    np.testing.assert_allclose(ranked.auc[top], after.auc[top])


@pytest.mark.slow
@settings(max_examples=50)
@given(images())
def test_shards_of_one_image_measure_the_same(batch: tuple[np.ndarray, np.ndarray]) -> None:
    values, labels = batch
    merged = ClassMoments.empty(CLASSES, CHANNELS)
    for i in range(len(values)):
        merged = merged.merge(fold(values[i : i + 1], labels[i : i + 1]))
    assert_same(measure(values, labels), measure(values, labels, merged.finish()), NAMELESS)


@pytest.mark.slow
@given(images())
def test_shares_have_no_units_and_sds_have_those_of_s(batch: tuple[np.ndarray, np.ndarray]) -> None:
    values, labels = batch
    whole, half = measure(values, labels), measure(values / 2, labels)
    assert_same(whole, half, SHARES)
    np.testing.assert_allclose(half.within_sd, whole.within_sd / 2, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(half.between_sd, whole.between_sd / 2, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
@given(images())
def test_shares_and_areas_stay_within_their_bounds(batch: tuple[np.ndarray, np.ndarray]) -> None:
    found = measure(*batch)
    tolerance = 1e-9
    for name in SHARES[:4]:
        values = getattr(found, name)
        assert (np.isnan(values) | (values <= 1 + tolerance)).all(), name
    assert (np.isnan(found.auc) | ((found.auc >= 0.5 - tolerance) & (found.auc <= 1))).all()
    assert (np.isnan(found.q) | (found.q >= found.p - tolerance)).all()


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_leaving_groups_out_does_not_depend_on_chunks(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(CLASSES), generator.integers(5, 15, size=CLASSES)))
    values = generator.uniform(size=(len(labels), WIDTH)).astype(np.float32)
    group = assign_groups(labels, seed=seed)
    pieces = [slice(i, i + size) for i in range(0, len(labels), size)]
    found = resample_images(
        [(values[p], labels[p], group[p]) for p in pieces],
        n_classes=CLASSES,
        groups=int(group.max()) + 1,
        mean=values.mean(axis=0),
        along_mean=False,
    )
    expected = block_statistics(sums_of_squares(fold(values, labels).finish()))
    assert abs(found.full.omega_squared - expected.omega_squared) < 1e-9
    assert len(found.without) == group.max() + 1
