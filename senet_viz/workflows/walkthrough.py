"""One image through a recorded network, with everything that one block did to it, copied from its hooks."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from senet_viz.analysis.walkthrough import (
    LARGEST_SIDE,
    BlockSteps,
    HiddenLayer,
    choose_channels_to_show,
    measure_amplification,
)
from senet_viz.errors import ArgumentError, GateError
from senet_viz.gates.adapters import find_adapter
from senet_viz.gates.dataflow import observed
from senet_viz.gates.discovery import BoundGate
from senet_viz.gates.hooks import attached
from senet_viz.gates.intervention import find_block
from senet_viz.gates.isolated_check import MIXERS
from senet_viz.gates.products import PRODUCTS, Graph, find_products
from senet_viz.gates.recorder import GateRecorder
from senet_viz.models.forward import forward, observing
from senet_viz.models.networks.se import ConstantLogits, SEBlock
from senet_viz.models.zoo import Model
from senet_viz.recording.reader import Recording
from senet_viz.schema import label_classes
from senet_viz.workflows.comparison import PreparedImage
from senet_viz.workflows.recorded_model import check_blocks, check_weights

_PASSIVE = (nn.Identity, nn.Dropout, nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


@dataclass(eq=False)
class PartFiring:
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
    firings: list[PartFiring] = field(default_factory=list)

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

    def excitation(self) -> list[PartFiring]:
        """Calls of the parts that make s: of all in a unit, else from the first to the last that has a weight of it."""
        if self.bound.unit:
            return self.firings
        own = {id(weight) for weight in self.bound.weights}
        has = [i for i, f in enumerate(self.firings) if any(id(p) in own for p in f.part.parameters(recurse=False))]
        layers = len({self.firings[i].part for i in has})
        mine = has[self.bound.excitation_call * layers :][:layers]
        return self.firings[mine[0] : mine[-1] + 1] if mine else []

    def logits(self) -> Tensor | None:
        """What enters the gate's activation, (N, C); None where that is something else."""
        return self._row([f.entered for f in self.firings if f.part is self.bound.source], self.bound.gate.channels)

    def hidden(self) -> tuple[nn.Module | None, Tensor, Tensor, nn.Module] | None:
        """Activation, its input and output (N, C/r), and the layer that follows; None where there is no such layer."""
        width = self.bound.gate.reduced_channels
        firings = self.excitation()
        mixers = [i for i, firing in enumerate(firings) if isinstance(firing.part, MIXERS)]
        if width is None or len(mixers) != 2:
            return None
        first, second = (firings[i] for i in mixers)
        between = [f for f in firings[mixers[0] + 1 : mixers[1]] if not isinstance(f.part, _PASSIVE)]
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
def watching(network: nn.Module, bound: BoundGate) -> Iterator[UnitWatch]:
    """Watches how a gate comes about in the one forward inside of the `with`; what it saw is there afterwards.

    Args:
        network: that will run; its lock must be held.
        bound: one of its gates.
    """
    with _watching_module(bound) as watch:
        if bound.product is None:
            yield watch
            return
        with observed(network, copying=PRODUCTS) as flow:
            yield watch
    if len(products := find_products(Graph(flow, network))) > bound.product:
        product = products[bound.product]
        watch.inputs = product.copied_map().movedim(product.channel_dim, 1)
        watch.output = product.step.copies[-1].movedim(product.channel_dim, 1)


@contextmanager
def _watching_module(bound: BoundGate) -> Iterator[UnitWatch]:
    """Watches an SE unit, or what happens inside of the module in which a product is computed."""
    watch = UnitWatch(bound)
    adapter = find_adapter(bound.module)
    axis = 1 if adapter is None else adapter.channel_dim
    parts = _parts(bound)
    entered: list[tuple[nn.Module, Tensor | None]] = []
    calls = 0

    def start(_unit: nn.Module, inputs: tuple[Any, ...]) -> None:
        nonlocal calls
        calls += 1
        if bound.unit and calls - 1 == bound.call:
            watch.firings.clear()
            watch.inputs = _copy_maps(inputs[0] if inputs else None, axis)

    def end(_unit: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        if bound.unit and calls - 1 == bound.call:
            watch.output = _copy_maps(output, axis)

    def enter(part: nn.Module, inputs: tuple[Any, ...]) -> None:
        entered.append((part, _copy_row(inputs[0] if inputs else None, bound.gate.channels)))

    def leave(part: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        while entered:
            opened, value = entered.pop()
            if opened is part:
                if not bound.unit or calls - 1 == bound.call:
                    watch.firings.append(PartFiring(part, value, _copy_row(output, bound.gate.channels)))
                return

    hooks = [(bound.module, end), *((part, leave) for part in parts)]
    with attached(hooks, pre_hooks=[(bound.module, start), *((part, enter) for part in parts)]):
        yield watch


def _parts(bound: BoundGate) -> list[nn.Module]:
    """What is watched: layers, whole where they have parts of their own (a convolution with its padding), and the source."""
    layers = [m for m in bound.module.modules() if isinstance(m, MIXERS)]
    inner = {id(part) for layer in layers for part in layer.modules() if part is not layer}
    return [
        part
        for part in bound.module.modules()
        if part is bound.source or isinstance(part, MIXERS) or (id(part) not in inner and not any(part.children()))
    ]


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


MOST_SHOWN = 8
_NAMES = {
    "ReLU": "ReLU",
    "SiLU": "SiLU",
    "Swish": "SiLU",
    "MemoryEfficientSwish": "SiLU",
    "Hardswish": "hard swish",
    "HardSwish": "hard swish",
}


def step_block(
    model: Model, image: PreparedImage, recording: Recording, block: str, *, channels: Sequence[int] | None = None
) -> BlockSteps:
    """What one block made of one image: U, z, hidden layer, s and s·U as the network computed them, in fp32.

    Args:
        model: the network that the recording was made with; its lock is held.
        image: as the network takes it in.
        recording: of this network, full or slim.
        block: by label or path.
        channels: 1 to 8 that are shown; by default the three loudest and the three quietest against their recorded mean.

    Raises:
        ArgumentError: no such block or channel, or too many channels.
        RecordingError: the recording is of another network, or is damaged.
        GateError: the block can not be observed, or what it computed is not finite.
    """
    check_weights(model, recording.manifest)
    bound = find_block(model.bound_gates, block)
    _check_channels(bound, channels)
    check_blocks(model, model.gates, recording.manifest)
    with observing(model, "fp32"):
        with GateRecorder(model.module, bound=model.bound_gates) as recorder, watching(model.module, bound) as watch:
            probabilities = forward(model, image.pixels[None]).softmax(dim=1)[0].cpu()
            gate, squeeze = (recorder.take(what)[bound.gate.name] for what in ("gate", "squeeze"))
        assert gate is not None
        return _gather(model, image, recording, watch, gate, squeeze, probabilities, channels)


def _gather(
    model: Model,
    image: PreparedImage,
    recording: Recording,
    watch: UnitWatch,
    gate: Tensor,
    squeeze: Tensor | None,
    probabilities: Tensor,
    channels: Sequence[int] | None,
) -> BlockSteps:
    inputs, output = watch.maps()
    s = _array(gate[0])
    if not (np.isfinite(s).all() and bool(torch.isfinite(inputs).all())):
        raise GateError(f"What {watch.bound.gate.name} computed for {image.name} is not finite: check the weights.")
    overall = recording.moments(watch.bound.gate.name, ranges=False).overall()
    mean = np.asarray(overall.mean[0], dtype=np.float32)
    shown = _order(measure_amplification(s, mean, watch.bound.gate.extent), channels)
    maps = inputs[0, torch.from_numpy(shown)]
    first = int(probabilities.argmax()) if model.outputs else None
    names = label_classes(model.classes)
    logits = watch.logits()
    hidden = _hidden(watch, shown)
    return BlockSteps(
        recording_id=recording.id,
        image=image.name,
        prediction="" if first is None else names[first] if names else f"output {first}",
        probability=math.nan if first is None else float(probabilities[first]),
        block=watch.bound.gate,
        map_size=(inputs.shape[2], inputs.shape[3]),
        shown=shown,
        before=_shrink(maps),
        after=_shrink(output[0, torch.from_numpy(shown)]),
        lowest=_array(maps.amin((1, 2))),
        highest=_array(maps.amax((1, 2))),
        pooled=_array(inputs[0].mean((1, 2))),
        squeeze=None if squeeze is None else _array(squeeze[0]),
        hidden=hidden,
        hidden_missing="" if hidden else _why_no_hidden(watch.bound),
        logits=None if logits is None else _array(logits[0]),
        gate=s,
        mean=mean,
        sd=np.asarray(overall.std()[0], dtype=np.float32),
        images=int(overall.count[0]),
        largest_output=float(output.abs().max()),
        residual=float((output - gate[:, :, None, None] * inputs).abs().max()),
        constant=_is_constant(watch.bound),
    )


def _check_channels(bound: BoundGate, channels: Sequence[int] | None) -> None:
    if channels is None:
        return
    if not 1 <= len(channels) <= MOST_SHOWN:
        raise ArgumentError(f"{len(channels)} channels were chosen: 1 to {MOST_SHOWN} can be shown.")
    wrong = [c for c in channels if not 0 <= c < bound.gate.channels]
    if wrong:
        raise ArgumentError(f"{bound.gate.label} has no channel {wrong[0]}: it has 0 to {bound.gate.channels - 1}.")


def _order(amplification: NDArray[np.float32], channels: Sequence[int] | None) -> NDArray[np.int64]:
    if channels is None:
        return choose_channels_to_show(amplification)
    chosen = np.array(sorted(set(channels)), dtype=np.int64)
    return chosen[np.argsort(-amplification[chosen], kind="stable")]


def _shrink(maps: Tensor) -> NDArray[np.float32]:
    height, width = maps.shape[1:]
    if max(height, width) <= LARGEST_SIDE:
        return _array(maps)
    return _array(functional.adaptive_avg_pool2d(maps, (min(height, LARGEST_SIDE), min(width, LARGEST_SIDE))))


def _hidden(watch: UnitWatch, shown: NDArray[np.int64]) -> HiddenLayer | None:
    if (found := watch.hidden()) is None:
        return None
    activation, before, values, layer = found
    kind = "f" if activation is None else type(activation).__name__
    weights = _rows_of(layer, shown, values.shape[1])
    bias, none = getattr(layer, "bias", None), np.zeros(len(shown), np.float32)
    return HiddenLayer(
        activation=_NAMES.get(kind, kind),
        before=_array(before[0]),
        values=_array(values[0]),
        weights=weights,
        bias=none if bias is None or weights is None else _array(bias[torch.from_numpy(shown)]),
    )


def _rows_of(layer: nn.Module, shown: NDArray[np.int64], width: int) -> NDArray[np.float32] | None:
    """Rows of a layer's matrix; None where it is no plain matrix of so many inputs."""
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or weight[0].numel() != width or len(weight) <= int(shown.max()):
        return None
    return _array(weight.flatten(1)[torch.from_numpy(shown)])


def _is_constant(bound: BoundGate) -> bool:
    return any(isinstance(part, ConstantLogits) for part in bound.module.modules())


def _why_no_hidden(bound: BoundGate) -> str:
    if _is_constant(bound):
        return "There is none: these gates are trained constants, which no image moves."
    if bound.gate.reduced_channels is None:
        return f"This network's units ({bound.gate.family}) have none: each gate is computed from z in one step."
    if isinstance(bound.module, SEBlock) and bound.module.depth > 2:
        return f"This network's units ({bound.gate.family}) have {bound.module.depth - 1} in a row, of which none is drawn."
    return f"It is not one vector in this network's units ({bound.gate.family}), so it is not drawn."


def _array(values: Tensor) -> NDArray[np.float32]:
    return values.detach().cpu().float().numpy().copy()
