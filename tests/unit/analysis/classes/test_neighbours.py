"""Classes against each other, their neighbours and their map."""

from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.classes import neighbours
from senet_viz.analysis.classes.neighbours import compare_classes, find_nearest, place_classes
from senet_viz.analysis.classes.overview import answer_plane
from senet_viz.analysis.classes.profiles import read_class_profiles, squared_distances
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording
from tests.support.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    shares = {"SE_2_1": 0.05, "SE_3_1": 0.8}
    return synthetic_recording(
        tmp_path_factory.mktemp("near") / "run",
        classes=9,
        per_class=12,
        blocks={"SE_2_1": 5, "SE_3_1": 20},
        shares=shares,
    )


def test_chosen_classes_have_the_distances_of_all_in_the_order_asked_for(recording: Recording) -> None:
    found = compare_classes(recording, [7, 2, 4])
    assert found.classes == (7, 2, 4)
    assert found.labels == ("class 7", "class 2", "class 4")
    for at, gate in enumerate(recording.blocks):
        profiles = read_class_profiles(recording, gate)
        squared = squared_distances(profiles)
        np.testing.assert_allclose(found.squared[at], squared[np.ix_([7, 2, 4], [7, 2, 4])], atol=1e-15)
        assert found.noise[at, 0, 1] == pytest.approx(profiles.noise[7] + profiles.noise[2])
        np.testing.assert_array_equal(np.diag(found.chance[at]), 0)
    table = found.table()
    assert len(table) == 3 * 2
    assert list(found.table(1)["block"]) == ["SE_3_1"] * 3
    assert table["distance, in s"].iloc[1] == pytest.approx(found.distance[1, 0, 1])


def test_more_than_eight_classes_and_unknown_ones_are_refused(recording: Recording) -> None:
    with pytest.raises(ArgumentError, match="at most 8"):
        compare_classes(recording, range(9))
    with pytest.raises(ArgumentError, match="no class 9"):
        compare_classes(recording, [9])
    with pytest.raises(ArgumentError, match="no class -1"):
        find_nearest(recording, -1)


def test_the_nearest_classes_are_those_of_the_smallest_distance(recording: Recording) -> None:
    found = find_nearest(recording, 3, most=4)
    assert found is not None
    assert (found.compared, found.images, found.label) == (8, 12, "class 3")
    for at, gate in enumerate(recording.blocks):
        row = squared_distances(read_class_profiles(recording, gate))[3]
        order = [k for k in np.argsort(row, kind="stable") if k != 3][:4]
        assert list(found.nearest[at]) == order
        np.testing.assert_allclose(found.distance[at], np.sign(row[order]) * np.sqrt(np.abs(row[order])), atol=1e-12)
    rows = found.rows()
    assert list(rows["block"]) == ["SE_2_1", "SE_3_1"]
    assert rows["1. nearest"][1] == f"class {found.nearest[1, 0]} ({found.distance[1, 0]:.3f})"
    assert list(found.table()["place"]) == [1, 2, 3, 4] * 2


def test_a_class_is_no_neighbour_of_itself_and_needs_others(recording: Recording, tmp_path: Path) -> None:
    found = find_nearest(recording, 0, most=50)
    assert found is not None
    assert found.nearest.shape == (2, 8)
    assert 0 not in found.nearest
    one = synthetic_recording(tmp_path / "one", classes=1, blocks=[4])
    assert find_nearest(one, 0) is None


@pytest.mark.parametrize("block", [0, 1], ids=["more classes than channels", "more channels than classes"])
def test_the_map_equals_a_singular_value_decomposition(recording: Recording, block: int) -> None:
    gate = recording.blocks[block]
    found = place_classes(recording, gate)
    assert found is not None
    profiles = read_class_profiles(recording, gate)
    centred = profiles.means - profiles.means.mean(axis=0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.shares, (values**2 / (values**2).sum())[:2], rtol=1e-9)
    expected = centred @ axes[:2].T / np.sqrt(gate.channels)
    for axis in range(2):
        sign = np.sign(axes[axis][np.abs(axes[axis]).argmax()])
        np.testing.assert_allclose(found.positions[:, axis], sign * expected[:, axis], atol=1e-12)
    assert list(found.table().columns)[:2] == ["class", "images"]
    assert f"{found.shares.sum():.0%}" in answer_plane(found)


@pytest.mark.parametrize("block", [0, 1])
def test_large_maps_are_found_step_by_step_and_are_the_same(
    recording: Recording, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = place_classes(recording, recording.blocks[block])
    monkeypatch.setattr(neighbours, "_DENSE", 3)
    monkeypatch.setattr(neighbours.linalg, "eigh", None)
    in_steps = place_classes(recording, recording.blocks[block])
    assert at_once is not None
    assert in_steps is not None
    np.testing.assert_allclose(in_steps.positions, at_once.positions, atol=1e-12)
    np.testing.assert_allclose(in_steps.shares, at_once.shares, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_where_steps_lead_nowhere_the_axes_are_found_at_once(value: float) -> None:
    values, vectors = neighbours._largest(value * np.eye(450))
    np.testing.assert_allclose(values, value, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(2), atol=1e-12)


def test_without_class_differences_the_spread_of_the_means_is_noise(tmp_path: Path) -> None:
    made = synthetic_recording(
        tmp_path / "run", classes=60, per_class=10, blocks={"SE_2_1": 50}, shares={"SE_2_1": 0.0}
    )
    found = place_classes(made, made.blocks[0])
    assert found is not None
    assert found.noise == pytest.approx(1.0, abs=0.06)


def test_two_classes_have_no_map_and_one_channel_one_axis(tmp_path: Path) -> None:
    two = synthetic_recording(tmp_path / "two", classes=2, blocks=[4])
    assert place_classes(two, two.blocks[0]) is None
    one = synthetic_recording(tmp_path / "one", classes=5, blocks=[1])
    found = place_classes(one, one.blocks[0])
    assert found is not None
    np.testing.assert_allclose(found.shares, [1, 0])
    np.testing.assert_array_equal(found.positions[:, 1], 0)
