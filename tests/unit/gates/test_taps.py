"""Where gates that no module returns are looked for in a forward: between the modules that are called before and after them."""

import pytest
import torch
from torch import Tensor, nn

from senet_viz.errors import GateError
from senet_viz.gates import taps
from senet_viz.gates.discovery import bind_gates
from senet_viz.gates.intervention import intervened
from senet_viz.gates.recorder import GateRecorder
from tests.support.networks import draw_images, small_network


class Remembering(nn.Module):
    """Scales x by the sigmoid of logits, and keeps the gates that it made."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Tensor] = []

    def scale(self, x: Tensor, logits: Tensor) -> Tensor:
        s = torch.sigmoid(logits)
        self.made.append(s.detach().clone().flatten(1))
        return x * s


class Inner(Remembering):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before, self.excite = nn.Conv2d(channels, channels, 3, padding=1), nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        return self.scale(x, self.excite(x.mean((2, 3), keepdim=True)))


class SharedActivation(Remembering):
    """One activation is called before the squeeze, inside of another module, and last before the gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.act = nn.Tanh()
        self.first = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), self.act)
        self.excite = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.first(x) + self.act(x))
        return self.scale(x, self.act(self.excite(x.mean((2, 3), keepdim=True))))


class OfParameters(Remembering):
    """No module is called between two that hold gates themselves, and none after the last."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.one, self.two = Inner(channels), SharedActivation(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.excite(self.one(x))
        return self.excite(self.two(x))

    def excite(self, x: Tensor) -> Tensor:
        return self.scale(x, (x.mean((2, 3)) @ self.weight)[..., None, None])


class AtTheBeginning(Remembering):
    """The gate comes before the first module of its block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.after = nn.Parameter(torch.randn(channels, channels)), nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.scale(x, (x.mean((2, 3)) @ self.weight)[..., None, None]))


class OnADevice(Inner):
    """Squeezes and excites in a context that is over before the gate is used."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        with torch.device("cpu"):
            logits = self.excite(x.mean((2, 3), keepdim=True))
        return self.scale(x, logits)


class UsedOnADevice(Inner):
    def forward(self, x: Tensor) -> Tensor:
        with torch.device("cpu"):
            x = self.before(x)
            return self.scale(x, self.excite(x.mean((2, 3), keepdim=True)))


@pytest.mark.parametrize("kind", [Inner, SharedActivation, OfParameters, AtTheBeginning, OnADevice, UsedOnADevice])
def test_gates_between_any_two_modules_are_recorded_and_moved(kind):
    network, images = small_network(kind), draw_images()
    parts = [part for part in network.modules() if isinstance(part, Remembering)]
    bound = bind_gates(network)
    for part in parts:
        part.made.clear()
    with torch.no_grad(), GateRecorder(network, bound=bound) as recorder:
        untouched = network(images)
        recorded = list(recorder.take().values())
    made = [s for part in parts for s in part.made]
    assert len(recorded) == len(made)
    assert all(any(torch.equal(s, by_hand) for by_hand in made) for s in recorded)
    for each in bound:
        with torch.no_grad(), intervened(network, {each.gate.name: "one"}), GateRecorder(network, bound=bound) as moved:
            logits = network(images)
            assert bool((moved.take()[each.gate.name] == 1).all())
        assert not torch.equal(logits, untouched)
        with torch.no_grad(), intervened(network, {each.gate.name: "one"}, strength=0.0):
            assert torch.equal(network(images), untouched)


def test_functions_are_looked_at_between_the_excitation_and_the_next_module_only(monkeypatch):
    network, images = small_network(SharedActivation), draw_images()
    bound, seen = bind_gates(network), list[str]()
    name_of = taps.function_name
    monkeypatch.setattr(taps, "function_name", lambda function: seen.append(name_of(function)) or seen[-1])
    with torch.no_grad(), GateRecorder(network, bound=bound):
        network(images)
    assert seen == ["sigmoid", "detach", "clone", "flatten", "mul"] * len(bound)


def test_a_forward_that_is_interrupted_between_two_modules_leaves_no_mode_behind():
    network, images = small_network(Inner), draw_images()
    bound = bind_gates(network)
    inner = next(part for part in network.modules() if isinstance(part, Inner))
    inner.scale = lambda _x, _logits: 1 / 0
    with GateRecorder(network, bound=bound) as recorder, torch.no_grad():
        with pytest.raises(ZeroDivisionError):
            network(images)
        assert torch.overrides._get_current_function_mode() is None
        with pytest.raises(GateError, match="did not fire exactly once"):
            recorder.take()
        del inner.scale
        network(images)
        assert all(s is not None for s in recorder.take().values())
