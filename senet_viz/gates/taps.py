"""Gates that no module returns: a module that their values are handed through, so that hooks see and change them all the same."""

import contextlib
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from senet_viz.gates.dataflow import function_name


@dataclass(frozen=True, slots=True)
class Place:
    """An argument of a function that is called in a module's forward.

    Attributes:
        owner: the module.
        call: which call of the module in a forward of the network, from 0.
        function: name of the function.
        turn: which call of that function inside of the module, from 0; calls inside of other owners do not count.
        operand: number or keyword of the argument.
        channel_dim: axis of the argument that holds the channels.
    """

    owner: nn.Module
    call: int
    function: str
    turn: int
    operand: int | str
    channel_dim: int


class GateTap(nn.Module):
    """Hands on the values (N, C) of one place; what a hook puts in their place, the function is given instead."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place

    def forward(self, values: Tensor) -> Tensor:
        return values


class _Taps:
    """All taps of one network; while somebody watches, they are called at their places in each forward."""

    def __init__(self, network: nn.Module) -> None:
        self._network = weakref.ref(network)
        self.taps: dict[Place, GateTap] = {}
        self._stack = contextlib.ExitStack()
        self._watchers = 0

    def tap(self, place: Place) -> GateTap:
        return self.taps.setdefault(place, GateTap(place))

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        self._watchers += 1
        try:
            if self._watchers == 1:
                self._begin()
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._stack.close()

    def _begin(self) -> None:
        network = self._network()
        assert network is not None
        watch = _Watch(self.taps)
        keep = self._stack.callback
        keep(network.register_forward_pre_hook(watch.start).remove)
        for owner in {place.owner for place in self.taps}:
            keep(owner.register_forward_pre_hook(watch.enter).remove)
            keep(owner.register_forward_hook(watch.leave, always_call=True).remove)
        keep(network.register_forward_hook(watch.end, always_call=True).remove)
        keep(watch.stop)


_TAPS: weakref.WeakKeyDictionary[nn.Module, _Taps] = weakref.WeakKeyDictionary()


def tap_at(network: nn.Module, place: Place) -> GateTap:
    """The tap of a place in a network, the same whenever it is asked for."""
    return _TAPS.setdefault(network, _Taps(network)).tap(place)


def taps_of(network: nn.Module) -> dict[Place, GateTap]:
    """All taps of a network, for `give_taps` to a copy of it that was made together with them."""
    return dict(_TAPS[network].taps) if network in _TAPS else {}


def give_taps(network: nn.Module, taps: Mapping[Place, GateTap]) -> None:
    """Taps that were pickled together with a network, which lose their place in it otherwise."""
    if taps:
        _TAPS.setdefault(network, _Taps(network)).taps.update(taps)


def watched_taps(network: nn.Module) -> contextlib.AbstractContextManager[None]:
    """Taps of a network fire in its forwards inside of the `with`; a network without any runs as it always does."""
    return _TAPS[network].watched() if network in _TAPS else contextlib.nullcontext()


class _Watch(TorchFunctionMode):
    """Active from the beginning of a network's forward to its end, in the thread that runs it."""

    def __init__(self, taps: Mapping[Place, GateTap]) -> None:
        super().__init__()
        self._taps: dict[nn.Module, dict[tuple[int, str, int], list[GateTap]]] = {}
        for place, tap in taps.items():
            mine = self._taps.setdefault(place.owner, {})
            mine.setdefault((place.call, place.function, place.turn), []).append(tap)
        self._functions = {place.function for place in taps}
        self._calls: Counter[nn.Module] = Counter()
        self._frames: list[tuple[nn.Module, int, Counter[str]]] = []
        self._running = False

    def start(self, _network: nn.Module, _inputs: tuple[Any, ...]) -> None:
        self.stop()  # a forward that was interrupted
        self.__enter__()  # type: ignore[no-untyped-call]
        self._running = True

    def end(self, _network: nn.Module, _inputs: tuple[Any, ...], _output: Any) -> None:
        self.stop()

    def stop(self) -> None:
        self._calls.clear()
        self._frames.clear()
        if self._running:
            self._running = False
            self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def enter(self, owner: nn.Module, _inputs: tuple[Any, ...]) -> None:
        self._frames.append((owner, self._calls[owner], Counter()))
        self._calls[owner] += 1

    def leave(self, _owner: nn.Module, _inputs: tuple[Any, ...], _output: Any) -> None:
        if self._frames:
            self._frames.pop()

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._frames and (name := function_name(func)) in self._functions:
            owner, call, turns = self._frames[-1]
            for tap in self._taps[owner].get((call, name, turns[name]), ()):
                args, kwargs = _hand_through(tap, args, kwargs)
            turns[name] += 1
        return func(*args, **kwargs)


def _hand_through(
    tap: GateTap, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    at, axis = tap.place.operand, tap.place.channel_dim
    factor = kwargs[at] if isinstance(at, str) else args[at]
    values = factor.movedim(axis, 1).flatten(2)[..., 0] if factor.ndim > 2 else factor
    moved = tap(values)
    if moved is values:
        return args, kwargs
    if factor.ndim > 2:
        moved = moved.reshape(*moved.shape, *(1 for _ in factor.shape[2:])).movedim(1, axis).expand_as(factor)
    if isinstance(at, str):
        return args, {**kwargs, at: moved}
    return (*args[:at], moved, *args[at + 1 :]), kwargs
