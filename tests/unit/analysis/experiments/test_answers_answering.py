"""Answers from trained networks: planted differences are found, none are invented, and sentences say no more."""

import numpy as np
import pytest

from senet_viz.analysis.experiments.answers import answer_question, describe_stages, describe_state
from tests.support.experimented import drawn_experiment, drawn_result


def test_a_large_difference_is_found_and_a_small_one_is_not() -> None:
    result = drawn_result({"r16": 0.6, "none": 0.5, "per_conv": 0.6}, images=4000)
    against_none, against_r16 = result.answers
    assert against_none.answer == "better"
    assert against_none.difference is not None
    assert against_none.difference.both[0] < 0.1 < against_none.difference.both[1]
    assert against_r16.answer == "cannot tell"
    text = answer_question(result, against_none)
    assert text.startswith("Yes, by more than 1 point. SE, r = 16 − no SE: +")
    assert "3 seeds, 4,000 images" in text
    assert answer_question(result, against_r16).startswith("Cannot tell.")


def test_equal_outcomes_are_the_same_within_the_bound() -> None:
    result = drawn_result({"r16": 0.9, "none": 0.9}, images=20_000, spread=0.0)
    cells = {(cell.condition, cell.seed): cell for cell in result.cells}
    assert result.answers[0].answer in ("same", "cannot tell")
    differences = [result.correct(cells["r16", s]).mean() - result.correct(cells["none", s]).mean() for s in range(3)]
    assert result.answers[0].difference is not None
    assert result.answers[0].difference.value == pytest.approx(np.mean(differences))


def test_no_difference_is_claimed_to_be_one_in_at_most_one_run_in_twenty() -> None:
    found = [drawn_result({"r16": 0.5, "none": 0.5}, images=400, seed=s).answers[0].answer for s in range(60)]
    assert sum(a in ("better", "worse") for a in found) <= 3


def test_stages_are_compared_where_both_have_gates() -> None:
    result = drawn_result({"r16": 0.6, "none": 0.5, "per_conv": 0.6})
    assert result.answers[0].stages == ()
    stages = result.answers[1].stages
    assert [stage.stage for stage in stages] == [2, 3, 4, 5]
    assert all(stage.low < 0.1 < stage.high for stage in stages)
    assert all(stage.answer == "better" for stage in stages)
    assert "stage 5 +0.1" in describe_stages(result, result.answers[1])
    assert describe_stages(result, result.answers[0]) == ""


def test_one_seed_cannot_tell_and_none_is_told_as_none() -> None:
    single = drawn_result({"r16": 0.9, "none": 0.1}, seeds=1)
    assert single.answers[0].answer == "cannot tell"
    assert answer_question(single, single.answers[0]).startswith("Cannot tell from one seed")
    assert single.answers[1].difference is None
    assert "Not trained yet" in answer_question(single, single.answers[1])


def test_accuracies_and_tables_cover_what_is_trained() -> None:
    result = drawn_result({"r16": 0.6, "none": 0.5})
    assert set(result.accuracies or {}) == {"r16", "none"}
    table = result.table().set_index("condition")
    assert table.loc["one SE per convolution", "seeds"] == 0
    assert np.isnan(table.loc["one SE per convolution", "top-1"])
    assert table.loc["SE, r = 16", "top-1"] == pytest.approx(0.6, abs=0.03)
    assert len(result.depth_table()) == 3 * 4
    assert describe_state(result.experiment, result).startswith("6 of 9 networks are trained")
    assert describe_state(drawn_experiment(), None).startswith("0 of 9")
