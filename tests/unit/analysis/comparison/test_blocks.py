"""Distances of a few images in one block, against plain loops, numpy and scipy."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import distance as scipy_distance

from senet_viz.analysis.comparison.blocks import (
    BlockComparison,
    _cosine_distances,
    compare_block,
    rank_differences,
    read_profiles,
)
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.writer import RecordingWriter
from tests.support.synthetic import make_batches, make_gates, make_manifest, synthetic_recording

CLASSES, CHANNELS = 7, 40


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(
        tmp_path_factory.mktemp("runs") / "run", classes=CLASSES, per_class=15, blocks=[CHANNELS], unlabelled=9
    )


@pytest.fixture(scope="module")
def gates() -> np.ndarray:
    values = np.random.default_rng(5).uniform(0.3, 0.7, (4, CHANNELS)).astype(np.float32)
    values[3] = values[0]
    return values


def compare(
    recording: Recording, gates: np.ndarray, predicted: list[int | None], *, nearest: int = 5
) -> BlockComparison:
    return compare_block(read_profiles(recording).blocks[0], gates, predicted, nearest=nearest)


def write(folder: Path, labels: np.ndarray, *, n_classes: int) -> Recording:
    table = make_gates([CHANNELS])
    values = np.random.default_rng(0).uniform(0.2, 0.8, (len(labels), CHANNELS)).astype(np.float32)
    with RecordingWriter(folder, make_manifest(table, n_classes=n_classes, images=len(labels))) as writer:
        for batch in make_batches(labels, {table[0].name: values}, np.ones(len(labels), dtype=bool)):
            writer.append(batch)
        writer.finish(throughput={"images": len(labels), "seconds": 1.0, "images_per_second": 20.0})
    return open_recording(folder)


def test_mean_and_sd_are_those_of_all_recorded_images(recording: Recording, gates: np.ndarray) -> None:
    found = compare(recording, gates, [0, 1, 2, 3])
    kept = recording.gates("SE_2_1").astype(np.float64)
    assert len(kept) == CLASSES * 15 + 9
    np.testing.assert_allclose(found.mean, kept.mean(0), atol=3e-4)
    np.testing.assert_allclose(found.sd, kept.std(0, ddof=1), atol=3e-4)
    assert (np.diff(found.mean[found.order]) >= 0).all()
    np.testing.assert_allclose(found.differences, gates.astype(np.float64) - found.mean, atol=1e-12)


def test_distances_follow_their_formulas(recording: Recording, gates: np.ndarray) -> None:
    found = compare(recording, gates, [0, 1, 2, 3])
    values = gates.astype(np.float64)
    for i in range(4):
        assert found.from_mean[i] == pytest.approx(np.sqrt(np.mean((values[i] - found.mean) ** 2)), rel=1e-12)
        for j in range(4):
            assert found.rms[i, j] == pytest.approx(np.sqrt(np.mean((values[i] - values[j]) ** 2)), rel=1e-12)
            expected = scipy_distance.cosine(values[i] - found.mean, values[j] - found.mean) if i != j else 0.0
            assert found.cosine[i, j] == pytest.approx(expected, abs=1e-12)
    assert found.rms[0, 3] == 0.0
    assert np.array_equal(np.diag(found.cosine), np.zeros(4))


def test_cosine_is_undefined_for_an_image_at_the_mean() -> None:
    cosine = _cosine_distances(np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]))
    assert np.isnan(cosine[0, 1:]).all()
    assert np.isnan(cosine[1:, 0]).all()
    assert np.array_equal(np.diag(cosine), np.zeros(3))
    assert cosine[1, 2] == 2.0


def test_nearest_classes_and_ranks_equal_a_plain_sort(recording: Recording, gates: np.ndarray) -> None:
    predicted = [0, 3, None, 6]
    found = compare(recording, gates, predicted, nearest=3)
    means = recording.moments("SE_2_1").mean
    for i, own in enumerate(predicted):
        distances = np.sqrt(((gates[i].astype(np.float64) - means) ** 2).mean(axis=1))
        order = np.argsort(distances)
        assert found.nearest[i].tolist() == order[:3].tolist()
        np.testing.assert_allclose(found.nearest_distance[i], distances[order[:3]], rtol=1e-9)
        assert found.rank[i] == (0 if own is None else order.tolist().index(own) + 1)
    assert found.classes_compared == CLASSES


def test_a_class_profile_is_its_own_nearest(recording: Recording) -> None:
    means = recording.moments("SE_2_1").mean.astype(np.float32)
    found = compare(recording, means, list(range(CLASSES)))
    assert found.nearest[:, 0].tolist() == list(range(CLASSES))
    assert found.rank.tolist() == [1] * CLASSES


def test_classes_without_images_are_left_out(tmp_path: Path, gates: np.ndarray) -> None:
    """Images of classes 1 and 3 of five: their indices survive, the others have no rank."""
    labels = np.array([1, 3] * 10, dtype=np.int32)
    found = compare(write(tmp_path / "run", labels, n_classes=5), gates[:3], [1, 3, 0])
    assert found.classes_compared == 2
    assert {*found.nearest.ravel().tolist()} == {1, 3}
    assert sorted(found.rank[:2].tolist()) != [0, 0]
    assert found.rank[2] == 0


def test_a_recording_without_labels_has_no_profiles(tmp_path: Path, gates: np.ndarray) -> None:
    bare = write(tmp_path / "bare", np.full(12, -1, dtype=np.int32), n_classes=0)
    found = compare(bare, gates, [None] * 4)
    assert found.classes_compared == 0
    assert found.nearest.shape == (4, 0)
    assert found.rank.tolist() == [0] * 4
    assert np.isfinite(found.from_mean).all()


def test_of_profiles_that_do_not_differ_none_is_nearest(recording: Recording) -> None:
    """A block of dead gates; what is a hair apart is the same, and what is further apart is told."""
    profiles = read_profiles(recording).blocks[0]
    gates = np.full((2, profiles.block.channels), 0.5, dtype=np.float32)
    for step, told in ((1e-6, 0), (1e-3, CLASSES)):
        apart = 0.5 + step * np.arange(CLASSES)[:, None] * np.ones(profiles.block.channels)
        found = compare_block(dataclasses.replace(profiles, means=apart, mean=apart.mean(0)), gates, [0, None])
        assert found.classes_compared == told
        assert found.nearest.shape == (2, min(told, 5))
        assert found.rank.tolist() == [int(told > 0), 0]


def test_a_recording_without_images_is_refused(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "run", make_manifest(make_gates([4]), n_classes=2, images=5)):
        pass
    with pytest.raises(RecordingError, match="holds no image yet"):
        read_profiles(open_recording(tmp_path / "run"))


def test_gates_of_another_width_are_refused(recording: Recording) -> None:
    with pytest.raises(ArgumentError, match=r"SE_2_1 have the shape \(1, 3\), \(1, 40\) expected"):
        compare(recording, np.zeros((1, 3), dtype=np.float32), [0])


def test_channels_with_the_largest_spread_lead(recording: Recording, gates: np.ndarray) -> None:
    block = compare(recording, gates, [0, 1, 2, 3])
    found = rank_differences(block, ("a", "b", "c", "d"), how_many=6)
    spread = gates.max(0) - gates.min(0)
    assert found.measure == "spread"
    assert found.channels.tolist() == np.argsort(-spread, kind="stable")[:6].tolist()
    np.testing.assert_allclose(found.values, spread[found.channels], atol=1e-7)
    table = found.table()
    assert list(table.columns) == [
        "block",
        "channel",
        "spread",
        "recorded mean",
        "recorded SD",
        "1. a",
        "2. b",
        "3. c",
        "4. d",
    ]
    assert np.array_equal(table["3. c"], gates[2, found.channels])


def test_a_single_image_is_ranked_by_recorded_sds(recording: Recording, gates: np.ndarray) -> None:
    block = compare(recording, gates[:1], [0])
    found = rank_differences(block, ("a",), how_many=CHANNELS)
    expected = np.abs(gates[0] - block.mean) / block.sd
    assert found.measure == "deviation"
    assert found.channels.tolist() == np.argsort(-expected, kind="stable").tolist()
    np.testing.assert_allclose(found.values, expected[found.channels], rtol=1e-9)
    assert "standard deviation" in found.statement


def test_a_constant_channel_has_no_deviation_and_comes_last() -> None:
    gate = make_gates([3])[0]
    base = BlockComparison(
        block=gate, gates=np.array([[0.5, 0.9, 0.6]], dtype=np.float32), mean=np.full(3, 0.5), sd=np.array([0.1, 0.0, 0.1]),
        order=np.arange(3), from_mean=np.zeros(1), rms=np.zeros((1, 1)), cosine=np.zeros((1, 1)),
        nearest=np.zeros((1, 0), dtype=np.int64), nearest_distance=np.zeros((1, 0)), rank=np.zeros(1, dtype=np.int64),
        classes_compared=0,
    )  # fmt: skip
    found = rank_differences(base, ("a",), how_many=9)
    assert found.channels.tolist() == [2, 0, 1]
    assert np.isnan(found.values[2])
    unknown = rank_differences(dataclasses.replace(base, sd=np.full(3, np.nan)), ("a",), how_many=9)
    assert unknown.channels.tolist() == [1, 2, 0], "without a recorded SD the differences themselves decide"
    with pytest.raises(ArgumentError, match="at least 1"):
        rank_differences(base, ("a",), how_many=0)
