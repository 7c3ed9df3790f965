"""Donor rules and the formula, for whatever labels, gates and strengths there are."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from senet_viz.gates.discovery import bind_gates
from senet_viz.gates.intervention import GatePatch
from senet_viz.workflows.interventions.donors import draw_donors, make_folds
from tests.support.networks import SELayer, small_network

BOUND = bind_gates(small_network(SELayer))[0]
SIZES = st.lists(st.integers(2, 14), min_size=2, max_size=8)


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(0, 9), st.integers(0, 2**31))
def test_donors_are_of_another_fold_and_of_the_right_class(sizes, repeat, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int32)
    folds = make_folds(labels, seed)
    donors = draw_donors(labels, folds, np.arange(len(labels)), seed=seed, repeat=repeat)
    assert np.array_equal(labels[donors.within], labels)
    assert (labels[donors.between] != labels).all()
    assert (folds[donors.within] != folds).all()
    assert (folds[donors.between] != folds).all()
    for fold in range(5):  # within a fold, one class stands in for one class
        mine = folds == fold
        pairs = set(zip(labels[mine].tolist(), labels[donors.between][mine].tolist()))
        assert len({own for own, _ in pairs}) == len({other for _, other in pairs}) == len(pairs)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 5), st.integers(2, 6))
def test_classes_of_one_size_have_the_same_marginal(multiple, classes):
    labels = np.repeat(np.arange(classes), 5 * multiple).astype(np.int32)
    folds = make_folds(labels, multiple)
    assert draw_donors(labels, folds, np.arange(len(labels)), seed=classes, repeat=1).count_difference == 0


FLOATS = st.floats(0, 1, width=32)
ROWS = st.lists(st.lists(FLOATS, min_size=16, max_size=16), min_size=1, max_size=3)


@settings(deadline=None, max_examples=60)
@given(ROWS, FLOATS, st.floats(0, 1))
def test_moved_gates_lie_between_gate_and_baseline(rows, level, strength):
    s, b = torch.tensor(rows), torch.full((16,), level)
    moved = GatePatch(BOUND, b, strength).apply(s)
    slack = 1e-6
    assert bool((moved >= torch.minimum(s, b) - slack).all())
    assert bool((moved <= torch.maximum(s, b) + slack).all())
    torch.testing.assert_close(moved, s + strength * (b - s), rtol=1e-5, atol=1e-6)
    assert torch.equal(torch.lerp(s, b.expand_as(s), 1.0), b.expand_as(s))
    assert torch.equal(torch.lerp(s, b.expand_as(s), 0.0), s)
