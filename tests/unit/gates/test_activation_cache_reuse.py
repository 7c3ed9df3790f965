"""What is not computed again gives the same bits, and is put back whatever happens."""

import pytest
import torch
from torch import Tensor, nn

from senet_viz.gates.activation_cache import ActivationCache, build_activation_cache
from senet_viz.gates.discovery import BoundGate, bind_gates
from senet_viz.gates.hooks import attached, evaluating
from senet_viz.gates.intervention import GatePatch, patching
from tests.support.networks import (
    FAMILIES,
    SELayer,
    SmallNetwork,
    count_hooks,
    draw_images,
    make_library_model,
    small_network,
)

BY_FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())


def patched(network: nn.Module) -> list[nn.Module]:
    return [part for part in network.modules() if "forward" in part.__dict__]


def interventions(gates: tuple[BoundGate, ...], rows: int) -> list[tuple[str, list[GatePatch]]]:
    """Blocks alone and all together, towards several baselines."""
    generator = torch.Generator().manual_seed(0)
    draws = [[torch.rand(rows, b.gate.channels, generator=generator) for b in gates] for _ in range(3)]
    alone = [(b.gate.name, [GatePatch(b, values[i])]) for i, b in enumerate(gates) for values in draws]
    together = [(gates[0].gate.name, [GatePatch(b, v, 0.5) for b, v in zip(gates, values)]) for values in draws]
    return together[:1] + alone + together[1:]


def check_bits(network: nn.Module, images: Tensor) -> ActivationCache:
    with evaluating(network), torch.inference_mode():
        gates = bind_gates(network)
        memory = build_activation_cache(network, gates, lambda: network(images))
        for batch in (images, images.flip(0)):

            def run(batch: Tensor = batch) -> Tensor:
                return network(batch)

            assert torch.equal(memory.run_clean(run), network(batch))
            for first, patches in sorted(interventions(gates, len(images)), key=lambda pair: pair[0]):
                with patching(network, patches):
                    expected = network(batch)
                    assert torch.equal(memory.run_from(first, run), expected)
            memory.forget()
    assert count_hooks(network) == 0
    assert patched(network) == []
    return memory


@BY_FAMILY
def test_same_bits_with_every_family(family):
    assert check_bits(small_network(family.make), draw_images(6)).mode == "shared"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["timm:legacy_seresnet18", "timm:mobilenetv3_small_100", "torchvision:mobilenet_v3_small"]
)
def test_same_bits_with_library_models(name):
    network = make_library_model(name, device="cpu")
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert check_bits(network, images).mode == "shared"


def test_modules_before_the_gate_run_once():
    network, images = small_network(SELayer), draw_images()
    calls: dict[str, int] = {}
    with evaluating(network), torch.inference_mode():
        gates = bind_gates(network)
        memory = build_activation_cache(network, gates, lambda: network(images))
        forwards = {name: part.forward for name, part in network.named_modules()}
        for name, part in network.named_modules():

            def count(*inputs: Tensor, name: str = name) -> Tensor:
                calls[name] = calls.get(name, 0) + 1
                return forwards[name](*inputs)

            part.__dict__["forward"] = count
        memory.run_clean(lambda: network(images))
        for _ in range(5):
            with patching(network, [GatePatch(gates[1], torch.ones(32))]):
                memory.run_from("blocks.1.unit", lambda: network(images))
    assert calls[""] == 6
    assert calls["blocks.0"] == calls["blocks.0.unit"] == 1
    assert (
        calls["blocks.1.conv"] == calls["blocks.1.bn"] == calls["blocks.1.unit.fc.0"] == 2
    )  # clean, and the gate's first
    assert calls["blocks.1.unit.fc.3"] == calls["blocks.1.shortcut"] == calls["head"] == 6
    assert all(part.__dict__["forward"] is not None for part in network.modules())  # a person's own patch is put back


class AddsInPlace(SmallNetwork):
    """Writes into a block's output after it was returned: handing that out again would add twice."""

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.blocks
        x = first(x)
        x += 1
        return self.head(self.dropout(second(x).mean((2, 3))))


class Remembers(SmallNetwork):
    """Its first block leaves something behind that the forward reads: no output tells it all."""

    def __init__(self) -> None:
        super().__init__(SELayer)
        self.calls = 0
        inner = self.blocks[0].conv.forward

        def counting(x: Tensor) -> Tensor:
            self.calls += 1
            return inner(x)

        self.blocks[0].conv.__dict__["forward"] = counting

    def forward(self, x: Tensor) -> Tensor:
        self.calls = 0
        logits = super().forward(x)
        return logits + self.calls


def test_a_network_that_writes_in_place_gets_copies():
    assert check_bits(AddsInPlace(SELayer).eval(), draw_images()).mode == "copied"


def test_a_network_with_a_side_door_runs_whole():
    network, images = Remembers().eval(), draw_images()
    with evaluating(network), torch.inference_mode():
        gates = bind_gates(network)
        memory = build_activation_cache(network, gates, lambda: network(images))
        assert memory.mode == "none"
        clean = network(images)
        assert torch.equal(memory.run_clean(lambda: network(images)), clean)
        assert torch.equal(memory.run_from(gates[1].gate.name, lambda: network(images)), clean)


def test_forwards_are_put_back_when_one_raises():
    network, images = small_network(SELayer), draw_images()
    with evaluating(network), torch.inference_mode():
        gates = bind_gates(network)
        memory = build_activation_cache(network, gates, lambda: network(images))
        clean = memory.run_clean(lambda: network(images))

        def fail(*_: object) -> None:
            raise RuntimeError("out of memory")

        with attached([(network.head, fail)]), pytest.raises(RuntimeError, match="out of memory"):
            memory.run_from("blocks.1.unit", lambda: network(images))
        assert patched(network) == []
        assert count_hooks(network) == 0
        assert torch.equal(network(images), clean)
