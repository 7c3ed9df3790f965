"""Every gate family moved: exact at both ends, the formula between them, nothing left behind."""

import threading
from contextlib import AbstractContextManager, ExitStack

import pytest
import torch
from torch import Tensor, nn

import senet_viz as sv
from senet_viz.errors import ArgumentError, GateError
from senet_viz.gates.discovery import bind_gates
from senet_viz.gates.intervention import GatePatch, intervened, patching
from senet_viz.gates.recorder import GateRecorder
from tests.support.known_gates import known_network
from tests.support.networks import (
    FAMILIES,
    WIDTHS,
    SELayer,
    SmallNetwork,
    ZeroingSELayer,
    count_hooks,
    draw_images,
    small_network,
)

BY_FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
LABELS = ("SE_1_1", "SE_2_1")


def baseline(channels: int, rows: int | None = None) -> Tensor:
    shape = (channels,) if rows is None else (rows, channels)
    return torch.rand(shape, generator=torch.Generator().manual_seed(5))


def gates_of(network: nn.Module, images: Tensor, *interventions: AbstractContextManager[None]) -> list[Tensor]:
    recorder = GateRecorder(network, squeeze=False)
    with ExitStack() as stack, torch.no_grad():
        for intervention in interventions:
            stack.enter_context(intervention)
        stack.enter_context(recorder)
        network(images)
        return [s for s in recorder.take().values() if s is not None]


@BY_FAMILY
def test_nothing_changes_at_strength_zero(family):
    network, images = small_network(family.make), draw_images()
    with torch.no_grad():
        clean = network(images)
        with intervened(network, dict.fromkeys(LABELS, "zero"), strength=0):
            assert torch.equal(network(images), clean)
        assert torch.equal(network(images), clean)


@BY_FAMILY
@pytest.mark.parametrize("rows", [None, 4], ids=["one for all", "one an image"])
def test_gate_is_the_baseline_at_strength_one(family, rows):
    network, images = small_network(family.make), draw_images()
    wanted = [baseline(width, rows) for width in WIDTHS]
    found = gates_of(network, images, intervened(network, dict(zip(LABELS, wanted))))
    for s, b in zip(found, wanted):
        assert torch.equal(s, b.expand_as(s))


@BY_FAMILY
@pytest.mark.parametrize("strength", [0.25, 0.5, 0.9])
def test_between_the_ends_it_is_lerp(family, strength):
    network, images = small_network(family.make), draw_images()
    clean = gates_of(network, images)[0]
    b = baseline(WIDTHS[0], 4)
    moved = gates_of(network, images, intervened(network, {"SE_1_1": b}, strength=strength))[0]
    torch.testing.assert_close(moved, (1 - strength) * clean + strength * b, rtol=1e-6, atol=1e-7)


@BY_FAMILY
def test_only_chosen_channels_move(family):
    network, images = small_network(family.make), draw_images()
    clean = gates_of(network, images)[0]
    moved = gates_of(network, images, intervened(network, {"SE_1_1": "zero"}, channels={"SE_1_1": [3, 7]}))[0]
    rest = [c for c in range(WIDTHS[0]) if c not in (3, 7)]
    assert not moved[:, [3, 7]].any()
    assert torch.equal(moved[:, rest], clean[:, rest])


@BY_FAMILY
def test_hooks_are_gone_afterwards(family):
    network, images = small_network(family.make), draw_images()
    before = count_hooks(network)
    with intervened(network, dict.fromkeys(LABELS, "one")):
        assert count_hooks(network) > before
        with torch.no_grad():
            network(images)
    assert count_hooks(network) == before
    with pytest.raises(RuntimeError, match="channels"), intervened(network, {"SE_1_1": "one"}), torch.no_grad():
        network(images[:, :2])
    assert count_hooks(network) == before


def test_effect_on_the_logits_is_the_closed_form():
    network = known_network()
    colours = torch.rand(6, 3, generator=torch.Generator().manual_seed(1))
    images = colours[:, :, None, None].expand(-1, -1, 4, 4)
    z = torch.cat([colours, torch.ones(6, 1)], dim=1).double().numpy()
    first, b = network.gate(network.first, z), baseline(4, 6)
    for strength in (0.0, 0.3, 0.5, 0.8, 1.0):
        moved = (1 - strength) * first + strength * b.double().numpy()
        with torch.no_grad(), intervened(network, {"first": b}, strength=strength):
            logits = network(images)
        expected = network.predict(colours.double().numpy(), moved)
        torch.testing.assert_close(logits.double(), torch.from_numpy(expected), rtol=1e-4, atol=1e-5)


def test_inner_acts_on_top_of_outer():
    network, images = small_network(FAMILIES["timm-se"].make), draw_images()
    clean = gates_of(network, images)[0]
    inner, outer = {"SE_1_1": "one"}, {"SE_1_1": torch.zeros(4, WIDTHS[0])}
    both = (intervened(network, outer, strength=0.5), intervened(network, inner, strength=0.5))
    moved = gates_of(network, images, *both)[0]
    torch.testing.assert_close(moved, 0.5 * (0.5 * clean) + 0.5)
    one_channel = intervened(network, inner, channels={"SE_1_1": [0]})
    moved = gates_of(network, images, intervened(network, outer), one_channel)[0]
    assert torch.equal(moved[:, 0], torch.ones(4))
    assert not moved[:, 1:].any()


def test_a_network_that_destroys_its_gate_does_not_destroy_the_baseline():
    network, images = small_network(ZeroingSELayer), draw_images()
    b = baseline(WIDTHS[0], 4)
    before = b.clone()
    with intervened(network, {"SE_1_1": b}), torch.no_grad():
        first, second = network(images), network(images)
    assert torch.equal(first, second)
    assert torch.equal(b, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_both_ends_are_exact_in_every_precision(dtype):
    bound = bind_gates(small_network(SELayer))[0]
    largest = torch.finfo(dtype).max
    s = torch.linspace(-1, 1, WIDTHS[0]).to(dtype).expand(2, -1) * largest
    b = -s
    assert torch.equal(GatePatch(bound, b, 1.0).apply(s), b)
    assert torch.equal(GatePatch(bound, b, 0.0).apply(s), s)
    assert GatePatch(bound, b, 1.0).apply(s).data_ptr() not in (s.data_ptr(), b.data_ptr())


def test_gradients_pass_through():
    network, images = small_network(SELayer), draw_images().requires_grad_()
    with intervened(network, {"SE_1_1": "one"}, strength=0.5):
        network(images).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_a_models_lock_is_held():
    model = sv.load_model("tests.support.tiny:tiny_se", device="cpu")
    taken: list[bool] = []
    with intervened(model, {"SE_1_1": "one"}):
        other = threading.Thread(target=lambda: taken.append(model.lock.acquire(blocking=False)))
        other.start()
        other.join()
    assert taken == [False]
    assert model.lock.acquire(blocking=False)
    model.lock.release()


@pytest.mark.parametrize(
    ("baselines", "options", "message"),
    [
        ({"SE_9_9": "one"}, {}, r"no block 'SE_9_9': the network has SE_1_1, SE_2_1"),
        ({"SE_1_1": "mean"}, {}, r"'mean' is no baseline of SE_1_1: give one or zero"),
        ({"SE_1_1": torch.ones(7)}, {}, r"of shape \(7,\): floats of \(16,\) or \(N, 16\)"),
        ({"SE_1_1": torch.ones(16, dtype=torch.int64)}, {}, "int64"),
        ({"SE_1_1": "one", "blocks.0.unit": "zero"}, {}, "names a block twice"),
        ({"SE_1_1": "one"}, {"strength": 1.1}, r"strength is 1\.1"),
        ({"SE_1_1": "one"}, {"strength": float("nan")}, "strength is nan"),
        ({"SE_1_1": "one"}, {"channels": {"SE_1_1": [16]}}, r"no channel 16: it has 0 to 15"),
        ({"SE_1_1": "one"}, {"channels": {"SE_2_1": [0]}}, r"blocks\.1\.unit.*no baseline"),
        ({}, {}, "No block is to be moved"),
    ],
)
def test_what_can_not_be_done_is_said(baselines, options, message):
    network = small_network(SELayer)
    before = count_hooks(network)
    with pytest.raises(ArgumentError, match=message), intervened(network, baselines, **options):
        pass
    assert count_hooks(network) == before


def test_rows_of_another_batch_are_refused():
    network = small_network(SELayer)
    moved = intervened(network, {"SE_1_1": baseline(16, 3)})
    with torch.no_grad(), pytest.raises(ArgumentError, match="SE_1_1 has 3 rows for a batch of 4"), moved:
        network(draw_images(4))


class Wayward(SmallNetwork):
    """Runs its blocks as often as it is told to."""

    rounds = 1

    def forward(self, x: Tensor) -> Tensor:
        if self.rounds == 0:
            return self.head(x.mean((2, 3)).repeat(1, 11)[:, : WIDTHS[1]])
        for _ in range(self.rounds - 1):
            self.blocks(x)
        return super().forward(x)


@pytest.mark.parametrize(("rounds", "word"), [(0, "never"), (2, "2 times")])
def test_a_gate_that_does_not_fire_once_is_an_error(rounds, word):
    network = Wayward(SELayer).eval()
    bound = bind_gates(network)[:1]
    network.rounds = rounds
    moved = patching(network, [GatePatch(bound[0], torch.ones(16))])
    with torch.no_grad(), pytest.raises(GateError, match=rf"1 of 1 moved gates.*blocks\.0\.unit {word}"), moved:
        network(draw_images())
    assert count_hooks(network) == 0
