"""SE units of every kind do what their equations say, are found by their own adapter, and fit timm's weights."""

import itertools
import math

import numpy as np
import pytest
import torch
from timm.layers import SEModule
from torch import Tensor, nn

from senet_viz.analysis.costs.formulas import cost_of_unit
from senet_viz.errors import ArgumentError, GateError
from senet_viz.gates.discovery import bind_gates, find_gates
from senet_viz.gates.recorder import GateRecorder
from senet_viz.models.networks.se import NoSqueeze, SEBlock
from senet_viz.recording.moments import Channels
from tests.support.networks import draw_images, small_network

RANGES = {"sigmoid": (0, 1), "hard_sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, math.inf), "constant": (0, 1)}
NAMES = {"hard_sigmoid": "hard sigmoid", "constant": "sigmoid"}
GATES = {
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "hard_sigmoid": lambda v: np.clip(v / 6 + 0.5, 0, 1),
    "tanh": np.tanh,
    "relu": lambda v: np.maximum(v, 0),
}
ACTIVATIONS = {
    "relu": lambda v: np.maximum(v, 0),
    "tanh": np.tanh,
    "silu": lambda v: v / (1 + np.exp(-v)),
    "gelu": lambda v: v * 0.5 * (1 + np.vectorize(math.erf)(v / math.sqrt(2))),
}


def make(channels: int, **options: object) -> SEBlock:
    """A seeded unit whose weights are large enough for gates to vary."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        unit = SEBlock(channels, 4, **options)
    with torch.no_grad():
        for parameter in unit.parameters():
            parameter.copy_(parameter * 3 + 0.1)
    return unit.eval()


def array(value: Tensor) -> np.ndarray:
    return value.detach().double().numpy()


def expected(unit: SEBlock, u: Tensor, *, squeeze: str, activation: str, gate: str) -> np.ndarray:
    """Equations 2, 3 and 4 in float64."""
    z = array(u).mean((2, 3)) if squeeze == "avg" else array(u).max((2, 3))
    for at in range(1, unit.depth + 1):
        layer = unit.get_submodule(f"fc{at}")
        z = (ACTIVATIONS[activation](z) if at > 1 else z) @ array(layer.weight)[:, :, 0, 0].T
        z = z if layer.bias is None else z + array(layer.bias)
    return array(u) * GATES[gate](z)[:, :, None, None]


@pytest.mark.parametrize(
    ("squeeze", "activation", "gate", "depth", "bias"),
    [
        *itertools.product(["avg", "max"], ["relu"], list(GATES), [2], [True]),
        *itertools.product(["avg"], list(ACTIVATIONS), ["sigmoid"], [3], [False]),
        ("max", "relu", "tanh", 5, True),
    ],
)
def test_a_unit_computes_its_equations(squeeze: str, activation: str, gate: str, depth: int, bias: bool) -> None:
    unit = make(16, squeeze=squeeze, activation=activation, gate=gate, depth=depth, bias=bias)
    u = torch.randn(3, 16, 5, 4, generator=torch.Generator().manual_seed(2))
    wanted = expected(unit, u, squeeze=squeeze, activation=activation, gate=gate)
    assert np.allclose(array(unit(u)), wanted, atol=1e-5)
    cost = cost_of_unit(16, 4, positions=20, depth=depth, bias=bias)
    assert sum(p.numel() for p in unit.parameters()) == cost.parameters


def test_weights_of_timms_unit_fit_and_give_the_same() -> None:
    theirs = SEModule(32, rd_ratio=1 / 16, rd_divisor=1)
    ours = SEBlock(32)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    u = torch.randn(2, 32, 3, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(ours(u), theirs(u), atol=1e-6)


def test_a_constant_gate_is_trained_and_moved_by_no_image() -> None:
    unit = SEBlock(6, gate="constant")
    u = torch.randn(4, 6, 3, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(unit(u), u / 2)
    unit(u).sum().backward()
    gradients = [p.grad for p in unit.parameters()]
    assert [g.shape for g in gradients if g is not None] == [(6,)]
    assert gradients[0] is not None
    assert gradients[0].abs().min() > 0


@pytest.mark.parametrize("gate", list(RANGES))
@pytest.mark.parametrize("squeeze", ["avg", "max"])
def test_every_unit_is_found_by_its_own_adapter_and_recorded(gate: str, squeeze: str) -> None:
    network = small_network(lambda c: make(c, gate=gate, squeeze=squeeze))
    found = find_gates(network)
    assert {g.family for g in found} == {"senet_viz SEBlock"}
    assert [g.range for g in found] == [RANGES[gate]] * 2
    assert {g.activation for g in found} == {NAMES.get(gate, gate)}
    assert [g.reduced_channels for g in found] == ([None] * 2 if gate == "constant" else [4, 8])
    assert all((g.squeeze_missing is None) == (gate != "constant") for g in found)
    seen: list[Tensor] = []
    with GateRecorder(network) as recorder, torch.no_grad():
        hook = network.blocks[1].unit.register_forward_hook(lambda _m, i, o: seen.extend([i[0].clone(), o.clone()]))
        network(draw_images())
        taken = recorder.take()
        z = recorder.take("squeeze")["blocks.1.unit"]
        hook.remove()
    s = taken["blocks.1.unit"]
    assert s is not None
    assert torch.allclose(seen[1], s[:, :, None, None] * seen[0], atol=1e-6)
    if gate == "constant":
        assert z is None
    else:
        pooled = seen[0].mean((2, 3)) if squeeze == "avg" else seen[0].amax((2, 3))
        assert z is not None
        assert torch.allclose(z, pooled, atol=1e-6)


def test_an_unbounded_gate_is_refused_by_its_name_where_it_would_be_recorded() -> None:
    found = find_gates(small_network(lambda c: make(c, gate="relu")))
    with pytest.raises(ArgumentError, match=r"blocks\.0\.unit has the range \[0, inf\]"):
        Channels.of_gates(found)


def test_no_squeeze_gates_positions_and_is_refused_by_name() -> None:
    unit = NoSqueeze(16, 4)
    u = torch.randn(2, 16, 3, 3, generator=torch.Generator().manual_seed(0))
    single = NoSqueeze(16, 4)
    single.load_state_dict(unit.state_dict())
    at = (slice(None), slice(None), slice(1, 2), slice(2, 3))
    assert torch.allclose(unit(u)[at], single(u[at]), atol=1e-6), "a position knows of no other"
    with pytest.raises(GateError, match=r"blocks\.0\.unit \(NoSqueeze, and 1 more\).*the paper's NoSqueeze"):
        bind_gates(small_network(lambda c: NoSqueeze(c, 4)))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"gate": "softmax"}, r"gate is 'softmax'; it is one of 'sigmoid', 'tanh'"),
        ({"squeeze": "median"}, r"squeeze is 'median'"),
        ({"activation": "elu"}, r"activation is 'elu'"),
        ({"depth": 1}, r"1 linear layers: it has at least 2"),
        ({"reduction": 0}, r"r = 0"),
    ],
)
def test_options_that_there_are_not_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        SEBlock(8, **options)


def test_a_hidden_layer_has_at_least_one_unit() -> None:
    layer = SEBlock(4, 16).get_submodule("fc1")
    assert isinstance(layer, nn.Conv2d)
    assert layer.out_channels == 1
