"""The nested analysis of variance against plain numpy and planted components."""

from pathlib import Path

import numpy as np
import pytest

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.moments import Moments
from senet_viz.stats.superclasses import LEVELS, Superclasses, partition_recording, partition_variance
from tests.support.synthetic import synthetic_recording

Arrays = tuple[np.ndarray, np.ndarray]


def groups(*of_class: int) -> Superclasses:
    return Superclasses.from_names({k: f"group {g}" for k, g in enumerate(of_class) if g >= 0}, len(of_class), "a test")


def moments_of(values: np.ndarray, labels: np.ndarray, classes: int) -> Moments:
    parts = [values[labels == k] for k in range(classes)]
    return Moments(
        count=np.array([len(p) for p in parts]),
        mean=np.stack([p.mean(0) if len(p) else np.full(values.shape[1], np.nan) for p in parts]),
        m2=np.stack([((p - p.mean(0)) ** 2).sum(0) if len(p) else np.zeros(values.shape[1]) for p in parts]),
        min=None,
        max=None,
        histogram=None,
    )


def draw(sizes: list[int], of_class: list[int], sds: tuple[float, float, float], channels: int, seed: int) -> Arrays:
    generator = np.random.default_rng(seed)
    a, b, e = sds
    labels = np.repeat(np.arange(len(sizes)), sizes)
    high = a * generator.normal(size=(max(of_class) + 1, channels))
    middle = high[of_class] + b * generator.normal(size=(len(sizes), channels))
    return 0.5 + middle[labels] + e * generator.normal(size=(len(labels), channels)), labels


def test_balanced_data_give_the_textbooks_table() -> None:
    a, b, n, channels = 4, 3, 5, 7
    values, labels = draw([n] * (a * b), list(np.repeat(range(a), b)), (0.3, 0.2, 0.1), channels, 0)
    cube = values.reshape(a, b, n, channels)
    result = partition_variance(moments_of(values, labels, a * b), groups(*np.repeat(range(a), b)))
    classes, supers, mean = cube.mean(2), cube.mean((1, 2)), values.mean(0)
    squares = np.stack(
        [
            b * n * ((supers - mean) ** 2).sum(0),
            n * ((classes - supers[:, None]) ** 2).sum((0, 1)),
            ((cube - classes[:, :, None]) ** 2).sum((0, 1, 2)),
        ]
    )
    np.testing.assert_allclose(result.squares, squares, rtol=1e-11)
    assert result.degrees == (a - 1, a * (b - 1), a * b * (n - 1))
    ms_a, ms_b, ms_e = squares / np.array(result.degrees)[:, None]
    expected = np.stack([(ms_a - ms_b) / (b * n), (ms_b - ms_e) / n, ms_e])
    np.testing.assert_allclose(result.components, expected, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(result.shares, expected / expected.sum(0), rtol=1e-9)
    np.testing.assert_allclose(result.pooled_shares, expected.sum(1) / expected.sum(), rtol=1e-10)
    np.testing.assert_allclose(result.sds, np.sqrt(np.maximum(0, expected.mean(1))), rtol=1e-10)


SIZES = [2, 9, 4, 1, 12, 5, 3, 7, 20, 6, 2, 8, 5]
OF_CLASS = [0, 0, 1, 1, 1, 2, 3, 3, 3, 3, 4, 5, 5]


def test_unbalanced_squares_add_up_to_those_of_the_images() -> None:
    values, labels = draw(SIZES, OF_CLASS, (0.3, 0.2, 0.1), 6, 1)
    result = partition_variance(moments_of(values, labels, len(SIZES)), groups(*OF_CLASS))
    of_image = np.array(OF_CLASS)[labels]
    by_group = np.stack([values[of_image == g].mean(0) for g in range(6)])[of_image]
    by_class = np.stack([values[labels == k].mean(0) for k in range(len(SIZES))])[labels]
    direct = [((x - y) ** 2).sum(0) for x, y in ((by_group, values.mean(0)), (by_class, by_group), (values, by_class))]
    np.testing.assert_allclose(result.squares, direct, rtol=1e-10)
    np.testing.assert_allclose(result.squares.sum(0), ((values - values.mean(0)) ** 2).sum(0), rtol=1e-10)
    assert (result.superclasses, result.classes, result.images) == (6, 13, 84)


@pytest.mark.parametrize("sds", [(0.3, 0.2, 0.1), (0.0, 0.2, 0.3), (0.2, 0.0, 0.3), (0.0, 0.0, 0.3)])
def test_planted_components_are_met_on_average_also_where_they_are_nothing(sds: tuple[float, float, float]) -> None:
    channels = 20_000  # independent draws of the same layout
    values, labels = draw(SIZES, OF_CLASS, sds, channels, 2)
    components = partition_variance(moments_of(values, labels, len(SIZES)), groups(*OF_CLASS)).components
    error = components.std(axis=1, ddof=1) / np.sqrt(channels)
    assert (np.abs(components.mean(axis=1) - np.square(sds)) < 3.5 * error).all()
    assert (error < 0.02 * max(sds) ** 2).all()
    if sds[0] == 0:
        assert components[0].min() < 0, "nothing is clipped"


def test_levels_that_the_layout_cannot_tell_are_nan() -> None:
    values, labels = draw([4] * 4, [0, 0, 1, 1], (0.3, 0.2, 0.1), 3, 3)
    moments = moments_of(values, labels, 4)
    one_group = partition_variance(moments, groups(0, 0, 0, 0))
    assert np.isnan(one_group.components).any(axis=1).tolist() == [True, False, False]
    assert np.isnan(one_group.pooled_shares).all()
    assert one_group.undefined == 3
    one_class_each = partition_variance(moments, groups(0, 1, 2, 3))
    assert np.isnan(one_class_each.components).any(axis=1).tolist() == [True, True, False]
    single = moments_of(values[::4], labels[::4], 4)
    assert np.isnan(partition_variance(single, groups(0, 0, 1, 1)).components).all()


def test_no_image_at_all_is_nan() -> None:
    moments = Moments(np.zeros(3, np.int64), np.full((3, 2), np.nan), np.zeros((3, 2)), None, None, None)
    result = partition_variance(moments, groups(0, 0, 1))
    assert (result.superclasses, result.classes, result.images) == (0, 0, 0)
    assert np.isnan(result.components).all()
    assert np.isnan(result.pooled_shares).all()


def test_constant_channels_have_no_share_and_do_not_disturb_the_others() -> None:
    values, labels = draw(SIZES, OF_CLASS, (0.3, 0.2, 0.1), 5, 4)
    partition = groups(*OF_CLASS)
    before = partition_variance(moments_of(values, labels, 13), partition)
    held = values.copy()
    held[:, 2] = 0.1 + 0.2
    after = partition_variance(moments_of(held, labels, 13), partition)
    assert list(np.flatnonzero(np.isnan(after.shares[0]))) == [2]
    assert after.undefined == 1
    np.testing.assert_array_equal(np.delete(after.shares, 2, axis=1), np.delete(before.shares, 2, axis=1))
    all_held = partition_variance(moments_of(np.full_like(values, 1.0), labels, 13), partition)
    assert np.isnan(all_held.pooled_shares).all()


def test_classes_without_superclass_or_image_are_left_out_and_the_first_are_counted() -> None:
    values, labels = draw(SIZES, OF_CLASS, (0.3, 0.2, 0.1), 4, 5)
    some = [g if k not in (4, 7) else -1 for k, g in enumerate(OF_CLASS)]
    present = ~np.isin(labels, (2,))
    result = partition_variance(moments_of(values[present], labels[present], 13), groups(*some))
    used = ~np.isin(labels, (2, 4, 7))
    codes = np.unique(labels[used], return_inverse=True)[1]
    alone = partition_variance(
        moments_of(values[used], codes, 10), groups(*[g for k, g in enumerate(some) if k not in (2, 4, 7)])
    )
    assert (result.left_out, alone.left_out) == (2, 0)
    assert result.classes == 10
    np.testing.assert_allclose(result.components, alone.components, rtol=1e-12)


def test_moments_that_keep_only_ssw_do_where_no_class_is_left_out() -> None:
    values, labels = draw(SIZES, OF_CLASS, (0.3, 0.2, 0.1), 4, 6)
    full = moments_of(values, labels, 13)
    slim = Moments(full.count, full.mean, None, None, None, None, within=full.ssw)
    np.testing.assert_array_equal(
        partition_variance(slim, groups(*OF_CLASS)).components, partition_variance(full, groups(*OF_CLASS)).components
    )
    with pytest.raises(RecordingError, match="as 1 have none"):
        partition_variance(slim, groups(*OF_CLASS[:-1], -1))


def test_superclasses_of_another_data_set_are_refused() -> None:
    values, labels = draw([2, 2], [0, 1], (0.3, 0.2, 0.1), 2, 7)
    with pytest.raises(ArgumentError, match="3 classes, the recording has 2"):
        partition_variance(moments_of(values, labels, 2), groups(0, 0, 1))


def test_a_recording_is_partitioned_block_by_block(tmp_path: Path) -> None:
    recording = synthetic_recording(
        tmp_path / "run", classes=12, per_class=20, blocks={"SE_2_1": 40, "SE_5_1": 60}, shares={"SE_5_1": 0.8}
    )
    superclasses = groups(*np.repeat(range(4), 3))
    result = partition_recording(recording, superclasses)
    table = result.table()
    assert list(table["level"]) == list(LEVELS) * 2
    late = table[table["block"] == "SE_5_1"].set_index("level")
    assert late.loc["image within class", "share"] == pytest.approx(0.2, abs=0.03)
    assert late.loc["superclass", "share"] == pytest.approx(0, abs=0.1), "profiles were drawn class by class"
    assert late["share"].sum() == pytest.approx(1)
    z = partition_recording(recording, superclasses, quantity="squeeze")
    np.testing.assert_allclose(z.partitions[0].sds, 4 * result.partitions[0].sds, rtol=1e-3)
