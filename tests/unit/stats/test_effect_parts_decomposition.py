"""dynamic = mean − clean, instance = within − clean, class = between − within, and what each world is made of."""

import dataclasses

import numpy as np
import pytest

from benchmarks.planted_effects import (
    WORLDS,
    draw_classes,
    draw_outcomes,
    expected_components,
    run_world,
    true_components,
)
from senet_viz.stats.effect_measuring import measure_effects
from senet_viz.stats.effect_parts import (
    CLASS_EFFECT_MEANING,
    COMPONENTS,
    FORMULAS,
    Component,
    decompose,
    describe_components,
    tabulate_components,
)
from tests.support.synthetic_outcomes import make_outcomes, planted_said

LABELS = np.repeat(np.arange(5), 60)
COSTS = {
    ("SE_4_6", "mean"): 4.0, ("SE_4_6", "within"): 1.0, ("SE_4_6", "between"): 9.0, ("stage 5", "within"): 2.0,
    ("stage 5", "between"): 20.0, ("SE_5_2", "between"): 3.0, ("SE_5_1", "mean"): 15.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def components() -> tuple[Component, ...]:
    return decompose(measure_effects(make_outcomes(LABELS, planted_said(LABELS, COSTS), classes=5)))


def test_each_component_is_the_difference_of_its_effects(components: tuple[Component, ...]) -> None:
    table = measure_effects(make_outcomes(LABELS, planted_said(LABELS, COSTS), classes=5))
    found = {(c.target, c.name): c for c in components}
    for measure in ("top1", "top5", "loss"):
        mean, within, between = (table.find("SE_4_6", b).changes[measure] for b in ("mean", "within", "between"))
        assert found["SE_4_6", "dynamic"].changes[measure].value == mean.value
        assert found["SE_4_6", "instance"].changes[measure].value == within.value
        change = found["SE_4_6", "class"].changes[measure]
        assert change.value == pytest.approx(between.value - within.value)
        np.testing.assert_allclose(change.images.replicates, between.images.replicates - within.images.replicates)
        np.testing.assert_allclose(change.per_class, between.per_class - within.per_class)


def test_only_what_was_made_is_taken_apart(components: tuple[Component, ...]) -> None:
    assert [(c.target, c.name) for c in components] == [
        ("SE_4_6", "dynamic"), ("SE_4_6", "instance"), ("SE_4_6", "class"), ("stage 5", "instance"), ("stage 5", "class"),
        ("SE_5_1", "dynamic"),
    ]  # fmt: skip
    assert set(FORMULAS) == set(COMPONENTS)


def test_it_is_told_in_sentences_and_as_a_table(components: tuple[Component, ...]) -> None:
    told = describe_components(components)
    assert "**Dynamic effect** (mean − clean): lowest at SE_5_1 with −1" in told
    assert "**Class effect** (between − within): lowest at SE_4_6 with −" in told
    assert "in 1 of 1 blocks the 95 % interval lies below 0." in told
    assert "stage 5" not in told
    assert "lowest at stage 5" in describe_components(components, "stage")
    assert describe_components((), "block") == ""


def test_effects_above_zero_are_told_too(components: tuple[Component, ...]) -> None:
    turned = tuple(
        dataclasses.replace(c, changes={m: change.less(change).less(change) for m, change in c.changes.items()})
        for c in components
    )
    assert "in 0 of 1 blocks the 95 % interval lies below 0, in 1 above it." in describe_components(turned)
    assert len(tabulate_components(components)) == 6
    assert "no proof of what the untouched network uses" in CLASS_EFFECT_MEANING


def test_without_intervals_it_gives_points() -> None:
    labels = np.array([0, 0, 1, 1, 2])
    made = decompose(
        measure_effects(make_outcomes(labels, planted_said(labels, {("SE_5_1", "mean"): 50.0}), classes=3))
    )
    assert describe_components(made).endswith("points of top-1 accuracy.")


@pytest.mark.parametrize("name", list(WORLDS))
def test_the_truth_is_that_of_very_many_images(name: str) -> None:
    classes = draw_classes(4, np.random.default_rng(1))
    outcomes = draw_outcomes(WORLDS[name], classes, 60_000, np.random.default_rng(2), repeats=2)
    clean = outcomes.clean
    said = {v.baseline: outcomes.outcome(v) for v in outcomes.variants if v.repeat == 0}
    pairs = {
        "dynamic": (said["mean"], clean),
        "instance": (said["within"], clean),
        "class": (said["between"], said["within"]),
    }
    for component, (after, before) in pairs.items():
        truth = true_components(WORLDS[name], classes)
        hits = 100 * (after.correct.mean() - before.correct.mean())
        # one derangement per fold meets 5 of the 12 ordered pairs at most four times: their mean is near, not at, that of all
        assert hits == pytest.approx(truth[component, "top1"], abs=1.2)
        losses = after.loss.astype(np.float64).mean() - before.loss.astype(np.float64).mean()
        assert losses == pytest.approx(truth[component, "loss"], abs=0.02)


@pytest.mark.slow
def test_the_expected_truth_is_that_of_very_many_classes() -> None:
    many = true_components(WORLDS["both"], draw_classes(600, np.random.default_rng(3)))
    expected = expected_components(WORLDS["both"])
    for (name, measure), value in many.items():
        assert value == pytest.approx(expected[name, measure], rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(WORLDS))
def test_every_world_is_taken_apart_rightly_and_its_intervals_cover(name: str) -> None:
    """A small version of benchmarks/effect_coverage.py: 80 runs, whose standard error of coverage is 2.4 %."""
    world = WORLDS[name]
    present = {
        "dynamic": world.class_cost + world.instance_cost > 0,
        "instance": world.instance_cost > 0,
        "class": world.class_cost > 0,
    }
    for row in run_world(world, runs=80, classes=20, per_class=50, seed=11):
        assert row["coverage_95"] >= 0.87, row
        assert row["coverage_90"] <= row["coverage_95"]
        assert abs(row["bias"]) <= 4 * row["sd"] / np.sqrt(80), row
        if present[row["component"]]:
            assert row["told"] >= 0.8, row
        else:
            assert row["truth"] == pytest.approx(0, abs=1e-9)
            assert row["told"] <= 0.12, row
