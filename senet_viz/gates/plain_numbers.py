"""Functions of a value and of plain numbers: what is added to it, what it is multiplied by, what it is kept between."""

import math
from collections.abc import Callable, Mapping

from senet_viz.gates.dataflow import Step, Value
from senet_viz.gates.products import Graph

CLAMPS = ("clamp", "clip", "hardtanh", "clamp_min", "clamp_max")
EXTREMES = ("maximum", "minimum", "max", "min")
FILLED = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")


def read_scale(step: Step, graph: Graph) -> tuple[int | str, Value, float, float] | None:
    """Argument, value, a and b where a function returns a + b·value for plain numbers a and b."""
    varying = [(at, value) for at, value in step.operands if value.memory not in graph.constant]
    numbers = [n for n in step.arguments.values() if isinstance(n, int | float) and not isinstance(n, bool)]
    if len(varying) != 1 or len(step.operands) != 1 or len(numbers) > 1:
        return None
    at, value = varying[0]
    if step.name in ("neg", "negative") and not numbers:
        return at, value, 0.0, -1.0
    if not numbers:
        return None
    number = float(numbers[0])
    found: Mapping[str, Callable[[], tuple[float, float]]] = {
        "add": lambda: (number, 1.0),
        "sub": lambda: (-number, 1.0),
        "rsub": lambda: (number, -1.0),
        "mul": lambda: (0.0, number),
        "multiply": lambda: (0.0, number),
        "div": lambda: (0.0, 1 / number),
        "true_divide": lambda: (0.0, 1 / number),
    }
    return (at, value, *found[step.name]()) if step.name in found and number == number else None


def read_limits(step: Step, graph: Graph) -> tuple[Value, float, float] | None:
    """A value and the two ends that a function keeps it between; None where it does something else, or its ends are unknown."""
    if step.name in CLAMPS:
        return _read_clamp(step, graph)
    if step.name not in EXTREMES or len(step.operands) != 2:
        return None
    for (_, value), (_, limit) in (step.operands, step.operands[::-1]):
        end = _read_end(limit, step.number, graph)
        if end is not None:
            return (value, end, math.inf) if step.name.startswith("max") else (value, -math.inf, end)
    return None


def _read_clamp(step: Step, graph: Graph) -> tuple[Value, float, float] | None:
    given = dict(step.arguments) | dict(step.operands)
    low = given.get("min", given.get("min_val", given.get(1)))
    high = given.get("max", given.get("max_val", given.get(2)))
    if step.name == "clamp_max":
        low, high = None, given.get("max", given.get(1))
    if step.name == "clamp_min":
        high = None
    if step.name == "hardtanh":
        low, high = (-1.0 if low is None else low), (1.0 if high is None else high)
    found = []
    for end, without in ((low, -math.inf), (high, math.inf)):
        known = _read_end(end, step.number, graph) if isinstance(end, Value) else without if end is None else end
        if not isinstance(known, int | float):
            return None
        found.append(float(known))
    return step.operands[0][1], found[0], found[1]


def _read_end(value: Value, before: int, graph: Graph) -> float | None:
    """The number that a tensor says everywhere, where the network computes nothing for it."""
    maker = graph.maker_of(value, before)
    computed = maker is not None and maker.name not in FILLED
    if computed or value.memory in graph.given or value.tensor.is_meta or not value.tensor.numel():
        return None
    first = value.tensor.flatten()[0]
    return float(first) if bool((value.tensor == first).all()) else None
