"""Channels that matter for an output: gradient × gate is autograd's."""

import numpy as np
import pytest
import torch
from torch import nn

from senet_viz.errors import ArgumentError
from senet_viz.gates.recorder import GateRecorder
from senet_viz.workflows.output_attribution import attribute_output
from tests.support.attributing import as_model, draw_pixels, small_model, source_of
from tests.support.networks import FAMILIES, SELayer, small_network

BY_FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())


@BY_FAMILY
@pytest.mark.parametrize("index", [0, 1])
def test_gradient_times_gate_is_plain_autograds(family, index):
    model, pixels = small_model(family.make), draw_pixels()
    name, source = source_of(model, family, index)
    factors: list[torch.Tensor] = []

    def scale(_module: nn.Module, _inputs: object, s: torch.Tensor) -> torch.Tensor:
        factors.append(torch.ones_like(s, requires_grad=True))
        return s * factors[0]  # ∂logit/∂factor at 1 is ∂logit/∂s · s

    handle = source.register_forward_hook(scale)
    logit = model.module(pixels[None])[0, 2]
    handle.remove()
    expected = family.cut(torch.autograd.grad(logit, factors[0])[0])[0]
    found = attribute_output(model, pixels, name, 2)
    np.testing.assert_allclose(found.values, expected.numpy(), rtol=1e-4, atol=1e-6)
    with GateRecorder(model.module) as recorder, torch.no_grad():
        model.module(pixels[None])
        gate = recorder.take()[name][0].numpy()
    np.testing.assert_allclose(found.gate, gate, atol=1e-6)
    np.testing.assert_allclose(found.gradient * found.gate, found.values)
    assert found.logit == pytest.approx(logit.item(), abs=1e-5)
    assert found.total == pytest.approx(float(expected.sum()), abs=1e-4)


def test_sum_and_logit_are_both_told():
    found = attribute_output(small_model(SELayer), draw_pixels(), "SE_2_1", 0)
    assert abs(found.total - found.logit) > 0.01
    assert f"sum to {found.total:+.2f}, the logit is {found.logit:+.2f}" in found.caveat
    assert found.note is None


def test_the_output_has_its_classes_name():
    named = as_model(small_network(SELayer), names=tuple("abcde"))
    assert attribute_output(named, draw_pixels(), "SE_1_1", 3).output_name == "d"
    assert attribute_output(small_model(SELayer), draw_pixels(), "SE_1_1", 3).output_name == "output 3"


def test_an_output_that_no_gate_moves_is_told():
    network = small_network(SELayer)
    with torch.no_grad():
        network.head.weight[1] = 0
    found = attribute_output(as_model(network), draw_pixels(), "SE_1_1", 1)
    assert not found.values.any()
    assert "output 1 is exactly zero at every gate of SE_1_1" in found.note


@pytest.mark.parametrize(
    ("block", "output", "sentence"),
    [
        ("SE_1_1", 5, "small has no output 5: it has 0 to 4."),
        ("SE_1_1", -1, "small has no output -1"),
        ("layer9", 0, "small has no block 'layer9': it has SE_1_1, SE_2_1."),
    ],
)
def test_unusable_arguments_get_one_sentence(block, output, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        attribute_output(small_model(SELayer), draw_pixels(), block, output)
