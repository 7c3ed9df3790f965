"""One block, one image: the same tensors as computed by hand, in every family; hooks gone, sessions apart."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from timm.layers import EcaModule, SEModule
from torch import Tensor, nn
from torchvision.ops import SqueezeExcitation

from senet_viz.analysis.walkthrough import describe_steps
from senet_viz.errors import ArgumentError, GateError, RecordingError
from senet_viz.gates.recorder import GateRecorder
from senet_viz.models.networks.se import SEBlock
from senet_viz.models.zoo import Model
from senet_viz.recording.reader import Recording
from senet_viz.workflows.walkthrough import step_block
from tests.support.networks import FAMILIES, SmallNetwork, count_hooks, small_network
from tests.support.odd import odd_network
from tests.support.stepped import image_of, model_of, recording_of


def observe_by_hand(network: nn.Module, path: str, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """U and the output of a unit, by a hook of our own."""
    seen: dict[str, Tensor] = {}

    def note(_unit: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        seen["u"], seen["out"] = inputs[0].clone(), output.clone()

    handle = network.get_submodule(path).register_forward_hook(note)
    with torch.no_grad():
        network(pixels.contiguous(memory_format=torch.channels_last))
    handle.remove()
    return seen["u"], seen["out"]


RECORDABLE = [name for name, family in FAMILIES.items() if np.isfinite(family.range).all()]


@pytest.mark.parametrize("name", RECORDABLE)
def test_every_family_gives_its_own_tensors(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    model = model_of(small_network(family.make))
    recording = recording_of(model, tmp_path / "run")
    image = image_of(3)
    block = recording.blocks[1]
    steps = step_block(model, image, recording, block.name)
    u, out = observe_by_hand(model.module, block.name, image.pixels[None])
    if name == "timm-se-cl":
        u, out = u.permute(0, 3, 1, 2), out.permute(0, 3, 1, 2)
    with torch.no_grad(), GateRecorder(model.module, bound=model.bound_gates) as recorder:
        model.module(image.pixels[None].contiguous(memory_format=torch.channels_last))
        gate, z = recorder.take()[block.name], recorder.take("squeeze")[block.name]
    assert gate is not None
    np.testing.assert_array_equal(steps.gate, gate[0].numpy())
    shown = torch.from_numpy(steps.shown)
    np.testing.assert_allclose(steps.before, u[0, shown].numpy(), atol=1e-6)
    np.testing.assert_allclose(steps.after, (gate[0, :, None, None] * u[0])[shown].numpy(), atol=1e-6)
    np.testing.assert_allclose(steps.after, out[0, shown].numpy(), atol=1e-6)
    np.testing.assert_allclose(steps.pooled, u[0].mean((1, 2)).numpy(), atol=1e-6)
    assert steps.scales_exactly
    if z is None:
        assert steps.squeeze is None
    else:
        np.testing.assert_array_equal(steps.squeeze, z[0].numpy())
        assert steps.pools_mean == (family.squeeze == "mean")
    assert (steps.hidden is None) == (family.reduced is None or family.squeeze is None)
    assert bool(steps.hidden_missing) == (steps.hidden is None)
    assert count_hooks(model.module) == 0


@pytest.mark.parametrize(
    ("make", "layers", "f", "word"),
    [
        (lambda c: SEModule(c, rd_channels=4), ("fc1", "fc2"), torch.relu, "ReLU"),
        (lambda c: SqueezeExcitation(c, 4), ("fc1", "fc2"), torch.relu, "ReLU"),
        (
            lambda c: SqueezeExcitation(c, 4, activation=nn.SiLU, scale_activation=nn.Hardsigmoid),
            ("fc1", "fc2"),
            nn.functional.silu,
            "SiLU",
        ),
    ],
)
def test_the_hidden_layer_and_the_gate_follow_from_the_weights(
    make: Any, layers: tuple[str, str], f: Any, word: str, tmp_path: Path
) -> None:
    model = model_of(small_network(make))
    recording = recording_of(model, tmp_path / "run")
    steps = step_block(model, image_of(1), recording, "SE_1_1")
    unit = model.module.get_submodule(recording.blocks[0].name)
    (w1, b1), (w2, b2) = (
        (getattr(unit, layer).weight.detach().flatten(1).numpy(), getattr(unit, layer).bias.detach().numpy())
        for layer in layers
    )
    before = w1 @ steps.pooled + b1
    hidden = f(torch.from_numpy(before)).numpy()
    logits = w2 @ hidden + b2
    gate = torch.nn.functional.hardsigmoid if steps.block.activation == "hard sigmoid" else torch.sigmoid
    assert steps.hidden is not None
    assert steps.logits is not None
    assert steps.hidden.activation == word
    np.testing.assert_allclose(steps.hidden.before, before, atol=1e-5)
    np.testing.assert_allclose(steps.hidden.values, hidden, atol=1e-5)
    np.testing.assert_allclose(steps.logits, logits, atol=1e-5)
    np.testing.assert_allclose(steps.gate, gate(torch.from_numpy(logits)).numpy(), atol=1e-5)
    for row, channel in enumerate(steps.shown):
        terms = steps.hidden.terms(row)
        assert terms is not None
        assert terms.sum() + steps.hidden.bias[row] == pytest.approx(logits[channel], abs=1e-5)


def test_eca_has_no_hidden_layer_but_a_gate_from_its_convolution(tmp_path: Path) -> None:
    model = model_of(small_network(EcaModule))
    recording = recording_of(model, tmp_path / "run")
    steps = step_block(model, image_of(1), recording, "SE_1_1")
    unit = model.module.get_submodule(recording.blocks[0].name)
    with torch.no_grad():
        expected = unit.conv(torch.from_numpy(steps.pooled)[None, None])[0, 0]
    assert steps.hidden is None
    assert "EcaModule" in steps.hidden_missing
    assert steps.logits is not None
    np.testing.assert_allclose(steps.logits, expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(steps.gate, expected.sigmoid().numpy(), atol=1e-5)


def test_deeper_excitations_and_trained_constants_are_called_what_they_are(tmp_path: Path) -> None:
    deep = model_of(small_network(lambda c: SEBlock(c, 4, depth=4)))
    steps = step_block(deep, image_of(1), recording_of(deep, tmp_path / "deep"), "SE_1_1")
    assert (steps.hidden, steps.constant) == (None, False)
    assert "have 3 in a row" in steps.hidden_missing
    fixed = model_of(small_network(lambda c: SEBlock(c, 4, gate="constant")))
    steps = step_block(fixed, image_of(1), recording_of(fixed, tmp_path / "fixed"), "SE_1_1")
    assert steps.constant
    _, squeeze, hidden, gate, _ = describe_steps(steps, int(steps.shown[0]))
    assert "trained constants" in hidden.words
    assert squeeze.line == "nothing is squeezed"
    assert gate.formula == "s = sigmoid(v), v trained"
    assert "z" not in gate.line


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of(small_network(lambda c: SEModule(c, rd_channels=4)))


@pytest.fixture(scope="module")
def recording(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return recording_of(model, tmp_path_factory.mktemp("stepping") / "run")


def test_shown_are_the_extremes_against_the_recorded_mean_or_what_was_asked(model: Model, recording: Recording) -> None:
    steps = step_block(model, image_of(), recording, "SE_2_1")
    overall = recording.moments(steps.block.name).overall()
    difference = steps.gate - overall.mean[0].astype(np.float32)
    np.testing.assert_allclose(steps.difference, difference)
    order = np.argsort(-difference)
    assert steps.shown.tolist() == [*order[:3], *order[-3:]]
    np.testing.assert_allclose(steps.sd, overall.std()[0].astype(np.float32))
    assert steps.images == 20
    chosen = step_block(model, image_of(), recording, "SE_2_1", channels=[9, 2])
    assert sorted(chosen.shown) == [2, 9]
    assert chosen.difference[chosen.shown[0]] >= chosen.difference[chosen.shown[1]]


def test_large_maps_are_averaged_down(model: Model, recording: Recording) -> None:
    import dataclasses

    pixels = torch.randn(3, 300, 280, generator=torch.Generator().manual_seed(0))
    image = dataclasses.replace(image_of(), pixels=pixels)
    steps = step_block(model, image, recording, "SE_1_1")
    assert steps.map_size == (150, 140)
    assert steps.before.shape == steps.after.shape == (6, 64, 64)
    u, _ = observe_by_hand(model.module, steps.block.name, pixels[None])
    np.testing.assert_allclose(steps.highest, u[0, torch.from_numpy(steps.shown)].amax((1, 2)).numpy(), atol=1e-5)


def test_hooks_are_gone_when_the_forward_fails(tmp_path: Path) -> None:
    class Failing(SmallNetwork):
        def forward(self, x: Tensor) -> Tensor:
            super().forward(x)
            if self.broken:
                raise RuntimeError("broken after its units")
            return super().forward(x[:, :, :, :]) * 0

    network = Failing(lambda c: SEModule(c, rd_channels=4))
    network.broken = False  # type: ignore[assignment]
    calm = model_of(small_network(lambda c: SEModule(c, rd_channels=4)))
    failing = model_of(network)
    object.__setattr__(failing, "bound_gates", _bind_once(failing))
    recording = recording_of(calm, tmp_path / "run")
    network.broken = True  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="broken after its units"):
        step_block(failing, image_of(), recording, "SE_1_1")
    assert count_hooks(network) == 0
    assert failing.lock.acquire(blocking=False)
    failing.lock.release()


def _bind_once(model: Model) -> Any:
    """Gates of a network that runs its units twice, found on the network it is made of."""
    from senet_viz.gates.discovery import bind_gates

    module = model.module
    kind = type(module)
    module.__class__ = SmallNetwork
    try:
        return bind_gates(module)
    finally:
        module.__class__ = kind


def test_sessions_at_once_do_not_mix(model: Model, recording: Recording) -> None:
    jobs = [(seed, block) for seed in range(4) for block in ("SE_1_1", "SE_2_1")] * 2
    alone = {job: step_block(model, image_of(job[0]), recording, job[1]) for job in set(jobs)}
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: step_block(model, image_of(job[0]), recording, job[1]), jobs))
    for job, steps in zip(jobs, together):
        np.testing.assert_array_equal(steps.gate, alone[job].gate)
        np.testing.assert_array_equal(steps.before, alone[job].before)
    assert count_hooks(model.module) == 0


@pytest.mark.parametrize(
    ("block", "channels", "sentence"),
    [
        ("SE_9_9", None, "no block 'SE_9_9'"),
        ("SE_1_1", [16], "no channel 16"),
        ("SE_1_1", [], "0 channels were chosen"),
        ("SE_1_1", list(range(9)), "9 channels were chosen"),
    ],
)
def test_what_can_not_be_shown_is_one_sentence(
    model: Model, recording: Recording, block: str, channels: list[int] | None, sentence: str
) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        step_block(model, image_of(), recording, block, channels=channels)


def test_another_network_and_what_is_not_finite_are_refused(model: Model, recording: Recording) -> None:
    import dataclasses

    other = dataclasses.replace(model, sha256="1" * 64)
    with pytest.raises(RecordingError, match="was made with"):
        step_block(other, image_of(), recording, "SE_1_1")
    image = dataclasses.replace(image_of(), pixels=torch.full((3, 16, 16), float("inf")))
    with pytest.raises(GateError, match="not finite"):
        step_block(model, image, recording, "SE_1_1")


def test_a_gate_that_no_module_returns_is_watched_at_its_product(tmp_path: Path) -> None:
    network = odd_network()
    model = dataclasses.replace(model_of(network, outputs=10), logits="logits")
    recording = recording_of(model, tmp_path / "run")
    image = image_of(3)
    seen: dict[str, Tensor] = {}
    hooks = [
        part.register_forward_hook(lambda _m, _x, y, name=name: seen.update({name: y.detach().clone()}))
        for name, part in network.named_modules()
        if name
    ]
    with torch.no_grad():
        network(image.pixels[None])
    for hook in hooks:
        hook.remove()
    for name in ("inline", "unbounded", "added"):
        block = next(b for b in recording.blocks if b.name.startswith(name))
        steps = step_block(model, image, recording, block.name)
        u, h = seen[f"{name}.before"][0].relu(), seen[f"{name}.expand"][0, :, 0, 0]
        s = h.relu() if name == "unbounded" else h.sigmoid()
        np.testing.assert_allclose(steps.gate, s.numpy(), atol=1e-6)
        np.testing.assert_allclose(steps.before, u[steps.shown].numpy(), atol=1e-6)
        np.testing.assert_allclose(steps.after, (s[:, None, None] * u)[steps.shown].numpy(), atol=1e-6)
        assert steps.scales_exactly
        assert steps.hidden is not None
        np.testing.assert_allclose(steps.hidden.values, seen[f"{name}.reduce"][0, :, 0, 0].relu().numpy(), atol=1e-6)
    for call in (0, 1):  # of one gate on two branches
        steps = step_block(model, image, recording, f"shared@{call + 1}")
        u = seen[f"shared.branches.{call}"][0]
        with torch.no_grad():
            s = network.shared.gate(u[None])[0, :, 0, 0]
        np.testing.assert_allclose(steps.gate, s.numpy(), atol=1e-6)
        np.testing.assert_allclose(steps.before, u[steps.shown].numpy(), atol=1e-6)
        assert steps.scales_exactly
        assert steps.hidden is not None
        np.testing.assert_allclose(
            steps.hidden.values, network.shared.gate[:3](u[None])[0, :, 0, 0].detach().numpy(), atol=1e-6
        )
    assert count_hooks(network) == 0


def test_a_layer_that_holds_its_padding_is_seen_whole(tmp_path: Path) -> None:
    network = odd_network()
    for layer in (network.inline.reduce, network.inline.expand):  # as efficientnet_pytorch has them
        layer.add_module("static_padding", nn.Identity())
    model = dataclasses.replace(model_of(network, outputs=10), logits="logits")
    recording = recording_of(model, tmp_path / "run")
    block = next(b for b in recording.blocks if b.name.startswith("inline"))
    steps = step_block(model, image_of(3), recording, block.name)
    assert steps.hidden is not None
    assert len(steps.hidden.values) == block.reduced_channels


class OneUnitTwice(nn.Module):
    """The same SE unit after each of two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(k, 16, 3, padding=1) for k in (3, 16))
        self.se = SEModule(16, rd_channels=4)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = self.se(conv(x))
        return self.head(x.mean((2, 3)))


def test_each_call_of_a_unit_has_its_own_steps(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = OneUnitTwice()
    model = model_of(network)
    recording, image = recording_of(model, tmp_path / "run"), image_of(3)
    with torch.no_grad():
        first = network.convs[0](image.pixels[None])
        second = network.convs[1](network.se(first))
    for call, u in enumerate((first, second), start=1):
        steps = step_block(model, image, recording, f"se@{call}")
        np.testing.assert_allclose(steps.before, u[0, steps.shown].numpy(), atol=1e-6)
        np.testing.assert_allclose(steps.after, network.se(u)[0, steps.shown].detach().numpy(), atol=1e-6)
        assert steps.scales_exactly
        assert steps.logits is not None
        np.testing.assert_allclose(1 / (1 + np.exp(-steps.logits)), steps.gate, atol=1e-6)
