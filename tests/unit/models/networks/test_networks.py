"""The networks are what their papers say: parameters, blocks, channels; they run, learn, and take their weights back."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from senet_viz.errors import ArgumentError, ModelError
from senet_viz.gates.discovery import find_gates
from senet_viz.gates.recorder import GateRecorder
from senet_viz.models.networks.architectures import build_architecture
from senet_viz.models.networks.se import SEBlock
from senet_viz.models.weights import load_strictly, read_weights, save_weights
from tests.support.networks import without_values


@dataclass(frozen=True)
class Known:
    """What is known of a network: blocks per stage, ΣC, weights and biases of its SE units, parameters without."""

    blocks: tuple[int, ...]
    channels: int
    weights: int
    biases: int
    base: int
    ends: tuple[str, str]


KNOWN = {
    "se_resnet18": Known((2, 2, 2, 2), 1_920, 87_040, 2_040, 11_689_512, ("SE_2_1", "SE_5_2")),
    "se_resnet34": Known((3, 4, 6, 3), 3_776, 157_184, 4_012, 21_797_672, ("SE_2_1", "SE_5_3")),
    "se_resnet50": Known((3, 4, 6, 3), 15_104, 2_514_944, 16_048, 25_557_032, ("SE_2_1", "SE_5_3")),
    "se_resnet101": Known((3, 4, 23, 3), 32_512, 4_743_168, 34_544, 44_549_160, ("SE_2_1", "SE_5_3")),
    "se_resnet152": Known((3, 8, 36, 3), 47_872, 6_578_176, 50_864, 60_192_808, ("SE_2_1", "SE_5_3")),
    "se_resnext50": Known((3, 4, 6, 3), 15_104, 2_514_944, 16_048, 25_028_904, ("SE_2_1", "SE_5_3")),
    "se_resnext101": Known((3, 4, 23, 3), 32_512, 4_743_168, 34_544, 44_177_704, ("SE_2_1", "SE_5_3")),
    "se_bn_inception": Known((3, 5, 2), 6_624, 639_360, 7_038, 11_285_224, ("SE_3a", "SE_5b")),
    "se_inception_v3": Known((3, 5, 3), 10_048, 1_650_944, 10_676, 23_834_568, ("SE_5b", "SE_7c")),
    "se_vgg16": Known((2, 2, 3, 3, 3), 4_224, 226_304, 4_488, 138_365_992, ("SE_1_1", "SE_5_3")),
}
SMALL = {
    "se_resnet18": {"width": 1 / 16}, "se_resnet34": {"width": 1 / 16}, "se_resnet50": {"width": 1 / 16},
    "se_resnet101": {"width": 1 / 16}, "se_resnet152": {"width": 1 / 16}, "se_resnext50": {"width": 1 / 4},
    "se_resnext101": {"width": 1 / 4}, "se_bn_inception": {"width": 1 / 16}, "se_inception_v3": {"width": 1 / 16},
    "se_vgg16": {"width": 1 / 16},
}  # fmt: skip
LEARNING_RATE = 2e-2
CHEAP = ("se_resnet18", "se_resnet50", "se_resnext50", "se_bn_inception", "se_inception_v3", "se_vgg16")


def on_meta(name: str, **arguments: object) -> nn.Module:
    with without_values():
        return build_architecture(name, arguments)


def small(name: str, **arguments: object) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_architecture(name, {"num_classes": 4, "side": 32, **SMALL[name], **arguments})


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def images(side: int, many: int = 2) -> Tensor:
    return torch.randn(many, 3, side, side, generator=torch.Generator().manual_seed(side))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(KNOWN))
def test_parameters_blocks_and_channels_are_the_known_ones(name: str) -> None:
    known, network = KNOWN[name], on_meta(name)
    gates = find_gates(network)
    stages = sorted({gate.stage for gate in gates})
    assert tuple(sum(gate.stage == stage for gate in gates) for stage in stages) == known.blocks
    assert (gates[0].label, gates[-1].label) == known.ends
    assert sum(gate.channels for gate in gates) == known.channels
    units = [network.get_submodule(gate.name) for gate in gates]
    assert sum(p.numel() for unit in units for p in unit.parameters() if p.ndim > 1) == known.weights
    assert sum(p.numel() for unit in units for p in unit.parameters() if p.ndim == 1) == known.biases
    assert count(network) == known.base + known.weights + known.biases


def test_inceptions_channels_are_those_of_the_papers_modules() -> None:
    channels = {g.label: g.channels for g in find_gates(on_meta("se_bn_inception"))}
    assert channels == {
        "SE_3a": 256, "SE_3b": 320, "SE_3c": 576, "SE_4a": 576, "SE_4b": 576, "SE_4c": 608, "SE_4d": 608, "SE_4e": 1056,
        "SE_5a": 1024, "SE_5b": 1024,
    }  # fmt: skip
    stages = [g.stage for g in find_gates(on_meta("se_inception_v3"))]
    assert stages == [5, 5, 5, 6, 6, 6, 6, 6, 7, 7, 7]


@pytest.mark.parametrize(
    ("name", "units", "weights"),
    [
        ("se_resnet18", 16, 174_080),
        ("se_resnet34", 32, 314_368),
        ("se_resnet50", 48, 2_829_312),
        ("se_vgg16", 13, 226_304),
    ],
)
def test_a_unit_after_every_convolution_costs_what_it_should(name: str, units: int, weights: int) -> None:
    gates = find_gates(on_meta(name, placement="per_conv", bias=False))
    assert len(gates) == units
    assert sum(gate.parameters for gate in gates) == weights


def test_without_se_they_are_the_libraries_networks() -> None:
    with without_values():
        theirs = {
            "se_inception_v3": torchvision.models.inception_v3(aux_logits=False, init_weights=False),
            "se_vgg16": torchvision.models.vgg16_bn(),
            "se_resnet34": timm.create_model("resnet34"),
            "se_resnext101": timm.create_model("resnext101_32x4d"),
        }
    for name, network in theirs.items():
        assert count(on_meta(name, placement="none")) == count(network)


@pytest.mark.parametrize(("name", "theirs"), [("se_resnet101", "seresnet101"), ("se_resnext50", "seresnext50_32x4d")])
def test_names_and_shapes_are_timms(name: str, theirs: str) -> None:
    with without_values():
        original = timm.create_model(theirs)
    ours = on_meta(name)
    assert {n: v.shape for n, v in ours.state_dict().items()} == {n: v.shape for n, v in original.state_dict().items()}


def test_weights_of_timms_network_give_the_same_logits() -> None:
    original, ours = timm.create_model("seresnet50", num_classes=5).eval(), on_meta("se_resnet50", num_classes=5).eval()
    ours.load_state_dict(original.state_dict(), assign=True)
    with torch.no_grad():
        assert torch.allclose(ours(images(64, 1)), original(images(64, 1)), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "side"),
    [(n, side) for n in CHEAP for side in (32, 64, 224 if n != "se_inception_v3" else 299)],
)
def test_shapes_and_gates_at_every_size(name: str, side: int) -> None:
    network = small(name, side=side).eval()
    assert network.pretrained_cfg["input_size"] == (3, side, side)
    with GateRecorder(network) as recorder, torch.no_grad():
        logits = network(images(side))
        gates = recorder.take()
    assert logits.shape == (2, 4)
    assert len(gates) == sum(KNOWN[name].blocks)
    assert all(s is not None and s.shape[0] == 2 and s.isfinite().all() for s in gates.values())


@pytest.mark.parametrize("side", [13, 33, 75])
def test_inception_v3_runs_at_the_smallest_sides_that_it_takes(side: int) -> None:
    with torch.no_grad():
        assert small("se_inception_v3", side=side).eval()(images(side)).shape == (2, 4)


@pytest.mark.parametrize("side", [32, 64])
def test_small_images_keep_positions_stage_by_stage(side: int) -> None:
    for name, part, positions in (
        ("se_resnet18", "layer1", 32),
        ("se_resnet18", "layer2", 16),
        ("se_bn_inception", "features.inception_3a", 16),
    ):
        network, shapes = small(name, side=side).eval(), []
        network.get_submodule(part).register_forward_hook(lambda _m, _i, o: shapes.append(o.shape[-1]))  # noqa: B023
        with torch.no_grad():
            network(images(side))
        assert shapes == [positions]


@pytest.mark.parametrize("name", ["se_bn_inception", "se_inception_v3"])
def test_inceptions_units_are_called_once_and_get_gradients(name: str) -> None:
    network = small(name, reduction=2).train()
    units = {n: part for n, part in network.named_modules() if isinstance(part, SEBlock)}
    calls = dict.fromkeys(units, 0)
    for n, unit in units.items():
        unit.register_forward_hook(lambda _m, _i, _o, n=n: calls.update({n: calls[n] + 1}))
    nn.functional.cross_entropy(network(images(32, 4)), torch.arange(4)).backward()
    assert len(units) == sum(KNOWN[name].blocks)
    assert set(calls.values()) == {1}
    for n, unit in units.items():
        moved = [p.grad for p in unit.parameters()]
        assert all(g is not None and g.abs().sum() > 0 for g in moved[2:]), f"{n}: fc2 gets none"
        assert any(g is not None and g.abs().sum() > 0 for g in moved[:2]), f"{n}: fc1 gets none"


@pytest.mark.parametrize("name", list(SMALL))
def test_a_small_copy_overfits_a_small_batch(name: str) -> None:
    network = small(name).train()
    for part in network.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    batch, labels = images(32 if name == "se_vgg16" else 16, 4), torch.arange(4)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    losses: list[float] = []
    while len(losses) < 31 and (not losses or losses[-1] > losses[0] / 10):
        loss = nn.functional.cross_entropy(network(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] <= losses[0] / 10


@pytest.mark.parametrize("name", CHEAP)
def test_weights_load_back_strictly(name: str, tmp_path: Path) -> None:
    origin, again = small(name), small(name)
    with torch.no_grad():
        for parameter in origin.parameters():
            parameter.add_(0.01)
    save_weights(origin, tmp_path / "w.safetensors")
    load_strictly(again, read_weights(tmp_path / "w.safetensors"), name)
    pairs = zip(origin.state_dict().items(), again.state_dict().items(), strict=True)
    assert all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)
    with pytest.raises(ModelError, match="do not fit the architecture"):
        load_strictly(small(name, placement="none"), read_weights(tmp_path / "w.safetensors"), name)


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("se_resnet18", {"width": 0.3}, r"width 0\.3 makes 19\.2 channels"),
        ("se_resnext50", {"width": 0.125}, r"at least 0\.25 wide"),
        ("se_resnext50", {"width": 0.3125}, r"would have 1\.25 channels a group: choose a multiple of 0\.25"),
        ("se_bn_inception", {"placement": "post"}, "SE-BN-Inception has no placement 'post'"),
        ("se_inception_v3", {"placement": "per_conv"}, "SE-Inception-v3 has no placement"),
        ("se_vgg16", {"placement": "standard"}, "SE-VGG-16 has no placement"),
        ("se_vgg16", {"side": 16}, "at least 32 px"),
        ("se_resnet18", {"side": 4}, "at least 8 px"),
        ("se_inception_v3", {"side": 12}, "takes 13 to 64 px, or 75 px and more"),
        ("se_inception_v3", {"side": 74}, "takes 13 to 64 px, or 75 px and more"),
        ("se_resnet18", {"stages": [1]}, "SE-ResNet-18 has the stages 2 to 5"),
        ("se_resnext50", {"stages": []}, "SE-ResNeXt-50 has the stages 2 to 5"),
        ("se_bn_inception", {"stages": [2, 3]}, "SE-BN-Inception has the stages 3 to 5"),
        ("se_inception_v3", {"stages": [4]}, "SE-Inception-v3 has the stages 5 to 7"),
        ("se_vgg16", {"stages": [6]}, "SE-VGG-16 has the stages 1 to 5"),
    ],
)
def test_what_can_not_be_built_is_refused(name: str, arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        build_architecture(name, arguments)


def test_the_page_of_networks_has_these_numbers() -> None:
    rows = (Path(__file__).parents[4] / "docs" / "networks.md").read_text(encoding="utf-8").splitlines()
    for name, known in KNOWN.items():
        row = next(row for row in rows if row.startswith(f"| `{name}`"))
        numbers = (sum(known.blocks), known.channels, known.weights, known.biases, known.base)
        assert row.endswith("| " + " | ".join(f"{n:,}" for n in numbers) + " |")
