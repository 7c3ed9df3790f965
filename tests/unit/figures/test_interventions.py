"""Figures of effects: marks at the right place with their whiskers, panels, stacked parts, classes, one image."""

import dataclasses

import numpy as np
import pytest

from senet_viz.figures.freezing import draw_changed_classes
from senet_viz.figures.interventions import draw_components, draw_costs
from senet_viz.figures.theme import DARK, LIGHT
from senet_viz.figures.trial import draw_strength_sweep, draw_trial
from senet_viz.stats.effect_measuring import measure_effects
from senet_viz.stats.effect_parts import decompose
from senet_viz.stats.effects import EffectTable
from tests.support.synthetic import PAPER_BLOCKS, make_gates
from tests.support.synthetic_outcomes import PAPER_COSTS, make_outcomes, planted_said
from tests.unit.analysis.test_trial import make_trial

GATES = make_gates(PAPER_BLOCKS)
LABELS = np.arange(1000) % 20


@pytest.fixture(scope="module")
def table() -> EffectTable:
    return measure_effects(make_outcomes(LABELS.tolist(), planted_said(LABELS, PAPER_COSTS), classes=20))


def test_costs_stand_at_their_blocks_with_paired_whiskers(table: EffectTable) -> None:
    figure = draw_costs(table, GATES, LIGHT, baselines=["mean"])
    dots = next(t for t in figure.data if t.mode == "markers")
    expected = [table.find(label, "mean").changes["top1"] for label in PAPER_BLOCKS]
    np.testing.assert_allclose(dots.x, range(6))
    np.testing.assert_allclose(dots.y, [c.value for c in expected], rtol=1e-6)
    high = [c.images.interval().high - c.value for c in expected]
    np.testing.assert_allclose(dots.error_y.array, high, rtol=1e-9)
    assert "n = 1,000 images, 20 classes" in figure.layout.title.text
    assert "95 % intervals over images" in figure.layout.title.text
    assert figure.layout.yaxis.title.text == "Δ top-1, points"


def test_each_kind_of_targets_has_its_panel_and_constants_theirs(table: EffectTable) -> None:
    figure = draw_costs(table, GATES, LIGHT, baselines=["one", "mean", "within", "between"])
    titles = [a.text for a in figure.layout.annotations]
    assert titles == [
        "One block at a time: one", "One block at a time: mean, within, between", "All blocks of a stage together: one",
        "All blocks of a stage together: within, between", "Other sets of blocks together: one",
        "Other sets of blocks together: mean",
    ]  # fmt: skip
    stage = next(t for t in figure.data if t.mode == "markers" and t.yaxis == "y3")
    np.testing.assert_allclose(stage.x, [4], err_msg="stage 5 is the blocks 3 to 5")
    shown = [t.name for t in figure.data if t.showlegend]
    assert sorted(shown) == ["between", "mean", "one", "within"]


def test_narrow_screens_have_a_panel_a_baseline_and_whiskers_may_be_over_classes(table: EffectTable) -> None:
    figure = draw_costs(table, GATES, DARK, baselines=["mean", "within"], over="classes", measure="loss", narrow=True)
    titles = [a.text for a in figure.layout.annotations]
    assert titles[:2] == ["One block at a time: mean", "One block at a time: within"]
    dots = next(t for t in figure.data if t.mode == "markers")
    first = table.find("SE_2_3", "mean").changes["loss"]
    assert dots.error_y.array[0] == pytest.approx(first.classes.interval().high - first.value)
    assert "over classes" in figure.layout.title.text
    assert "nats" in figure.layout.yaxis.title.text


def test_without_replicates_the_title_says_that_there_are_no_intervals() -> None:
    labels = np.arange(8) % 2
    few = measure_effects(make_outcomes(labels.tolist(), planted_said(labels, {("SE_5_2", "mean"): 5.0}), classes=2))
    figure = draw_costs(few, GATES, LIGHT, baselines=["mean"])
    assert "no intervals over images" in figure.layout.title.text
    assert not np.any(next(t for t in figure.data if t.mode == "markers").error_y.array)


def test_a_choice_that_was_not_made_says_so(table: EffectTable) -> None:
    figure = draw_costs(table, GATES, LIGHT, baselines=["zero"])
    assert [a.text for a in figure.layout.annotations] == ["No such intervention was made"]


@pytest.mark.parametrize(("kind", "position"), [("block", 3.0), ("stage", 0.0)])
def test_instance_and_class_are_stacked_to_between_less_clean(table: EffectTable, kind: str, position: float) -> None:
    figure = draw_components(table, decompose(table), GATES, LIGHT, kind=kind)
    assert figure.layout.barmode == "relative"
    bars = {t.name.split(" ")[0]: t for t in figure.data if t.type == "bar"}
    assert set(bars) == {"instance", "class"}
    target = "SE_5_1" if kind == "block" else "stage 2"
    at = list(bars["class"].x).index(position)
    total = bars["class"].y[at] + bars["instance"].y[at]
    assert total == pytest.approx(table.find(target, "between").changes["top1"].value, abs=1e-4)
    dots = [t for t in figure.data if t.type == "scatter" and t.yaxis == "y2"]
    assert any(np.any(np.asarray(t.error_y.array) > 0) for t in dots)
    assert any(t.marker.symbol == "diamond" for t in figure.data if t.type == "scatter") == (kind == "block")


def test_losers_come_first_and_found_classes_are_filled(table: EffectTable) -> None:
    effect = table.find("SE_5_1", "one")
    names = [f"name {k}" for k in range(20)]
    figure = draw_changed_classes(table, effect, names, LIGHT, most=3)
    losers, winners = table.extremes(effect, most=3)
    assert list(figure.layout.yaxis.ticktext) == [names[k] for k in (*losers, *winners[::-1])]
    filled = next(t for t in figure.data if t.marker.symbol == "circle")
    assert len(filled.x) == int(effect.tests.found[[*losers, *winners]].sum()) > 0
    assert "n = 50 images a class" in figure.layout.title.text
    nothing = dataclasses.replace(effect.tests, q=np.ones(20))
    open_marks = draw_changed_classes(table, dataclasses.replace(effect, tests=nothing), names, DARK, narrow=True)
    assert not len(next(t for t in open_marks.data if t.marker.symbol == "circle").x)


@pytest.mark.parametrize("narrow", [False, True])
def test_before_and_after_ink_what_came_first(narrow: bool) -> None:
    figure = draw_trial(make_trial([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]]), LIGHT, narrow=narrow)
    before, after = figure.data
    np.testing.assert_allclose(before.x, [0.7, 0.2, 0.1], rtol=1e-6)
    np.testing.assert_allclose(after.x, [0.6, 0.3, 0.1], rtol=1e-6)
    assert before.marker.color[0] == after.marker.color[1], "an output keeps its ink"
    assert before.marker.color[1] == after.marker.color[0]
    assert len({*before.marker.color}) == 3
    texts = [a.text for a in figure.layout.annotations]
    assert "70.0%" in texts
    assert texts[:2] == ["Before: untouched", "After: strength 1"]


def test_a_dose_curve_has_a_line_an_output() -> None:
    rows = [[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.3, 0.6, 0.1]]
    figure = draw_strength_sweep(make_trial(rows, (0.0, 0.5, 1.0)), DARK)
    assert [t.name for t in figure.data] == ["a", "b", "c"]
    np.testing.assert_allclose(figure.data[1].y, [0.2, 0.4, 0.6], rtol=1e-6)
    assert len({t.line.dash for t in figure.data}) == 3
    assert list(figure.data[0].x) == [0, 0.5, 1]
