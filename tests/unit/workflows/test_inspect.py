"""Parameters are counted from the modules and stand beside the formula."""

import pytest

from senet_viz.errors import GateError
from senet_viz.models.zoo import load_model
from senet_viz.workflows.inspect import inspect_model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "base", "weights", "biases"),
    [("timm:legacy_seresnet18", 11_689_512, 87_040, 2_040), ("timm:legacy_seresnet34", 21_797_672, 157_184, 4_012)],
)
def test_counts_equal_the_papers_formula(name: str, base: int, weights: int, biases: int) -> None:
    found = inspect_model(load_model(name, weights="random", device="cpu"))
    assert found.formula_weights == weights
    assert found.gate_parameters == weights + biases
    assert found.parameters == base + weights + biases
    assert all(block.formula and block.gate.parameters == block.formula.parameters for block in found.blocks)


def test_a_unit_without_reduction_has_no_formula() -> None:
    found = inspect_model(load_model("timm:ecaresnet26t", weights="random", device="cpu"))
    assert {block.formula for block in found.blocks} == {None}
    assert found.to_json()["blocks"][0]["reduction"] is None


def test_a_network_without_gates_is_refused() -> None:
    with pytest.raises(GateError):
        inspect_model(load_model("timm:resnet10t", weights="random", device="cpu"))


@pytest.mark.parametrize(
    ("name", "layers"),
    [("timm:legacy_seresnet18", 2), ("senet_viz:se_resnet18,depth=3,bias=false,placement=per_conv,side=64", 3)],
)
def test_weights_biases_and_operations_are_counted_beside_the_formula(name: str, layers: int) -> None:
    found = inspect_model(load_model(name, weights="random", device="cpu"))
    for block in found.blocks:
        assert block.counted == block.formula, block.gate.name
        assert block.depth == layers
    first = found.blocks[0]
    assert first.counted.squeeze_macs == first.counted.scale_macs == 64 * (found.side // (4 if layers == 2 else 2)) ** 2
    tree = found.to_json()
    assert tree["gate_cost"]["weights"] == sum(block["weights"] for block in tree["blocks"])
    assert found.note is not None
    assert tree["note_weights"] == found.note.note
    assert found.note.depth == layers


def test_operations_outside_the_units_are_the_networks_own() -> None:
    found = inspect_model(load_model("timm:legacy_seresnet18", weights="random", device="cpu"))
    assert found.macs == 1_814_073_344
    assert found.side == 224


def test_a_constant_gate_computes_nothing_but_the_scale() -> None:
    name = "senet_viz:se_resnet18,gate=constant,width=0.0625,side=32"
    found = inspect_model(load_model(name, weights="random", device="cpu"))
    cost = found.blocks[0].counted
    assert (cost.weights, cost.biases, cost.squeeze_macs, cost.excitation_macs) == (0, 4, 0, 0)
    assert cost.scale_macs == 4 * 32 * 32
    assert found.note is None
