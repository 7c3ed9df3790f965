"""How distinct classes are along the depth: planted, by hand, and the cover of its intervals."""

from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.classes.distinctness import ClassDistinctness, measure_distinctness
from senet_viz.analysis.classes.profiles import (
    ClassProfiles,
    distance_intervals,
    noise_of_means,
    pool_covariance,
    squares_from_others,
)
from tests.support.synthetic import make_gates, synthetic_recording
from tests.unit.analysis.classes.planted import distinct, draw_images, profiles_of

NAN = float("nan")


def test_blocks_with_class_differences_are_told_and_those_without_are_not(tmp_path: Path) -> None:
    shares = {"SE_2_1": 0.0, "SE_3_1": 0.5}
    made = synthetic_recording(
        tmp_path / "run", classes=12, per_class=30, blocks={"SE_2_1": 40, "SE_3_1": 40}, shares=shares
    )
    found = measure_distinctness(made)
    assert found.has_intervals
    assert found.missing == ""
    assert found.told_apart(1) == 12
    assert found.told_apart(0) <= 1
    assert (found.squared[:, 0] < 0).any(), "it is not clipped"
    relative = found.distance(relative=True)[:, 1]
    assert np.median(relative) == pytest.approx(1.0, abs=0.15), "half of the variance is class"
    np.testing.assert_allclose(found.distance()[:, 1], relative * np.sqrt(found.within[1]))


def test_nothing_is_read_where_no_interval_is_asked_for(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "run", classes=4, per_class=6, blocks=[3, 4])
    found = measure_distinctness(made, intervals=False)
    assert not found.has_intervals
    assert found.missing == ""


def test_what_is_not_defined_is_nan_with_a_reason(tmp_path: Path) -> None:
    one = measure_distinctness(synthetic_recording(tmp_path / "one", classes=1, per_class=9, blocks=[4]))
    assert np.isnan(one.squared).all()
    assert "no second class" in one.missing
    single = measure_distinctness(synthetic_recording(tmp_path / "single", classes=5, per_class=1, blocks=[4]))
    assert np.isnan(single.squared).all()
    assert "No class has two images" in single.missing
    none = measure_distinctness(synthetic_recording(tmp_path / "none", classes=5, per_class=9, blocks=[4], keep="none"))
    assert np.isfinite(none.squared).all()
    assert not none.has_intervals
    assert "kept gates" in none.missing


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1, 0.5, 1.0, 0.6, 0.2], (1, 2, 3)),
        ([1.0, 0.4, 0.9, 0.9, 0.9], (0, 0, 0)),
        ([0.1, 0.2, 0.3, 0.4, 0.5], (2, 4, 4)),
        ([-0.2, -0.1, -0.3, -0.1, -0.4], (-1, -1, -1)),
        ([NAN, 0.5, NAN, 0.4, 0.1], (1, 1, 1)),
        ([NAN] * 5, (-1, -1, -1)),
    ],
)
def test_a_class_emerges_where_the_run_around_its_peak_begins(values: list[float], expected: tuple[int, ...]) -> None:
    found = distinct(np.array([values])).emergence()
    assert (found.begins[0], found.peaks[0], found.ends[0]) == expected


def test_emergence_is_read_in_within_class_sds() -> None:
    found = distinct(np.array([[0.1, 0.3]]), within=np.array([0.01, 1.0]))
    assert found.emergence().peaks[0] == 0, "0.1 is one SD of the first block, 0.3 is .3 SDs of the second"


def test_the_trace_of_the_squared_covariance_is_unbiased() -> None:
    generator = np.random.default_rng(5)
    root = generator.normal(size=(6, 6)) / 6
    sigma = root @ root.T
    labels = np.repeat(np.arange(20), 3)
    found = []
    for _ in range(300):
        covariance = pool_covariance(generator.normal(size=(60, 6)) @ root.T, labels)
        assert covariance is not None
        found.append(covariance.squares)
    assert np.mean(found) == pytest.approx(np.trace(sigma @ sigma), abs=4 * np.std(found) / np.sqrt(300))
    assert covariance.along(np.eye(6)).shape == (6,)


def test_too_few_kept_images_have_no_covariance() -> None:
    assert pool_covariance(np.zeros((12, 3)), np.repeat(np.arange(6), 2)) is None
    assert pool_covariance(np.zeros((40, 3)), np.full(40, -1)) is None


@pytest.mark.parametrize("shift", [0.0, 0.015, 0.05])
@pytest.mark.parametrize("factors", [1, 40], ids=["one direction", "independent channels"])
def test_intervals_cover_the_true_distance(shift: float, factors: int) -> None:
    """Also where all channels move together, as in a late block of the bundled network."""
    generator = np.random.default_rng(11)
    channels, classes, n, covered, runs = 40, 6, 30, 0, 250
    loading = generator.normal(size=(channels, factors)) / np.sqrt(factors)
    truth = np.zeros((classes, channels))
    truth[0] += shift
    expected = (np.array([truth[k] - np.delete(truth, k, 0).mean(0) for k in range(classes)]) ** 2).mean(axis=1)
    for _ in range(runs):
        gates, labels = draw_images(truth, np.full(classes, n), 0.05, generator, loading)
        found, covariance = profiles_of(gates, labels), pool_covariance(gates, labels)
        assert covariance is not None
        squared, _ = squares_from_others(found)
        differences = np.stack([found.means[k] - np.delete(found.means, k, 0).mean(0) for k in range(classes)])
        low, high = distance_intervals(squared, differences, noise_of_means(found), covariance)
        covered += int(low[0] <= expected[0] <= high[0])
    assert covered / runs >= 0.91


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("factors", [1, 40], ids=["one direction", "independent channels"])
def test_of_few_images_some_five_percent_are_above_zero_by_chance_too(n: int, factors: int) -> None:
    """The noise that is subtracted is then known poorly itself, and small where the distance is large."""
    generator = np.random.default_rng(13)
    channels, classes, above, runs = 40, 20, 0, 60
    loading = generator.normal(size=(channels, factors)) / np.sqrt(factors)
    for _ in range(runs):
        gates, labels = draw_images(np.zeros((classes, channels)), np.full(classes, n), 0.05, generator, loading)
        found, covariance = profiles_of(gates, labels), pool_covariance(gates, labels)
        assert covariance is not None
        differences = classes / (classes - 1) * (found.means - found.means.mean(axis=0))
        low, _ = distance_intervals(squares_from_others(found)[0], differences, noise_of_means(found), covariance)
        above += int((low > 0).sum())
    assert 0.01 <= above / (runs * classes) <= 0.085


def test_the_noise_of_one_image_is_the_pooled_one() -> None:
    generator = np.random.default_rng(3)
    gates, labels = draw_images(np.zeros((4, 6)), np.array([9, 9, 9, 9]), 0.05, generator)
    found = profiles_of(gates, labels)
    images, noise_first = np.array([1, 9, 9, 9]), np.append(found.within, found.noise[1:])
    single = ClassProfiles(**{**vars(found), "images": images, "noise": noise_first})
    noise = noise_of_means(single)
    assert noise.size[0] == pytest.approx(1, abs=0.06)
    assert noise.doubt[0] == pytest.approx(1 / 24, abs=1e-3)
    assert np.isnan(noise_of_means(ClassProfiles(**{**vars(found), "within": 0.0})).size).all()


def test_shuffled_labels_leave_some_five_percent_of_the_classes_above_zero(tmp_path: Path) -> None:
    made = synthetic_recording(
        tmp_path / "run", classes=150, per_class=8, blocks={"SE_2_1": 24}, shares={"SE_2_1": 0.0}
    )
    found = measure_distinctness(made)
    assert 0.005 <= found.told_apart(0) / 150 <= 0.1


def test_the_table_has_a_row_per_class_and_block() -> None:
    found = ClassDistinctness(
        make_gates([3, 3]), np.array([2, 5]), ("a", "b"), np.array([4, 6]), np.array([[0.04, -0.01], [0.09, 0.0]]),
        np.full((2, 2), 0.01), np.array([0.04, 0.01]), np.full((2, 2), NAN), np.full((2, 2), NAN),
    )  # fmt: skip
    table = found.table()
    assert list(table["class"]) == ["a", "a", "b", "b"]
    np.testing.assert_allclose(table["distance, in s"], [0.2, -0.1, 0.3, 0.0])
    np.testing.assert_allclose(table["distance, in within-class SDs"], [1.0, -1.0, 1.5, 0.0])
    assert list(found.table((5,))["images"]) == [6, 6]
    assert found.row_of(5) == 1
    assert found.row_of(3) is None
