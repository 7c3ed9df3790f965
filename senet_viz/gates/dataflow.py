"""One forward of a network, written down: every tensor function in the order of its calls, and the modules that it ran in."""

import contextlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

from senet_viz.gates.hooks import attached

Frame = tuple[nn.Module, int]  # a module, and which of its calls in a forward (from 0)
COPIES = frozenset({"clone", "contiguous", "to", "type_as", "float", "half", "bfloat16", "double", "type", "detach"})


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor as it stood when a function was given it or returned it.

    Attributes:
        tensor: kept, so that no other tensor takes its place in memory while the forward is looked at.
        memory: names what it lies in: views share it, and so do results that are written in place.
    """

    tensor: Tensor
    memory: int

    @classmethod
    def of(cls, tensor: Tensor) -> "Value":
        """Of a tensor, dense or on the meta device."""
        return cls(tensor, tensor.untyped_storage()._cdata)

    @property
    def shape(self) -> torch.Size:
        return self.tensor.shape


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One call of a tensor function.

    Attributes:
        number: its place in the forward.
        name: of the function, without the underscores of its in-place form.
        operands: tensors by argument, as number or keyword; those in a list are told one by one.
        arguments: all arguments, by number or keyword.
        results: tensors that it returned.
        frames: the modules that it ran in, the innermost last.
        copies: its tensors as they were, then its result, where these were asked for.
    """

    number: int
    name: str
    operands: tuple[tuple[int | str, Value], ...]
    arguments: Mapping[int | str, Any]
    results: tuple[Value, ...]
    frames: tuple[Frame, ...]
    copies: tuple[Tensor, ...] = ()


@dataclass(eq=False)
class Dataflow:
    """What a forward did.

    Attributes:
        steps: calls of functions, in order.
        calls: how often each module was called.
        began, ended: number of steps before each call of a module, and when it returned.
        frames: the modules around each call of a module, itself last.
        modes: how many function modes (as `with torch.device(…)` is one) were active when each call began, and when it returned.
        given, returned: first input and output of each call, where they are tensors.
        inputs: what the network was called with, by position and by name.
    """

    steps: list[Step] = field(default_factory=list)
    calls: Counter[nn.Module] = field(default_factory=Counter)
    began: dict[Frame, int] = field(default_factory=dict)
    ended: dict[Frame, int] = field(default_factory=dict)
    frames: dict[Frame, tuple[Frame, ...]] = field(default_factory=dict)
    modes: dict[Frame, tuple[int, int]] = field(default_factory=dict)
    given: dict[Frame, Value] = field(default_factory=dict)
    returned: dict[Frame, Value] = field(default_factory=dict)
    inputs: tuple[tuple[Any, ...], Mapping[str, Any]] = ((), MappingProxyType({}))

    def calls_inside(self, module: nn.Module, frame: Frame) -> list[int]:
        """Calls of a module that were made inside of a call of another."""
        return [call for call in range(self.calls[module]) if frame in self.frames[module, call]]


@contextlib.contextmanager
def observed(network: nn.Module, *, copying: Collection[str] = ()) -> Iterator[Dataflow]:
    """Writes down what a network does inside of the `with`; it does what it does without.

    Args:
        network: that is run.
        copying: names of functions whose tensors are copied.
    """
    flow, open_frames = Dataflow(), list[Frame]()

    def enter(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        frame = (module, flow.calls[module])
        flow.calls[module] += 1
        open_frames.append(frame)
        flow.began[frame], flow.frames[frame] = len(flow.steps), tuple(open_frames)
        flow.modes[frame] = (_count_modes(), 0)
        if inputs and isinstance(inputs[0], Tensor):
            flow.given[frame] = Value.of(inputs[0])

    def leave(_module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        frame = open_frames.pop()
        flow.ended[frame] = len(flow.steps)
        flow.modes[frame] = (flow.modes[frame][0], _count_modes())
        if isinstance(output, Tensor):
            flow.returned[frame] = Value.of(output)

    parts = list(network.modules())
    hooks = attached([(part, leave) for part in parts], pre_hooks=[(part, enter) for part in parts])
    with hooks, _Writer(flow, open_frames, copying):
        yield flow


class Observer(TorchFunctionMode):
    """A function mode that only looks on: no mode of the network."""


def _count_modes() -> int:
    modes = _get_current_function_mode_stack()  # type: ignore[no-untyped-call]
    return sum(not isinstance(mode, Observer) for mode in modes)


class _Writer(Observer):
    def __init__(self, flow: Dataflow, open_frames: list[Frame], copying: Collection[str]) -> None:
        super().__init__()
        self._flow, self._open, self._copying = flow, open_frames, copying

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given: dict[int | str, Any] = dict(enumerate(args)) | dict(kwargs or {})
        operands = tuple((at, Value.of(t)) for at, argument in given.items() for t in _tensors(argument))
        name = function_name(func)
        before = [value.tensor.detach().clone() for _, value in operands] if name in self._copying else []
        result = func(*args, **(kwargs or {}))
        results = tuple(Value.of(t) for t in _tensors(result))
        if operands and results:
            copies = (*before, results[0].tensor.detach().clone()) if before else ()
            step = Step(len(self._flow.steps), name, operands, given, results, tuple(self._open), copies)
            self._flow.steps.append(step)
        return result


def function_name(function: Any) -> str:
    """Of a tensor function, the same for its in-place form: "mul" of `mul_` and `__mul__`."""
    return str(getattr(function, "__name__", function)).strip("_")


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        if value.layout is torch.strided:
            yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
