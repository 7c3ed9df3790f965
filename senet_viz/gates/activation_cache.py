"""What an intervention can not change is not computed again.

A module that had returned before a gate's activation was called can not depend on that gate. Its output in the
untouched forward of a batch is remembered, and handed out instead of computed while later interventions run.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from senet_viz.errors import GateError
from senet_viz.gates.discovery import BoundGate
from senet_viz.gates.hooks import ForwardHook, attached, replaced_forwards
from senet_viz.gates.intervention import GatePatch, patching
from senet_viz.gates.taps import watched_taps

Run = Callable[[], Tensor]
MODES = ("shared", "copied", "none")
_REPEATS = 3  # a tensor that is written in place shows in the second or third run


@dataclass(frozen=True, slots=True, eq=False)
class CachedPrefix:
    """What does not depend on one gate.

    Attributes:
        shared: modules whose outputs other gates' interventions need too; remembered in the untouched forward.
        own: modules beside the gate in a part of the network that holds no other; remembered in the gate's first run.
        after: share of a forward's time after the gate.
        after_shared: share of it after the last shared module.
    """

    shared: tuple[nn.Module, ...]
    own: tuple[nn.Module, ...]
    after: float
    after_shared: float


@dataclass(slots=True)
class _Call:
    began: int
    ended: int
    seconds: tuple[float, float]
    tensor: bool
    calls: int = 1


class ActivationCache:
    """Remembers a batch's untouched forward and runs interventions on top of it.

    Attributes:
        mode: "shared" (remembered tensors are handed out as they are), "copied" (the network writes into some in
            place, so copies are handed out) or "none" (the network gave other results: everything is computed).
        prefixes: by name of the first gate that is moved.
    """

    def __init__(self, prefixes: Mapping[str, CachedPrefix], mode: str) -> None:
        self.mode = mode
        self.prefixes = prefixes
        self._shared: dict[nn.Module, Tensor] = {}
        self._own: dict[nn.Module, Tensor] = {}
        self._gate = ""

    def run_clean(self, run: Run) -> Tensor:
        """The untouched forward of a new batch."""
        self.forget()
        shared = {module for prefix in self.prefixes.values() for module in prefix.shared}
        with self._remembering(() if self.mode == "none" else tuple(shared), self._shared):
            return run()

    def run_from(self, gate: str, run: Run) -> Tensor:
        """A forward that differs from the untouched one at `gate` (its name) and later only."""
        if self.mode == "none":
            return run()
        if gate != self._gate:
            self._own.clear()
            self._gate = gate
        prefix = self.prefixes[gate]
        known = {m: self._shared[m] for m in prefix.shared} | self._own
        with self._replaying(known), self._remembering([m for m in prefix.own if m not in self._own], self._own):
            return run()

    def forget(self) -> None:
        """Give the memory of a batch back."""
        self._shared.clear()
        self._own.clear()
        self._gate = ""

    def _remembering(self, modules: Sequence[nn.Module], kept: dict[nn.Module, Tensor]) -> Any:
        def keep(module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
            kept[module] = output.clone() if self.mode == "copied" else output

        hooks: list[tuple[nn.Module, ForwardHook]] = [(module, keep) for module in modules]
        return attached(hooks)

    def _replaying(self, outputs: Mapping[nn.Module, Tensor]) -> contextlib.AbstractContextManager[None]:
        """Modules return what they returned before."""

        def hand_out(output: Tensor) -> Callable[..., Tensor]:
            return lambda *_inputs, **_options: output.clone() if self.mode == "copied" else output

        return replaced_forwards({module: hand_out(output) for module, output in outputs.items()})


def build_activation_cache(module: nn.Module, gates: Sequence[BoundGate], run: Run) -> ActivationCache:
    """Finds out what can be remembered, and proves on one batch that no bit of the logits depends on it.

    Args:
        module: the network, in eval mode and without gradients, its lock held.
        gates: all of its gates.
        run: a forward of one batch, with logits as its result; called some three times a gate.
    """
    prefixes = trace_prefixes(module, gates, run)
    for mode in MODES[:2]:
        memory = ActivationCache(prefixes, mode)
        try:
            if _agrees(memory, module, gates, run):
                return memory
        finally:
            memory.forget()
    return ActivationCache(prefixes, "none")


def _agrees(memory: ActivationCache, module: nn.Module, gates: Sequence[BoundGate], run: Run) -> bool:
    """Whether interventions on each gate give the same bits with and without the memory, again and again."""
    if not torch.equal(memory.run_clean(run), run()):
        return False
    for bound in gates:
        probe = GatePatch(bound, torch.ones(bound.gate.channels), strength=0.5)
        with patching(module, [probe]):
            expected = run()
            try:
                if not all(torch.equal(memory.run_from(bound.gate.name, run), expected) for _ in range(_REPEATS)):
                    return False
            except GateError:  # of a module's calls some are remembered and others are not
                return False
    return True


def trace_prefixes(module: nn.Module, gates: Sequence[BoundGate], run: Run) -> dict[str, CachedPrefix]:
    """What does not depend on each gate, by its name; read from the order of calls in one forward."""
    calls: dict[nn.Module, _Call] = {}
    began: dict[nn.Module, tuple[int, float]] = {}
    clock = iter(range(2**62))

    def start(part: nn.Module, _inputs: tuple[Any, ...]) -> None:
        began[part] = (next(clock), time.perf_counter())

    def end(part: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        order, second = began[part]
        if part in calls:
            calls[part].calls += 1
        else:
            seconds = (second, time.perf_counter())
            calls[part] = _Call(order, next(clock), seconds, isinstance(output, Tensor))

    parts = list(dict.fromkeys([*module.modules(), *(bound.source for bound in gates)]))
    hooks = attached([(part, end) for part in parts], pre_hooks=[(part, start) for part in parts])
    with watched_taps(module), hooks:
        run()
    own = {part: set(part.modules()) for part in parts}
    inside = {part: frozenset(b.gate.name for b in gates if b.inner in own[part]) for part in parts}
    return {bound.gate.name: _prefix_of(module, bound, calls, inside) for bound in gates}


def _prefix_of(
    module: nn.Module, bound: BoundGate, calls: Mapping[nn.Module, _Call], inside: Mapping[nn.Module, frozenset[str]]
) -> CachedPrefix:
    gate, whole = calls[bound.source], calls[module].seconds
    shared: dict[nn.Module, None] = {}
    own: dict[nn.Module, None] = {}

    def visit(parent: nn.Module) -> None:
        for child in parent.children():
            call = calls.get(child)
            if call is not None and call.calls == 1 and call.tensor and call.ended < gate.began:
                (own if inside[parent] == {bound.gate.name} else shared)[child] = None
            else:
                visit(child)

    visit(module)
    length = whole[1] - whole[0]
    last = max((calls[part].seconds[1] for part in shared), default=whole[0])
    after, after_shared = (whole[1] - gate.seconds[0]) / length, (whole[1] - last) / length
    return CachedPrefix(tuple(shared), tuple(own), after, after_shared)
