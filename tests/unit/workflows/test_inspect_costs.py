"""Costs against figures that were counted elsewhere, and formulas by hand."""

import dataclasses

import pytest
import torch

from senet_viz.analysis.costs.design import CostSummary
from senet_viz.models.networks.architectures import build_architecture
from senet_viz.workflows.inspect import summarize_costs
from tests.support.networks import LIBRARY_MODELS, make_library_model, without_values
from tests.support.stepped import model_of


def costs_of(name: str) -> CostSummary:
    """Of a network whose weights have no values."""
    model = model_of(make_library_model(name), outputs=1000)
    return summarize_costs(dataclasses.replace(model, device=torch.device("meta")))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "formula", "convolutions", "per_convolution"),
    [
        ("timm:legacy_seresnet18", 87_040, 16, 174_080),
        ("timm:legacy_seresnet34", 157_184, 32, 314_368),
        ("timm:legacy_seresnet50", 2_514_944, 48, 2_829_312),
    ],
)
def test_residual_networks_cost_what_was_counted(
    name: str, formula: int, convolutions: int, per_convolution: int
) -> None:
    costs = costs_of(name)
    assert costs.formula_weights == formula
    assert sum(stage.weights or 0 for stage in costs.stages) == formula
    assert costs.gate_parameters == LIBRARY_MODELS[name].parameters
    assert [stage.units for stage in costs.stages] == list(LIBRARY_MODELS[name].blocks)
    assert (costs.convolutions, costs.per_convolution) == (convolutions, per_convolution)
    assert [layers for layers, _ in costs.deeper] == [2, 3, 4]
    squares = sum(s.units * (s.channels // 16) ** 2 for s in costs.stages)
    assert [weights for _, weights in costs.deeper] == [formula, formula + squares, formula + 2 * squares]
    one = sum(2 * s.channels**2 // 16 + (s.units - 2) * (s.channels // 16) ** 2 for s in costs.stages)
    assert costs.one_a_stage == one
    assert len(costs.ideas_table()) == 5


@pytest.mark.slow
def test_where_widths_vary_or_nothing_is_reduced_the_formula_is_left_out() -> None:
    varied = costs_of("timm:efficientnet_b0")
    assert varied.one_a_stage is None
    assert varied.reduces
    assert varied.formula_weights == sum(stage.weights or 0 for stage in varied.stages)
    eca = costs_of("timm:ecaresnet50d")
    assert not eca.reduces
    assert (eca.per_convolution, eca.deeper, eca.one_a_stage) == (None, (), None)
    assert eca.table()["weights (2/r)·N·C²"].isna().all()
    assert eca.ideas_table().empty
    assert "86 weights" in eca.answer()


def costs_of_own(name: str, **arguments: object) -> CostSummary:
    """Of a network of this package, an eighth as wide."""
    with without_values():
        network = build_architecture(name, {"num_classes": 5, "side": 32, "width": 0.125, **arguments})
    model = dataclasses.replace(model_of(network), device=torch.device("meta"))
    return summarize_costs(dataclasses.replace(model, preprocess=dataclasses.replace(model.preprocess, size=32)))


@pytest.mark.slow
def test_a_unit_after_every_convolution_costs_what_it_costs_where_it_is_there() -> None:
    for costs in (costs_of_own("se_vgg16"), costs_of_own("se_resnet18", placement="per_conv")):
        assert costs.per_convolution == costs.formula_weights, "units of 8 channels have another r than the wider ones"


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_se_as_it_is_is_the_depth_that_it_has(depth: int) -> None:
    costs = costs_of_own("se_resnet18", depth=depth, bias=False)
    table = costs.ideas_table().set_index("way")
    assert costs.layers == depth
    assert table.loc["SE as it is", "weights"] == costs.gate_parameters
    assert ("excitation with 2 layers" in table.index) == (depth != 2)
