"""Gates that no module returns: found by what one forward computes, against s computed by hand."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from timm.layers import SEModule
from timm.layers.cbam import LightCbamModule
from torch import Tensor, nn
from torch.nn import functional as F

from senet_viz.errors import GateError, RecordingError
from senet_viz.gates import factors
from senet_viz.gates.discovery import bind_gates, find_gates, survey_gates
from senet_viz.gates.intervention import intervened
from senet_viz.gates.recorder import GateRecorder
from senet_viz.recording.moments import Channels, ClassMoments
from tests.support.networks import (
    AddingSELayer,
    FactorBlock,
    FunctionalSELayer,
    LyingSEModule,
    SELayer,
    SpatialAttention,
    TemperedSELayer,
    TwiceSEModule,
    count_hooks,
    draw_images,
    small_network,
)

Multiply = Callable[[Tensor, Tensor], Tensor]
INF = float("inf")


class Inline(nn.Module):
    """A larger block that squeezes, excites and scales in its own forward: `multiply` is given the logits and x."""

    def __init__(self, channels: int, multiply: Multiply, squeeze: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.before = nn.Conv2d(channels, channels, 3, padding=1)
        self.reduce, self.expand = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)
        self.after = nn.Conv2d(channels, channels, 1)
        self.multiply, self.squeeze = multiply, squeeze or (lambda x: F.adaptive_avg_pool2d(x, 1))

    def logits(self, x: Tensor) -> Tensor:
        hidden = self.reduce(self.squeeze(x))
        return self.expand(hidden * torch.sigmoid(hidden))  # a product of vectors, and no gate

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        return self.after(self.multiply(self.logits(x), x))


def hard_by_hand(h: Tensor) -> Tensor:
    return torch.where(h < -3, 0.0, torch.where(h > 3, 1.0, h / 6 + 0.5))


# form by form: what multiplies, s by hand, activation, range, form
FORMS: dict[str, tuple[Multiply, Multiply, str, tuple[float, float], str]] = {
    "sigmoid": (lambda h, x: torch.sigmoid(h) * x, lambda h, x: torch.sigmoid(h), "sigmoid", (0, 1), "s·x"),
    "method": (lambda h, x: x.mul(h.sigmoid()), lambda h, x: torch.sigmoid(h), "sigmoid", (0, 1), "s·x"),
    "in place": (lambda h, x: x.mul_(h.sigmoid_()), lambda h, x: torch.sigmoid(h), "sigmoid", (0, 1), "s·x"),
    "by keyword": (lambda h, x: torch.multiply(x, other=h.sigmoid()), lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "s·x"),
    "expanded": (lambda h, x: x * h.sigmoid().expand_as(x), lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "s·x"),
    "repeated": (lambda h, x: x * h.sigmoid().repeat(1, 1, *x.shape[2:]), lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "s·x"),
    "enlarged": (lambda h, x: x * F.interpolate(h.sigmoid(), x.shape[2:]), lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "s·x"),
    "flat": (
        lambda h, x: (x.flatten(2) * h.sigmoid().flatten(2)).view_as(x), lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "s·x",
    ),
    "channels last": (
        lambda h, x: (x.permute(0, 2, 3, 1) * h.sigmoid().permute(0, 2, 3, 1)).permute(0, 3, 1, 2), lambda h, x: h.sigmoid(),
        "sigmoid", (0, 1), "s·x",
    ),
    "channels last, one and s": (
        lambda h, x: (x.permute(0, 2, 3, 1) * (1 + h.sigmoid()).permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "x + s·x",
    ),
    "hardsigmoid": (lambda h, x: x * F.hardsigmoid(h), lambda h, x: hard_by_hand(h), "hard sigmoid", (0, 1), "s·x"),
    "relu6": (lambda h, x: x * (F.relu6(h + 3) / 6), lambda h, x: hard_by_hand(h), "hard sigmoid", (0, 1), "s·x"),
    "clamp": (lambda h, x: x * (0.2 * h + 0.5).clamp(0, 1), lambda h, x: (h / 5 + 0.5).clamp(0, 1), "hard sigmoid", (0, 1), "s·x"),
    "hardtanh": (lambda h, x: x * F.hardtanh(h, 0, 1), lambda h, x: h.clamp(0, 1), "hard sigmoid", (0, 1), "s·x"),
    "softmax": (lambda h, x: x * F.softmax(h, 1), lambda h, x: h.exp() / h.exp().sum(1, keepdim=True), "softmax", (0, 1), "s·x"),
    "tanh": (lambda h, x: x * h.tanh(), lambda h, x: torch.tanh(h), "tanh", (-1, 1), "s·x"),
    "as an LSTM's": (
        lambda h, x: x * (h.sigmoid() * h.neg().tanh()), lambda h, x: h.sigmoid() * h.neg().tanh(), "sigmoid times tanh", (-1, 1), "s·x",
    ),
    "relu": (lambda h, x: x * F.relu(h), lambda h, x: h.clamp(min=0), "relu", (0, INF), "s·x"),
    "no activation": (lambda h, x: x * h, lambda h, x: h, "none", (-INF, INF), "s·x"),
    "added to x": (lambda h, x: x + h.sigmoid() * x, lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "x + s·x"),
    "one and s": (lambda h, x: x * (1 + h.sigmoid()), lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "x + s·x"),
    "addcmul": (lambda h, x: torch.addcmul(x, x, h.sigmoid()), lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "x + s·x"),
    "doubled": (lambda h, x: 2 * h.sigmoid() * x, lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "2·s·x"),
    "left over": (lambda h, x: x * (1 - h.sigmoid()), lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "(1 − s)·x"),
    "einsum": (
        lambda h, x: torch.einsum("nchw,nc->nchw", x, h.sigmoid()[:, :, 0, 0]), lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "s·x",
    ),
    "einsum, s first": (
        lambda h, x: torch.einsum("nc,nc...->nc...", h.sigmoid().flatten(1), x), lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "s·x",
    ),
    "taken from x": (lambda h, x: x - h.sigmoid() * x, lambda h, x: h.sigmoid(), "sigmoid", (0, 1), "x − s·x"),
    "beside a spatial gate": (
        lambda h, x: x * h.sigmoid() + x * x.mean(1, keepdim=True).sigmoid(), lambda h, x: h.sigmoid(), "sigmoid", (0, 1),
        "s·x + p·x",
    ),
}  # fmt: skip

REBUILT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "s·x": lambda s, x: s * x,
    "x + s·x": lambda s, x: x + s * x,
    "x − s·x": lambda s, x: x - s * x,
    "2·s·x": lambda s, x: 2 * s * x,
    "(1 − s)·x": lambda s, x: (1 - s) * x,
    "s·x + p·x": lambda s, x: s * x + x * x.mean(1, keepdim=True).sigmoid(),
}


def make_inline(multiply: Multiply, squeeze: Callable[[Tensor], Tensor] | None = None) -> nn.Module:
    return small_network(lambda channels: Inline(channels, multiply, squeeze))


@pytest.mark.parametrize(("multiply", "by_hand", "activation", "bounds", "form"), FORMS.values(), ids=FORMS)
def test_every_way_to_multiply_is_found_recorded_and_moved(multiply, by_hand, activation, bounds, form):
    network, images = make_inline(multiply), draw_images()
    bound = bind_gates(network)
    assert [b.gate.channels for b in bound] == [16, 32]
    assert {(b.gate.activation, b.gate.range, b.gate.form) for b in bound} == {(activation, bounds, form)}
    assert {b.gate.reduced_channels for b in bound} == {4}
    assert bound[0].gate.parameters == 4 * 16 + 4 + 16 * 4 + 16
    seen: dict[nn.Module, Tensor] = {}
    inputs = [b.module.before.register_forward_hook(lambda m, _, y: seen.update({m: y.clone()})) for b in bound]
    with torch.no_grad():
        untouched = network(images)
        with GateRecorder(network, bound=bound) as recorder:
            assert torch.equal(network(images), untouched)
            gates, squeezes = recorder.take(), recorder.take("squeeze")
        for b in bound:
            x = seen[b.module.before]
            expected = by_hand(b.module.logits(x), x)[:, :, 0, 0]
            torch.testing.assert_close(gates[b.gate.name], expected, rtol=1e-6, atol=1e-6)
            torch.testing.assert_close(squeezes[b.gate.name], x.mean((2, 3)), rtol=1e-5, atol=1e-6)
        for handle in inputs:
            handle.remove()
        moved = {b.gate.name: torch.full((b.gate.channels,), 0.25) for b in bound}
        with intervened(network, moved, strength=0):
            assert torch.equal(network(images), untouched)
        with intervened(network, moved):
            found = network(images)
        for b in bound:
            b.module.multiply = lambda h, x: REBUILT[form](torch.full_like(h, 0.25), x)
        torch.testing.assert_close(found, network(images), rtol=1e-5, atol=1e-6)
        assert not torch.allclose(found, untouched, rtol=1e-4)
    assert count_hooks(network) == 0


@pytest.mark.parametrize(
    "squeeze",
    [
        lambda x: x.mean((2, 3), keepdim=True),
        lambda x: x.amax((2, 3), keepdim=True),
        lambda x: x.flatten(2).mean(2)[:, :, None, None],
        lambda x: x.pow(2).sum((2, 3), keepdim=True).sqrt(),
        lambda x: F.avg_pool2d(x, x.shape[2:]),
    ],
    ids=["mean", "maximum", "flattened", "norm", "average"],
)
def test_whatever_pools_the_map(squeeze):
    survey = survey_gates(make_inline(lambda h, x: h.sigmoid() * x, squeeze))
    assert [bound.gate.form for bound in survey.bound] == ["s·x"] * 2
    assert survey.refused == ()


@pytest.mark.parametrize(
    "multiply",
    [
        lambda h, x: x * x.sigmoid(),  # a map times itself, as in SiLU
        lambda h, x: x * torch.rand(16 if x.shape[1] == 16 else 32)[None, :, None, None],  # the same for every image
        lambda h, x: x * h.mean(1, keepdim=True).sigmoid(),  # one number an image
        lambda h, x: x * (x / x.norm(dim=(2, 3), keepdim=True).mean(1, keepdim=True)),  # response normalisation
        lambda h, x: x * x.mean(1, keepdim=True).sigmoid(),  # of positions
        lambda h, x: x * (x.mean((2, 3), keepdim=True)).sigmoid(),  # nothing in it was learned
    ],
    ids=["itself", "constant", "image", "response", "positions", "unlearned"],
)
def test_what_only_looks_like_a_gate_is_none(multiply):
    survey = survey_gates(make_inline(multiply))
    assert (survey.bound, survey.refused) == ((), ())


@pytest.mark.parametrize(
    ("make", "name", "form"),
    [
        (FunctionalSELayer, "blocks.0.unit", "s·x"),
        (AddingSELayer, "blocks.0.unit", "x + s·x"),
        (TemperedSELayer, "blocks.0.unit", "s·x"),
        (FactorBlock, "blocks.0.unit", "s·x"),
        (LyingSEModule, "blocks.0.unit", "x + s·x"),
        (TwiceSEModule, "blocks.0.unit", "s·x"),
        (LightCbamModule, "blocks.0.unit.channel", "s·x"),
    ],
)
def test_units_that_no_hook_could_prove_are_found_by_their_products(make, name, form):
    network, images = small_network(make), draw_images()
    survey = survey_gates(network)
    assert (survey.bound[0].gate.name, survey.bound[0].gate.form) == (name, form)
    with torch.no_grad(), GateRecorder(network, bound=survey.bound) as recorder:
        untouched = network(images)
        gates = recorder.take()
        baselines = {name: torch.full_like(s, 0.5) for name, s in gates.items()}
    with torch.no_grad(), intervened(network, baselines):
        assert not torch.equal(network(images), untouched)


class Shared(nn.Module):
    """One SE unit on three branches, one sigmoid for every unit of the network, as in OSNet and in careless code."""

    def __init__(self, channels: int, unit: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(3))
        self.unit = unit

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.unit(branch(x)) for branch in self.branches]).sum(0)


@pytest.mark.parametrize(
    "make",
    [lambda c: SELayer(c, c // 4), FunctionalSELayer, lambda c: SEModule(c, rd_channels=4)],
    ids=["hook", "tap", "timm"],
)
def test_a_unit_that_is_called_several_times_is_a_gate_a_call(make):
    network, images = small_network(lambda c: Shared(c, make(c))), draw_images()
    bound = bind_gates(network)
    assert [b.gate.name for b in bound] == [f"blocks.{i}.unit.unit@{k}" for i in (0, 1) for k in (1, 2, 3)]
    assert len({b.gate.label for b in bound}) == 6
    seen: list[tuple[nn.Module, Tensor, Tensor]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append((module, inputs[0].clone(), output.clone()))

    handles = [module.register_forward_hook(note) for module in {b.module for b in bound}]
    with torch.no_grad():
        with GateRecorder(network, bound=bound) as recorder:
            untouched = network(images)
            gates, squeezes = recorder.take(), recorder.take("squeeze")
        for (_, x, out), s, z in zip(seen, gates.values(), squeezes.values(), strict=True):
            torch.testing.assert_close(s[:, :, None, None] * x, out, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(z, x.mean((2, 3)), rtol=1e-5, atol=1e-6)
        with intervened(network, {"blocks.0.unit.unit@2": "one"}):
            seen.clear()
            moved = network(images)
        assert torch.equal(seen[1][1], seen[1][2])  # only the second is open
        assert not torch.equal(seen[0][1], seen[0][2])
        assert not torch.equal(moved, untouched)
    for handle in handles:
        handle.remove()
    assert count_hooks(network) == 0


def test_one_sigmoid_for_all_units_is_told_apart_by_its_calls():
    sigmoid = nn.Sigmoid()
    network, images = small_network(lambda c: SELayer(c, c // 4, sigmoid)), draw_images()
    alone = small_network(lambda c: SELayer(c, c // 4))
    with torch.no_grad():
        found = []
        for each in (network, alone):
            with GateRecorder(each) as recorder:
                each(images)
                found.append(recorder.take())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[1])


class Volume(nn.Module):
    """(N, C, T) or (N, C, D, H, W) through two SE units, one of a module and one inline; takes lengths and returns a tuple."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        conv = {1: nn.Conv1d, 3: nn.Conv3d}[rank]
        self.stem = conv(2, 8, 3, padding=1)
        self.unit = nn.Sequential(conv(8, 2, 1), nn.ReLU(), conv(2, 8, 1), nn.Sigmoid())
        self.reduce, self.expand, self.axes = conv(8, 2, 1), conv(2, 8, 1), tuple(range(2, rank + 2))

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stem(x)
        x = x * self.unit(x.mean(self.axes, keepdim=True))
        x = x * torch.sigmoid(self.expand(self.reduce(x.mean(self.axes, keepdim=True)).relu()))
        return x.mean(self.axes), lengths


@pytest.mark.parametrize("rank", [1, 3])
def test_maps_of_other_ranks_further_arguments_and_tuples(rank):
    network = Volume(rank).eval()
    inputs = (torch.randn(2, 2, *(5,) * rank), torch.tensor([5, 3]))
    gates = find_gates(network, example_inputs=inputs)
    assert [(g.channels, g.reduced_channels, g.squeeze_missing) for g in gates] == [(8, 2, None), (8, 2, None)]
    with torch.no_grad():
        with GateRecorder(network, example_inputs=inputs) as recorder:
            untouched = network(*inputs)[0]
            s = recorder.take()
        assert [value.shape for value in s.values()] == [(2, 8), (2, 8)]
        with intervened(network, s, example_inputs={"x": inputs[0], "lengths": inputs[1]}):
            assert torch.equal(network(*inputs)[0], untouched)
        with intervened(network, {gates[0].name: "zero"}, example_inputs=inputs):
            assert not torch.equal(network(*inputs)[0], untouched)
    with pytest.raises(GateError, match="could not be run on the example inputs"):
        find_gates(network, example_inputs=inputs[0])


def test_an_interrupted_forward_leaves_nothing_behind():
    network, images = make_inline(lambda h, x: torch.sigmoid(h) * x), draw_images()

    def fail(*_: object) -> None:
        raise RuntimeError("interrupted")

    with torch.no_grad(), GateRecorder(network) as recorder:
        handle = network.blocks[1].register_forward_pre_hook(fail)
        with pytest.raises(RuntimeError, match="interrupted"):
            network(images)
        handle.remove()
        expected = network(images)
        assert len(recorder.take()) == 2
    assert torch.equal(network(images), expected)
    assert count_hooks(network) == 0


def test_a_recorder_inside_an_intervention_sees_moved_gates_and_outside_untouched_ones():
    network, images = make_inline(lambda h, x: torch.sigmoid(h) * x), draw_images()
    bound = bind_gates(network)
    name = bound[0].gate.name
    with torch.no_grad():
        with GateRecorder(network, bound=bound) as outside, intervened(network, {name: "one"}):
            network(images)
            seen_outside = outside.take()[name]
        with intervened(network, {name: "one"}), GateRecorder(network, bound=bound) as inside:
            network(images)
            seen_inside = inside.take()[name]
    assert torch.equal(seen_inside, torch.ones_like(seen_inside))
    assert float(seen_outside.max()) < 1


def test_spatial_attention_is_still_refused_by_name():
    with pytest.raises(GateError, match="spatial attention"):
        find_gates(small_network(SpatialAttention))


@pytest.mark.parametrize("unit", [0, 1])
def test_a_unit_whose_weights_are_not_finite_is_found_and_its_recording_refused_by_name(unit, tmp_path):
    network = small_network(SELayer)
    with torch.no_grad():
        network.blocks[unit].unit.fc[0].weight[0, 0] = float("nan")
    gates = find_gates(network)
    assert [gate.name for gate in gates] == ["blocks.0.unit", "blocks.1.unit"]
    with torch.no_grad(), GateRecorder(network) as recorder:
        network(draw_images())
        values = recorder.take()
    state = ClassMoments.empty(1, Channels.of_gates(gates))
    joined = state.channels.join({name: s.numpy() for name, s in values.items()})
    with pytest.raises(RecordingError, match=rf"blocks\.{unit}\.unit has a gate that is not finite"):
        state.check(joined, np.zeros(len(joined), dtype=np.int32))


class Branches(nn.Module):
    """Selective kernels by hand: one branch is scaled by what was pooled from the sum of both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 3, padding=1)
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.first(x), self.second(x)
        return a * torch.sigmoid(self.fc((a + b).mean((2, 3), keepdim=True))) + b


def test_what_is_pooled_from_more_than_the_map_is_no_gate_of_it():
    survey = survey_gates(small_network(Branches))
    assert survey.bound == ()
    assert [(unit.name, unit.kind) for unit in survey.refused] == [(f"blocks.{i}.unit", "Branches") for i in (0, 1)]
    assert "pooled from another one" in survey.refused[0].reason


def test_a_product_that_is_not_what_its_form_says_is_refused_by_name(monkeypatch):
    network = make_inline(lambda h, x: x * (1 + h.sigmoid()))
    monkeypatch.setattr(
        factors, "read_scale", lambda step, graph: (0, step.operands[0][1], 1.0, 2.0) if step.name == "add" else None
    )
    survey = survey_gates(network)
    assert survey.bound == ()
    assert [(unit.name, unit.kind) for unit in survey.refused] == [
        (f"blocks.{i}.unit:sigmoid", "Inline") for i in (0, 1)
    ]
    assert "not what its form says" in survey.refused[0].reason
