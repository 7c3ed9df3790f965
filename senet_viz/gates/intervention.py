"""Gates moved while a network runs: the one formula s′ = lerp(s, b, t)."""

import contextlib
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from senet_viz.errors import ArgumentError, GateError
from senet_viz.gates.discovery import BoundGate, bind_gates, describe_calls
from senet_viz.gates.hooks import ForwardHook, attached
from senet_viz.gates.taps import watched_taps
from senet_viz.gates.trace import ExampleInputs, InputSize

WORDS: Mapping[str, float] = {"one": 1.0, "zero": 0.0}  # baselines that need no images

# Gates are to be found in an untouched network: an inner intervention takes those that the outer one found.
_FOUND: weakref.WeakKeyDictionary[nn.Module, tuple[BoundGate, ...]] = weakref.WeakKeyDictionary()


class LentNetwork(Protocol):
    """A network with the lock that whoever hooks it holds: a `Model`."""

    @property
    def module(self) -> nn.Module: ...
    @property
    def lock(self) -> contextlib.AbstractContextManager[Any]: ...


@dataclass(frozen=True, slots=True, eq=False)
class GatePatch:
    """What becomes of one block's gate.

    Attributes:
        bound: the block and where it lives in the network.
        baseline: b, (C,) for all images or (N, C) for each.
        strength: t, 0 (untouched) to 1 (the baseline).
        channels: (C,) bool, which are moved; None for all.
    """

    bound: BoundGate
    baseline: Tensor
    strength: float = 1.0
    channels: Tensor | None = None

    def apply(self, s: Tensor) -> Tensor:
        """s′ = lerp(s, b, t) of the chosen channels, (N, C): always a new tensor.

        At both ends s or b is taken as it is: rounding and overflow in half precision must not touch it.
        """
        if len(self.baseline) != len(s) and self.baseline.ndim == 2:
            raise ArgumentError(
                f"The baseline of {self.bound.gate.label} has {len(self.baseline)} rows for a batch of {len(s)} images: "
                f"give one of ({self.bound.gate.channels},), or a row an image."
            )
        target = self.baseline.to(s.device, s.dtype).expand_as(s)
        if self.strength in (0, 1):
            moved = (target if self.strength else s).clone()
        else:
            moved = torch.lerp(s, target, self.strength)
        return moved if self.channels is None else torch.where(self.channels.to(s.device), moved, s)


@contextlib.contextmanager
def patching(module: nn.Module, patches: Sequence[GatePatch]) -> Iterator[None]:
    """Moves gates in every forward of a network, for whoever has its gates bound already.

    Args:
        module: the network.
        patches: at most one a block.

    Raises:
        GateError: in a forward, when a moved gate fired never or twice in it.
    """
    calls: Counter[nn.Module] = Counter()

    def start(_module: nn.Module, _inputs: tuple[Any, ...]) -> None:
        calls.clear()

    def check(_module: nn.Module, _inputs: tuple[Any, ...], _output: Any) -> None:
        counts = {patch.bound.gate.name: (calls[patch.bound.source], patch.bound.calls) for patch in patches}
        if wrong := describe_calls(counts):
            raise GateError(
                f"In this forward {len(wrong)} of {len(counts)} moved gates {', '.join(wrong)}. Run the whole network once, by "
                "calling it and not a part of it."
            )

    sources: dict[nn.Module, dict[int, GatePatch]] = {}
    for patch in patches:
        sources.setdefault(patch.bound.source, {})[patch.bound.call] = patch
    hooks = [(source, _hook_of(by_call, calls)) for source, by_call in sources.items()]
    with watched_taps(module), attached([*hooks, (module, check)], pre_hooks=[(module, start)]):
        yield


def _hook_of(by_call: Mapping[int, GatePatch], calls: Counter[nn.Module]) -> ForwardHook:
    def replace(module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> Tensor | None:
        patch = by_call.get(calls[module])
        calls[module] += 1
        if patch is None:
            return None
        s = patch.bound.read_gate(output)
        return None if patch.strength == 0 else patch.apply(s).reshape(output.shape)

    return replace


@contextlib.contextmanager
def intervened(
    model: LentNetwork | nn.Module,
    baselines: Mapping[str, Tensor | str],
    *,
    strength: float = 1.0,
    channels: Mapping[str, Sequence[int]] | None = None,
    input_size: InputSize | None = None,
    example_inputs: ExampleInputs | None = None,
) -> Iterator[None]:
    """Moves gates of a network towards baselines, s′ = lerp(s, b, t), in every forward inside the `with`.

        with intervened(model, {"SE_5_2": "one"}):
            logits = model.module(images)

    At t = 0 the network does bit by bit what it does untouched, at t = 1 the gate is exactly the baseline. The
    gate's output is replaced by a new tensor, weights stay as they are, and hooks are removed whatever happens. Such
    blocks nest: the inner one acts on what the outer one made of a gate. A `GateRecorder` sees moved gates where its
    `with` is inside, untouched ones where it is outside; make it outside, for it looks for gates when it is made.

    Args:
        model: a Model, whose lock is then held, or a network.
        baselines: by a block's label or path: (C,) for all images, (N, C) with a row an image, "one" or "zero".
        strength: t, 0 to 1.
        channels: by label or path of blocks among them, the channels that are moved; all where not given.
        input_size: as in `find_gates`.
        example_inputs: as in `find_gates`.

    Raises:
        ArgumentError: no such block or channel, a baseline of another shape or word, a strength beyond 0 to 1.
        GateError: as `find_gates`; in a forward, when a moved gate fired never or twice in it.
    """
    if not 0 <= strength <= 1:
        raise ArgumentError(f"strength is {strength}: it is 0 (untouched) to 1 (the baseline).")
    module, lock = (model, contextlib.nullcontext()) if isinstance(model, nn.Module) else (model.module, model.lock)
    with lock:
        outermost = module not in _FOUND
        if outermost:
            gates = bind_gates(module, input_size=input_size, example_inputs=example_inputs)
        else:
            gates = _FOUND[module]
        patches = _make_patches(gates, baselines, strength, channels or {})
        _FOUND[module] = gates
        try:
            with patching(module, patches):
                yield
        finally:
            if outermost:
                del _FOUND[module]


def _make_patches(
    gates: Sequence[BoundGate],
    baselines: Mapping[str, Tensor | str],
    strength: float,
    channels: Mapping[str, Sequence[int]],
) -> list[GatePatch]:
    if not baselines:
        raise ArgumentError("No block is to be moved: name at least one, e.g. {'SE_5_2': 'one'}.")
    masks = {(bound := find_block(gates, name)).gate.name: _mask(bound, chosen) for name, chosen in channels.items()}
    patches: dict[str, GatePatch] = {}
    for name, baseline in baselines.items():
        bound = find_block(gates, name)
        if bound.gate.name in patches:
            raise ArgumentError(f"{name} names a block twice: give each block one baseline.")
        patches[bound.gate.name] = GatePatch(bound, _as_baseline(bound, baseline), strength, masks.get(bound.gate.name))
    unmoved = sorted({*masks} - {*patches})
    if unmoved:
        raise ArgumentError(f"Channels of {unmoved[0]} were chosen, but the block has no baseline: give it one.")
    return [patches[bound.gate.name] for bound in gates if bound.gate.name in patches]


def find_block(gates: Sequence[BoundGate], name: str) -> BoundGate:
    """A block by its path ("layer3.5.se") or label ("SE_4_6").

    Raises:
        ArgumentError: no such block; the message lists the labels.
    """
    by_path = [bound for bound in gates if bound.gate.name == name]
    found = by_path or [bound for bound in gates if bound.gate.label == name]
    if not found:
        raise ArgumentError(f"There is no block {name!r}: the network has {', '.join(b.gate.label for b in gates)}.")
    return found[0]


def _as_baseline(bound: BoundGate, baseline: Tensor | str) -> Tensor:
    gate = bound.gate
    if isinstance(baseline, str):
        if baseline not in WORDS:
            raise ArgumentError(
                f"{baseline!r} is no baseline of {gate.label}: give {' or '.join(WORDS)}, or a tensor of ({gate.channels},)."
            )
        return torch.full((gate.channels,), WORDS[baseline])
    if baseline.ndim not in (1, 2) or baseline.shape[-1] != gate.channels or not baseline.is_floating_point():
        raise ArgumentError(
            f"The baseline of {gate.label} is {baseline.dtype} of shape {tuple(baseline.shape)}: floats of "
            f"({gate.channels},) or (N, {gate.channels}) are expected."
        )
    return baseline.detach()


def _mask(bound: BoundGate, channels: Sequence[int]) -> Tensor:
    wrong = [c for c in channels if not 0 <= c < bound.gate.channels]
    if wrong:
        raise ArgumentError(f"{bound.gate.label} has no channel {wrong[0]}: it has 0 to {bound.gate.channels - 1}.")
    mask = torch.zeros(bound.gate.channels, dtype=torch.bool)
    mask[list(channels)] = True
    return mask
