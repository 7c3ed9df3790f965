"""Distances between class means without their noise: against brute force, and unbiased on planted classes."""

from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.classes.profiles import read_class_profiles, signed_root, squared_distances, squares_from_others
from senet_viz.recording.reader import Recording
from tests.support.synthetic import synthetic_recording
from tests.unit.analysis.classes.planted import draw_images, profiles_of


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(
        tmp_path_factory.mktemp("profiles") / "run", classes=5, per_class=8, blocks=[6], unlabelled=7
    )


def test_profiles_are_the_labelled_images_means_and_the_variance_of_these_means(recording: Recording) -> None:
    block = recording.blocks[0]
    found = read_class_profiles(recording, block)
    gates, labels = recording.gates(block.name).astype(np.float64), recording.kept_samples["label"].to_numpy()
    for row, k in enumerate(found.classes):
        mine = gates[labels == k]
        np.testing.assert_allclose(found.means[row], mine.mean(axis=0), atol=3e-4)
        np.testing.assert_allclose(found.noise[row], mine.var(axis=0, ddof=1).mean() / len(mine), rtol=0.02)
    np.testing.assert_array_equal(found.images, 8)
    pooled = np.mean([gates[labels == k].var(axis=0, ddof=1) for k in found.classes])
    assert found.within == pytest.approx(pooled, rel=0.02)


def test_pair_distances_equal_brute_force(recording: Recording) -> None:
    found = read_class_profiles(recording, recording.blocks[0])
    squared = squared_distances(found)
    for i in range(5):
        for j in range(5):
            plain = ((found.means[i] - found.means[j]) ** 2).mean() - found.noise[i] - found.noise[j]
            assert squared[i, j] == pytest.approx(0.0 if i == j else plain, abs=1e-15)


def test_distances_from_the_others_equal_brute_force(recording: Recording) -> None:
    found = read_class_profiles(recording, recording.blocks[0])
    squared, noise = squares_from_others(found)
    for k in range(5):
        others = np.delete(np.arange(5), k)
        expected = found.noise[k] + found.noise[others].sum() / 16
        plain = ((found.means[k] - found.means[others].mean(axis=0)) ** 2).mean()
        assert noise[k] == pytest.approx(expected, rel=1e-12)
        assert squared[k] == pytest.approx(plain - expected, abs=1e-15)


def test_noise_is_taken_off_without_bias_whatever_the_number_of_images() -> None:
    generator = np.random.default_rng(3)
    truth = np.zeros((4, 30))
    truth[0] += 0.02
    images = np.array([4, 8, 16, 3])
    pairs, others = [], []
    for _ in range(400):
        found = profiles_of(*draw_images(truth, images, 0.1, generator))
        pairs.append(squared_distances(found))
        others.append(squares_from_others(found)[0])
    error = np.std(pairs, axis=0) / 20
    expected = ((truth[:, None] - truth) ** 2).mean(axis=2)
    np.testing.assert_array_less(np.abs(np.mean(pairs, axis=0) - expected), 4 * error + 1e-15)
    at = np.array([truth[k] - np.delete(truth, k, 0).mean(0) for k in range(4)])
    np.testing.assert_array_less(
        np.abs(np.mean(others, axis=0) - (at**2).mean(axis=1)), 4 * np.std(others, axis=0) / 20
    )
    assert (np.array(pairs)[:, 1, 2] < 0).mean() > 0.3, "equal classes come out below 0 about half of the time"


def test_one_image_takes_the_pooled_variance_and_none_at_all_is_not_known(tmp_path: Path) -> None:
    single = synthetic_recording(tmp_path / "single", classes=3, per_class=1, blocks=[4])
    found = read_class_profiles(single, single.blocks[0])
    assert np.isnan(found.noise).all()
    assert np.isnan(squared_distances(found)[0, 1])
    one = synthetic_recording(tmp_path / "one", classes=1, per_class=4, blocks=[4])
    assert np.isnan(squares_from_others(read_class_profiles(one, one.blocks[0]))[0]).all()


def test_z_of_a_slim_recording_takes_the_pooled_variance(recording: Recording, tmp_path: Path) -> None:
    from senet_viz.recording.slim import slim_recording

    slim = slim_recording(recording, tmp_path / "slim")
    full, rounded = (read_class_profiles(r, recording.blocks[0], "squeeze") for r in (recording, slim))
    assert rounded.within == pytest.approx(full.within, rel=1e-2)
    np.testing.assert_allclose(rounded.noise, rounded.within / 8, rtol=1e-12)
    assert np.ptp(full.noise) > 0


def test_signed_roots_keep_the_sign() -> None:
    np.testing.assert_allclose(signed_root(np.array([4.0, -9.0, 0.0])), [2, -3, 0])
