"""Decoding of planted effects, of nothing, and of recordings that have too little for it."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score

from senet_viz.errors import RecordingError
from senet_viz.recording.reader import Recording
from senet_viz.stats import decoding
from senet_viz.stats.decoding import decode_block, decode_classes, plan_decoding
from senet_viz.stats.lda import fit_discriminant
from tests.support.synthetic import make_gates, synthetic_recording

BLOCKS = {"SE_2_3": 40, "SE_4_6": 64, "SE_5_1": 96, "SE_5_2": 64}
SHARES = {"SE_2_3": 0.0, "SE_4_6": 0.05, "SE_5_1": 0.5, "SE_5_2": 0.05}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("decoding") / "run"
    return synthetic_recording(
        folder, classes=10, per_class=60, blocks=BLOCKS, shares=SHARES, unlabelled=7, keep_squeeze=True, seed=3
    )


def test_planted_effects_are_decoded_in_their_order(recording: Recording) -> None:
    done: list[tuple[int, int]] = []
    result = decode_classes(recording, on_progress=lambda at, of: done.append((at, of)))
    nothing, little, much, same = result.blocks
    assert nothing.matched is not None
    assert little.matched is not None
    assert much.matched is not None
    assert same.matched is not None
    assert nothing.matched.low < nothing.matched.chance == 0.1 < nothing.matched.high
    assert little.matched.low > 0.1
    assert much.matched.value > 0.95
    assert abs(little.matched.value - same.matched.value) < 0.15
    assert len(nothing.subsets) == 1, "all channels are the only subset of the smallest block"
    assert len(little.subsets) == 3
    assert little.matched.value == pytest.approx(np.mean(little.subsets))
    assert nothing.full == nothing.matched
    assert [b.full_channels for b in result.blocks] == list(BLOCKS.values())
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (len(result.plan.train), len(result.plan.test)) == (400, 100)
    assert result.plan.unlabelled == 7
    table = result.table()
    assert list(table["block"]) == list(BLOCKS)
    assert set(table["matched channels"]) == {40}
    assert list(table["full accuracy"]) == [b.full.value for b in result.blocks]


def test_the_full_decoding_is_scikit_learns(recording: Recording) -> None:
    plan = plan_decoding(recording.kept_samples["label"].to_numpy(), list(BLOCKS.values()))
    block = recording.blocks[1]
    values = recording.gates(block.name).astype(np.float64)[plan.chosen.rows]
    train, truth = values[plan.train], plan.chosen.labels
    centre, scale = train.mean(0), train.std(0)
    shrinkage = fit_discriminant(train, truth[plan.train]).shrinkage
    oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=np.full(10, 0.1))
    oracle.fit((train - centre) / scale, truth[plan.train])
    decoded = oracle.predict((values[plan.test] - centre) / scale)
    found = decode_block(plan, block, recording.gates(block.name)).full.value
    assert found == pytest.approx(balanced_accuracy_score(truth[plan.test], decoded), abs=1e-12)


def test_s_and_z_are_decoded_from_the_same_images_and_channels(recording: Recording) -> None:
    gates, squeezes = (decode_classes(recording, quantity=q) for q in ("gate", "squeeze"))
    np.testing.assert_array_equal(gates.plan.test, squeezes.plan.test)
    for s, z in zip(gates.blocks, squeezes.blocks):
        assert s.full.value == pytest.approx(z.full.value, abs=0.021), (
            "z is four times s here, rounded to half precision"
        )
        np.testing.assert_allclose(s.subsets, z.subsets, atol=0.021)


def test_the_same_seed_gives_the_same_numbers_and_another_one_others(recording: Recording) -> None:
    first, again, other = (decode_classes(recording, seed=seed) for seed in (0, 0, 1))
    assert [b.subsets for b in first.blocks] == [b.subsets for b in again.blocks]
    assert [b.subsets for b in first.blocks] != [b.subsets for b in other.blocks]
    block = recording.blocks[1]
    draws = [tuple(first.plan.subset(block, index)) for index in range(3)]
    assert len(set(draws)) == 3
    assert all(len(set(draw)) == 40 for draw in draws)


def test_shuffled_labels_are_decoded_at_chance() -> None:
    generator = np.random.default_rng(5)
    (block,) = make_gates({"SE_5_1": 48})
    values = generator.normal(size=(20, 48))[np.repeat(np.arange(20), 30)] + generator.normal(size=(600, 48))
    accuracies = []
    for seed in range(20):
        labels = generator.permutation(np.repeat(np.arange(20), 30))
        accuracies.append(decode_block(plan_decoding(labels, [48], seed=seed), block, values).full.value)
    error = np.std(accuracies, ddof=1) / np.sqrt(20)
    assert abs(np.mean(accuracies) - 0.05) < 3 * error
    assert error < 0.01


def test_narrow_blocks_have_no_matched_decoding() -> None:
    labels = np.repeat(np.arange(3), 10)
    narrow, wide = make_gates([31, 40])
    plan = plan_decoding(labels, [31, 40])
    values = np.random.default_rng(0).normal(size=(30, 40))
    result = decode_block(plan, wide, values)
    assert plan.dimension is None
    assert (result.matched, result.subsets) == (None, ())
    assert 0 <= decode_block(plan, narrow, values[:, :31]).full.value <= 1


def test_a_block_too_large_is_decoded_from_a_random_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MOST_WORK", 24 * 36**2 + 1)
    (block,) = make_gates([64])
    plan = plan_decoding(np.repeat(np.arange(3), 10), [64])
    result = decode_block(plan, block, np.random.default_rng(0).normal(size=(30, 64)))
    assert result.full_channels == 36
    assert len(set(plan.affordable(block))) == 36


def test_constant_channels_are_counted_and_a_constant_block_is_undefined() -> None:
    (block,) = make_gates([40])
    plan = plan_decoding(np.repeat(np.arange(3), 10), [40])
    values = np.random.default_rng(0).normal(size=(30, 40))
    values[:, :4] = 1.0
    some = decode_block(plan, block, values)
    assert some.constant == 4
    assert np.isfinite(some.full.value)
    none = decode_block(plan, block, np.full((30, 40), 0.3, dtype=np.float16))
    assert none.constant == 40
    assert np.isnan(none.full.value)
    assert none.matched is None
    assert none.full.chance == pytest.approx(1 / 3)


def test_recordings_with_too_few_kept_images_are_refused(tmp_path: Path) -> None:
    for keep in ("none", "4"):
        poor = synthetic_recording(tmp_path / keep, classes=3, per_class=9, blocks=[40], keep=keep)
        with pytest.raises(RecordingError, match="at least 5 labelled images"):
            decode_classes(poor)
