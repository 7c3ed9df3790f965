"""Gates that no module returns: a module that their values are handed through, so that hooks see and change them all the same.

Functions are looked at only from the return of the last module that is called before the one that takes the gate in, until the next
module is called: a layer of an excitation and a convolution, mostly, with two or three functions between them. The rest of a forward
costs nothing.
"""

import contextlib
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from senet_viz.gates.dataflow import Observer, function_name


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a module's forward between two modules that it calls.

    Attributes:
        owner: the module.
        call: which call of it in a forward of the network, from 0.
        opener: the module whose return begins the part; None where it begins with the owner's forward.
        opening: which return of the opener inside of the owner's call, from 0; those inside of other owners do not count.
        closer: the module whose call ends it; None where it ends with the owner's forward.
    """

    owner: nn.Module
    call: int
    opener: nn.Module | None
    opening: int
    closer: nn.Module | None


@dataclass(frozen=True, slots=True)
class Place:
    """An argument of a function that is called in a module's forward.

    Attributes:
        stretch: the part of the forward.
        function: name of the function.
        turn: which call of that function in the part, from 0.
        operand: number or keyword of the argument.
        channel_dim: axis of the argument that holds the channels.
    """

    stretch: Stretch
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
        stretches = {place.stretch for place in self.taps}
        keep = self._stack.callback
        keep(network.register_forward_pre_hook(watch.start).remove)
        # a closer that is an owner too ends a stretch before its own begins; an opener that is one begins it after its own ended
        for closer in {part.closer for part in stretches if part.closer is not None}:
            keep(closer.register_forward_pre_hook(watch.close).remove)
        for owner in {part.owner for part in stretches}:
            keep(owner.register_forward_pre_hook(watch.enter).remove)
            keep(owner.register_forward_hook(watch.leave, always_call=True).remove)
        for opener in {part.opener for part in stretches if part.opener is not None}:
            keep(opener.register_forward_hook(watch.note_return).remove)
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


_Window = Mapping[tuple[str, int], Sequence[GateTap]]  # taps by name and turn of the function that they are in


class _Watch(Observer):
    """Active in the stretches that hold taps, in the thread that runs the network."""

    def __init__(self, taps: Mapping[Place, GateTap]) -> None:
        super().__init__()
        windows: dict[tuple[nn.Module, int, nn.Module | None, int], dict[tuple[str, int], list[GateTap]]] = {}
        for place, tap in taps.items():
            part = place.stretch
            window = windows.setdefault((part.owner, part.call, part.opener, part.opening), {})
            window.setdefault((place.function, place.turn), []).append(tap)
        self._windows = windows
        self._calls: Counter[nn.Module] = Counter()
        self._frames: list[tuple[nn.Module, int, Counter[nn.Module]]] = []
        self._window: _Window | None = None
        self._turns: Counter[str] = Counter()

    def start(self, _network: nn.Module, _inputs: tuple[Any, ...]) -> None:
        self.stop()  # a forward that was interrupted

    def end(self, _network: nn.Module, _inputs: tuple[Any, ...], _output: Any) -> None:
        self.stop()

    def stop(self) -> None:
        self._calls.clear()
        self._frames.clear()
        self.close()

    def enter(self, owner: nn.Module, _inputs: tuple[Any, ...]) -> None:
        call = self._calls[owner]
        self._calls[owner] += 1
        self._frames.append((owner, call, Counter()))
        self._open((owner, call, None, 0))

    def leave(self, _owner: nn.Module, _inputs: tuple[Any, ...], _output: Any) -> None:
        self.close()
        if self._frames:
            self._frames.pop()

    def note_return(self, opener: nn.Module, _inputs: tuple[Any, ...], _output: Any) -> None:
        if self._frames:
            owner, call, returns = self._frames[-1]
            self._open((owner, call, opener, returns[opener]))
            returns[opener] += 1

    def _open(self, begins: tuple[nn.Module, int, nn.Module | None, int]) -> None:
        window = self._windows.get(begins)
        if window is not None:
            self.close()
            self._window = window
            self._turns.clear()
            self.__enter__()  # type: ignore[no-untyped-call]

    def close(self, _closer: nn.Module | None = None, _inputs: tuple[Any, ...] = ()) -> None:
        if self._window is not None:
            self._window = None
            self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = function_name(func)
        turn = name, self._turns[name]
        self._turns[name] += 1
        for tap in (self._window or {}).get(turn, ()):
            args, kwargs = _hand_through(tap, args, kwargs)
        return func(*args, **kwargs)


def _hand_through(
    tap: GateTap, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    at, axis = tap.place.operand, tap.place.channel_dim
    factor = kwargs[at] if isinstance(at, str) else args[at]
    values = factor[tuple(slice(None) if d in (0, axis) else 0 for d in range(factor.ndim))]
    moved = tap(values)
    if moved is values:
        return args, kwargs
    if factor.ndim > 2:
        moved = moved.reshape(*moved.shape, *(1 for _ in factor.shape[2:])).movedim(1, axis).expand_as(factor)
    if isinstance(at, str):
        return args, {**kwargs, at: moved}
    return (*args[:at], moved, *args[at + 1 :]), kwargs
