"""Grad-CAM of a block's output, beside maps computed by hand."""

import numpy as np
import pytest
import torch
from timm.layers.squeeze_excite import SqueezeExciteCl
from torch import Tensor, nn
from torch.nn import functional

from senet_viz.analysis.attribution import GradCam
from senet_viz.errors import ArgumentError, GateError
from senet_viz.models.zoo import load_model
from senet_viz.workflows.output_attribution import compute_grad_cam
from tests.support.attributing import SIDE, all_hooks, as_model, draw_pixels, small_model
from tests.support.networks import FAMILIES, SELayer, make_library_model, small_network
from tests.support.tiny import tiny_se

BY_FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())


def cam_by_hand(activations: Tensor, logit: Tensor) -> np.ndarray:
    """The formula, from A (1, C, h, w) with its graph."""
    (gradient,) = torch.autograd.grad(logit, activations)
    weights = gradient[0].mean((1, 2))
    return torch.einsum("c,chw->hw", weights, activations[0]).clamp(min=0).detach().numpy()


def check(found: GradCam, expected: np.ndarray, side: int = SIDE) -> None:
    assert expected.any()
    np.testing.assert_allclose(found.coarse, expected, rtol=1e-4, atol=1e-6)
    enlarged = functional.interpolate(torch.tensor(expected)[None, None], size=(side, side), mode="bilinear")[0, 0]
    np.testing.assert_allclose(found.map, enlarged.numpy(), rtol=1e-4, atol=1e-6)


@BY_FAMILY
@pytest.mark.parametrize("index", [0, 1])
def test_the_map_is_the_formula_on_what_the_block_returns(family, index):
    model = small_model(family.make)
    network, images = model.module, draw_pixels()[None]
    held = family.prefix != ""  # a module around the unit, inside the residual block
    found = [compute_grad_cam(model, images[0], f"SE_{index + 1}_1", k) for k in range(5)]
    assert {f.module for f in found} == {f"blocks.{index}.unit" if held else f"blocks.{index}"}
    assert any(f.coarse.any() for f in found)
    if held:
        return
    for k, cam in enumerate(found):  # the network taken apart: no hook has a hand in this
        first = network.blocks[0](images)
        activations = (first if index == 0 else network.blocks[1](first)).detach().requires_grad_(True)
        last = network.blocks[1](activations.clone()) if index == 0 else activations
        logit = network.head(last.mean((2, 3)))[0, k]
        expected = cam_by_hand(activations, logit)
        np.testing.assert_allclose(cam.coarse, expected, rtol=1e-4, atol=1e-6)
        assert cam.logit == pytest.approx(logit.item(), abs=1e-5)
        assert (cam.note is None) == bool(expected.any())


def test_without_a_block_around_it_the_unit_itself_is_used():
    model = load_model("tests.support.tiny:tiny_se", device="cpu")
    pixels = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
    network = tiny_se().eval()
    activations = network.se1(network.conv1(pixels[None]).relu()).detach().requires_grad_(True)
    logit = network.head(network.se2(network.conv2(activations).relu()).mean((2, 3)))[0, 4]
    found = compute_grad_cam(model, pixels, "se1", 4)
    assert (found.module, found.module_kind) == ("se1", "SEModule")
    check(found, cam_by_hand(activations, logit), side=8)


@pytest.mark.parametrize(
    ("name", "block", "module", "kind"),
    [
        ("timm:seresnet18", "layer3.1.se", "layer3.1", "BasicBlock"),
        ("torchvision:efficientnet_b0", "features.4.1.block.2", "features.4.1", "MBConv"),
    ],
)
def test_library_models(name, block, module, kind):
    network = make_library_model(name, device="cpu").eval()
    for part in network.modules():
        if hasattr(part, "bn2"):
            nn.init.ones_(part.bn2.weight)
    model = as_model(network, side=64, outputs=1000)
    pixels = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0))
    seen: list[Tensor] = []
    handle = network.get_submodule(module).register_forward_hook(lambda _m, _i, out: seen.append(out))
    logits = network(pixels[None])
    handle.remove()
    ranked = [int(k) for k in logits[0].argsort(descending=True)]
    found = compute_grad_cam(model, pixels, block, ranked[0])
    assert (found.module, found.module_kind) == (module, kind)
    check(found, cam_by_hand(seen[0], logits[0, ranked[0]]), side=64)
    assert all_hooks(network) == 0


def test_a_trunk_that_holds_several_units_is_no_block():
    class Trunk(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.first, self.second = nn.Conv2d(3, 16, 3), SELayer(16), SELayer(16)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(self.conv(x)))

    network = nn.Sequential(Trunk(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)).eval()
    for unit in ("first", "second"):
        assert compute_grad_cam(as_model(network), draw_pixels(), f"0.{unit}", 0).module == f"0.{unit}"


def test_a_block_that_is_called_twice_is_passed_over():
    network = small_network(SELayer)
    forward, block = network.forward, network.blocks[0]
    unit = block.unit

    def call_twice(x: Tensor) -> Tensor:
        logits = forward(x)
        block.unit = nn.Identity()  # the unit itself is called once
        try:
            return logits + 0 * block(x).sum()
        finally:
            block.unit = unit

    network.forward = call_twice
    assert compute_grad_cam(as_model(network), draw_pixels(), "SE_1_1", 0).module == "blocks.0.unit"


def test_channels_last_maps_are_refused():
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.se, self.head = nn.Conv2d(3, 12, 3), SqueezeExciteCl(12, rd_channels=4), nn.Linear(12, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.se(self.conv(x).permute(0, 2, 3, 1)).mean((1, 2)))

    with pytest.raises(GateError, match=r"Neither se returns one \(1, C, H, W\) map"):
        compute_grad_cam(as_model(Last().eval()), draw_pixels(), "se", 0)


def test_a_map_that_is_zero_everywhere_is_told():
    network = small_network(SELayer)
    with torch.no_grad():
        network.head.weight[1] = -1  # the last block's output is not negative
    found = compute_grad_cam(as_model(network), draw_pixels(), "SE_2_1", 1)
    assert not found.map.any()
    assert found.note == "The map is zero everywhere: no position of blocks.1 speaks for output 1."


@pytest.mark.parametrize(("block", "output"), [("SE_1_1", 5), ("nowhere", 0)])
def test_unusable_arguments_get_one_sentence(block, output):
    with pytest.raises(ArgumentError, match="small has no"):
        compute_grad_cam(small_model(SELayer), draw_pixels(), block, output)
