"""What no effect may depend on: the order of images, names of classes; and how components hang together."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from senet_viz.stats.effect_measuring import measure_effects, shrink_changes, sign_flip_p
from senet_viz.stats.effect_parts import decompose
from tests.support.synthetic_outcomes import make_outcome, make_outcomes, make_variant

BASELINES = ("mean", "within", "between")


@st.composite
def drawn(draw: st.DrawFn) -> tuple[np.ndarray, list[np.ndarray]]:
    n = draw(st.integers(10, 40))
    labels = draw(arrays(np.int64, n, elements=st.integers(0, 3)))
    answers = [draw(arrays(np.bool_, n)) for _ in range(4)]
    return labels, answers


def outcomes_of(labels: np.ndarray, answers: list[np.ndarray]) -> object:
    said = {None: make_outcome(answers[0])}
    said |= {make_variant("SE_5_1", b): make_outcome(a) for b, a in zip(BASELINES, answers[1:])}
    return make_outcomes(labels.tolist(), said, classes=4)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(drawn(), st.randoms(use_true_random=False))
def test_the_order_of_images_changes_no_value(made: tuple[np.ndarray, list[np.ndarray]], chance: object) -> None:
    labels, answers = made
    turn = np.array(chance.sample(range(len(labels)), len(labels)))  # type: ignore[attr-defined]
    plain, turned = (
        measure_effects(outcomes_of(labels[o], [a[o] for a in answers])) for o in (np.arange(len(labels)), turn)
    )
    for mine, theirs in zip(plain.effects, turned.effects):
        np.testing.assert_allclose(mine.changes["top1"].per_class, theirs.changes["top1"].per_class)
        np.testing.assert_allclose(mine.tests.p, theirs.tests.p)
        np.testing.assert_allclose(mine.tests.shrunken, theirs.tests.shrunken, atol=1e-9)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(drawn())
def test_instance_and_class_make_up_between(made: tuple[np.ndarray, list[np.ndarray]]) -> None:
    table = measure_effects(outcomes_of(*made))
    parts = {c.name: c.changes["top1"] for c in decompose(table)}
    between = table.find("SE_5_1", "between").changes["top1"]
    np.testing.assert_allclose(parts["instance"].value + parts["class"].value, between.value, atol=1e-9)
    together = parts["instance"].images.replicates + parts["class"].images.replicates
    np.testing.assert_allclose(together, between.images.replicates, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(drawn())
def test_the_network_against_itself_changes_nothing(made: tuple[np.ndarray, list[np.ndarray]]) -> None:
    labels, answers = made
    for effect in measure_effects(outcomes_of(labels, [answers[0]] * 4)).effects:
        assert effect.changed.value == effect.changes["top1"].value == effect.changes["loss"].value == 0
        assert not effect.tests.found.any()
        assert dataclasses.astuple(effect.changes["top1"].images.interval())[:2] == (0, 0)


@given(arrays(np.int64, st.integers(1, 30), elements=st.integers(-3, 3)))
def test_p_values_are_shares(changes: np.ndarray) -> None:
    p = sign_flip_p(changes)
    assert 0 < p <= 1
    assert np.isclose(p, sign_flip_p(np.append(changes, 0)))


@given(
    arrays(np.float64, 8, elements=st.floats(-50, 50)),
    arrays(np.int64, 8, elements=st.integers(1, 100)),
    st.floats(0.1, 1000),
)
def test_shrinking_never_leaves_the_range_of_what_was_seen(
    values: np.ndarray, images: np.ndarray, within: float
) -> None:
    found = shrink_changes(values, images, within)
    assert (found >= values.min() - 1e-9).all()
    assert (found <= values.max() + 1e-9).all()
