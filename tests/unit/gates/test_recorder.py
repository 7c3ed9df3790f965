import copy
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import torch
from torch import Tensor, nn

from senet_viz.errors import ArgumentError, GateError
from senet_viz.gates.discovery import find_gates
from senet_viz.gates.recorder import GateRecorder
from tests.support.networks import (
    FAMILIES,
    IMAGE,
    AttributeSELayer,
    Family,
    SELayer,
    SmallNetwork,
    ZeroingSELayer,
    count_hooks,
    draw_images,
    make_library_model,
    small_network,
)

BY_FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())


def units_of(network: SmallNetwork, family: Family) -> Iterator[tuple[str, nn.Module]]:
    for index in (0, 1):
        name = f"blocks.{index}.unit" + (f".{family.prefix}" if family.prefix else "")
        yield name, network.get_submodule(name)


def watch(network: SmallNetwork, family: Family) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """s, x and out of every unit by hooks that know nothing of the recorder's."""
    gates: dict[str, Tensor] = {}
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    with ExitStack() as stack, torch.no_grad():
        for name, unit in units_of(network, family):

            def keep_gate(_m: nn.Module, _i: object, out: Tensor, name: str = name) -> None:
                gates[name] = family.cut(out).clone()

            def keep_input(_m: nn.Module, args: tuple[Tensor], name: str = name) -> None:
                inputs[name] = args[0].clone()

            def keep_output(_m: nn.Module, _i: object, out: Tensor, name: str = name) -> None:
                outputs[name] = out.clone()

            stack.callback(unit.get_submodule(family.source).register_forward_hook(keep_gate).remove)
            stack.callback(unit.register_forward_pre_hook(keep_input).remove)
            stack.callback(unit.register_forward_hook(keep_output).remove)
        network(draw_images())
    if family.prefix == "unit":  # channels last
        inputs = {name: x.permute(0, 3, 1, 2) for name, x in inputs.items()}
        outputs = {name: x.permute(0, 3, 1, 2) for name, x in outputs.items()}
    return gates, inputs, outputs


def record(network: nn.Module, images: Tensor) -> tuple[dict[str, Tensor | None], dict[str, Tensor | None]]:
    with GateRecorder(network) as recorder, torch.no_grad():
        network(images)
        return recorder.take(), recorder.take("squeeze")


@BY_FAMILY
def test_gates_equal_an_independent_hook(family):
    network = small_network(family.make)
    expected, _, _ = watch(network, family)
    gates, _ = record(network, draw_images())
    assert list(gates) == list(expected)
    for name, gate in gates.items():
        assert gate.shape == expected[name].shape
        assert gate.dtype == torch.float32
        torch.testing.assert_close(gate, expected[name], rtol=0, atol=1e-6)


@BY_FAMILY
def test_gate_times_input_is_the_output(family):
    network = small_network(family.make)
    _, inputs, outputs = watch(network, family)
    gates, _ = record(network, draw_images())
    for name, gate in gates.items():
        assert inputs[name].abs().min() > 0
        torch.testing.assert_close(gate[:, :, None, None] * inputs[name], outputs[name], rtol=1e-6, atol=1e-7)


@BY_FAMILY
def test_squeezes_are_the_pooled_feature_maps(family):
    network = small_network(family.make)
    _, inputs, _ = watch(network, family)
    _, squeezes = record(network, draw_images())
    for name, x in inputs.items():
        if family.squeeze is None:
            assert squeezes[name] is None
            continue
        x = x.double()
        expected = x.mean((2, 3)) if family.squeeze == "mean" else (x.mean((2, 3)) + x.amax((2, 3))) / 2
        torch.testing.assert_close(squeezes[name].double(), expected, rtol=0, atol=1e-6)


def test_a_library_model_on_its_own_weights():
    network = make_library_model("timm:seresnet18", device="cpu").eval()
    for part in network.modules():
        if hasattr(part, "bn2"):
            nn.init.ones_(part.bn2.weight)  # timm starts it at 0, which makes every x 0
    images, expected = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)), {}
    handles = [
        part.gate.register_forward_hook(lambda _m, _i, out, name=name: expected.update({name: out[..., 0, 0].clone()}))
        for name, part in network.named_modules()
        if name.endswith(".se")
    ]
    with torch.no_grad():
        network(images)
    for handle in handles:
        handle.remove()
    gates, squeezes = record(network, images)
    assert list(gates) == list(expected)
    for name, gate in gates.items():
        torch.testing.assert_close(gate, expected[name], rtol=0, atol=1e-6)
        assert gate.std() > 0
        assert squeezes[name].shape == gate.shape


def test_copies_survive_what_the_network_writes_in_place():
    intact = small_network(FAMILIES["attributes"].make)
    zeroing = small_network(ZeroingSELayer)
    zeroing.load_state_dict(intact.state_dict())
    for found, expected in zip(record(zeroing, draw_images()), record(intact, draw_images())):
        for name, values in expected.items():
            assert torch.equal(found[name], values)
            assert values.abs().sum() > 0


def test_taken_values_are_kept_over_the_next_forward():
    network = small_network(SELayer)
    with GateRecorder(network) as recorder, torch.no_grad():
        network(draw_images(seed=1))
        first = recorder.take()
        kept = copy.deepcopy(first)
        network(draw_images(3, seed=2))
        second = recorder.take()
    for name, values in first.items():
        assert torch.equal(values, kept[name])
        assert second[name].shape[0] == 3
        assert not torch.equal(second[name], values[:3])


@pytest.mark.parametrize("training", [False, True])
def test_the_network_computes_the_same_bits_and_keeps_its_state(training):
    network = small_network(SELayer).train(training)
    twin = copy.deepcopy(network)
    flags = [part.training for part in network.modules()]
    random = torch.get_rng_state()
    recorder = GateRecorder(network)
    assert torch.equal(torch.get_rng_state(), random)
    with recorder:
        found = network(draw_images())
        taken = recorder.take()
    torch.set_rng_state(random)
    expected = twin(draw_images())
    assert torch.equal(found, expected)
    assert found.requires_grad
    assert not any(values.requires_grad for values in taken.values())
    assert [part.training for part in network.modules()] == flags
    assert all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), twin.state_dict().values()))


def test_gates_below_float32_are_given_as_float32():
    network = small_network(SELayer)
    exact, _ = record(network, draw_images())
    with GateRecorder(network) as recorder, torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        network(draw_images())
        gates, squeezes = recorder.take(), recorder.take("squeeze")
    for name, gate in gates.items():
        assert gate.dtype == squeezes[name].dtype == torch.float32
        assert 0 < (gate - exact[name]).abs().max() < 0.02


@pytest.mark.slow
def test_no_hook_is_left_after_thousands_of_batches_and_exceptions():
    network = small_network(SELayer)
    network.head.register_forward_hook(lambda *_: None)  # somebody else's
    before, images = count_hooks(network), torch.randn(1, *IMAGE)
    recorder = GateRecorder(network)
    assert count_hooks(network) == before
    with recorder, torch.no_grad():
        inside = count_hooks(network)
        for batch in range(2000):
            if batch % 10:
                network(images)
                recorder.take()
            else:
                with pytest.raises(RuntimeError):
                    network(images[:, :2])
        assert count_hooks(network) == inside == before + 2 + 2 + 1
    assert count_hooks(network) == before
    for _ in range(300):
        with pytest.raises(RuntimeError), recorder, torch.no_grad():
            network(images[:, :2])
    assert count_hooks(network) == before


def test_a_forward_that_raises_leaves_no_hook_and_the_next_one_works():
    network = small_network(SELayer)
    with pytest.raises(RuntimeError), GateRecorder(network):
        network(torch.randn(1, 7, 16, 16))
    assert count_hooks(network) == 0
    gates, _ = record(network, draw_images())
    assert len(gates) == 2


def test_a_gate_that_fires_twice_is_named():
    network = small_network(SELayer)
    with GateRecorder(network) as recorder, torch.no_grad():
        forward = network.forward
        network.forward = lambda x: forward(x) + network.blocks[0](x).sum()
        network(draw_images())
        with pytest.raises(GateError, match=r"1 of 2 gates.*: blocks\.0\.unit 2 times\."):
            recorder.take()


def test_a_gate_that_never_fires_is_named_and_nothing_older_is_given():
    network = small_network(SELayer)
    with GateRecorder(network) as recorder, torch.no_grad():
        network(draw_images())
        recorder.take()
        network.forward = lambda x: network.blocks[0](x)
        network(draw_images())
        with pytest.raises(GateError, match=r"1 of 2 gates.*: blocks\.1\.unit never\."):
            recorder.take()


def test_an_excitation_that_is_called_beside_its_unit_is_named():
    network = small_network(AttributeSELayer)
    with GateRecorder(network) as recorder, torch.no_grad():
        forward = network.forward
        network.forward = lambda x: forward(x) + network.blocks[0].unit.fc1(torch.ones(1, 16, 1, 1)).sum()
        network(draw_images())
        assert len(recorder.take()) == 2
        with pytest.raises(GateError, match=r"1 of 2 squeezes.*: blocks\.0\.unit 2 times\."):
            recorder.take("squeeze")


def test_taking_before_a_forward_or_after_the_end_is_refused():
    network = small_network(SELayer)
    with GateRecorder(network) as recorder:
        with pytest.raises(GateError, match="No forward has run"):
            recorder.take()
        network(draw_images())
        with pytest.raises(GateError, match="already attached"), recorder:
            pass
        assert len(recorder.take()) == 2
    with pytest.raises(GateError, match="No forward has run"):
        recorder.take()


def test_only_the_two_quantities_are_given():
    network = small_network(SELayer)
    with GateRecorder(network, squeeze=False) as recorder, torch.no_grad():
        assert count_hooks(network) == 2 + 1
        network(draw_images())
        assert len(recorder.take()) == 2
        with pytest.raises(ArgumentError, match="squeeze=True"):
            recorder.take("squeeze")
        with pytest.raises(ArgumentError, match="'logits' is not recorded"):
            recorder.take("logits")


def test_the_recorder_knows_its_gates():
    network = small_network(SELayer)
    assert GateRecorder(network).gates == find_gates(network)
