"""Ends of a gate that are set by plain numbers, and by tensors that say one number."""

import math

import pytest
import torch
from torch.nn import functional as F

from senet_viz.gates.discovery import find_gates
from tests.unit.gates.test_products import make_inline

INF = math.inf


@pytest.mark.parametrize(
    ("squash", "activation", "bounds"),
    [
        (lambda h: torch.minimum(torch.maximum(h, torch.zeros(1)), torch.ones(1)), "hard sigmoid", (0, 1)),
        (lambda h: torch.min(F.relu(h), torch.ones_like(h)), "hard sigmoid", (0, 1)),
        (lambda h: h.clamp(min=0).clamp(max=1), "hard sigmoid", (0, 1)),
        (lambda h: h.clamp(torch.tensor(-2.0), torch.tensor(2.0)), "clamp", (-2, 2)),
        (lambda h: h.sigmoid().clamp(min=0.1), "clamp", (0.1, 1)),
        (lambda h: torch.maximum(h, h.mean(1, keepdim=True)), "maximum", (-INF, INF)),  # no plain number
        (
            lambda h: torch.maximum(h, torch.arange(2.0).repeat(h.shape[1] // 2)[None, :, None, None]),
            "maximum",
            (-INF, INF),
        ),
    ],
    ids=["extremes", "like", "twice", "tensors", "of a sigmoid", "computed", "several"],
)
def test_the_ends_that_a_gate_is_kept_between_are_read(squash, activation, bounds):
    gates = find_gates(make_inline(lambda h, x: x * squash(h)))
    assert {(gate.activation, gate.range) for gate in gates} == {(activation, bounds)}
