"""An SE unit run alone on random input: the ground on which out = s·x is proved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from senet_viz.gates.hooks import attached, evaluating

RANDOM_IMAGES = 2
IMAGES = RANDOM_IMAGES + 1
SMALLEST_SIDE = 2


@dataclass(frozen=True, slots=True)
class Firing:
    """One call of a submodule: copies of its first input and of its output, None where they are no tensors."""

    module: nn.Module
    input: Tensor | None
    output: Tensor | None


@dataclass(frozen=True, slots=True)
class LoneRun:
    """A module run alone.

    Attributes:
        input: (3, C, H, W) x, nowhere 0; two random images and one that is constant in space.
        output: what the module returned.
        firings: calls of its submodules, in the order in which they ended.
    """

    input: Tensor
    output: Any
    firings: tuple[Firing, ...]

    @property
    def channels(self) -> int:
        return self.input.shape[1]

    @property
    def constant(self) -> Tensor:
        """(C,) the values of the image that is constant in space: what any pooling makes of it."""
        return self.input[RANDOM_IMAGES, :, 0, 0]

    def as_vector(self, value: Tensor | None) -> Tensor | None:
        """(3, C) where a tensor holds one number per image and channel, else None."""
        if value is None or value.ndim < 2 or value.shape[0] != IMAGES or value[0].numel() != self.channels:
            return None
        return value.flatten(1)

    def is_product(self, factor: Tensor) -> bool:
        """Whether out = s·x for s = factor (3, C), to the rounding of float32."""
        if not isinstance(self.output, Tensor) or self.output.shape != self.input.shape:
            return False
        return torch.allclose(self.output, factor[:, :, None, None] * self.input, rtol=1e-5, atol=1e-7)


def run_alone(module: nn.Module, shape: Sequence[int], *, channel_dim: int = 1) -> LoneRun:
    """Runs a module on random non-zero input, on the CPU in float32, in eval mode.

    Weights on another device, of another precision or without values (meta) are replaced by copies for
    the run; the module itself, its statistics and torch's random state stay as they are.

    Args:
        module: the SE unit.
        shape: (N, C, H, W) of an input that it was given in its network, or (N, H, W, C).
        channel_dim: axis of C, 1 or 3. The run is told with C on axis 1.
    """
    x = _draw_input(shape, channel_dim)
    given = x.movedim(1, channel_dim).contiguous()
    firings: list[Firing] = []

    def note(part: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        firings.append(Firing(part, entered.pop(), _copy(output)))

    def note_input(_part: nn.Module, inputs: tuple[Any, ...]) -> None:
        entered.append(_copy(inputs[0] if inputs else None))

    entered: list[Tensor | None] = []
    parts = [part for part in module.modules() if part is not module]
    with on_cpu(module) as call, attached([(p, note) for p in parts], pre_hooks=[(p, note_input) for p in parts]):
        output = call(given.clone())
    if isinstance(output, Tensor):
        output = output.clone().movedim(channel_dim, 1) if output.ndim == x.ndim else output.clone()
    return LoneRun(x, output, tuple(firings))


@contextmanager
def on_cpu(module: nn.Module) -> Iterator[Any]:
    """Gives a callable that runs a module on the CPU in float32 and eval mode, whatever its weights are on."""
    generator = torch.Generator(device="cpu").manual_seed(0)
    values = {name: _stand_in(p, generator) for name, p in module.named_parameters()}
    values |= {name: _buffer(b) for name, b in module.named_buffers()}
    with evaluating(module), torch.autocast("cpu", enabled=False):
        yield lambda x: functional_call(module, values, (x,))


def _draw_input(shape: Sequence[int], channel_dim: int) -> Tensor:
    channels = shape[channel_dim]
    height, width = (max(size, SMALLEST_SIDE) for dim, size in enumerate(shape) if dim not in (0, channel_dim))
    generator = torch.Generator(device="cpu").manual_seed(0)
    offsets = torch.randn(IMAGES, channels, 1, 1, generator=generator, device="cpu")
    noise = torch.randn(IMAGES, channels, height, width, generator=generator, device="cpu")
    noise[RANDOM_IMAGES:] = 0
    x = noise + offsets
    return torch.where(x < 0, x - 0.1, x + 0.1)


def _stand_in(parameter: Tensor, generator: torch.Generator) -> Tensor:
    if parameter.is_meta:
        return torch.randn(parameter.shape, generator=generator, device="cpu") * 0.1
    return parameter.detach().to("cpu", torch.float32) if parameter.is_floating_point() else parameter.detach().cpu()


def _buffer(value: Tensor) -> Tensor:
    if value.is_meta:
        dtype = torch.float32 if value.is_floating_point() else value.dtype
        return torch.ones(value.shape, dtype=dtype, device="cpu")
    return value.to("cpu", torch.float32) if value.is_floating_point() else value.cpu()


def _copy(value: Any) -> Tensor | None:
    return value.detach().clone() if isinstance(value, Tensor) else None
