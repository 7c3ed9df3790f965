"""What a forward multiplies, seen below everything that senet_viz uses: at the operators that PyTorch runs in the end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

SQUASHING = ("sigmoid", "hardsigmoid", "tanh", "relu", "softmax", "clamp", "hardtanh")
IMAGES = 2


@dataclass(frozen=True)
class Scaling:
    """A feature map times one number per image and channel.

    Attributes:
        path: of the innermost module that it is computed in.
        kind: that module's class.
        factor: (N, C).
        pooled: (N, C), the map's mean over its positions.
    """

    path: str
    kind: str
    factor: Tensor
    pooled: Tensor


@dataclass
class Seen:
    """All scalings of a forward in their order, and by name of the function what squashes returned."""

    scalings: list[Scaling] = field(default_factory=list)
    squashed: dict[str, list[Tensor]] = field(default_factory=dict)


def read_factor(x: Tensor, factor: Tensor) -> tuple[Tensor, int] | None:
    """(N, C) and the axis of C, where a factor holds one number per image and channel of x."""
    if x.ndim < 3 or factor.ndim != x.ndim or not factor.is_floating_point() or not x.is_floating_point():
        return None
    if factor.shape[0] != x.shape[0] or x.shape[0] != IMAGES or max(x.shape[2:], default=1) == 1 == x.shape[1]:
        return None
    wide = [d for d in range(1, x.ndim) if factor.shape[d] > 1 and factor.stride(d) and not _repeats(factor, d)]
    if len(wide) > 1 or (wide and wide[0] not in (1, x.ndim - 1)):
        return None
    axis = wide[0] if wide else 1
    if factor.shape[axis] != x.shape[axis] or (not wide and factor.shape[1] == 1):
        return None
    if x.numel() == x.shape[0] * x.shape[axis]:
        return None  # one position
    return factor.movedim(axis, 1).flatten(2)[..., 0], axis


def _repeats(factor: Tensor, axis: int) -> bool:
    return axis != 1 and bool((factor == factor.narrow(axis, 0, 1)).all())


class _Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(
        self, seen: Seen, frames: list[tuple[str, str]], edits: Mapping[int, Callable[[Tensor], Tensor]]
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen, self.frames, self.edits = seen, frames, edits

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__.strip("_")
        if name in ("mul", "addcmul") and len(args) >= 2 and all(isinstance(a, Tensor) for a in args[-2:]):
            args = self._look(args)
        result = func(*args, **(kwargs or {}))
        if name in SQUASHING and isinstance(result, Tensor):
            self.seen.squashed.setdefault(name, []).append(result.detach().clone())
        return result

    def _look(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        for x_at, at in ((-2, -1), (-1, -2)):
            x, factor = args[x_at], args[at]
            found = read_factor(x, factor)
            if found is None:
                continue
            vector, axis = found
            number = len(self.seen.scalings)
            path, kind = self.frames[-1] if self.frames else ("", "")
            pooled = x.detach().movedim(axis, 1).flatten(2).mean(2)
            self.seen.scalings.append(Scaling(path, kind, vector.detach().clone(), pooled))
            if number in self.edits:
                changed = self.edits[number](vector)
                changed = changed.reshape(*changed.shape, *(1 for _ in x.shape[2:])).movedim(1, axis)
                changed = changed.expand_as(factor).contiguous() if factor.shape == x.shape else changed
                where = len(args) + at
                args = (*args[:where], changed.to(factor.dtype), *args[where + 1 :])
            break
        return args


@contextmanager
def seeing(network: nn.Module, edits: Mapping[int, Callable[[Tensor], Tensor]] | None = None) -> Iterator[Seen]:
    """Writes down the scalings of forwards of a batch of two inside of the `with`.

    Args:
        network: that is run.
        edits: by a scaling's number, what its factor (N, C) becomes: the network edited by hand.
    """
    seen, frames = Seen(), list[tuple[str, str]]()
    with ExitStack() as stack:
        for path, module in network.named_modules():
            entry = (path, type(module).__name__)
            stack.callback(module.register_forward_pre_hook(lambda _m, _i, entry=entry: frames.append(entry)).remove)
            stack.callback(
                module.register_forward_hook(lambda _m, _i, _o: (frames.pop(), None)[1], always_call=True).remove
            )
        stack.enter_context(_Mode(seen, frames, edits or {}))
        yield seen


def first_tensor(output: Any) -> Tensor:
    """The first floating tensor that holds anything of whatever a network returns; an empty one where none does."""
    return next(
        (tensor for tensor in _tensors(output) if tensor.is_floating_point() and tensor.numel()), torch.empty(0)
    )


def _tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from _tensors(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from _tensors(value)
    elif hasattr(output, "__dict__"):
        yield from _tensors(vars(output))


def settle(network: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Random weights that let a signal through: what is all alike (a norm's, a layer's scale) is drawn, norms are set to one batch."""
    generator = torch.Generator().manual_seed(1)
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            spread = parameter.numel() > 1 and bool((parameter == parameter.flatten()[0]).all())
            if (parameter.ndim <= 1 and spread) or not parameter.any():
                drawn = torch.rand(parameter.shape, generator=generator)
                parameter.copy_(0.2 * (drawn - 0.5) if name.endswith("bias") else 0.5 + drawn)
        network.eval()
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.training, norm.momentum = True, 1.0
        try:
            network(*inputs)
        finally:
            for norm, momentum in zip(norms, momenta):
                norm.training, norm.momentum = False, momentum
