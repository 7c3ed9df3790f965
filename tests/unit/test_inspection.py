"""Parameters are counted from the modules and stand beside the formula."""

import pytest

from senet_viz.errors import GateError
from senet_viz.inspection import inspect_model
from senet_viz.models import load_model


@pytest.mark.parametrize(
    ("name", "base", "weights", "biases"),
    [("timm:legacy_seresnet18", 11_689_512, 87_040, 2_040), ("timm:legacy_seresnet34", 21_797_672, 157_184, 4_012)],
)
def test_counts_equal_the_papers_formula(name: str, base: int, weights: int, biases: int) -> None:
    found = inspect_model(load_model(name, weights="random", device="cpu"))
    assert found.formula_weights == weights
    assert found.gate_parameters == weights + biases
    assert found.parameters == base + weights + biases
    assert all(block.gate.parameters == block.formula for block in found.blocks)


def test_a_unit_without_reduction_has_no_formula() -> None:
    found = inspect_model(load_model("timm:ecaresnet26t", weights="random", device="cpu"))
    assert {block.formula for block in found.blocks} == {None}
    assert found.to_json()["blocks"][0]["reduction"] is None


def test_a_network_without_gates_is_refused() -> None:
    with pytest.raises(GateError):
        inspect_model(load_model("timm:resnet10t", weights="random", device="cpu"))
