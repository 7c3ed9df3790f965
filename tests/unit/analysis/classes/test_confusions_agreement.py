"""Closeness in gate space against confusion: the correlation against scipy's, its null by brute force and on planted data."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from senet_viz.analysis.classes.confusions import (
    BlockAgreement,
    ConfusionAgreement,
    Confusions,
    agree_with_confusions,
    count_confusions,
    pair_classes,
    upper_p,
)
from senet_viz.analysis.classes.profiles import ClassProfiles, read_class_profiles, squared_distances
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording
from senet_viz.schema import LabelMapping
from senet_viz.stats.estimates import Estimate
from tests.support.synthetic import make_gates, synthetic_recording
from tests.unit.analysis.classes.planted import confused


def random_profiles(means: np.ndarray) -> ClassProfiles:
    size = len(means)
    block = make_gates([means.shape[1]])[0]
    mean, sd = means.mean(axis=0), means.std(axis=0)
    return ClassProfiles(block, np.arange(size), np.full(size, 20), means, np.full(size, 1e-4), 2e-3, mean, sd)


def planted(size: int, generator: np.random.Generator, *, strength: float) -> tuple[ClassProfiles, np.ndarray]:
    """Classes on a line; near ones are confused by `strength`, all others alike."""
    means = generator.normal(size=(size, 3))
    distance = np.linalg.norm(means[:, None] - means, axis=2)
    counts = generator.poisson(1.5 * np.exp(-strength * distance))
    np.fill_diagonal(counts, 30)
    return random_profiles(means), counts


def test_the_correlation_is_spearmans_over_pairs_with_ties() -> None:
    profiles, counts = planted(12, np.random.default_rng(0), strength=1.0)
    found = agree_with_confusions(profiles, confused(counts), permutations=9)
    above = np.triu_indices(12, 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    expected = stats.spearmanr(-squared_distances(profiles)[above], ((shares + shares.T) / 2)[above]).statistic
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert (found.pairs, len(found.null)) == (66, 9)


def test_the_null_is_that_of_shuffled_classes() -> None:
    profiles, counts = planted(10, np.random.default_rng(1), strength=0.5)
    confusions = confused(counts)
    found = agree_with_confusions(profiles, confusions, permutations=50, seed=4)
    generator, above = np.random.default_rng(4), np.triu_indices(10, 1)
    near = -squared_distances(profiles)
    for value in found.null:
        order = generator.permutation(10)
        expected = stats.spearmanr(near[np.ix_(order, order)][above], confusions.shares[above]).statistic
        assert value == pytest.approx(expected, abs=1e-12)


def test_p_is_even_without_agreement_though_pairs_share_classes() -> None:
    """Some classes are confused with everything and some lie far out, which makes pairs dependent."""
    generator, p = np.random.default_rng(2), []
    for seed in range(200):
        means = generator.normal(size=(15, 2)) * generator.exponential(size=(15, 1))
        counts = generator.poisson(np.outer(*[generator.exponential(size=15)] * 2))
        np.fill_diagonal(counts, 30)
        p.append(agree_with_confusions(random_profiles(means), confused(counts), permutations=99, seed=seed).p)
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_planted_agreement_is_found_and_its_interval_leaves_classes_out() -> None:
    profiles, counts = planted(30, np.random.default_rng(3), strength=1.0)
    found = agree_with_confusions(profiles, confused(counts), permutations=199)
    assert found.p == pytest.approx(1 / 200)
    assert found.interval.low < found.value < found.interval.high
    above = np.triu_indices(30, 1)
    near = stats.rankdata(-squared_distances(profiles)[above])
    mixed = stats.rankdata(confused(counts).shares[above])
    for k in (0, 17):
        rest = (above[0] != k) & (above[1] != k)
        assert found.classes.replicates[k] == pytest.approx(np.corrcoef(near[rest], mixed[rest])[0, 1], abs=1e-12)


def test_the_interval_covers_the_agreement_of_many_classes() -> None:
    generator = np.random.default_rng(7)
    truth = np.mean(
        [agree_with_confusions(*made, permutations=1).value for made in _many(generator, size=120, how_many=6)]
    )
    found = [agree_with_confusions(*made, permutations=1).interval for made in _many(generator, size=25, how_many=100)]
    assert np.mean([i.low <= truth <= i.high for i in found]) >= 0.88


def _many(generator: np.random.Generator, *, size: int, how_many: int) -> Iterator[tuple[ClassProfiles, Confusions]]:
    for _ in range(how_many):
        profiles, counts = planted(size, generator, strength=1.0)
        yield profiles, confused(counts)


def test_agreement_that_hangs_on_one_class_has_no_interval() -> None:
    profiles, _ = planted(22, np.random.default_rng(0), strength=1.0)
    counts = np.diag(np.full(22, 9))
    counts[1:, 0] = np.arange(1, 22)
    found = agree_with_confusions(profiles, confused(counts), permutations=19)
    assert np.isfinite(found.value)
    assert np.isnan(found.interval.low)


def test_nothing_confused_or_no_noise_known_is_not_defined() -> None:
    profiles, _ = planted(8, np.random.default_rng(0), strength=1.0)
    none = agree_with_confusions(profiles, confused(np.diag(np.full(8, 9))))
    assert np.isnan(none.value)
    assert np.isnan(none.p)
    unknown = ClassProfiles(**{**vars(profiles), "noise": np.full(8, np.nan)})
    assert np.isnan(agree_with_confusions(unknown, confused(np.full((8, 8), 2))).value)
    with pytest.raises(ArgumentError, match="4 at least"):
        agree_with_confusions(random_profiles(np.eye(3)), confused(np.ones((3, 3), dtype=int)))


def test_all_blocks_together_are_judged_against_the_largest_null_value() -> None:
    null = np.array([[0.1, 0.3, 0.0, -0.2], [0.4, 0.0, 0.1, 0.0]])
    blocks = [
        BlockAgreement(gate, value, Estimate(value, np.zeros(0)), row, 6)
        for gate, value, row in zip(make_gates([3, 3]), (0.35, 0.2), null)
    ]
    found = ConfusionAgreement(confused(np.full((4, 4), 2)), blocks, [None, blocks[0]])
    np.testing.assert_allclose([b.p for b in blocks], [1 / 5, 2 / 5])
    np.testing.assert_allclose(found.adjusted, [2 / 5, 3 / 5])
    np.testing.assert_allclose(found.squeeze_values, [np.nan, 0.35])
    assert list(found.table()["p, all blocks"]) == list(found.adjusted)
    assert upper_p(0.1, np.array([0.1 - 1e-14, 0.0])) == pytest.approx(2 / 3)


def with_outputs(recording: Recording, outputs: tuple[int | None, ...], predictions: list[int]) -> Recording:
    """The same recording with another mapping and other answers."""
    object.__setattr__(recording.manifest, "mapping", LabelMapping(outputs, "label map"))
    column = pa.array(predictions, pa.int32())
    at = recording.answers.schema.get_field_index("prediction")
    recording.__dict__["answers"] = recording.answers.set_column(at, "prediction", column)
    return recording


def test_outputs_are_mapped_to_classes_and_what_has_none_is_left_out_and_counted(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "run", classes=6, per_class=4, blocks=[3], unlabelled=2)
    labels = made.samples["label"].to_numpy()
    outputs = (7, None, 3, 5, 5, 900)
    answer = {0: 3, 1: 3, 2: 3, 3: 7, 4: 5, 5: 12, -1: 7}
    changed = with_outputs(made, outputs, [answer[int(k)] for k in labels])
    found = count_confusions(changed)
    assert list(found.classes) == [0, 2, 5], "1 has no output, 3 and 4 share one"
    assert found.left_out == 3
    np.testing.assert_array_equal(found.counts, [[0, 4, 0], [0, 4, 0], [0, 0, 0]])
    np.testing.assert_array_equal(found.images, 4)
    assert found.elsewhere == 4, "those of class 5, taken for output 12"
    assert (found.pairs, found.confused) == (3, 4)
    np.testing.assert_allclose(found.shares, [[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]])


def test_pairs_are_listed_by_confusion_and_by_closeness(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "run", classes=5, per_class=6, blocks=[8])
    confusions = count_confusions(made)  # every fourth image is taken for class 0
    profiles = read_class_profiles(made, made.blocks[0])
    pairs = pair_classes(profiles, confusions)
    squared = squared_distances(profiles)[np.triu_indices(5, 1)]
    assert sorted(pairs.place) == list(range(1, 11))
    np.testing.assert_array_equal(np.argsort(squared), pairs.closest(10))
    top = pairs.most_confused(50)
    assert (pairs.share[top] > 0).all()
    assert np.all(np.diff(pairs.share[top]) <= 0)
    assert set(pairs.first[top]) == {0}, "all confusions are with class 0"
    table = pairs.table([f"class {k}" for k in range(5)], top)
    first = top[0]
    assert table["the other taken for it"][0] == f"{pairs.taken_back[first]} of 6"
    assert table["place by distance"][0] == pairs.place[first]
    unknown = pair_classes(ClassProfiles(**{**vars(profiles), "noise": np.full(5, np.nan)}), confusions)
    assert len(unknown.closest(10)) == 0
    assert len(unknown.most_confused(50)) == len(top)
    assert unknown.table([f"class {k}" for k in range(5)], top)["place by distance"].isna().all()
