"""Effects of outcomes made by hand: paired, repeats averaged, and nothing counted that was not judged."""

import dataclasses

import numpy as np
import pytest

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.stats.effect_measuring import group_images, measure_effects
from senet_viz.stats.effects import MEASURE_WORDS, EffectTable
from tests.support.synthetic_outcomes import (
    make_outcome,
    make_outcomes,
    make_variant,
    planted_said,
)

LABELS = np.repeat(np.arange(3), 4)
ONE = make_variant("SE_5_2", "one")
FIRST, SECOND = (make_variant("SE_5_1", "within", repeat=r) for r in range(2))
CLEAN = [1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0]
SAID = {
    None: make_outcome(CLEAN),
    ONE: make_outcome([0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]),
    FIRST: make_outcome([0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0]),
    SECOND: make_outcome([0, 0, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0], wrong=-7),
}


@pytest.fixture(scope="module")
def table() -> EffectTable:
    return measure_effects(make_outcomes(LABELS, SAID, classes=4))


def test_intervened_less_clean_in_points_and_nats(table: EffectTable) -> None:
    effect = table.find("SE_5_2", "one")
    assert effect.changes["top1"].value == pytest.approx(100 * (-2 + 1) / 12)
    assert effect.changes["loss"].value == pytest.approx(1.5 * (2 - 1) / 12)
    assert effect.changed.value == pytest.approx(3 / 12)
    np.testing.assert_allclose(effect.changes["top1"].per_class, [0, 0, -25, np.nan])
    np.testing.assert_allclose(effect.changed.per_class, [0.5, 0, 0.25, np.nan])
    first5 = [c or i % 2 == 0 for i, c in enumerate(CLEAN)]
    then5 = [c or i % 2 == 0 for i, c in enumerate([0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])]
    assert effect.changes["top5"].value == pytest.approx(100 * (sum(then5) - sum(first5)) / 12)
    assert table.clean == {
        "top1": pytest.approx(50), "top5": pytest.approx(100 * sum(first5) / 12), "loss": pytest.approx((6 * 0.5 + 6 * 2) / 12)
    }  # fmt: skip


def test_repeats_are_averaged_image_by_image(table: EffectTable) -> None:
    effect = table.find(["layer4.0.se"], "within")
    assert effect.repeats == 2
    per_image = np.array([-1, -0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0])
    assert effect.changes["top1"].value == pytest.approx(100 * per_image.mean())
    same = group_images(LABELS, 4).change(100 * per_image)
    np.testing.assert_allclose(effect.changes["top1"].images.replicates, same.images.replicates)
    changed = np.array([1, 0.5, 0, 0.5, 0, 0, 0.5, 0.5, 0, 0.5, 0.5, 0.5])  # another wrong answer is a change too
    assert effect.changed.value == pytest.approx(changed.mean())


def test_the_table_says_what_it_is_of(table: EffectTable) -> None:
    assert (table.images, table.classes, table.smallest_class, table.groups) == (12, 3, 4, 10)
    assert "fewer than 5 judged images" in table.note
    assert [(e.target, e.kind, e.baseline) for e in table.effects] == [
        ("SE_5_2", "block", "one"),
        ("SE_5_1", "block", "within"),
    ]
    frame = table.table()
    assert len(frame) == 2
    assert frame[MEASURE_WORDS["top1"]][0] == pytest.approx(-100 / 12)
    assert (frame[f"{MEASURE_WORDS['top1']}, low"] < frame[MEASURE_WORDS["top1"]]).all()
    classes = table.class_table()
    assert len(classes) == 2 * 3
    assert classes["class name"].tolist()[:3] == ["class 0", "class 1", "class 2"]
    with pytest.raises(
        ArgumentError, match=r"No intervention moved SE_4_6 to 'one' .* there are SE_5_2 → one, SE_5_1 → within"
    ):
        table.find("SE_4_6", "one")


def test_what_was_not_judged_does_not_count() -> None:
    labels = [*LABELS, -1, -1]
    said = {v: dataclasses.replace(
        o, prediction=np.append(o.prediction, [3, 3]), loss=np.append(o.loss, [np.nan] * 2).astype(np.float32),
        correct=np.append(o.correct, [False] * 2), correct5=np.append(o.correct5, [False] * 2),
    ) for v, o in SAID.items()}  # fmt: skip
    found, bare = (
        measure_effects(make_outcomes(labels, said, classes=4)),
        measure_effects(make_outcomes(LABELS, SAID, classes=4)),
    )
    assert found.images == 12
    for mine, theirs in zip(found.effects, bare.effects):
        for measure, change in mine.changes.items():
            assert change.value == theirs.changes[measure].value
        assert mine.changed.value == theirs.changed.value


def test_a_loss_that_is_no_number_is_counted_and_not_hidden() -> None:
    broken = dataclasses.replace(SAID[ONE], loss=np.where(np.arange(12) == 5, np.inf, 1).astype(np.float32))
    effect = measure_effects(make_outcomes(LABELS, SAID | {ONE: broken}, classes=4)).find("SE_5_2", "one")
    assert effect.undefined == 1
    assert np.isnan(effect.changes["loss"].value)
    assert np.isnan(effect.changes["loss"].images.interval().low)
    assert np.isfinite(effect.changes["top1"].value)
    assert np.isnan(effect.changes["loss"].per_class).tolist() == [False, True, False, True]


def test_strengths_are_effects_of_their_own() -> None:
    half = dataclasses.replace(ONE, strength=0.5)
    table = measure_effects(make_outcomes(LABELS, SAID | {half: SAID[None]}, classes=4))
    assert table.find("SE_5_2", "one", strength=0.5).changes["top1"].value == 0
    assert table.find("SE_5_2", "one").changes["top1"].value < 0


def test_intervals_over_classes_need_twenty() -> None:
    labels = np.repeat(np.arange(24), 10)
    said = planted_said(labels, {("SE_5_1", "mean"): 10.0})
    change = measure_effects(make_outcomes(labels, said, classes=24)).effects[0].changes["top1"]
    interval = change.classes.interval()
    assert interval.low < -10 < interval.high
    kept = labels != 7
    without = make_outcomes(labels[kept], {
        v: dataclasses.replace(o, **{f.name: getattr(o, f.name)[kept] for f in dataclasses.fields(o)}) for v, o in said.items()
    }, classes=24)  # fmt: skip
    assert change.classes.replicates[7] == pytest.approx(measure_effects(without).effects[0].changes["top1"].value)


def test_losers_and_winners_are_the_farthest_after_shrinking(table: EffectTable) -> None:
    labels = np.repeat(np.arange(6), 40)
    clean = np.tile(np.arange(40) < 30, 6)
    then = clean.copy()
    then[0:20] = False  # class 0 loses 20
    then[40:45] = False  # class 1 loses 5
    then[4 * 40 + 30 : 4 * 40 + 38] = True  # class 4 wins 8
    found = measure_effects(make_outcomes(labels, {None: make_outcome(clean), ONE: make_outcome(then)}, classes=6))
    losers, winners = found.extremes(found.effects[0], most=2)
    assert losers.tolist() == [0, 1]
    assert winners.tolist() == [4]
    row = found.table().iloc[0]
    assert (row["classes hurt"], row["classes helped"]) == (1, 1)
    tests = found.effects[0].tests
    assert found.effects[0].changes["top1"].per_class[0] < tests.shrunken[0] < 0


def test_progress_names_what_comes_next() -> None:
    told: list[tuple[int, int, str]] = []
    measure_effects(make_outcomes(LABELS, SAID, classes=4), on_progress=lambda *step: told.append(step))
    assert told == [(0, 2, "SE_5_2, one"), (1, 2, "SE_5_1, within")]


def test_what_can_not_be_measured_is_refused() -> None:
    with pytest.raises(RecordingError, match="is not finished: run the command that intervenes again"):
        measure_effects(make_outcomes(LABELS, SAID, classes=4, complete=False))
    with pytest.raises(RecordingError, match="no image whose class has an output"):
        measure_effects(make_outcomes(np.full(12, -1), SAID, classes=4))


def test_the_same_seed_gives_the_same_groups(table: EffectTable) -> None:
    labels = np.repeat(np.arange(4), 25)
    outcomes = make_outcomes(labels, planted_said(labels, {("SE_5_1", "mean"): 10.0}), classes=4)
    first, second, other = (
        measure_effects(outcomes, seed=seed).effects[0].changes["top1"].images for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.replicates, second.replicates)
    assert not np.array_equal(first.replicates, other.replicates)
