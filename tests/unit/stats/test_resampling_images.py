"""Groups, and leaving each out: from folded moments as from the images themselves."""

from pathlib import Path

import numpy as np
import pytest

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.moments import Channels, ClassMoments
from senet_viz.stats.resampling import Cells, assign_groups, count_groups, resample_block, resample_images
from senet_viz.stats.shares import block_statistics, mean_share, sums_of_squares
from tests.support.synthetic import planted_values, synthetic_recording

SIZES = (23, 11, 40, 10)
LABELS = np.repeat(np.arange(4), SIZES)


def gates_of(labels: np.ndarray, width: int = 9, share: float = 0.3) -> np.ndarray:
    return planted_values(labels.astype(np.int32), width, share, 4, np.random.default_rng(6))


def chunked(gates: np.ndarray, labels: np.ndarray, group: np.ndarray, size: int) -> list[tuple[np.ndarray, ...]]:
    return [(gates[i : i + size], labels[i : i + size], group[i : i + size]) for i in range(0, len(gates), size)]


def test_groups_take_an_equal_part_of_every_class() -> None:
    group = assign_groups(LABELS, seed=2)
    table = np.stack([np.bincount(group[k == LABELS], minlength=10) for k in range(4)])
    assert (table.max(axis=1) - table.min(axis=1) <= 1).all()
    assert table.min() >= 1
    assert np.ptp(table.sum(axis=0)) <= 1


def test_groups_are_seeded_and_random_within_a_class() -> None:
    np.testing.assert_array_equal(assign_groups(LABELS, seed=2), assign_groups(LABELS, seed=2))
    assert not np.array_equal(assign_groups(LABELS, seed=2), assign_groups(LABELS, seed=3))
    assert len({int(assign_groups(LABELS, seed=s)[0]) for s in range(60)}) == 10


def test_unlabelled_images_are_in_no_group() -> None:
    labels = np.append(LABELS, [-1, -1])
    group = assign_groups(labels, seed=2)
    assert group[-2:].tolist() == [-1, -1]
    np.testing.assert_array_equal(group[:-2], assign_groups(LABELS, seed=2))


@pytest.mark.parametrize(("counts", "groups"), [((10, 30, 0), 10), ((9, 30), 5), ((5, 5), 5)])
def test_the_smallest_class_decides_on_ten_or_five(counts: tuple[int, ...], groups: int) -> None:
    assert count_groups(np.array(counts)) == groups


@pytest.mark.parametrize(
    ("counts", "said"), [((4, 50), "4 images"), ((1, 50), "1 image,"), ((50, 0), "two classes"), ((), "two")]
)
def test_fewer_images_or_classes_are_refused(counts: tuple[int, ...], said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        count_groups(np.array(counts, dtype=int))


def weighted_share(gates: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Pooled ω² for classes of given weights, each class mean's noise taken off by its own number of images."""
    groups = [gates[labels == k].astype(np.float64) for k in range(len(weights))]
    means = np.stack([g.mean(0) for g in groups])
    noise = sum(((g - g.mean(0)) ** 2).sum(0) for g in groups) / (len(labels) - len(weights))
    spread = weights @ (means - weights @ means) ** 2
    between = spread - noise * sum(w * (1 - w) / len(g) for w, g in zip(weights, groups))
    return float(between.sum() / (between + noise).sum())


def test_each_replicate_is_what_the_remaining_images_say_of_the_same_classes() -> None:
    """Classes keep the weights they have among all images."""
    gates = gates_of(LABELS)
    group = assign_groups(LABELS, seed=1)
    found = resample_images(chunked(gates, LABELS, group, 13), n_classes=4, groups=10, mean=gates.mean(0))
    weights = np.array(SIZES) / len(LABELS)
    for g, statistics in [(None, found.full), *enumerate(found.without)]:
        rows = np.full(len(LABELS), True) if g is None else group != g
        assert statistics.omega_squared == pytest.approx(weighted_share(gates[rows], LABELS[rows], weights), rel=1e-9)
        assert statistics.near_one == pytest.approx((gates[rows] > 0.9).mean())


def test_with_equal_classes_it_is_what_the_remaining_images_give() -> None:
    labels = np.repeat(np.arange(4), 20)
    gates, group = gates_of(labels), assign_groups(labels, seed=1)
    found = resample_images(chunked(gates, labels, group, 13), n_classes=4, groups=10, mean=gates.mean(0))
    for g, statistics in [(None, found.full), *enumerate(found.without)]:
        rows = np.full(len(labels), True) if g is None else group != g
        state = ClassMoments.empty(4, Channels(("a",), (9,)))
        state.update(gates[rows], labels[rows])
        expected = block_statistics(sums_of_squares(state.finish()))
        assert statistics.between_variance == pytest.approx(expected.between_variance, rel=1e-9)
        assert statistics.within_variance == pytest.approx(expected.within_variance, rel=1e-9)


def test_chunks_do_not_matter() -> None:
    gates, group = gates_of(LABELS), assign_groups(LABELS)
    one, many = (
        resample_images(chunked(gates, LABELS, group, size), n_classes=4, groups=10, mean=gates.mean(0))
        for size in (84, 5)
    )
    assert one.full == many.full
    assert one.without == many.without


def test_a_constant_channel_stays_one_in_every_replicate() -> None:
    gates = gates_of(LABELS)
    gates[:, 4] = 0.1
    found = resample_images([(gates, LABELS, assign_groups(LABELS))], n_classes=4, groups=10, mean=gates.mean(0))
    folded = ClassMoments.empty(10 * 4, Channels(("block",), (9,)))
    folded.update(gates, assign_groups(LABELS) * 4 + LABELS)
    assert {mean_share(sums)[1] for sums in Cells.of(folded, 10).all_and_without()} == {8}
    rest = np.delete(gates, 4, axis=1)
    without = resample_images([(rest, LABELS, assign_groups(LABELS))], n_classes=4, groups=10, mean=rest.mean(0))
    for found_here, alone in zip((found.full, *found.without), (without.full, *without.without), strict=True):
        assert found_here.omega_squared == pytest.approx(alone.omega_squared, rel=1e-9)


def test_estimates_by_name() -> None:
    gates = gates_of(LABELS, share=0.5)
    found = resample_images([(gates, LABELS, assign_groups(LABELS))], n_classes=4, groups=10, mean=gates.mean(0))
    share, sd = found.estimate("omega_squared"), found.estimate("between_sd")
    assert share.value == found.full.omega_squared
    assert sd.value == pytest.approx(found.full.between_sd)
    assert sd.interval().low <= sd.value <= sd.interval().high
    assert len(found.estimate("near_one").replicates) == 10
    with pytest.raises(ArgumentError, match="between_variance"):
        found.estimate("between_variance")


def test_one_pattern_up_to_a_scale_beats_the_random_direction() -> None:
    generator = np.random.default_rng(5)
    labels = np.repeat(np.arange(20), 20)
    pattern = np.linspace(0.2, 0.8, 32)
    scale = 1 + 0.1 * generator.normal(size=20)
    gates = scale[labels, None] * pattern + 0.02 * generator.normal(size=(400, 32))
    found = resample_images([(gates, labels, assign_groups(labels))], n_classes=20, groups=10, mean=gates.mean(0))
    interval = found.estimate("direction_share").interval()
    assert 0.9 < interval.low < interval.high < 1.1
    assert found.random_direction < 0.3
    assert found.estimate("residual_sd").value < 0.005


def test_blocks_of_a_recording(tmp_path: Path) -> None:
    recording = synthetic_recording(
        tmp_path / "run", classes=10, per_class=30, blocks={"SE_2_3": 24, "SE_5_1": 24},
        shares={"SE_2_3": 0.0, "SE_5_1": 0.5}, unlabelled=4, keep_squeeze=True, seed=1,
    )  # fmt: skip
    group = assign_groups(recording.kept_samples["label"].to_numpy())
    late, early = (resample_block(recording, name, group).estimate("omega_squared") for name in ("SE_5_1", "SE_2_3"))
    assert late.interval().low < 0.5 < late.interval().high
    assert early.interval().low < 0 < early.interval().high
    squeeze = resample_block(recording, "SE_5_1", group, quantity="squeeze")
    assert squeeze.estimate("omega_squared").value == pytest.approx(late.value, abs=1e-3)
    assert np.isnan(squeeze.full.near_one)
    with pytest.raises(ArgumentError, match="3 groups"):
        resample_block(recording, "SE_5_1", group[:3])


def test_gates_that_are_not_all_kept_are_refused(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", blocks=[4], keep="3")
    with pytest.raises(RecordingError, match="keep all"):
        resample_block(recording, "SE_2_1", np.zeros(12, dtype=int))


def test_gates_of_another_width_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"\(n, 4\)"):
        resample_images([(gates_of(LABELS), LABELS, assign_groups(LABELS))], n_classes=4, groups=10, mean=np.zeros(4))
