"""Pixels that drive a gate: the gradient is autograd's, integrated gradients sum to the gate's change."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from senet_viz.errors import ArgumentError
from senet_viz.gates.recorder import GateRecorder
from senet_viz.workflows.attribution import attribute_gate
from tests.support.attributing import SIDE, as_model, draw_pixels, small_model, source_of, watch_gates
from tests.support.networks import FAMILIES, SELayer, SmallNetwork, h_sigmoid, small_network

BY_FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())


def gates_of(network: nn.Module, images: Tensor, block: str) -> np.ndarray:
    with GateRecorder(network) as recorder, torch.no_grad():
        network(images)
        return recorder.take()[block].double().numpy()


def last_layer(network: SmallNetwork, index: int) -> nn.Linear:
    return network.blocks[index].unit.fc[2]


@BY_FAMILY
@pytest.mark.parametrize("index", [0, 1])
def test_the_gradient_of_a_channel_is_plain_autograds(family, index):
    model, pixels = small_model(family.make), draw_pixels()
    name, source = source_of(model, family, index)
    images = pixels[None].requires_grad_(True)
    gate = watch_gates(model, source, family, images)[0, 3]
    (expected,) = torch.autograd.grad(gate, images)
    found = attribute_gate(model, pixels, name, 3)
    np.testing.assert_allclose(found.values, expected[0].numpy(), rtol=1e-4, atol=1e-7)
    assert found.gate == pytest.approx(gate.item(), abs=1e-6)
    assert (found.method, found.channels, found.completeness) == ("gradient", (3,), None)
    assert (found.note is None) == bool(expected.any())


@BY_FAMILY
def test_integrated_gradients_sum_to_the_gates_change(family):
    model, pixels = small_model(family.make), draw_pixels()
    name, _ = source_of(model, family, 1)
    found = attribute_gate(model, pixels, name, [2, 5], method="integrated", steps=300, batch_size=64)
    ends = gates_of(model.module, torch.stack([pixels, torch.zeros_like(pixels)]), name)[:, [2, 5]].mean(1)
    done = found.completeness
    assert found.gate == pytest.approx(ends[0], abs=1e-6)
    assert done.baseline_gate == pytest.approx(ends[1], abs=1e-6)
    change = found.gate - done.baseline_gate
    assert found.values.sum() == pytest.approx(change + done.residual, abs=1e-12)
    assert abs(done.residual) < max(0.01 * abs(change), 1e-3)
    assert done.steps == 300


def test_more_steps_leave_less_residual():
    model, pixels = small_model(SELayer), 3 * draw_pixels()
    residuals = [
        abs(attribute_gate(model, pixels, "SE_2_1", 1, method="integrated", steps=n).completeness.residual)
        for n in (1, 200)
    ]
    assert residuals[1] < residuals[0] / 10


def test_batches_do_not_matter():
    model, pixels = small_model(SELayer), draw_pixels()
    one, all_at_once = (
        attribute_gate(model, pixels, "SE_2_1", 1, method="integrated", steps=9, batch_size=n) for n in (1, 100)
    )
    np.testing.assert_allclose(one.values, all_at_once.values, atol=1e-8)
    assert one.completeness.residual == pytest.approx(all_at_once.completeness.residual, abs=1e-6)


def test_a_set_of_channels_is_the_mean_of_its_channels():
    model, pixels = small_model(SELayer), draw_pixels()
    each = [attribute_gate(model, pixels, "SE_1_1", c) for c in (0, 4, 15)]
    together = attribute_gate(model, pixels, "SE_1_1", np.array([0, 4, 15]))
    np.testing.assert_allclose(together.values, np.mean([a.values for a in each], axis=0), atol=1e-8)
    assert together.gate == pytest.approx(np.mean([a.gate for a in each]), abs=1e-6)
    assert together.subject == "the mean of channels 0, 4 and 15 of SE_1_1"


def test_black_white_and_mean_are_the_colours_that_they_say():
    model, pixels = small_model(SELayer), draw_pixels()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (model.preprocess.mean, model.preprocess.std))
    for baseline, colour in (("mean", mean), ("black", torch.zeros(3, 1, 1)), ("white", torch.ones(3, 1, 1))):
        image = ((colour - mean) / std).expand(3, SIDE, SIDE)
        expected = gates_of(model.module, image[None], "blocks.0.unit")[0, 7]
        found = attribute_gate(model, pixels, "SE_1_1", 7, method="integrated", baseline=baseline, steps=1)
        assert found.completeness.baseline == baseline
        assert found.completeness.baseline_gate == pytest.approx(expected, abs=1e-6)


def test_the_picture_is_what_the_network_saw():
    model = small_model(SELayer)
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    mean, std = (np.array(v, dtype=np.float32) for v in (model.preprocess.mean, model.preprocess.std))
    pixels = torch.from_numpy((picture.astype(np.float32) / 255 - mean) / std).permute(2, 0, 1)
    assert np.array_equal(attribute_gate(model, pixels, "SE_1_1", 0).picture, picture)


def saturate(channels: list[int], shift: float) -> SmallNetwork:
    """A hard sigmoid whose chosen channels of block 1 lie on a flat part."""
    network = small_network(lambda c: SELayer(c, 4, h_sigmoid()))
    layer = last_layer(network, 1)
    layer.bias = nn.Parameter(torch.zeros(layer.out_features))
    with torch.no_grad():
        layer.bias[channels] = shift
    return network


@pytest.mark.parametrize(("shift", "bound"), [(-50.0, 0), (50.0, 1)])
def test_a_saturated_hard_sigmoid_is_told(shift, bound):
    model = as_model(saturate([2, 9], shift))
    for chosen in (2, [2, 9]):
        found = attribute_gate(model, draw_pixels(), "SE_2_1", chosen)
        assert found.gate == bound
        assert not found.values.any()
        assert f"is exactly {bound}, where its hard sigmoid is flat" in found.note
    some = attribute_gate(model, draw_pixels(), "SE_2_1", [2, 3, 9])
    assert some.values.any()
    assert "2 of the 3 chosen channels of SE_2_1 are saturated" in some.note
    assert attribute_gate(model, draw_pixels(), "SE_2_1", 3).note is None
    integrated = attribute_gate(model, draw_pixels(), "SE_2_1", 2, method="integrated", steps=4)
    assert "Saturated" in integrated.note


def test_a_gate_that_nothing_moves_is_told():
    network = small_network(SELayer)
    with torch.no_grad():
        last_layer(network, 1).weight.zero_()
    found = attribute_gate(as_model(network), draw_pixels(), "SE_2_1", 2)
    assert found.gate == 0.5
    assert "exactly zero at every pixel: no small change" in found.note


def test_progress_counts_points_and_may_stop_the_work():
    model, seen = small_model(SELayer), []

    def note(done: int, total: int) -> None:
        seen.append((done, total))

    attribute_gate(model, draw_pixels(), "SE_1_1", 0, method="integrated", steps=9, batch_size=4, on_progress=note)
    assert seen == [(4, 11), (8, 11), (11, 11)]
    seen.clear()
    attribute_gate(model, draw_pixels(), "SE_1_1", 0, on_progress=note)
    assert seen == [(1, 1)]


def test_the_path_is_the_blocks_other_name():
    model = small_model(SELayer)
    by_label, by_path = (attribute_gate(model, draw_pixels(), b, 0) for b in ("SE_2_1", "blocks.1.unit"))
    assert by_label.block == by_path.block
    assert np.array_equal(by_label.values, by_path.values)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"block": "SE_9_9"}, "small has no block 'SE_9_9': it has SE_1_1, SE_2_1."),
        ({"channels": 16}, "SE_1_1 has no channel 16: it has 0 to 15."),
        ({"channels": -1}, "SE_1_1 has no channel -1"),
        ({"channels": []}, "No channel of SE_1_1 was chosen"),
        ({"channels": [1, 1]}, "A channel of SE_1_1 was chosen twice"),
        ({"channels": [1.5]}, "is no channel of SE_1_1: give whole numbers"),
        ({"method": "magic"}, "No method is called 'magic': choose one of gradient, integrated."),
        ({"baseline": "grey"}, "No baseline is called 'grey': choose one of mean, black, white."),
        ({"steps": 0}, "0 steps were asked for: ask for 1 to 1,000."),
        ({"batch_size": 0}, "The batch size is 0"),
        ({"pixels": torch.zeros(1, 3, 16, 16)}, r"float32 of shape \(1, 3, 16, 16\), not one float32 image of \(3, 16"),
        ({"pixels": torch.zeros(3, 16, 17)}, r"shape \(3, 16, 17\)"),
        ({"pixels": torch.zeros(3, 16, 16).double()}, "The pixels are float64"),
        ({"pixels": torch.full((3, 16, 16), float("nan"))}, "not finite"),
    ],
)
def test_unusable_arguments_get_one_sentence(changes, sentence):
    values = {"pixels": draw_pixels(), "block": "SE_1_1", "channels": 0, "method": "integrated"} | changes
    pixels, block, channels = values.pop("pixels"), values.pop("block"), values.pop("channels")
    with pytest.raises(ArgumentError, match=sentence):
        attribute_gate(small_model(SELayer), pixels, block, channels, **values)
