"""Gates by what a forward computes: products of a feature map with a factor of one number per image and channel that was pooled
from that same map.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from senet_viz.gates.dataflow import COPIES, Dataflow, Step, Value

VIEWS = COPIES | {
    "view", "reshape", "unsqueeze", "squeeze", "expand", "expand_as", "getitem", "flatten", "unflatten", "permute", "transpose",
    "movedim", "swapaxes", "repeat", "interpolate", "repeat_interleave", "tile", "unbind", "as_strided", "chunk", "split", "get",
    "broadcast_to", "view_as", "reshape_as", "narrow", "select", "dropout",
}  # fmt: skip
POOLINGS = frozenset({
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "mean", "sum", "amax",
    "max", "std", "var", "norm", "vector_norm", "logsumexp",
})  # fmt: skip
PRODUCTS = ("mul", "multiply", "addcmul", "einsum")
_MOST_VECTOR = 8  # numbers per image and channel that what is pooled may have, as where several poolings are joined


@dataclass(frozen=True, eq=False)
class Product:
    """A feature map times one number per image and channel.

    Attributes:
        step: the multiplication.
        map: x.
        factor: what it is multiplied by.
        operand: argument that holds the factor.
        channel_dim: axis of the channels.
        mixers: calls of functions with weights between the pooling and the factor, in order.
        form: what the network makes of it: "s·x", "x + s·x" or "s·x + p·x".
    """

    step: Step
    map: Value
    factor: Value
    operand: int | str
    channel_dim: int
    mixers: tuple[Step, ...]
    form: str

    def copied_map(self) -> Tensor:
        """x as it was before the product, of a forward whose products were copied."""
        given = self.step.copies[:-1]
        at = [where for where, _ in self.step.operands].index(self.operand)
        return given[2 * len(given) - 3 - at]  # the last two are map and factor, in either order


class Graph:
    """Who wrote what, before when."""

    def __init__(self, flow: Dataflow, network: nn.Module) -> None:
        self.flow = flow
        self.weights = {Value.of(p.data).memory: p for p in network.parameters()}
        self.copies: dict[int, int] = {}
        self.writers: dict[int, list[Step]] = {}
        self.constant = set(self.weights) | {Value.of(b).memory for b in network.buffers()}
        self.given = {value.memory for value in flow.given.values()} - self.constant
        varying = set(self.given)
        for step in flow.steps:
            inputs, outputs = {v.memory for _, v in step.operands}, {v.memory for v in step.results}
            if inputs <= self.constant and not outputs & varying:
                self.constant |= outputs
                continue
            varying |= outputs
            if step.name in COPIES and len(step.results) == 1:
                self.copies.setdefault(step.results[0].memory, step.operands[0][1].memory)
            for memory in outputs if step.name not in VIEWS else outputs - inputs:
                self.writers.setdefault(memory, []).append(step)

    def origin(self, value: Value) -> int:
        """Memory of what a copy was made from."""
        memory = value.memory
        while memory in self.copies and self.copies[memory] != memory:
            memory = self.copies[memory]
        return memory

    def writers_of(self, value: Value, before: int) -> list[Step]:
        return [step for step in self.writers.get(value.memory, ()) if step.number < before]

    def maker_of(self, value: Value, before: int) -> Step | None:
        """The function that computed a value, behind views and copies of it."""
        while True:
            writers = self.writers_of(value, before)
            if not writers:
                return None
            step = writers[-1]
            if step.name not in VIEWS:
                return step
            value, before = step.operands[0][1], step.number

    def channels_of(self, step: Step) -> int | None:
        """How many channels a layer with weights makes; None of other functions."""
        layered = [
            value.tensor for _, value in step.operands if value.memory in self.constant and value.tensor.numel() > 1
        ]
        if not layered:
            return None
        weight = layered[0]
        if step.name.startswith("conv_transpose"):
            return int(step.results[0].shape[1])
        return int(weight.shape[0]) if step.name.startswith(("conv", "linear")) else int(weight.numel())

    def walk_back(self, value: Value, before: int, follow: Callable[[Step], Iterable[Value]]) -> set[int]:
        """Numbers of the steps on the ways to a value, each taken once; `follow` gives the operands by which a way goes on."""
        waiting, seen = [(value, before)], set[int]()
        while waiting:
            at, limit = waiting.pop()
            for step in self.writers_of(at, limit):
                if step.number not in seen:
                    seen.add(step.number)
                    waiting += [(operand, step.number) for operand in follow(step)]
        return seen

    def has_weights(self, step: Step) -> bool:
        """Whether weights, or what was made of weights alone, take part."""
        return any(value.memory in self.constant and value.tensor.numel() > 1 for _, value in step.operands)


def find_products(graph: Graph, elsewhere: list[Step] | None = None) -> list[Product]:
    """All products of a forward that squeeze and excite, in order.

    Args:
        graph: of the forward.
        elsewhere: given products whose factor was pooled from another map than the one that it scales.
    """
    found = []
    for step in graph.flow.steps:
        for x, factor, operand in _factors(step):
            axis = _channel_axis(x.tensor, factor.tensor)
            if axis is None or not _holds_channels(graph, x, axis, step.number):
                continue
            mixers = _trace_excitation(graph, x, factor, step.number)
            if mixers:
                found.append((step, x, factor, operand, axis, mixers))
                break
            is_map = (
                x.tensor.numel() > x.shape[0] * x.shape[axis]
            )  # the vectors of an excitation are multiplied too, as in SiLU
            pooled = [] if elsewhere is None or not is_map else _list_pooled(graph, factor, step.number)
            if elsewhere is not None and any(_trace_excitation(graph, y, factor, step.number) for y in pooled):
                elsewhere.append(step)
    gates = {step.number for step, *_ in found}
    return [Product(*parts, form=_read_form(graph, parts[0], parts[1], gates)) for parts in found]


def _list_pooled(graph: Graph, factor: Value, before: int) -> list[Value]:
    """Maps that were pooled over all their positions on the ways to a factor; a window may be as large as a small map by chance."""
    found: list[Value] = []

    def follow(step: Step) -> Iterable[Value]:
        size = step.results[0].tensor.numel()
        if step.name in POOLINGS and not step.name.startswith(("avg_pool", "max_pool")):
            maps = [v for _, v in step.operands if v.tensor.ndim > 2 and v.tensor.numel() > size]
            found.extend(v for v in maps if size == v.shape[0] * v.shape[1])
            return ()
        if size > _MOST_VECTOR * factor.tensor.numel():
            return ()
        return [v for _, v in step.operands if v.memory not in graph.constant]

    graph.walk_back(factor, before, follow)
    return found


def _factors(step: Step) -> Iterator[tuple[Value, Value, int | str]]:
    """Pairs of a possible map and factor, with the factor's argument; both with as many axes as the product."""
    if step.name == "einsum":
        yield from _factors_by_letters(step)
    elif step.name in PRODUCTS and len(step.operands) >= 2:
        (first, left), (second, right) = step.operands[-2:]
        yield left, right, second
        yield right, left, first


def _factors_by_letters(step: Step) -> Iterator[tuple[Value, Value, int | str]]:
    """Of an einsum of two tensors that sums nothing up, as "nchw,nc->nchw"; the factor with axes of one for what it lacks."""
    equation = step.arguments.get(0, step.arguments.get("equation"))
    if not isinstance(equation, str) or len({at for at, _ in step.operands}) != 2:
        return
    given, _, out = equation.replace(" ", "").partition("->")
    axes, letters = out.removesuffix("..."), given.split(",")
    for at in (0, 1):
        (_, x), (operand, factor) = step.operands[at], step.operands[1 - at]
        sizes = dict(zip(letters[1 - at], factor.shape))
        if letters[at] == out and "".join(letter for letter in axes if letter in sizes) == letters[1 - at]:
            shape = [sizes.get(letter, 1) for letter in axes] + [1] * (x.tensor.ndim - len(axes))
            yield x, Value(factor.tensor.reshape(shape), factor.memory), operand


def _holds_channels(graph: Graph, x: Value, axis: int, before: int) -> bool:
    """Whether an axis of a map is as long as the channels of what made the map; true where no layer with weights is near.

    A gate of positions or columns looks the same as one of channels where the map has them last.
    """
    source, waiting, seen = x.tensor.numel(), [(x, before)], set[int]()
    found: set[int] = set()
    while waiting:
        value, limit = waiting.pop()
        for step in graph.writers_of(value, limit)[-1:]:
            if step.number in seen:
                continue
            seen.add(step.number)
            channels = graph.channels_of(step)
            if channels is not None:
                found.add(channels)
                continue
            waiting += [(v, step.number) for _, v in step.operands if v.tensor.numel() == source]
    return not found or x.shape[axis] in found


def _channel_axis(x: Tensor, factor: Tensor) -> int | None:
    """Axis of the channels, where the factor holds one number per image and channel; None where it does not."""
    if x.ndim < 3 or factor.ndim != x.ndim or not x.is_floating_point() or factor.shape[0] != x.shape[0]:
        return None
    wide = [
        d for d in range(1, x.ndim) if factor.shape[d] > 1 and factor.stride(d) != 0 and not _is_repeated(factor, d)
    ]
    axis = wide[0] if len(wide) == 1 else 1
    fits = len(wide) < 2 and axis in (1, x.ndim - 1) and factor.shape[axis] == x.shape[axis]
    return axis if fits and x.numel() > 0 else None


def _is_repeated(factor: Tensor, axis: int) -> bool:
    """Whether a factor says the same along an axis, as where it was enlarged to the size of the map."""
    if factor.is_meta or axis == 1:
        return False
    return bool((factor == factor.narrow(axis, 0, 1)).all())


def _trace_excitation(graph: Graph, x: Value, factor: Value, before: int) -> tuple[Step, ...]:
    """Functions with weights on the ways from x, pooled, to the factor; none where no way leads there."""
    source = graph.origin(x)
    most = _MOST_VECTOR * max(x.shape[1], x.shape[-1]) * x.shape[0]
    pooled: list[Step] = []

    def follow(step: Step) -> Iterator[Value]:
        largest = max(result.tensor.numel() for result in step.results)
        of_x = step.results[0].shape == x.shape and _comes_of(graph, step, source)
        if largest > most and step.name not in VIEWS and not of_x:
            return
        for _, operand in step.operands:
            if graph.origin(operand) == source and operand.tensor.numel() >= x.tensor.numel():
                pooled.append(step)
            elif operand.memory not in graph.constant:
                yield operand

    seen = graph.walk_back(factor, before, follow)
    if x.tensor.numel() == factor.tensor.numel():  # one position: there is nothing to tell a map from a vector by
        pooled = [step for step in pooled if step.name in POOLINGS]
    if not pooled:
        return ()
    return _between(graph, seen, pooled, factor)


def _comes_of(graph: Graph, step: Step, source: int) -> bool:
    """Whether what a step returns is made of x alone and without weights, as x² in a norm; not of x + y."""
    if graph.has_weights(step):
        return False
    others = [
        value for _, value in step.operands if graph.origin(value) != source and value.memory not in graph.constant
    ]
    writers = [graph.writers_of(value, step.number) for value in others]
    return all(made and all(_comes_of(graph, each, source) for each in made) for made in writers)


def _between(graph: Graph, seen: set[int], pooled: Sequence[Step], factor: Value) -> tuple[Step, ...]:
    """Steps with weights that depend on what was pooled."""
    tainted = {result.memory for step in pooled for result in step.results}
    mixers = [step for step in pooled if graph.has_weights(step)]
    first = min(step.number for step in pooled)
    for number in sorted(seen):
        step = graph.flow.steps[number]
        if number < first or step in pooled:
            continue
        if tainted & {value.memory for _, value in step.operands}:
            tainted |= {result.memory for result in step.results}
            if graph.has_weights(step):
                mixers.append(step)
    return tuple(mixers) if factor.memory in tainted else ()


def _read_form(graph: Graph, product: Step, x: Value, gates: set[int]) -> str:
    """What the map that was scaled becomes next."""
    if product.name == "addcmul":
        return "x + s·x" if graph.origin(product.operands[0][1]) == graph.origin(x) else "s·x"
    result = product.results[0]
    for step in graph.flow.steps[product.number + 1 :]:
        memories = [value.memory for _, value in step.operands]
        if result.memory not in memories or step.name in VIEWS:
            continue
        if step.name not in ("add", "sub") or len(step.operands) != 2:
            return "s·x"
        other = next((value for _, value in step.operands if value.memory != result.memory), None)
        if other is None:
            return "s·x"
        if graph.origin(other) == graph.origin(x):
            return "x + s·x" if step.name == "add" else "x − s·x"
        for writer in graph.writers_of(other, step.number):
            of_x = any(graph.origin(value) == graph.origin(x) for _, value in writer.operands)
            if of_x and writer.name in PRODUCTS and writer.number not in gates and step.name == "add":
                return "s·x + p·x"
        return "s·x"
    return "s·x"
