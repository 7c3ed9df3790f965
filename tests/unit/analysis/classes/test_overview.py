"""The table of all classes, and the page's sentences."""

import numpy as np
import pytest

from senet_viz.analysis.classes.confusions import BlockAgreement, ConfusionAgreement
from senet_viz.analysis.classes.distinctness import ClassAccuracy, count_correct, measure_distinctness
from senet_viz.analysis.classes.overview import ClassOverview, answer_agreement, answer_distinctness, answer_use
from senet_viz.claims.assess import assess
from senet_viz.claims.assessment_claims import read_effects
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording
from senet_viz.stats.effects import EffectTable
from senet_viz.stats.estimates import Estimate
from tests.support.synthetic import PAPER_BLOCKS, make_gates, synthetic_recording
from tests.support.synthetic_outcomes import PAPER_COSTS, write_outcomes_of
from tests.unit.analysis.classes.planted import confused, distinct


@pytest.fixture(scope="module")
def assessed(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("overview")
    made = synthetic_recording(folder / "run", classes=8, per_class=12, blocks=PAPER_BLOCKS)
    assess(made, interventions=write_outcomes_of(made, folder / "outcomes", PAPER_COSTS))
    return made


@pytest.fixture(scope="module")
def effects(assessed: Recording) -> EffectTable:
    table = read_effects(assessed)
    assert table is not None
    return table


def accuracy(correct: list[int], judged: list[int]) -> ClassAccuracy:
    nothing = np.full(len(correct), np.nan)
    return ClassAccuracy(np.array(judged), np.array(correct), nothing, nothing)


def test_right_answers_are_counted_with_wilsons_interval(assessed: Recording) -> None:
    from scipy import stats

    found = count_correct(assessed)
    samples = assessed.samples.to_pandas()
    for k in range(8):
        mine = samples[samples["label"] == k]["correct"].astype(bool)
        assert (found.judged[k], found.correct[k]) == (len(mine), mine.sum())
        expected = stats.binomtest(int(mine.sum()), len(mine)).proportion_ci(method="wilson")
        assert (found.low[k], found.high[k]) == pytest.approx((expected.low, expected.high))


def test_classes_without_an_output_have_no_accuracy() -> None:
    found = accuracy([0, 3], [0, 4])
    assert np.isnan(found.share[0])
    assert found.share[1] == 0.75


def test_every_order_puts_what_is_not_known_last(assessed: Recording, effects: EffectTable) -> None:
    found = distinct(np.array([[0.1, 0.5], [0.9, 0.2], [-0.3, -0.1], [0.2, 0.3]]))
    effect = effects.find("SE_5_1", "one")
    overview = ClassOverview(found, accuracy([1, 2, 0, 4], [4, 4, 0, 4]), effect, effects.class_images)
    assert list(overview.order("distinctness", 1)) == [0, 3, 1, 2]
    assert list(overview.order("emergence", 0)) == [1, 3, 0, 2], "block 0 twice, block 1, never"
    assert list(overview.order("accuracy", 0)) == [0, 1, 3, 2]
    assert list(overview.order("name", 0)) == [0, 1, 2, 3]
    hurt = effect.tests.shrunken[:4]
    assert list(overview.order("loss", 0)) == list(np.argsort(hurt, kind="stable"))
    assert list(overview.search(" LASS 2 ")) == [False, False, True, False]


def test_columns_without_numbers_are_left_out() -> None:
    overview = ClassOverview(distinct(np.array([[0.1], [0.2]])), accuracy([0, 0], [0, 0]))
    assert overview.sorts() == ("distinctness", "emergence", "name")
    columns = list(overview.table(0).columns)
    assert "accuracy" not in columns
    assert "low" not in columns
    assert not [c for c in columns if "top-1" in c]
    with pytest.raises(ArgumentError, match="'loss'"):
        overview.order("loss", 0)
    nothing = ClassOverview(distinct(np.full((1, 1), np.nan)), accuracy([3], [4]))
    assert nothing.sorts() == ("accuracy", "name")
    assert "distance" not in nothing.table(0)


def test_the_table_tells_block_and_effect_of_every_class(assessed: Recording, effects: EffectTable) -> None:
    found = measure_distinctness(assessed)
    effect = effects.find("SE_5_1", "one")
    table = ClassOverview(found, count_correct(assessed), effect, effects.class_images).table(3)
    np.testing.assert_allclose(table["distance"], found.distance()[:, 3])
    np.testing.assert_allclose(table["Δ top-1, shrunken"], effect.tests.shrunken)
    assert (table["low"] <= table["distance"]).all()
    assert (table["distance"] <= table["high"]).all()
    assert set(table["emerges at"]) <= {*PAPER_BLOCKS, "–"}
    assert (table["judged in it"] == 12).all()


def test_the_answer_tells_how_many_where_and_which() -> None:
    values = np.array([[0.1, 0.5], [0.05, 0.4], [-0.02, 0.2]])
    text = answer_distinctness(distinct(values, reach=0.005), 1)
    assert "In SE_2_2 the mean gates of 3 of 3 classes are told from those of the others; in SE_2_1, of 1**" in text
    assert "Most distinct in SE_2_2 is class 0 (0.500 in units of s), least class 2 (0.200)" in text
    assert "the middle class emerges at **SE_2_2**, and 3 of 3" in text
    without = answer_distinctness(distinct(values), 0)
    assert "no intervals: a third to a half would do so by chance alone" in without
    assert "are told from" not in without
    assert "least class 2 (−0.020)" in without
    two = answer_distinctness(distinct(np.full((2, 2), 0.3)), 0)
    assert "as in every block" in two
    assert "The two lie 0.300 apart in SE_2_1" in two


def test_where_classes_emerge_is_told_of_those_that_are_told_apart() -> None:
    values = np.array([[0.5, 0.1], [0.5, 0.2], [0.01, 0.05]])
    text = answer_distinctness(distinct(values, reach=0.005), 0)
    assert (
        "the middle class of the 2 that are told from the others where they lie farthest emerges at **SE_2_1**" in text
    )
    assert "0 of 2 stay" in text
    assert "emerges" not in answer_distinctness(distinct(values / 100, reach=0.005), 0)


def test_whether_the_network_uses_it_takes_interventions(effects: EffectTable) -> None:
    assert "takes interventions" in answer_use(None)
    text = answer_use(effects)
    assert "costs most at **SE_5_1**: −" in text
    assert "not told from none" not in text
    only = EffectTable(**{**vars(effects), "effects": (effects.find("SE_5_1", "one"),)})
    assert "do not part class from instance" in answer_use(only)


@pytest.mark.parametrize(("values", "words"), [((0.4, 0.1), "in 1 of 2 blocks"), ((0.0, 0.1), "In no block")])
def test_the_answer_on_confusions_counts_blocks_and_sets_z_beside(values: tuple[float, float], words: str) -> None:
    null = np.linspace(-0.2, 0.2, 39)
    blocks = [
        BlockAgreement(gate, value, Estimate(value, np.zeros(0)), null, 6)
        for gate, value in zip(make_gates([3, 3]), values)
    ]
    z = BlockAgreement(blocks[1].block, 0.5, Estimate(0.5, np.zeros(0)), null, 6)
    text = answer_agreement(ConfusionAgreement(confused(np.full((4, 4), 2)), blocks, [None, z]))
    assert words in text
    assert "larger ρ in 1 of 1 blocks" in text
    assert "6 pairs of 4 classes" in text


def test_no_confusion_at_all_is_told() -> None:
    nothing = BlockAgreement(make_gates([3])[0], np.nan, Estimate(np.nan, np.zeros(0)), np.full(9, np.nan), 6)
    for counts, why in (
        (np.eye(4, dtype=int), "no image of these classes is taken for another"),
        (np.roll(np.eye(4, dtype=int), 1, axis=1), "no class has two images"),
        (np.full((4, 4), 2), "confused alike"),
    ):
        assert why in answer_agreement(ConfusionAgreement(confused(counts), [nothing], [None]))
