"""Advice from paths made by hand: what is proposed, what the other half says, what is saved."""

import math

import numpy as np
import pytest
from scipy import stats

from senet_viz.analysis.freezing import FreezePath, least_reach
from senet_viz.errors import ArgumentError, RecordingError
from tests.support.frozen import make_cost, make_path

NAN = float("nan")


def path(choosing: list[float], confirming: list[float], *, reach: float = 0.3) -> FreezePath:
    return make_path([make_cost(c, reach) for c in choosing], [make_cost(c, reach) for c in confirming])


def test_the_interval_is_the_jackknifes_where_many_images_change() -> None:
    cost = make_cost(-1.0, 0.4)
    limits = cost.interval()
    assert (limits.low, limits.high, limits.level) == (pytest.approx(-1.4), pytest.approx(-0.6), 0.9)


def test_no_change_among_few_images_is_no_proof_of_none() -> None:
    for images in (30, 5000):
        limits = make_cost(0.0, 0.0, images=images).interval()
        exact = 100 * stats.binomtest(0, images).proportion_ci(0.90).high  # two-sided at 90 %: 5 % above
        assert limits.high == pytest.approx(exact) == pytest.approx(least_reach(images))
        assert limits.low == -limits.high
    assert math.isnan(make_cost(0.0, NAN).interval().low)
    assert math.isnan(least_reach(0))


def test_the_largest_set_within_the_loss_is_proposed_even_past_one_that_is_not() -> None:
    found = path([-0.1, -1.2, -0.4, -3.0], [-0.1, -1.2, -0.4, -3.0])
    assert found.advise(1.0).size == 3
    assert found.advise(0.5).size == 1
    assert found.advise(0.2).size == 0
    assert found.advise(50).size == 4
    assert [gate.label for gate in found.advise(1.0).blocks] == ["SE_5_1", "SE_5_2", "SE_5_3"], "in order of depth"


@pytest.mark.parametrize(
    ("confirming", "verdict", "in_turn"),
    [
        ([-0.1, -0.2, -0.3], "confirmed", 3),
        ([-0.1, -0.9, -0.3], "confirmed", 3),
        ([-0.1, -0.2, -0.9], "inconclusive", 2),
        ([-0.1, -0.9, -0.9], "inconclusive", 1),
        ([-0.8, -0.1, -2.0], "refuted", 0),
        ([0.4, 3.0, 5.0], "confirmed", 3),
    ],
)
def test_the_other_half_judges_what_was_proposed_and_else_set_after_set(
    confirming: list[float], verdict: str, in_turn: int
) -> None:
    advice = path([-0.1, -0.2, -0.3], confirming).advise(1.0)
    assert (advice.size, advice.verdict, advice.confirmed_size) == (3, verdict, in_turn)
    assert len(advice.confirmed_blocks) == in_turn


def test_the_proposal_knows_nothing_of_the_other_half() -> None:
    for confirming in ([0.0, 0.0], [-50.0, -50.0]):
        assert path([-0.1, -0.6], confirming).advise(1.0).size == 2


def test_without_intervals_nothing_is_confirmed() -> None:
    few = make_path([make_cost(-0.1, NAN, images=8)], [make_cost(0.0, NAN, images=8)])
    advice = few.advise(1.0)
    assert (advice.size, advice.verdict, advice.confirmed_size) == (1, "not applicable", 0)


def test_parameters_and_time_saved() -> None:
    gates = make_path([make_cost(0, 0.1)], [make_cost(0, 0.1)]).gates
    counted = tuple(
        type(g)(**{f: getattr(g, f) for f in g.__slots__} | {"parameters": 100 * (g.depth + 1)}) for g in gates
    )
    found = make_path([make_cost(0, 0.1)] * 2, [make_cost(0, 0.1)] * 2, gates=counted)
    assert found.parameters_saved(0) == 0
    assert found.parameters_saved(2) == (600 - 16) + (500 - 16)
    assert found.timing is not None
    assert found.timing.saved(0) == 0
    assert found.timing.saved(2) == pytest.approx(0.04)
    assert found.timing.spread(2) == (pytest.approx(0.03), pytest.approx(0.06))
    table = found.table()
    assert table["block"].tolist() == ["SE_5_3", "SE_5_2"]
    assert table["parameters saved"].tolist() == [584, 1068]
    assert table["share of parameters"].tolist() == [0.0584, 0.1068]
    np.testing.assert_allclose(table["Δ top-1, confirming, low"], -0.1)


def test_losses_that_are_none_and_paths_that_are_not_finished() -> None:
    for loss in (0.0, -1.0, NAN, math.inf):
        with pytest.raises(ArgumentError, match="give one above 0"):
            path([0.0], [0.0]).advise(loss)
    unfinished = make_path([make_cost(0, 0.1)], [make_cost(0, 0.1)], complete=False)
    with pytest.raises(RecordingError, match="run the same command again"):
        unfinished.advise(1.0)
