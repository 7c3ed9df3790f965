"""What enters and leaves an SE unit and its parts in one forward, copied."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from senet_viz.errors import GateError
from senet_viz.gates import BoundGate
from senet_viz.gates.adapters import find_adapter
from senet_viz.gates.hooks import attached
from senet_viz.gates.proof import MIXERS

_PASSIVE = (nn.Identity, nn.Dropout, nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


@dataclass(eq=False)
class Firing:
    """One call of a part: copies of its first input and its output as (N, …) rows; None where they are no small tensors."""

    part: nn.Module
    entered: Tensor | None
    left: Tensor | None = None


@dataclass(eq=False)
class UnitWatch:
    """Copies made in the last forward.

    Attributes:
        bound: the unit.
        inputs: U, (N, C, H, W).
        output: what the unit returned, likewise.
        firings: calls of its parts, in order.
    """

    bound: BoundGate
    inputs: Tensor | None = None
    output: Tensor | None = None
    firings: list[Firing] = field(default_factory=list)

    def maps(self) -> tuple[Tensor, Tensor]:
        """U and the output, (N, C, H, W) each.

        Raises:
            GateError: the unit did not run, or not on maps.
        """
        for value in (self.inputs, self.output):
            if value is None or value.ndim != 4 or value.shape[1] != self.bound.gate.channels:
                found = None if value is None else tuple(value.shape)
                raise GateError(
                    f"{self.bound.gate.name} was given or returned {found}, not maps of {self.bound.gate.channels} channels: "
                    "find the gates of this network again."
                )
        assert self.inputs is not None
        assert self.output is not None
        return self.inputs, self.output

    def logits(self) -> Tensor | None:
        """What enters the gate's activation, (N, C); None where that is something else."""
        return self._row([f.entered for f in self.firings if f.part is self.bound.source], self.bound.gate.channels)

    def hidden(self) -> tuple[nn.Module | None, Tensor, Tensor, nn.Module] | None:
        """Activation, its input and output (N, C/r), and the layer that follows; None where there is no such layer."""
        width = self.bound.gate.reduced_channels
        mixers = [i for i, firing in enumerate(self.firings) if isinstance(firing.part, MIXERS)]
        if width is None or len(mixers) != 2:
            return None
        first, second = (self.firings[i] for i in mixers)
        between = [f for f in self.firings[mixers[0] + 1 : mixers[1]] if not isinstance(f.part, _PASSIVE)]
        values = self._row([second.entered], width)
        last = between[-1] if between else None
        before = self._row([first.left if last is None else last.entered], width)
        if values is None or before is None:
            return None
        return (None if last is None else last.part), before, values, second.part

    @staticmethod
    def _row(values: list[Tensor | None], width: int) -> Tensor | None:
        value = values[0] if len(values) == 1 else None
        return value if value is not None and value.shape[1] == width else None


@contextmanager
def watching(bound: BoundGate) -> Iterator[UnitWatch]:
    """Watches a unit as long as the `with`; hooks are removed whatever happens. For one forward at a time.

    Args:
        bound: the unit, in the network that will run; its lock must be held.
    """
    watch = UnitWatch(bound)
    adapter = find_adapter(bound.module)
    axis = 1 if adapter is None else adapter.channel_dim
    parts = [m for m in bound.module.modules() if m is bound.source or not any(m.children())]
    entered: list[tuple[nn.Module, Tensor | None]] = []

    def start(_unit: nn.Module, inputs: tuple[Any, ...]) -> None:
        watch.firings.clear()
        watch.inputs = _copy_maps(inputs[0] if inputs else None, axis)

    def end(_unit: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        watch.output = _copy_maps(output, axis)

    def enter(part: nn.Module, inputs: tuple[Any, ...]) -> None:
        entered.append((part, _copy_row(inputs[0] if inputs else None, bound.gate.channels)))

    def leave(part: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        while entered:
            opened, value = entered.pop()
            if opened is part:
                watch.firings.append(Firing(part, value, _copy_row(output, bound.gate.channels)))
                return

    hooks = [(bound.module, end), *((part, leave) for part in parts)]
    with attached(hooks, pre_hooks=[(bound.module, start), *((part, enter) for part in parts)]):
        yield watch


def _copy_maps(value: Any, axis: int) -> Tensor | None:
    """The network may go on to write into the tensor in place."""
    if not isinstance(value, Tensor):
        return None
    copy = value.detach().float().clone()
    return copy.movedim(axis, 1) if copy.ndim == 4 else copy


def _copy_row(value: Any, channels: int) -> Tensor | None:
    """(N, …) flattened, of what is no map."""
    if not isinstance(value, Tensor) or value.ndim < 2 or value[0].numel() > 2 * channels:
        return None
    return value.detach().flatten(1).float().clone()
