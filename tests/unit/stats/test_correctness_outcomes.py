"""Correct against misclassified images, against plain numpy over the images, and the intervals against the truth."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from senet_viz.errors import RecordingError
from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording
from senet_viz.stats.correctness import OutcomePlan, compare_outcomes, plan_outcomes
from senet_viz.stats.resampling import assign_groups
from senet_viz.stats.shares import block_statistics, sums_of_squares
from tests.support.synthetic import synthetic_recording


def plan_of(counts: np.ndarray, seed: int = 0) -> OutcomePlan:
    """Of so many correct and wrong images of each class, (K, 2), by class."""
    classes = np.repeat(np.repeat(np.arange(len(counts)), 2), counts.ravel())
    wrong = np.repeat(np.tile([False, True], len(counts)), counts.ravel())
    group = assign_groups(2 * classes + wrong, seed=seed)
    return OutcomePlan(np.arange(len(classes)), classes, wrong, group, int(group.max()) + 1)


def directly(values: np.ndarray, classes: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Share and distance, correct and wrong, (2, 2), image by image."""
    result = np.empty((2, 2))
    names = np.unique(classes)
    for outcome in (0, 1):
        mine = wrong == bool(outcome)
        parts = [values[mine & (classes == k)] for k in names]
        means = np.stack([p.mean(0) for p in parts])
        variances = np.stack([p.var(0, ddof=1) for p in parts])
        noise = np.stack([v / len(p) for v, p in zip(variances, parts)]).mean(0)
        between = means.var(0) - (1 - 1 / len(names)) * noise
        result[0, outcome] = between.sum() / (between + variances.mean(0)).sum()
        distances = []
        for k in names:
            of_class = np.flatnonzero(classes == k)
            others = [np.setdiff1d(of_class, [i]) for i in of_class[mine[of_class]]]
            centres = np.stack([values[o].mean(0) for o in others])
            distances.append(np.sqrt(((values[of_class[mine[of_class]]] - centres) ** 2).mean(1)).mean())
        result[1, outcome] = np.mean(distances)
    return result


def test_estimates_and_replicates_equal_plain_numpy() -> None:
    generator = np.random.default_rng(0)
    plan = plan_of(generator.integers(5, 15, (6, 2)))
    values = generator.normal(size=(6, 9))[plan.classes] + generator.normal(size=(len(plan.classes), 9))
    result = compare_outcomes(plan, values)
    found = np.array([[e.value for e in result.share], [e.value for e in result.distance]])
    np.testing.assert_allclose(found, directly(values, plan.classes, plan.wrong), rtol=1e-10)
    for group in range(plan.groups):
        left = plan.group != group
        found = np.array([[e.replicates[group] for e in result.share], [e.replicates[group] for e in result.distance]])
        np.testing.assert_allclose(found, directly(values[left], plan.classes[left], plan.wrong[left]), rtol=1e-9)
    assert result.share_difference.value == result.share[1].value - result.share[0].value
    assert result.distance_difference.value == result.distance[1].value - result.distance[0].value


def test_the_share_is_the_pooled_omega_squared_where_classes_are_equally_large() -> None:
    plan = plan_of(np.full((8, 2), 7))
    generator = np.random.default_rng(1)
    values = generator.normal(size=(8, 12))[plan.classes] + 2 * generator.normal(size=(len(plan.classes), 12))
    result = compare_outcomes(plan, values)
    for outcome in (0, 1):
        parts = [values[(plan.classes == k) & (plan.wrong == bool(outcome))] for k in range(8)]
        moments = Moments(
            np.full(8, 7),
            np.stack([p.mean(0) for p in parts]),
            np.stack([((p - p.mean(0)) ** 2).sum(0) for p in parts]),
            None,
            None,
            None,
        )
        expected = block_statistics(sums_of_squares(moments)).omega_squared
        assert result.share[outcome].value == pytest.approx(expected, rel=1e-10)


@pytest.mark.slow
def test_intervals_cover_the_truth_and_centre_on_it() -> None:
    """Wrong images with half the class effect and more noise; unequal classes."""
    classes, channels, runs = 12, 8, 1000
    profiles = np.random.default_rng(7).normal(size=(classes, channels))
    profiles = (profiles - profiles.mean(0)) / profiles.std(0)
    effects, noises = np.array([0.6, 0.3]), np.array([1.0, 1.2])
    truth = effects**2 / (effects**2 + noises**2)
    covered, values = np.zeros(3), np.zeros((runs, 2))
    for seed in range(runs):
        generator = np.random.default_rng((8, seed))
        plan = plan_of(generator.integers(5, 25, (classes, 2)), seed)
        kind = plan.wrong.astype(int)
        gates = effects[kind, None] * profiles[plan.classes]
        gates = gates + noises[kind, None] * generator.normal(size=gates.shape)
        result = compare_outcomes(plan, gates)
        values[seed] = [e.value for e in result.share]
        for at, (estimate, true) in enumerate(
            [(result.share[0], truth[0]), (result.share[1], truth[1]), (result.share_difference, truth[1] - truth[0])]
        ):
            covered[at] += estimate.interval().low <= true <= estimate.interval().high
    assert (covered / runs >= 0.93).all(), covered
    assert (np.abs(values.mean(0) - truth) < 0.003).all(), values.mean(0) - truth


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("outcomes") / "run"
    return synthetic_recording(folder, classes=5, per_class=60, blocks={"SE_2_1": 20}, unlabelled=9)


def test_the_plan_takes_classes_with_enough_of_both_outcomes(recording: Recording) -> None:
    plan = plan_outcomes(recording, seed=3)
    labels, correct = recording.kept_samples["label"].to_numpy(), recording.kept_samples["correct"].to_pylist()
    assert sorted(set(plan.classes)) == [1, 2, 3, 4], "class 0 is never mistaken in these recordings"
    np.testing.assert_array_equal(labels[plan.rows], plan.classes)
    assert [not correct[row] for row in plan.rows] == plan.wrong.tolist()
    assert plan.images == (240 - int(plan.wrong.sum()), int(plan.wrong.sum()))
    assert len(plan.rows) == 240
    result = compare_outcomes(plan, recording.gates("SE_2_1"))
    assert result.images == plan.images
    assert result.classes == 4
    assert result.share_difference.interval().low < 0 < result.share_difference.interval().high


def test_images_without_a_verdict_are_left_out(recording: Recording) -> None:
    samples = recording.kept_samples
    some = [None if at % 10 == 0 else value for at, value in enumerate(samples["correct"].to_pylist())]
    at = samples.column_names.index("correct")
    nulls = samples.set_column(at, "correct", pa.array(some, type=pa.bool_()))

    class Unjudged:
        path, classes, kept_samples = recording.path, recording.classes, nulls

    plan = plan_outcomes(Unjudged())
    assert all(some[row] is not None for row in plan.rows)


def test_too_few_failures_are_refused_with_what_to_do(tmp_path: Path) -> None:
    few = synthetic_recording(tmp_path / "few", classes=4, per_class=8, blocks=[4])
    with pytest.raises(RecordingError, match="--keep all"):
        plan_outcomes(few)
    none = synthetic_recording(tmp_path / "none", classes=4, per_class=40, blocks=[4], keep="none")
    with pytest.raises(RecordingError, match="0 classes"):
        plan_outcomes(none)
