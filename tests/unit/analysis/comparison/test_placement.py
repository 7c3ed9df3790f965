"""Percentiles against scipy where gates are kept; intervals that hold the truth where they are not."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from senet_viz.analysis.comparison.placement import Placement, place_gates
from senet_viz.analysis.comparison.reference import count_up_to, distances_from
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.slim import slim_recording
from senet_viz.recording.writer import RecordingWriter
from tests.support.synthetic import choose_keep, make_batches, make_gates, make_manifest

CLASSES, PER_CLASS, CHANNELS = 5, 60, 48
LABELS = np.random.default_rng(3).permutation(np.repeat(np.arange(CLASSES, dtype=np.int32), PER_CLASS))


def independent(generator: np.random.Generator) -> np.ndarray:
    return 0.5 + 0.05 * generator.normal(size=(len(LABELS), CHANNELS))


def correlated(generator: np.random.Generator) -> np.ndarray:
    """One factor with heavy tails moves all channels."""
    factor = generator.standard_t(4, size=(len(LABELS), 1)) + 0.5 * (LABELS[:, None] == 2)
    return 0.5 + 0.05 * factor * np.linspace(0.5, 1.5, CHANNELS) + 0.01 * generator.normal(size=(len(LABELS), CHANNELS))


def narrow(generator: np.random.Generator) -> np.ndarray:
    """All images in one or two bins of the histogram."""
    return (
        0.7 + 0.002 * generator.normal(size=(len(LABELS), 1)) + 0.0005 * generator.normal(size=(len(LABELS), CHANNELS))
    )


def saturated(generator: np.random.Generator) -> np.ndarray:
    """A hard sigmoid's: a third exactly 0, a third exactly 1."""
    return generator.normal(0.5, 1.2, size=(len(LABELS), CHANNELS))


KINDS: Mapping[str, Callable[[np.random.Generator], np.ndarray]] = {
    "independent": independent, "correlated": correlated, "narrow": narrow, "saturated": saturated,
}  # fmt: skip


def values_of(kind: str) -> np.ndarray:
    return np.clip(KINDS[kind](np.random.default_rng(11)), 0, 1).astype(np.float32)


def of_class(values: np.ndarray, class_index: int | None) -> np.ndarray:
    return values if class_index is None else values[np.equal(LABELS, class_index)]


def write(folder: Path, values: np.ndarray, keep: str) -> Recording:
    gates = make_gates([CHANNELS])
    draft = make_manifest(gates, n_classes=CLASSES, images=len(LABELS), keep=keep)
    with RecordingWriter(folder, draft) as writer:
        for batch in make_batches(LABELS, {gates[0].name: values}, choose_keep(LABELS, keep)):
            writer.append(batch)
        writer.finish(throughput={"images": len(LABELS), "seconds": 1.0, "images_per_second": 1.0})
    return open_recording(folder)


def uploads_of(values: np.ndarray) -> np.ndarray:
    """Recorded images, images of another kind between and beyond them, and the mean itself."""
    mean = values.mean(axis=0, keepdims=True)
    scales = np.array([0.0, 0.3, 0.8, 1.0, 1.5, 3.0, 8.0])[:, None]
    spread = np.clip(mean + scales * (values[17] - mean), 0, 1)
    return np.concatenate([values[[0, 4, 100]], spread, np.ones_like(mean), mean]).astype(np.float32)


def place(recording: Recording, gates: np.ndarray, class_index: int | None = None) -> Placement:
    return place_gates(recording, recording.blocks[0], gates, class_index)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("class_index", [None, 2])
def test_percentiles_equal_scipys_where_all_gates_are_kept(tmp_path: Path, kind: str, class_index: int | None) -> None:
    values = values_of(kind)
    gates = uploads_of(values)
    found = place(write(tmp_path / "run", values, "all"), gates, class_index)
    kept = of_class(values, class_index).astype(np.float16).astype(np.float64)
    own = gates.astype(np.float16).astype(np.float64)
    expected = np.stack([stats.percentileofscore(kept[:, c], own[:, c], kind="mean") for c in range(CHANNELS)], axis=1)
    assert found.percentiles is not None
    np.testing.assert_allclose(found.percentiles, expected, atol=1e-9)
    mean = values.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(found.distance, np.sqrt(((gates - mean) ** 2).mean(axis=1)), atol=1e-7)
    known = distances_from(kept, mean)
    expected_places = stats.percentileofscore(known, distances_from(own, mean), kind="mean")
    np.testing.assert_allclose(found.lower, expected_places, atol=1e-9)
    assert np.array_equal(found.lower, found.upper)
    assert (found.gates_from, found.distance_from) == ("gates", "gates")
    assert found.distance_images == len(kept) == found.images


@pytest.mark.parametrize("class_index", [None, 2])
def test_without_single_images_a_placement_is_that_of_a_recording_that_keeps_none(
    tmp_path: Path, class_index: int | None
) -> None:
    values = values_of("independent")
    gates = uploads_of(values)
    kept, none = (write(tmp_path / keep, values, keep) for keep in ("all", "none"))
    found = place_gates(kept, kept.blocks[0], gates, class_index, single_images=False)
    expected = place(none, gates, class_index)
    assert (found.gates_from, found.distance_from) == (expected.gates_from, expected.distance_from)
    assert found.gates_from == ("histogram" if class_index is None else "none")
    if expected.percentiles is None:
        assert found.percentiles is None
        assert "were not read" in found.gates_note
    else:
        np.testing.assert_array_equal(found.percentiles, expected.percentiles)
    np.testing.assert_array_equal(found.lower, expected.lower)
    np.testing.assert_array_equal(found.upper, expected.upper)
    assert "since gates of single images were not read" in found.distance_note
    assert "too few gates of single images" in expected.distance_note


def test_counts_are_those_of_comparisons_whatever_the_sign() -> None:
    generator = np.random.default_rng(5)
    known = generator.normal(size=(700, 6)).astype(np.float16)
    known[::7] = known[3]
    known[::11, 2] = -0.0
    gates = np.concatenate([known[:4], np.zeros((1, 6), np.float16), -np.zeros((1, 6), np.float16)])
    below, most = count_up_to(known, gates)
    np.testing.assert_array_equal(below, (known[None] < gates[:, None]).sum(axis=1))
    np.testing.assert_array_equal(most, (known[None] <= gates[:, None]).sum(axis=1))


def true_shares(values: np.ndarray, gates: np.ndarray, class_index: int | None) -> np.ndarray:
    """Mid-rank percentiles of the distances, from the unrounded gates."""
    mean = values.astype(np.float64).mean(axis=0)
    known = distances_from(of_class(values, class_index), mean)
    return np.asarray(stats.percentileofscore(known, distances_from(gates, mean), kind="mean"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("class_index", [None, 0, 2])
@pytest.mark.parametrize("keep", ["none", "2"])
def test_the_interval_holds_the_truth(tmp_path: Path, kind: str, class_index: int | None, keep: str) -> None:
    values = values_of(kind)
    gates = uploads_of(values)
    found = place(write(tmp_path / "run", values, keep), gates, class_index)
    truth = true_shares(values, gates, class_index)
    assert found.distance_from == "moments"
    assert (found.lower <= truth + 1e-9).all()
    assert (truth <= found.upper + 1e-9).all()
    assert (found.upper - found.lower).min() < 40, "the farthest image must be told from the others"
    assert "certain" in found.distance_note


@pytest.mark.parametrize("kind", KINDS)
def test_a_slim_recordings_intervals_hold_the_truth_too(tmp_path: Path, kind: str) -> None:
    values = values_of(kind)
    gates = uploads_of(values)
    slim = slim_recording(write(tmp_path / "full", values, "all"), tmp_path / "slim", per_class=3)
    for class_index in range(CLASSES):
        found = place(slim, gates, class_index)
        truth = true_shares(values, gates, class_index)
        assert (found.distance_from, found.gates_from) == ("moments", "none" if kind == "narrow" else "histogram")
        assert ((found.lower <= truth + 1e-9) & (truth <= found.upper + 1e-9)).all()


def test_the_interval_is_tight_for_far_images_of_one_factor(tmp_path: Path) -> None:
    """Cantelli with Minkowski is sharp to a factor where all channels move together."""
    values = values_of("narrow")
    gates = (values.mean(axis=0) + np.array([[0.1]])).astype(np.float32)
    found = place(write(tmp_path / "run", values, "none"), gates)
    assert found.lower[0] > 99
    assert found.upper[0] == 100


def test_gates_that_vary_less_than_they_are_known_to_have_no_percentile(tmp_path: Path) -> None:
    values = values_of("narrow")
    none_kept = place(write(tmp_path / "none", values, "none"), uploads_of(values))
    assert (none_kept.percentiles, none_kept.gates_from) == (None, "none")
    assert "vary less" in none_kept.gates_note
    still = (0.75 + 1e-6 * np.random.default_rng(0).normal(size=values.shape)).astype(np.float32)
    all_kept = place(write(tmp_path / "all", still, "all"), (still[:2] + np.float32(2e-5)))
    assert (all_kept.percentiles, all_kept.distance_from) == (None, "moments")
    assert "half precision" in all_kept.distance_note
    assert all_kept.lower[0] > 95  # twenty standard deviations away, which ties in half precision would hide


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "narrow"])
def test_percentiles_from_a_histogram_are_within_their_bin(tmp_path: Path, kind: str) -> None:
    values = values_of(kind)
    gates = uploads_of(values)
    found = place(write(tmp_path / "run", values, "none"), gates)
    assert found.gates_from == "histogram"
    assert found.percentiles is not None
    for c in range(CHANNELS):
        truth = stats.percentileofscore(values[:, c], gates[:, c], kind="mean")
        inside = (values[:, c] > 0) & (values[:, c] < 1)
        bins = np.bincount(np.minimum((values[inside, c] * 64).astype(int), 63), minlength=64)
        own = bins[np.minimum((gates[:, c] * 64).astype(int), 63)]
        assert (np.abs(found.percentiles[:, c] - truth) <= 100 * own / len(values) + 1e-9).all()
        at_bound = (gates[:, c] == 0) | (gates[:, c] == 1)
        np.testing.assert_allclose(found.percentiles[at_bound, c], truth[at_bound], atol=1e-9)


def test_a_class_histogram_places_gates_of_a_slim_recording(tmp_path: Path) -> None:
    values = values_of("independent")
    gates = uploads_of(values)
    slim = slim_recording(write(tmp_path / "full", values, "all"), tmp_path / "slim", per_class=3)
    found = place(slim, gates, 2)
    assert (found.gates_from, found.images, found.among) == ("histogram", PER_CLASS, "class 2")
    assert found.percentiles is not None
    own = values[LABELS == 2]
    for c in range(CHANNELS):
        truth = stats.percentileofscore(own[:, c], gates[:, c], kind="mean")
        bins = np.bincount((own[:, c].astype(np.float16) * np.float16(32)).astype(int).clip(0, 31), minlength=32)
        room = 100 * (bins[(gates[:, c] * 32).astype(int).clip(0, 31)] + 1) / PER_CLASS
        assert (np.abs(found.percentiles[:, c] - truth) <= room).all()


def test_a_sample_of_kept_gates_is_told(tmp_path: Path) -> None:
    values = values_of("independent")
    found = place(write(tmp_path / "run", values, "10"), uploads_of(values))
    assert (found.distance_from, found.distance_images, found.gates_from) == ("gates", 50, "histogram")
    assert "50 of 300" in found.distance_note
    kept = values[choose_keep(LABELS, "10")].astype(np.float16)
    mean = values.astype(np.float64).mean(axis=0)
    own = distances_from(uploads_of(values).astype(np.float16), mean)
    expected = stats.percentileofscore(distances_from(kept, mean), own, kind="mean")
    np.testing.assert_allclose(found.lower, expected, atol=1e-9)


def test_without_kept_gates_or_histograms_a_class_has_no_gate_percentiles(tmp_path: Path) -> None:
    values = values_of("independent")
    found = place(write(tmp_path / "run", values, "2"), uploads_of(values), 1)
    assert found.percentiles is None
    assert found.gates_from == "none"
    assert "no histograms per class" in found.gates_note
    assert found.gates_table().empty
    assert len(found.table()) == len(found.distance)


def test_a_class_without_images_places_nothing(tmp_path: Path) -> None:
    gates = make_gates([4])
    with RecordingWriter(tmp_path / "run", make_manifest(gates, n_classes=2, images=6)) as writer:
        labels = np.zeros(6, dtype=np.int32)
        values = np.random.default_rng(0).uniform(0.2, 0.8, (6, 4)).astype(np.float32)
        for batch in make_batches(labels, {gates[0].name: values}, np.ones(6, dtype=bool)):
            writer.append(batch)
        writer.finish(throughput={"images": 6, "seconds": 1.0, "images_per_second": 1.0})
    found = place(open_recording(tmp_path / "run"), values[:2], 1)
    assert found.percentiles is None
    assert np.isnan(found.lower).all()
    assert "No image of class 1" in found.distance_note
    assert (found.distance > 0).all()


def test_one_constant_recording_is_no_special_case(tmp_path: Path) -> None:
    """Every recorded image has the same gates: an equal one is in the middle, any other beyond all."""
    values = np.full((len(LABELS), CHANNELS), 0.25, dtype=np.float32)
    gates = np.stack([values[0], values[0] + np.float32(0.1)])
    found = place(write(tmp_path / "run", values, "none"), gates)
    assert (found.lower[0], found.upper[0]) == (0, 100)
    assert (found.lower[1], found.upper[1]) == (100, 100)


def test_tables_are_in_long_form(tmp_path: Path) -> None:
    values = values_of("independent")
    found = place(write(tmp_path / "run", values, "all"), values[:3])
    assert found.percentiles is not None
    table = found.gates_table()
    assert len(table) == 3 * CHANNELS
    row = table[(table["image"] == 2) & (table["channel"] == 7)].iloc[0]
    assert row["percentile"] == found.percentiles[1, 7]
    assert found.table()["percentile, lower bound"].tolist() == found.lower.tolist()


def test_unknown_classes_and_shapes_are_refused(tmp_path: Path) -> None:
    recording = write(tmp_path / "run", values_of("narrow"), "none")
    with pytest.raises(ArgumentError, match="There is no class 5: classes go from 0 to 4"):
        place(recording, np.zeros((1, CHANNELS), dtype=np.float32), 5)
    with pytest.raises(ArgumentError, match=r"\(1, 3\), \(n, 48\) expected"):
        place(recording, np.zeros((1, 3), dtype=np.float32))


def test_kept_gates_too_large_to_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = values_of("independent")
    recording = write(tmp_path / "run", values, "all")
    monkeypatch.setattr("senet_viz.analysis.comparison.reference.MOST_BYTES", 1000)
    found = place(recording, uploads_of(values))
    assert (found.gates_from, found.distance_from) == ("histogram", "moments")
    assert "1 GiB" in place(recording, uploads_of(values), 2).gates_note
