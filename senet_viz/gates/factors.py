"""What the factors of products are: where s is seen, what made it, and in what form it acts; each becomes a gate."""

import dataclasses
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from senet_viz.gates.dataflow import Dataflow, Frame, Step, Value, observed
from senet_viz.gates.hooks import attached, evaluating
from senet_viz.gates.isolated_check import KNOWN, UNIT, Unit
from senet_viz.gates.plain_numbers import read_limits, read_scale
from senet_viz.gates.products import PRODUCTS, Graph, Product, find_products
from senet_viz.gates.taps import Place, Stretch, tap_at, watched_taps

UNBOUNDED = (-math.inf, math.inf)
UNPROVED = "its product with the feature map is not what its form says of the gate: report the network's code"
OF_ANOTHER_MAP = "it scales a map by what was pooled from another one: s·x needs s that was pooled from that same x"


@dataclass(frozen=True, eq=False)
class Factor:
    """Where s is seen, and what it is.

    Attributes:
        value: s.
        frame: call of the module that returns it; None where a function's result goes on without one.
        consumer: the step that takes s in.
        operand: its argument.
        activation: name of what made it.
        range: its bounds.
        form: of the whole, in s.
        offset, scale: the factor is offset + scale·s.
    """

    value: Value
    frame: Frame | None
    consumer: Step
    operand: int | str
    activation: str
    range: tuple[float, float]
    form: str
    offset: float
    scale: float


class Reader:
    """Reads what the factors of products are."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        flow = graph.flow
        self._returned: dict[int, list[Frame]] = {}
        for frame, value in flow.returned.items():
            self._returned.setdefault(value.memory, []).append(frame)

    def read(self, product: Product) -> Factor:
        """s of a product: what it is multiplied by, or what that is 1 + s or 2·s of."""
        step, value, operand = product.step, product.factor, product.operand
        offset, scale = 0.0, 1.0  # factor = offset + scale·s
        place: tuple[Step, int | str, Value] = (step, operand, value)
        while (writer := self._graph.maker_of(place[2], place[0].number)) is not None:
            scaled = read_scale(writer, self._graph)
            if scaled is None:
                break
            at, inner, add, times = scaled
            offset, scale = offset + scale * add, scale * times
            place = (writer, at, inner)
            made = self._graph.maker_of(inner, writer.number)
            if made is not None and read_scale(made, self._graph) is None and self._is_squashed(made):
                return self._describe(product, *place, offset, scale)
        return self._describe(product, step, operand, value, 0.0, 1.0)

    def _describe(
        self, product: Product, consumer: Step, operand: int | str, value: Value, offset: float, scale: float
    ) -> Factor:
        activation, bounds = self._read_activation(value, consumer.number)
        form = product.form
        if (offset, scale) == (1.0, 1.0) and form == "s·x":
            form = "x + s·x"
        elif (offset, scale) != (0.0, 1.0):
            scaled = "s" if abs(scale) == 1 else f"{abs(scale):g}·s"
            factor = f"({offset:g} {'+' if scale > 0 else '−'} {scaled})" if offset else scaled
            form = form.replace("s·x", f"{factor}·x")
        frame = self._returning(value, consumer.number)
        return Factor(value, frame, consumer, operand, activation, bounds, form, offset, scale)

    def weights_of(self, mixers: Sequence[Step]) -> tuple[Tensor, ...]:
        """Parameters that these functions were given, each once."""
        memories = dict.fromkeys(value.memory for step in mixers for _, value in step.operands)
        return tuple(self._graph.weights[memory] for memory in memories if memory in self._graph.weights)

    def _returning(self, value: Value, before: int) -> Frame | None:
        """The innermost module whose call computed and returned a value."""
        writer = self._graph.maker_of(value, before)
        if writer is None:
            return None
        flow = self._graph.flow
        memories = {result.memory for result in writer.results} | {value.memory}
        frames = [
            frame
            for memory in memories
            for frame in self._returned.get(memory, ())
            if flow.began[frame] <= writer.number < flow.ended[frame] <= before
            and flow.returned[frame].tensor.numel() == _count(value)
        ]
        return min(frames, key=lambda frame: flow.ended[frame] - flow.began[frame], default=None)

    def _is_squashed(self, writer: Step) -> bool:
        bounds = self._bounds_of(writer)
        return bounds[1] in (UNIT, (-1.0, 1.0))

    def _read_activation(self, value: Value, before: int) -> tuple[str, tuple[float, float]]:
        writer = self._graph.maker_of(value, before)
        return ("none", UNBOUNDED) if writer is None else self._bounds_of(writer)

    def _bounds_of(self, writer: Step) -> tuple[str, tuple[float, float]]:
        """Name and bounds of what a function returns, by itself or by what it is given."""
        if writer.name in KNOWN:
            return KNOWN[writer.name]
        if limits := read_limits(writer, self._graph):
            inner, low, high = limits
            _, held = self._read_activation(inner, writer.number)
            bounds = min(max(held[0], low), high), max(min(held[1], high), low)
            return ("hard sigmoid" if bounds == UNIT else "clamp"), bounds
        if scaled := read_scale(writer, self._graph):
            _, inner, add, times = scaled
            name, (low, high) = self._read_activation(inner, writer.number)
            ends = sorted((add + times * low, add + times * high))
            return ("hard sigmoid" if tuple(ends) == UNIT else name), (ends[0], ends[1])
        if self._graph.has_weights(writer):
            return "none", UNBOUNDED
        return self._read_bounded_product(writer) or (writer.name, UNBOUNDED)

    def _read_bounded_product(self, writer: Step) -> tuple[str, tuple[float, float]] | None:
        """Of two values that have bounds, as the output of an LSTM; None of other functions."""
        if writer.name not in ("mul", "multiply") or len(writer.operands) != 2:
            return None
        (first, one), (second, two) = (self._read_activation(value, writer.number) for _, value in writer.operands)
        ends = [a * b for a in one for b in two]
        return (f"{first} times {second}", (min(ends), max(ends))) if all(map(math.isfinite, (*one, *two))) else None


def _count(value: Value) -> int:
    """Numbers of a value that are not one number told several times."""
    return math.prod(size for size, stride in zip(value.shape, value.tensor.stride()) if stride != 0)


@dataclass(frozen=True, eq=False)
class GateSite:
    """A gate at one place of a forward.

    Attributes:
        name: path of its module, with the function that makes s where that is no module's.
        unit: what it is.
        area: positions of x.
        order: number of steps before it.
        call, calls: which call of the source is its, of how many.
        excitation_call, excitation_calls: the same of the excitation.
        form: of the product.
        is_unit: whether its module is given x and returns s·x.
        weights: parameters that make s.
        product: which of all products of a forward it is, and its factor as offset + scale·s; None of a unit that is proved alone.
    """

    name: str
    unit: Unit
    area: int
    order: int
    call: int = 0
    calls: int = 1
    excitation_call: int = 0
    excitation_calls: int = 1
    form: str = "s·x"
    is_unit: bool = True
    weights: tuple[Tensor, ...] = ()
    product: tuple[int, float, float] | None = None


def read_products(
    network: nn.Module, flow: Dataflow, known: Collection[nn.Module], names: Mapping[nn.Module, str]
) -> tuple[list[GateSite], set[nn.Module], list[nn.Module]]:
    """Gates of a forward that lie in no module of the known ones.

    Args:
        network: that was run.
        flow: of the forward.
        known: units that were found otherwise, and what is refused by name.
        names: paths of all modules.

    Returns:
        The gates, the modules that take part in making or using them, and modules that scale a map by what was pooled from another.
    """
    graph = Graph(flow, network)
    reader, elsewhere = Reader(graph), list[Step]()
    found = [
        (number, product, reader.read(product))
        for number, product in enumerate(find_products(graph, elsewhere))
        if not any(module in known for module, _ in product.step.frames)
    ]
    owners = {factor.consumer.frames[-1][0] for _, _, factor in found if factor.frame is None}
    stretches = Stretches(flow, owners)
    sites = [
        dataclasses.replace(
            _make_site(network, flow, reader, product, factor, stretches, names),
            product=(number, factor.offset, factor.scale),
        )
        for number, product, factor in found
    ]
    touched = {module for _, product, _ in found for module, _ in product.step.frames}
    for _, _, factor in found:
        if factor.frame is not None:
            touched |= {module for module, _ in flow.frames[factor.frame]}
    strange = [step.frames for step in elsewhere if not any(module in known for module, _ in step.frames)]
    return sites, touched, list(dict.fromkeys(frames[-1][0] for frames in strange if frames))


def find_unproved(network: nn.Module, flow: Dataflow, sites: Sequence[GateSite]) -> list[GateSite]:
    """Those whose product is not what its form says of s, as s is seen at its source in one more forward of the same input.

    Weights on the meta device have no values to prove anything by.
    """
    sites = [site for site in sites if site.product is not None]
    if not sites or any(parameter.is_meta for parameter in network.parameters()):
        return []
    seen: dict[tuple[nn.Module, int], Tensor] = {}
    calls: Counter[nn.Module] = Counter()

    def note(source: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        seen[source, calls[source]] = output.detach().clone().flatten(1)
        calls[source] += 1

    ordered, named = flow.inputs
    hooks = attached([(source, note) for source in {site.unit.source for site in sites}])
    with evaluating(network), watched_taps(network), hooks, observed(network, copying=PRODUCTS) as again:
        network(*ordered, **named)
    products = find_products(Graph(again, network))
    return [site for site in sites if not _holds(site, products, seen.get((site.unit.source, site.call)))]


def _holds(site: GateSite, products: Sequence[Product], s: Tensor | None) -> bool:
    """Whether a product is (offset + scale·s)·x, and more where it adds; to the rounding of its numbers."""
    assert site.product is not None
    number, offset, scale = site.product
    if number >= len(products) or s is None:
        return False
    product = products[number]
    *given, result = product.step.copies
    x = product.copied_map()
    if s.shape != (x.shape[0], site.unit.channels):
        return False
    spread = s.reshape(*s.shape, *(1 for _ in x.shape[2:])).movedim(1, product.channel_dim)
    expected = (offset + scale * spread) * x
    expected = given[0] + expected if product.step.name == "addcmul" else expected
    tolerance = 1e-5 if x.dtype in (torch.float32, torch.float64) else 2e-2
    return torch.allclose(result, expected, rtol=tolerance, atol=tolerance * 1e-2, equal_nan=True)


class Stretches:
    """The parts of forwards that functions are called in (`Stretch`), where the modules that call these are known."""

    def __init__(self, flow: Dataflow, owners: Collection[nn.Module]) -> None:
        self._flow, self._owners = flow, owners
        self._called: dict[Frame, list[Frame]] = {}
        for frame, around in flow.frames.items():
            if len(around) > 1 and frame in flow.ended:
                self._called.setdefault(around[-2], []).append(frame)

    def locate(self, step: Step) -> tuple[Stretch, int]:
        """The part that a step lies in, and which of the functions of its name in it the step is.

        It begins and ends at modules that are called outside of any `with` of a function mode that the owner opens: modes must nest.
        """
        flow, owner = self._flow, step.frames[-1]
        outside, called = flow.modes[owner][0], self._called.get(owner, [])
        before = [frame for frame in called if flow.ended[frame] <= step.number and flow.modes[frame][1] == outside]
        after = [frame for frame in called if flow.began[frame] > step.number and flow.modes[frame][0] == outside]
        closer = after[0][0] if after else None
        if before:
            opener, begins = before[-1], flow.ended[before[-1]]
            stretch = Stretch(*owner, opener[0], self._count_returns(opener, owner), closer)
        else:
            stretch, begins = Stretch(*owner, None, 0, closer), flow.began[owner]
        return stretch, sum(earlier.name == step.name for earlier in flow.steps[begins : step.number])

    def _count_returns(self, opener: Frame, owner: Frame) -> int:
        """How often a module returned before, in this call of an owner and in no other owner inside of it."""
        module, last = opener
        around = [self._flow.frames[module, call][-2::-1] for call in range(last)]
        return sum(next((frame for frame in frames if frame[0] in self._owners), None) == owner for frames in around)


def _make_site(
    network: nn.Module, flow: Dataflow, reader: Reader, product: Product, factor: Factor,
    stretches: Stretches, names: Mapping[nn.Module, str],
) -> GateSite:  # fmt: skip
    step, x = product.step, product.map
    frame = step.frames[-1]
    owner, path = frame[0], names[frame[0]]
    given, returned = flow.given.get(frame), flow.returned.get(frame)
    is_unit = given is not None and returned is not None and given.memory == x.memory and factor.form == "s·x"
    is_unit = is_unit and returned is not None and returned.memory in {r.memory for r in step.results}
    if factor.frame is None:
        stretch, turn = stretches.locate(factor.consumer)
        shape, channels = dict(factor.consumer.operands)[factor.operand].shape, x.shape[product.channel_dim]
        same = shape == product.factor.shape
        axis = product.channel_dim if same else next(d for d in range(1, len(shape)) if shape[d] == channels)
        place = Place(stretch, factor.consumer.name, turn, factor.operand, axis)
        source: nn.Module = tap_at(network, place)
        calls = (0, 1)
        name = path if is_unit else ":".join(filter(None, (path, factor.activation.replace(" ", ""))))
    else:
        source, (module, call) = factor.frame[0], factor.frame
        calls = (call, flow.calls[module])
        name = path or names[source]
    layer = _find_excitation(flow, product)
    channels = x.shape[product.channel_dim]
    unit = Unit(
        module=owner,
        family=f"{type(owner).__name__}, by its product",
        source=source,
        excitation=None if layer is None else layer[0],
        channels=channels,
        reduced_channels=_read_reduced(product.mixers),
        activation=factor.activation,
        range=factor.range,
        squeeze_missing=_NO_LAYER if layer is None else None,
    )
    excitation = (0, 0) if layer is None else (layer[1], flow.calls[layer[0]])
    return GateSite(
        name, unit, x.tensor.numel() // (x.shape[0] * channels), step.number, *calls, *excitation, factor.form, is_unit,
        reader.weights_of(product.mixers),
    )  # fmt: skip


_NO_LAYER = "the excitation's first layer is no module that is given one pooled vector"
_MIXING = ("conv", "linear", "addmm", "matmul", "mm", "bmm", "baddbmm", "einsum")


def _mixing(mixers: Sequence[Step]) -> list[Step]:
    return [step for step in mixers if step.name.startswith(_MIXING)]


def _find_excitation(flow: Dataflow, product: Product) -> Frame | None:
    """The call of a layer that is given the pooled vector."""
    first = next(iter(_mixing(product.mixers)), None)
    channels = product.map.shape[product.channel_dim]
    if first is None or not first.frames:
        return None
    frame = first.frames[-1]
    given = flow.given.get(frame)
    if given is None or given.memory not in {value.memory for _, value in first.operands}:
        return None
    return frame if given.tensor.numel() == product.map.shape[0] * channels else None


def _read_reduced(mixers: Sequence[Step]) -> int | None:
    layers = _mixing(mixers)
    if len(layers) < 2 or (layers[0].name.startswith("conv1d") and layers[0].results[0].shape[1] == 1):
        return None
    hidden = layers[0].results[0]
    return hidden.tensor.numel() // hidden.shape[0]
