import copy
import functools

import pytest
import torch
from timm.layers import GlobalContext, SEModule
from torch import nn

from senet_viz.errors import GateError
from senet_viz.gates.discovery import bind_gates, find_gates, survey_gates
from senet_viz.gates.recorder import GateRecorder
from senet_viz.models.networks.resnet import small_se_resnet50
from senet_viz.schema import Gate
from tests.support.networks import (
    FAMILIES,
    LIBRARY_MODELS,
    REFUSED_UNITS,
    WIDTHS,
    AttributeSELayer,
    Family,
    LibraryModel,
    SELayer,
    SpatialAttention,
    make_library_model,
    small_network,
)


def unit_name(index: int, family: Family) -> str:
    return f"blocks.{index}.unit" + (f".{family.prefix}" if family.prefix else "")


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_every_family_is_found_and_described(family):
    gates = find_gates(small_network(family.make))
    assert [gate.name for gate in gates] == [unit_name(i, family) for i in (0, 1)]
    assert [gate.label for gate in gates] == ["SE_1_1", "SE_2_1"]
    assert [gate.depth for gate in gates] == [0, 1]
    assert [gate.channels for gate in gates] == list(WIDTHS)
    assert {gate.family for gate in gates} == {family.family}
    assert {gate.activation for gate in gates} == {family.activation}
    assert gates[0].range == pytest.approx(family.range, abs=1e-6)
    assert gates[0].reduced_channels == family.reduced
    assert (gates[0].squeeze_missing is None) == (family.squeeze is not None)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_a_bound_gate_names_the_modules_that_hold_it(family):
    network = small_network(family.make)
    for bound in bind_gates(network):
        unit = network.get_submodule(bound.gate.name)
        assert bound.module is unit
        assert bound.source is unit.get_submodule(family.source)
        assert bound.gate.parameters == sum(p.numel() for p in unit.parameters())
        assert (bound.excitation is None) == (bound.gate.squeeze_missing is not None)


@pytest.mark.parametrize(("make", "message"), REFUSED_UNITS.values(), ids=REFUSED_UNITS.keys())
def test_units_without_an_observable_gate_are_refused_by_name(make, message):
    with pytest.raises(GateError, match=message):
        find_gates(small_network(make))


def test_what_is_refused_beside_supported_gates_is_listed():
    units = iter([SELayer(16), SpatialAttention(32)])
    network = small_network(lambda _: next(units))
    survey = survey_gates(network)
    assert [bound.gate.name for bound in survey.bound] == ["blocks.0.unit"]
    assert [(unit.name, unit.kind) for unit in survey.refused] == [("blocks.1.unit", "SpatialAttention")]
    assert [gate.name for gate in find_gates(network)] == ["blocks.0.unit"]


def test_the_spatial_part_of_cbam_is_simply_no_gate():
    survey = survey_gates(small_network(FAMILIES["timm-cbam"].make))
    assert [bound.gate.name for bound in survey.bound] == ["blocks.0.unit.channel", "blocks.1.unit.channel"]
    assert survey.refused == ()
    assert "two pooled vectors" in str(survey.bound[0].gate.squeeze_missing)


@pytest.mark.parametrize(
    ("make", "refused"),
    [
        (GlobalContext, None),
        (lambda c: GlobalContext(c, fuse_add=True), "additive attention"),
        (type("GatherExcite", (AttributeSELayer,), {"extent": 0}), None),
        (type("GatherExcite", (AttributeSELayer,), {"extent": 2}), "channels and positions"),
    ],
    ids=["scaling context", "additive context", "global gather", "local gather"],
)
def test_relatives_are_judged_by_the_form_that_they_are_in(make, refused):
    network = small_network(make)
    if refused is None:
        assert [gate.channels for gate in find_gates(network)] == list(WIDTHS)
        assert all(gate.reduced_channels and gate.squeeze_missing is None for gate in find_gates(network))
        return
    with pytest.raises(GateError, match=refused):
        find_gates(network)


def by_stage(gates, model: LibraryModel) -> tuple[int, ...]:
    stages = [gate.stage for gate in gates]
    assert stages == sorted(stages)
    assert len(set(stages)) == len(model.blocks)
    return tuple(stages.count(stage) for stage in sorted(set(stages)))


@functools.cache
def gates_of_library_model(name: str) -> tuple[Gate, ...]:
    return find_gates(make_library_model(name))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "model"), LIBRARY_MODELS.items(), ids=LIBRARY_MODELS.keys())
def test_library_models_hold_what_is_known_of_them(name, model):
    gates = gates_of_library_model(name)
    assert by_stage(gates, model) == model.blocks
    assert sum(gate.channels for gate in gates) == model.channels
    assert sum(gate.parameters for gate in gates) == model.parameters
    assert (gates[0].name, gates[0].label) == model.first
    assert (gates[-1].name, gates[-1].label) == model.last
    assert len({gate.label for gate in gates}) == len(gates)
    assert [gate.depth for gate in gates] == list(range(len(gates)))
    assert {gate.range for gate in gates} == {(0.0, 1.0)}


def test_torchvisions_regnet():
    """Its constructor computes with tensors and cannot be built on the meta device."""
    gates = find_gates(make_library_model("torchvision:regnet_y_400mf", device="cpu"))
    assert [gate.stage for gate in gates] == [1] + [2] * 3 + [3] * 6 + [4] * 6
    assert [gate.channels for gate in gates] == [48] + [104] * 3 + [208] * 6 + [440] * 6
    assert gates[0].reduced_channels == 8  # a quarter of the block's 32 inputs
    assert gates[0].name == "trunk_output.block1.block1-0.f.se"


def test_labels_are_the_papers():
    labels = {gate.name: gate.label for gate in gates_of_library_model("timm:seresnet50")}
    expected = {"layer1.2": "SE_2_3", "layer2.3": "SE_3_4", "layer3.5": "SE_4_6", "layer4.0": "SE_5_1"}
    assert {name: labels[f"{name}.se"] for name in expected} == expected
    assert list(labels.values())[-3:] == ["SE_5_1", "SE_5_2", "SE_5_3"]


@pytest.mark.parametrize("name", ["timm:seresnet50", "timm:legacy_seresnet50", "timm:legacy_senet154"])
def test_parameters_follow_the_papers_formula(name):
    for gate in gates_of_library_model(name):
        weights, biases = 2 * gate.channels**2 // 16, gate.channels + gate.channels // 16
        assert gate.reduction == 16
        assert gate.parameters == weights + biases


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gcresnet33ts", r"stages\.0\.0\.attn \(GlobalContext, and 9 more\).*additive attention"),
        ("resnest14d", r"layer1\.0\.conv2 \(SplitAttn, and 3 more\).*split attention"),
        ("skresnet18", r"layer1\.0\.conv1 \(SelectiveKernel, and 7 more\).*selective-kernel"),
        ("resnet18", "ResNet has no squeeze-and-excitation gate"),
    ],
)
def test_networks_without_se_gates_are_refused_by_name(name, message):
    with pytest.raises(GateError, match=message):
        find_gates(make_library_model(f"timm:{name}"))


def test_weights_and_meta_give_the_same_gates():
    name = "timm:seresnet18"
    assert gates_of_library_model(name) == find_gates(make_library_model(name, device="cpu"))


def test_half_precision_networks_are_proved_too():
    network = small_network(SELayer)
    assert find_gates(copy.deepcopy(network).bfloat16()) == find_gates(network)


def test_the_bundled_architecture_keeps_its_weights_flags_statistics_and_random_state():
    network = small_se_resnet50(num_classes=3, base_channels=16).train()
    network.layer1.eval()
    network.conv1.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    flags = [part.training for part in network.modules()]
    wanted = [parameter.requires_grad for parameter in network.parameters()]
    random = torch.get_rng_state()
    gates = find_gates(network)
    assert [gate.channels for gate in gates] == [64] * 3 + [128] * 4 + [256] * 6 + [512] * 3
    assert [part.training for part in network.modules()] == flags
    assert [parameter.requires_grad for parameter in network.parameters()] == wanted
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())


@pytest.mark.parametrize("shared", [SEModule(16, rd_channels=4), SELayer(16)], ids=["timm", "by structure"])
def test_a_unit_used_in_two_places_is_a_gate_a_place(shared):
    torch.manual_seed(0)  # of some weights no hidden channel is ever above 0
    network = nn.Sequential(nn.Conv2d(3, 16, 3), shared, nn.Conv2d(16, 16, 3), shared)
    bound = bind_gates(network)
    assert [(b.gate.name, b.gate.label, b.call, b.calls) for b in bound] == [
        ("1@1", "SE_1_1", 0, 2),
        ("1@2", "SE_2_1", 1, 2),
    ]
    with torch.no_grad(), GateRecorder(network, bound=bound) as recorder:
        network(torch.randn(2, 3, 9, 9))
        first, second = recorder.take().values()
    assert not torch.equal(first, second)


def test_units_that_share_an_excitation_have_a_squeeze_each():
    first, second = AttributeSELayer(16), AttributeSELayer(16)
    second.fc1, second.fc2 = first.fc1, first.fc2
    network = nn.Sequential(nn.Conv2d(3, 16, 3), first, nn.Conv2d(16, 16, 3), second)
    bound = bind_gates(network)
    assert [b.gate.name for b in bound] == ["1", "3"]
    assert [(b.excitation, b.excitation_call) for b in bound] == [(first.fc1, 0), (first.fc1, 1)]
    seen: list[torch.Tensor] = []
    for unit in (first, second):
        unit.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].mean((2, 3))))
    with torch.no_grad(), GateRecorder(network, bound=bound) as recorder:
        network(torch.randn(2, 3, 9, 9))
        squeezes = recorder.take("squeeze")
    for squeeze, expected in zip(squeezes.values(), seen, strict=True):
        torch.testing.assert_close(squeeze, expected)


def test_a_unit_that_is_never_run_is_named():
    network = small_network(SELayer)
    network.spare = SEModule(16)
    with pytest.raises(GateError, match=r"^spare never fired"):
        find_gates(network)


def test_depth_is_the_order_of_firing_and_not_of_definition():
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late, self.early = SEModule(3, rd_channels=2), SEModule(3, rd_channels=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.late(self.early(x))

    gates = find_gates(nn.Sequential(Backwards()))
    assert [(gate.name, gate.label) for gate in gates] == [("0.early", "SE_1_1"), ("0.late", "SE_1_2")]


def test_a_network_that_needs_its_own_input_size():
    network = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), SEModule(8, rd_channels=2), nn.Flatten(), nn.Linear(800, 2))
    with pytest.raises(GateError, match=r"1×96×96, 1×224×224.*Give the network pretrained_cfg"):
        find_gates(network)
    assert len(find_gates(network, input_size=(1, 10, 10))) == 1
    network.pretrained_cfg = {"input_size": (1, 10, 10)}
    assert len(find_gates(network)) == 1


def test_units_with_a_pooling_of_fixed_size():
    class Fixed(SELayer):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            self.avg_pool = nn.AvgPool2d(28)

    network = nn.Sequential(nn.Conv2d(3, 8, 3, stride=8, padding=1), Fixed(8))
    network.pretrained_cfg = {"input_size": (3, 224, 224)}
    assert [gate.channels for gate in find_gates(network)] == [8]


@pytest.mark.slow
@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile], ids=["data-parallel", "compiled"])
def test_wrappers_are_refused_naming_the_module_inside(wrap):
    with pytest.raises(GateError, match=r"pass the SmallNetwork inside, model\.(module|_orig_mod)"):
        find_gates(wrap(small_network(SELayer)))


def test_a_wrapper_within_the_network_is_named():
    network = small_network(SELayer)
    network.blocks = nn.DataParallel(network.blocks)
    with pytest.raises(GateError, match=r"model\.blocks is a DataParallel.*put model\.blocks\.module in its place"):
        find_gates(network)


def test_a_network_compiled_in_place_is_refused():
    network = small_network(SELayer)
    network.compile()
    with pytest.raises(GateError, match=r"model \(SmallNetwork\) was compiled in place"):
        find_gates(network)


def test_a_network_without_shapes_is_refused():
    with pytest.raises(GateError, match=r"0\.weight has no shape yet"):
        find_gates(nn.Sequential(nn.LazyConv2d(8, 1), SEModule(8)))


def test_a_changed_network_is_told_by_its_gate():
    bound = bind_gates(small_network(SELayer))[0]
    with pytest.raises(GateError, match=r"blocks\.0\.unit gave a gate s of \(2, 8\) where \(N, 16\) was expected"):
        bound.read_gate(torch.zeros(2, 8))
    with pytest.raises(GateError, match=r"squeeze z of NoneType"):
        bound.read_squeeze(())
