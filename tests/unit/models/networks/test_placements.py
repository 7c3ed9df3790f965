"""Each placement scales what it says: told apart by closing all gates and looking at what is left."""

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from senet_viz.errors import ArgumentError
from senet_viz.gates.discovery import find_gates, survey_gates
from senet_viz.gates.recorder import GateRecorder
from senet_viz.models.networks.architectures import build_architecture
from senet_viz.models.networks.se import SEBasicBlock, SEBlock, SEBottleneck, SEDesign, SEPlacement, place_units

CLOSED = -1e4
SMALL = {"num_classes": 3, "width": 1 / 16, "side": 32}


def unit_of(kind: type[nn.Module], placement: SEPlacement) -> nn.Module:
    """A residual unit of four planes whose gates are constant and closed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unit = kind(4 * kind.expansion, 4)
        place_units(unit, SEDesign(placement=placement, gate="constant"), 2)
    with torch.no_grad():
        for name, parameter in unit.named_parameters():
            if name.endswith("logits"):
                parameter.fill_(CLOSED)
    return unit.eval()


def branch_of(unit: nn.Module, x: Tensor) -> Tensor:
    """The branch without SE units."""
    x = unit.act1(unit.bn1(unit.conv1(x)))
    x = unit.bn2(unit.conv2(x))
    return unit.bn3(unit.conv3(unit.act2(x))) if isinstance(unit, SEBottleneck) else x


@pytest.mark.parametrize(
    ("kind", "placement"),
    [(SEBottleneck, place) for place in get_args(SEPlacement)]
    + [(SEBasicBlock, place) for place in get_args(SEPlacement) if place != "3x3"],
)
def test_closed_gates_leave_what_the_placement_lets_by(kind: type[nn.Module], placement: SEPlacement) -> None:
    unit = unit_of(kind, placement)
    x = torch.randn(2, 4 * kind.expansion, 6, 6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        out, branch, silent = unit(x), branch_of(unit, x), branch_of(unit, torch.zeros_like(x))
        after = unit.bn3(unit.conv3(torch.zeros(2, 4, 6, 6))) if kind is SEBottleneck else None
    wanted = {
        "none": (branch + x).relu(),
        "standard": x.relu(),
        "per_conv": x.relu(),
        "pre": (silent + x).relu(),
        "post": torch.zeros_like(x),
        "identity": branch.relu(),
        "3x3": None if after is None else (after + x).relu(),
    }[placement]
    assert wanted is not None
    assert torch.allclose(out, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("placement", "names", "label"),
    [
        ("standard", ["layer1.0.se"], "SE_5_3"),
        ("pre", ["layer1.0.se_pre"], "SE_5_3"),
        ("post", ["layer1.0.se_post"], "SE_5_3"),
        ("identity", ["layer1.0.se_identity"], "SE_5_3"),
        ("3x3", ["layer1.0.se2"], "SE_5_3"),
        ("per_conv", ["layer1.0.se1", "layer1.0.se2", "layer1.0.se"], "SE_5_3.3"),
    ],
)
def test_gates_of_every_placement_are_found_in_order(placement: str, names: list[str], label: str) -> None:
    network = build_architecture("se_resnet50", {**SMALL, "placement": placement})
    gates = find_gates(network)
    assert [g.name for g in gates[: len(names)]] == names
    assert gates[-1].label == label
    assert len({g.label for g in gates}) == len(gates) == 16 * len(names)
    with GateRecorder(network.eval()) as recorder, torch.no_grad():
        network(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
        assert all(value is not None for value in recorder.take().values())


def test_single_stages_and_no_squeeze() -> None:
    network = build_architecture("se_resnet18", {**SMALL, "stages": [3, 5]})
    assert [g.label for g in find_gates(network)] == ["SE_3_1", "SE_3_2", "SE_5_1", "SE_5_2"]
    spatial = build_architecture("se_resnet18", {**SMALL, "squeeze": "none"})
    survey = survey_gates(spatial)
    assert not survey.bound
    assert [unit.kind for unit in survey.refused] == ["NoSqueeze"] * 8


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ArgumentError, match="SE-ResNet-18 has no placement '3x3'"):
        build_architecture("se_resnet18", {**SMALL, "placement": "3x3"})
    with pytest.raises(ArgumentError, match="of r and bias alone"):
        SEDesign(squeeze="none", depth=3)
    with pytest.raises(ArgumentError, match="gate is 'step'"):
        SEDesign(gate="step")  # type: ignore[arg-type]


def test_a_design_makes_identities_where_it_has_no_unit() -> None:
    design = SEDesign(stages=(2,), reduction=4)
    assert isinstance(design.make(16, 3), nn.Identity)
    unit = design.make(16, 2)
    assert isinstance(unit, SEBlock)
    assert unit.get_submodule("fc1").out_channels == 4
