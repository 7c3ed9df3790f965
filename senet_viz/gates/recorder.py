"""Recording the gates of a network while it runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from senet_viz.errors import ArgumentError, GateError
from senet_viz.gates.discovery import BoundGate, bind_gates, describe_calls
from senet_viz.gates.hooks import ForwardHook, ForwardPreHook, attached
from senet_viz.gates.taps import watched_taps
from senet_viz.gates.trace import ExampleInputs, InputSize
from senet_viz.schema import Gate

Quantity = Literal["gate", "squeeze"]


class GateRecorder:
    """Observes every gate s, and the squeeze z before it, in each forward of a network.

    Observers only: they copy and return None, so that what the network computes is untouched. Hooks live
    as long as the `with` and are removed whatever happens. One recorder sees one forward at a time;
    threads that share a network need a lock around the forward and `take`.

        with GateRecorder(network) as recorder:
            logits = network(images)
            s = recorder.take()

    Args:
        module: the network itself, neither compiled nor data-parallel; it keeps its mode and weights.
        squeeze: whether z is copied too.
        input_size: as in `find_gates`.
        example_inputs: as in `find_gates`.
        bound: what `bind_gates` found in this very module, where that is known already.

    Raises:
        GateError: as `find_gates`.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        squeeze: bool = True,
        input_size: InputSize | None = None,
        example_inputs: ExampleInputs | None = None,
        bound: Sequence[BoundGate] | None = None,
    ) -> None:
        self._module = module
        self._bound = tuple(bound or bind_gates(module, input_size=input_size, example_inputs=example_inputs))
        self._squeeze = squeeze
        self._values: dict[Quantity, dict[str, Tensor]] = {"gate": {}, "squeeze": {}}
        self._calls: Counter[tuple[Quantity, nn.Module]] = Counter()
        self._ran = False
        self._stack = ExitStack()
        self._entered = False

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The gates in the order of the forward pass."""
        return tuple(bound.gate for bound in self._bound)

    def __enter__(self) -> Self:
        if self._entered:
            raise GateError("This recorder is already attached: use one `with` at a time.")
        sources, layers = dict[nn.Module, dict[int, BoundGate]](), dict[nn.Module, dict[int, BoundGate]]()
        for bound in self._bound:
            sources.setdefault(bound.source, {})[bound.call] = bound
            if bound.excitation is not None and self._squeeze:
                layers.setdefault(bound.excitation, {})[bound.excitation_call] = bound
        pre_hooks: list[tuple[nn.Module, ForwardPreHook]] = [(self._module, self._start)]
        pre_hooks += [(layer, self._observe_squeeze(by_call)) for layer, by_call in layers.items()]
        self._stack.enter_context(watched_taps(self._module))
        hooks = [(source, self._observe_gate(by_call)) for source, by_call in sources.items()]
        self._stack.enter_context(attached(hooks, pre_hooks=pre_hooks))
        self._entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered = False
        self._stack.close()
        self._forget()

    def take(self, quantity: Quantity = "gate") -> dict[str, Tensor | None]:
        """What the last forward computed; may be asked for again until the next one.

        Args:
            quantity: "gate" for s, "squeeze" for z.

        Returns:
            float32 (N, C) by the gate's name, in the order of the forward pass, on the network's device:
            copies without gradient. z is None where the gate's `squeeze_missing` says why.

        Raises:
            GateError: no forward has run, or a gate (for z: an excitation) fired never or twice in it; all are named.
            ArgumentError: another quantity, or z was not recorded.
        """
        if quantity not in self._values:
            raise ArgumentError(f"{quantity!r} is not recorded: ask for 'gate' or 'squeeze'.")
        if quantity == "squeeze" and not self._squeeze:
            raise ArgumentError("The squeeze was not recorded: make the recorder with squeeze=True.")
        if not self._ran:
            raise GateError("No forward has run since the recorder was attached: call the network, then take().")
        self._check_calls("gate", "Run the whole network once, by calling it and not a part of it, and then take().")
        if quantity == "squeeze":
            self._check_calls(quantity, "Give each unit an excitation of its own, or take only the gates.")
        values = self._values[quantity]
        return {bound.gate.name: values.get(bound.gate.name) for bound in self._bound}

    def _check_calls(self, quantity: Quantity, advice: str) -> None:
        expected = {
            bound.gate.name: (self._calls[quantity, module], calls)
            for bound in self._bound
            for module, calls in (bound.watched(quantity),)
            if module is not None
        }
        if wrong := describe_calls(expected):
            raise GateError(
                f"In the last forward {len(wrong)} of {len(expected)} {quantity}s {', '.join(wrong)}. {advice}"
            )

    def _start(self, _module: nn.Module, _inputs: tuple[Any, ...]) -> None:
        self._forget()
        self._ran = True

    def _forget(self) -> None:
        self._ran = False
        self._calls.clear()
        self._values = {"gate": {}, "squeeze": {}}

    def _observe_gate(self, by_call: Mapping[int, BoundGate]) -> ForwardHook:
        def observe(module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
            if bound := self._fired("gate", module, by_call):
                self._values["gate"][bound.gate.name] = _copy(bound.read_gate(output))

        return observe

    def _observe_squeeze(self, by_call: Mapping[int, BoundGate]) -> ForwardPreHook:
        def observe(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            if bound := self._fired("squeeze", module, by_call):
                self._values["squeeze"][bound.gate.name] = _copy(bound.read_squeeze(inputs))

        return observe

    def _fired(self, quantity: Quantity, module: nn.Module, by_call: Mapping[int, BoundGate]) -> BoundGate | None:
        """Whose call of a module this is."""
        call = self._calls[quantity, module]
        self._calls[quantity, module] += 1
        return by_call.get(call)


def _copy(vector: Tensor) -> Tensor:
    """A float32 copy: the network may go on to write into the tensor in place."""
    return vector.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
