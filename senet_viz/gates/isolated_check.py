"""The self-check: an SE unit is accepted only when out = s·x was seen to hold with the unit alone, on random input."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from senet_viz.errors import GateError
from senet_viz.gates.adapters import Adapter
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
class IsolatedRun:
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
        return self.input[RANDOM_IMAGES].flatten(1)[:, 0]

    def as_vector(self, value: Tensor | None) -> Tensor | None:
        """(3, C) where a tensor holds one number per image and channel, else None."""
        if value is None or value.ndim < 2 or value.shape[0] != IMAGES or value[0].numel() != self.channels:
            return None
        return value.flatten(1)

    def is_product(self, factor: Tensor) -> bool:
        """Whether out = s·x for s = factor (3, C), to the rounding of float32."""
        if not isinstance(self.output, Tensor) or self.output.shape != self.input.shape:
            return False
        spread = factor.reshape(*factor.shape, *(1 for _ in self.input.shape[2:]))
        return torch.allclose(self.output, spread * self.input, rtol=1e-5, atol=1e-7)


def run_isolated(module: nn.Module, shape: Sequence[int], *, channel_dim: int = 1) -> IsolatedRun:
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
    return IsolatedRun(x, output, tuple(firings))


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
    sides = [max(size, SMALLEST_SIDE) for dim, size in enumerate(shape) if dim not in (0, channel_dim)]
    generator = torch.Generator(device="cpu").manual_seed(0)
    offsets = torch.randn(IMAGES, channels, *(1 for _ in sides), generator=generator, device="cpu")
    noise = torch.randn(IMAGES, channels, *sides, generator=generator, device="cpu")
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


UNIT = (0.0, 1.0)
KNOWN: Mapping[str, tuple[str, tuple[float, float]]] = {
    "sigmoid": ("sigmoid", UNIT),
    "hardsigmoid": ("hard sigmoid", UNIT),
    "hsigmoid": ("hard sigmoid", UNIT),
    "softmax": ("softmax", UNIT),
    "softmax2d": ("softmax", UNIT),
    "tanh": ("tanh", (-1.0, 1.0)),
    "relu": ("relu", (0.0, math.inf)),
    "relu6": ("relu6", (0.0, 6.0)),
    "softplus": ("softplus", (0.0, math.inf)),
    "exp": ("exp", (0.0, math.inf)),
}
FAR, FARTHER = 1e3, 1e6


def describe_activation(activation: nn.Module, sample: Tensor) -> tuple[str, tuple[float, float]]:
    """Name and bounds of the activation that ends an excitation.

    Known activations go by a table. Of others the bounds are measured: the activation is applied
    elementwise to a grid of values; where it still moves between ±10³ and ±10⁶ it is unbounded.

    Args:
        activation: the module whose output is s.
        sample: (N, …) an output of it; only its shape matters.

    Raises:
        GateError: its bounds cannot be measured, since it does not run on one tensor of that shape alone.
    """
    for base in type(activation).__mro__:
        known = KNOWN.get(base.__name__.replace("_", "").casefold())
        if known is not None:
            return known
    return type(activation).__name__, _measure_bounds(activation, sample)


def _measure_bounds(activation: nn.Module, sample: Tensor) -> tuple[float, float]:
    near = torch.linspace(-20, 20, 4001, device="cpu")
    grid = torch.cat([torch.tensor([-FARTHER, -FAR, FAR, FARTHER], device="cpu"), near])
    values = grid.reshape(-1, *(1 for _ in sample.shape[1:])).expand(-1, *sample.shape[1:])
    try:
        with on_cpu(activation) as apply:
            outputs = apply(values.clone()).reshape(len(grid), -1)
    except Exception as error:  # a module of any kind may end an excitation
        raise GateError(
            f"the bounds of its activation {type(activation).__name__} could not be measured, since it did not run alone "
            f"({type(error).__name__}: {error}): make it a module that maps one tensor elementwise"
        ) from error
    ends = outputs[:4]
    unbounded = [not torch.allclose(ends[a], ends[b], rtol=1e-3, atol=1e-6) for a, b in ((0, 1), (3, 2))]
    lowest, highest = float(outputs.min()), float(outputs.max())
    for patches, end in zip(unbounded, (ends[0], ends[3])):
        if patches and float(end.min()) < 0:
            lowest = -math.inf
        if patches and float(end.max()) > 0:
            highest = math.inf
    return lowest, highest


MIXERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
NO_VECTOR = "the excitation's first layer is not given one pooled vector a call"
FUNCTION_CALL = (
    "its gate is computed by a function call (such as torch.sigmoid), which no hook can see: make the gate's "
    "activation a module (self.sigmoid = nn.Sigmoid()) and call that"
)
CHANGED_FACTOR = (
    "its channels are scaled by something else than the output of its {} (such as 1 + s or 2·s): return x * s, "
    "and do the rest inside the activation's module or outside of the unit"
)
RETURNS_FACTOR = (
    "it returns the gate s itself and the multiplication happens outside of it: multiply inside (return x * s), "
    "so that the unit can be proved"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """An SE unit that passed its self-check.

    Attributes:
        module: the smallest module that returns s·x.
        family: name of its family.
        source: submodule whose output is s.
        excitation: first excitation layer, whose input is z; None where z is no vector.
        channels: C.
        reduced_channels: width of the hidden layer, None where nothing is reduced.
        activation: name of what makes s.
        range: bounds of s.
        squeeze_missing: why there is no z.
    """

    module: nn.Module
    family: str
    source: nn.Module
    excitation: nn.Module | None
    channels: int
    reduced_channels: int | None
    activation: str
    range: tuple[float, float]
    squeeze_missing: str | None


def check_unit(name: str, module: nn.Module, adapter: Adapter, *, shape: Sequence[int]) -> Unit:
    """Checks that a module of a known family does what its adapter says.

    Args:
        name: path of the module, for messages.
        module: the SE unit.
        adapter: of its family.
        shape: of the input that it was given in its network, (N, C, H, W) or (N, H, W, C).

    Raises:
        GateError: it does not; the message names the module and says what was found.
    """
    try:
        run = run_isolated(module, shape, channel_dim=adapter.channel_dim)
        source, excitation = (module.get_submodule(path) for path in (adapter.source, adapter.excitation))
    except Exception as error:  # whatever a changed copy of a known class may raise
        raise _refuse(name, module, f"it could not be run alone ({type(error).__name__}: {error})") from error
    outputs = [firing for firing in run.firings if firing.module is source]
    if not outputs:
        raise _refuse(name, module, f"{adapter.source} was never called, so {FUNCTION_CALL}")
    if len(outputs) > 1:
        raise _refuse(name, module, f"{adapter.source} was called {len(outputs)} times where once was expected")
    factor = run.as_vector(outputs[0].output)
    if factor is None or not run.is_product(factor):
        raise _refuse(name, module, f"its output is not the output of {adapter.source} times its input")
    try:
        return _describe(module, run, outputs[0], excitation, family=adapter.family, missing=adapter.squeeze_missing)
    except GateError as error:
        raise _refuse(name, module, str(error)) from error


def recognise_unit(module: nn.Module, *, shape: Sequence[int]) -> Unit | str | None:
    """Looks for an SE unit in a module of no known family, by what it does.

    It is one when, run alone, its output is its input times the output of a submodule without weights
    of its own (the activation) that holds one number per image and channel.

    Returns:
        The unit, or the reason why something that acts like one cannot be observed, or None.
    """
    try:
        run = run_isolated(module, shape)
    except Exception:  # most modules are no SE units and need not run on such input
        return None
    mixers = _list_mixers(run.firings)
    if not mixers:
        return None
    found = next((firing for firing in run.firings if _is_source(run, firing)), None)
    if found is None:
        return _explain(run, mixers)
    if sum(firing.module is found.module for firing in run.firings) > 1:
        return "its activation is called more than once in a forward: give the gate an activation module of its own"
    excitation = next((f.module for f in run.firings if isinstance(f.module, MIXERS) and _is_squeeze(run, f)), None)
    family = f"{type(module).__name__}, by structure"
    try:
        return _describe(module, run, found, excitation, family=family, missing=None)
    except GateError as error:
        return str(error)


def _describe(
    module: nn.Module,
    run: IsolatedRun,
    source: Firing,
    excitation: nn.Module | None,
    *,
    family: str,
    missing: str | None,
) -> Unit:
    calls = [firing for firing in run.firings if firing.module is excitation]
    if missing is None and (len(calls) != 1 or not _is_squeeze(run, calls[0])):
        missing = NO_VECTOR
    assert source.output is not None
    activation, bounds = describe_activation(source.module, source.output)
    return Unit(
        module,
        family,
        source.module,
        None if missing else excitation,
        run.channels,
        _read_reduced(run.firings, excitation),
        activation,
        bounds,
        missing,
    )


def _holds_mixer(module: nn.Module) -> bool:
    return any(isinstance(part, MIXERS) for part in module.modules())


def _is_source(run: IsolatedRun, firing: Firing) -> bool:
    if _holds_mixer(firing.module):
        return False
    factor = run.as_vector(firing.output)
    return factor is not None and run.is_product(factor)


def _is_squeeze(run: IsolatedRun, firing: Firing) -> bool:
    """Whether a layer is given the pooled feature map: any pooling of a constant image gives its values."""
    squeeze = run.as_vector(firing.input)
    return squeeze is not None and torch.allclose(squeeze[RANDOM_IMAGES], run.constant, rtol=1e-4, atol=1e-5)


def _list_mixers(firings: Sequence[Firing]) -> list[nn.Module]:
    return list(dict.fromkeys(firing.module for firing in firings if isinstance(firing.module, MIXERS)))


def _read_reduced(firings: Sequence[Firing], excitation: nn.Module | None) -> int | None:
    """Outputs of the excitation's first layer, where a second one follows; a 1-D convolution reduces nothing."""
    mixers = _list_mixers(firings)
    if excitation in mixers:
        mixers = mixers[mixers.index(excitation) :]
    if len(mixers) < 2 or isinstance(mixers[0], nn.Conv1d):
        return None
    return _outputs(mixers[0])


def _outputs(mixer: nn.Module) -> int:
    return int(mixer.out_features if isinstance(mixer, nn.Linear) else mixer.out_channels)  # type: ignore[arg-type]


def _explain(run: IsolatedRun, mixers: Sequence[nn.Module]) -> str | None:
    """Why a module that acts like an SE unit has no gate that can be hooked; None where it is no such module."""
    output = run.output
    if not isinstance(output, Tensor):
        return None
    if output.shape == run.input.shape:
        ratio = (output / run.input)[:RANDOM_IMAGES]
        factor = ratio.mean(tuple(range(2, ratio.ndim)), keepdim=True)
        uniform = torch.allclose(ratio, factor.expand_as(ratio), rtol=1e-4, atol=1e-6)
        return _explain_factor(run, mixers) if uniform and not torch.allclose(factor[0], factor[1]) else None
    factor_like = run.as_vector(output)
    reduces = len(mixers) > 1 and _outputs(mixers[0]) < run.channels == _outputs(mixers[-1])
    if factor_like is None or not reduces or not bool(((factor_like >= 0) & (factor_like <= 1)).all()):
        return None
    return RETURNS_FACTOR


def _explain_factor(run: IsolatedRun, mixers: Sequence[nn.Module]) -> str:
    """Why the factor of each channel is no submodule's output: nothing follows the layers, or it is changed after."""
    last = max(at for at, firing in enumerate(run.firings) if firing.module in mixers)
    after = [f for f in run.firings[last + 1 :] if not _holds_mixer(f.module) and run.as_vector(f.output) is not None]
    return CHANGED_FACTOR.format(type(after[-1].module).__name__) if after else FUNCTION_CALL


def _refuse(name: str, module: nn.Module, finding: str) -> GateError:
    return GateError(
        f"{name} ({type(module).__name__}) failed its self-check: {finding}. Expected out = s·x with s of one number "
        "per image and channel: use the library's own module or one that follows its form."
    )
