"""Sentences about effects: what costs most and least, what is class, and what can not be told."""

import numpy as np
import pytest

from senet_viz.stats.effect_measuring import measure_effects
from senet_viz.stats.effect_parts import answer_effects, describe_equivalence, find_costliest
from senet_viz.stats.effects import EffectTable
from tests.support.synthetic_outcomes import make_outcomes, planted_said

LABELS = np.arange(2000) % 20


def measured(costs: dict[tuple[str, str], float]) -> EffectTable:
    return measure_effects(make_outcomes(LABELS.tolist(), planted_said(LABELS, costs), classes=20))


def test_the_most_and_the_least_costly_block_are_named_for_one_and_mean() -> None:
    costs = {("SE_2_3", "one"): 20.0, ("SE_5_2", "one"): 0.0, ("SE_4_6", "mean"): 8.0, ("SE_5_3", "mean"): 0.0}
    one, mean, parts = answer_effects(measured({**costs, ("stage 5", "one"): 60.0})).split("\n\n")
    assert "to **one** (fully open" in one
    assert "costs most at **SE_2_3** (−" in one
    assert "least at SE_5_2" in one
    assert "stage 5" not in one, "single blocks are spoken of where there are any"
    assert "costs most at **SE_4_6**" in mean
    assert "not told from none" not in one + mean
    assert "Without the gates of donors" in parts


def test_class_and_instance_are_told_apart_where_another_class_costs_most() -> None:
    costs = {
        ("SE_5_1", "within"): 1.0,
        ("SE_5_1", "between"): 15.0,
        ("SE_2_3", "within"): 2.0,
        ("SE_2_3", "between"): 2.0,
    }
    table = measured(costs)
    found = {b: table.find("SE_5_1", b).changes["top1"].value for b in ("within", "between")}
    said = answer_effects(table).split("\n\n")[-1]
    assert "cost most at **SE_5_1**" in said
    assert f"−{-found['between']:.2f} points" in said
    assert f"−{found['within'] - found['between']:.2f} [" in said


def test_a_single_stage_and_no_cost_are_said_as_they_are() -> None:
    stage = answer_effects(measured({("stage 5", "within"): 3.0}))
    assert "changes top-1 accuracy by −" in stage
    assert "**stage 5**" in stage
    none = answer_effects(measured({("SE_5_2", "mean"): -6.0, ("SE_5_3", "mean"): -20.0}))
    assert "costs no accuracy; the lowest change is at **SE_5_2**" in none
    assert "not told from none" in answer_effects(measured({("SE_5_2", "mean"): 0.0, ("SE_5_3", "mean"): -20.0}))


def test_the_costliest_is_a_single_block_where_there_is_one() -> None:
    table = measured({("stage 5", "one"): 40.0, ("SE_5_2", "one"): 4.0, ("SE_2_3", "one"): 12.0})
    assert find_costliest(table.effects).target == "SE_2_3"
    assert find_costliest([table.find("stage 5", "one")]).target == "stage 5"


@pytest.mark.parametrize("strength", [0.5])
def test_a_strength_below_one_is_said(strength: float) -> None:
    from tests.support.synthetic_outcomes import make_outcome, make_variant

    right = (np.arange(2000) % 3 > 0).astype(int)
    said = {None: make_outcome(right), make_variant("SE_5_2", "one", strength=strength): make_outcome(right)}
    assert "at strength 0.5" in answer_effects(measure_effects(make_outcomes(LABELS.tolist(), said, classes=20)))


def test_equivalence_is_told_by_intervals_alone() -> None:
    table = measured({("SE_2_3", "one"): 20.0, ("SE_5_2", "one"): 0.0, ("SE_4_6", "mean"): 1.0})
    told = describe_equivalence(table, ("one", "mean"))
    assert "1 of 2 targets moved to one, 0 of 1 targets moved to mean" in told, "1 point lost reaches beyond the bound"
    assert "within ±1, two one-sided tests" in told
    assert "1 of 1 targets moved to mean" in describe_equivalence(table, ("mean",), bound=5.0)
    assert describe_equivalence(table, ("within",)) == ""
