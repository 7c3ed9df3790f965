"""Costs by formula against networks that were built: every architecture, placement, r and depth."""

from typing import Any

import pytest
import timm
import torch
from torch import nn

from senet_viz.analysis.costs.ablations import answer_design, compare_formula, compare_note
from senet_viz.analysis.costs.design import REDUCTIONS, cost_design, sweep_reductions
from senet_viz.analysis.costs.formulas import ARCHITECTURES, Placement, list_sites
from senet_viz.errors import ArgumentError
from senet_viz.gates.discovery import find_gates
from senet_viz.models.networks.architectures import build_architecture, parse_architecture
from senet_viz.models.networks.se import SEBlock
from tests.support.networks import without_values

OWN = [a for a in ARCHITECTURES if a.name != "senet154"]
LAYERS = (nn.Conv2d, nn.Linear)


def built(name: str, **arguments: Any) -> nn.Module:
    with without_values():
        return build_architecture(name, arguments).eval()


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.name)
def test_networks_without_se_have_the_stated_size(architecture: Any) -> None:
    with without_values():
        network = (
            timm.create_model("legacy_senet154").eval()
            if architecture.name == "senet154"
            else build_architecture(architecture.name, {"placement": "none"}).eval()
        )
    outside = [(n, part) for n, part in network.named_modules() if isinstance(part, LAYERS) and "se_module" not in n]
    macs = []
    for _, part in outside:
        part.register_forward_hook(lambda m, _i, o: macs.append(o.numel() * m.weight[0].numel()))
    network(torch.zeros(1, 3, architecture.side, architecture.side, device="meta"))
    assert sum(macs) == architecture.macs
    assert sum(p.numel() for n, p in network.named_parameters() if "se_module" not in n) == architecture.parameters


@pytest.mark.parametrize(
    ("name", "placement"),
    [
        ("se_resnet18", "pre"),
        ("se_resnet18", "per_conv"),
        ("se_resnet50", "standard"),
        ("se_resnet50", "3x3"),
        ("se_resnext50", "per_conv"),
        ("se_bn_inception", "standard"),
        ("se_inception_v3", "standard"),
        ("se_vgg16", "per_conv"),
    ],
)
def test_sites_are_where_the_network_has_its_units(name: str, placement: Placement) -> None:
    network, sites = built(name, placement=placement), list_sites(name, placement)
    gates = find_gates(network)
    assert [(g.label, g.stage, g.channels) for g in gates] == [(s.label, s.stage, s.channels) for s in sites]
    positions: list[int] = []
    for part in network.modules():
        if isinstance(part, SEBlock):
            part.register_forward_hook(lambda _m, i, _o: positions.append(i[0].shape[-2] * i[0].shape[-1]))
    side = next(a.side for a in OWN if a.name == name)
    network(torch.zeros(1, 3, side, side, device="meta"))
    assert positions == [s.positions for s in sites]


@pytest.mark.parametrize("name", ["se_resnet34", "se_resnet101", "se_resnet152", "se_resnext101"])
def test_the_sites_of_longer_networks_add_up(name: str) -> None:
    design = cost_design(name, placement="per_conv", reduction=8, depth=3)
    counted = sum(p.numel() for p in built(name, placement="per_conv", reduction=8, depth=3).parameters())
    assert counted == design.architecture.parameters + design.total.parameters


@pytest.mark.parametrize(
    ("name", "placement", "reduction", "depth", "bias"),
    [
        ("se_resnet18", "per_conv", 4, 4, True),
        ("se_resnet34", "post", 32, 2, False),
        ("se_resnet50", "identity", 16, 2, True),
        ("se_resnet50", "pre", 8, 3, True),
        ("se_resnet50", "3x3", 2, 6, False),
        ("se_resnext50", "per_conv", 16, 2, True),
        ("se_bn_inception", "standard", 64, 3, True),
        ("se_inception_v3", "standard", 16, 2, True),
        ("se_vgg16", "per_conv", 16, 2, False),
    ],
)
def test_parameters_are_those_of_the_instantiated_network(
    name: str, placement: Placement, reduction: int, depth: int, bias: bool
) -> None:
    design = cost_design(name, placement=placement, reduction=reduction, depth=depth, bias=bias)
    network = built(name, placement=placement, reduction=reduction, depth=depth, bias=bias)
    counted = sum(p.numel() for p in network.parameters())
    assert counted == design.architecture.parameters + design.total.parameters
    units = [sum(p.numel() for p in part.parameters()) for part in network.modules() if isinstance(part, SEBlock)]
    assert sorted(units) == sorted(unit.cost.parameters for unit in design.units)
    assert design.model is not None
    own, arguments = parse_architecture(design.model.removeprefix("senet_viz:"))
    assert sum(p.numel() for p in built(own, **arguments).parameters()) == counted, design.model


def test_a_network_that_nothing_builds_has_no_command() -> None:
    assert cost_design("senet154").model == "timm:legacy_senet154"
    assert cost_design("senet154", reduction=8).model is None
    assert cost_design("senet154", bias=False).model is None


def test_the_papers_network_costs_what_the_paper_says() -> None:
    design = cost_design("se_resnet50")
    assert (design.total.weights, design.total.biases) == (2_514_944, 16_048)
    assert design.eq5 == 2_514_944
    assert round((design.architecture.macs + design.total.macs) / 1e9, 3) == 4.103
    assert design.parameter_share == pytest.approx(2_530_992 / 25_557_032)
    last = design.table().iloc[-1]
    assert (last["block"], last["weights"], last["biases"]) == ("all", 2_514_944, 16_048)


def test_the_sweep_sums_to_the_designs() -> None:
    sweep = sweep_reductions("se_resnet50", placement="per_conv", depth=3)
    totals = [
        cost_design("se_resnet50", placement="per_conv", reduction=r, depth=3).total.parameters for r in REDUCTIONS
    ]
    assert list(sweep.totals) == totals
    assert sweep.stages == (2, 3, 4, 5)
    assert list(sweep.table()["all"]) == totals


def test_answers_say_the_numbers_and_where_the_formula_differs() -> None:
    design = cost_design("se_resnet50")
    assert "**16 SE units add 9.90% to the parameters of SE-ResNet-50 and 0.33% to its operations**" in answer_design(
        design
    )
    assert "Stage 5 holds 62%" in answer_design(design)
    assert "equal eq 5 exactly: 2,514,944" in compare_formula(design)
    assert "731,392" in compare_note(design)
    odd = cost_design("se_bn_inception", reduction=64, depth=3)
    assert "C/r is no whole number in every block" in compare_formula(odd)
    assert "differ in width" in compare_note(odd)
    assert odd.note is None


@pytest.mark.parametrize(
    ("name", "placement", "sentence"),
    [("se_resnet18", "3x3", "has no placement '3x3'"), ("resnet", "standard", "No architecture is called 'resnet'")],
)
def test_what_there_is_not_is_refused(name: str, placement: Placement, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        cost_design(name, placement=placement)
