"""What a network's SE units cost, and what an SE unit after every convolution or a deeper excitation would."""

from collections.abc import Sequence

from torch import nn

from senet_viz.analysis.walkthrough.costs import CostSummary, StageCost
from senet_viz.models.zoo import Model
from senet_viz.schema import Gate
from senet_viz.workflows.inspect import inspect_model

_SHORTCUTS = ("downsample", "shortcut", "skip")
_LAYERS = (2, 3, 4)


def summarize_costs(model: Model) -> CostSummary:
    """Counts a network's SE units against the paper's formula (GateError where they can not be observed)."""
    found = inspect_model(model)
    gates = [cost.gate for cost in found.blocks]
    reduced = [gate for gate in gates if gate.reduced_channels is not None]
    depths = {cost.depth for cost in found.blocks if cost.gate.reduced_channels is not None}
    layers = sorted({*_LAYERS, *depths})
    convolutions = _list_convolutions(model)
    widths = [(channels, gate.reduction) for channels, gate in convolutions]
    known = all(r is not None for _, r in widths) and bool(widths)
    return CostSummary(
        model=found.name,
        parameters=found.parameters,
        gate_parameters=found.gate_parameters,
        formula_weights=found.formula_weights,
        stages=_group(gates),
        convolutions=len(convolutions),
        per_convolution=round(sum(2 * c * c / r for c, r in widths if r)) if known else None,
        deeper=tuple((many, sum(_weigh(gate, many) for gate in reduced)) for many in layers) if reduced else (),
        layers=next(iter(depths)) if len(depths) == 1 else None,
        one_a_stage=_one_a_stage(gates),
    )


def _weigh(gate: Gate, layers: int) -> int:
    """Weights of an excitation of so many linear layers: C → C/r → … → C/r → C."""
    width = gate.reduced_channels or 0
    return 2 * gate.channels * width + (layers - 2) * width * width


def _group(gates: Sequence[Gate]) -> tuple[StageCost, ...]:
    """One entry per stage, channels and reduction, in the order of the depth."""
    groups: dict[tuple[int, int, int | None], list[Gate]] = {}
    for gate in gates:
        groups.setdefault((gate.stage, gate.channels, gate.reduced_channels), []).append(gate)
    return tuple(
        StageCost(stage, len(units), channels, width, None if width is None else len(units) * 2 * channels * width)
        for (stage, channels, width), units in groups.items()
    )


def _one_a_stage(gates: Sequence[Gate]) -> int | None:
    stages = _group(gates)
    same = len({cost.stage for cost in stages}) == len(stages)
    if not same or any(cost.reduced_channels is None or cost.units < 2 for cost in stages):
        return None
    firsts = {gate.stage: gate for gate in reversed(gates)}
    return sum(_weigh(firsts[cost.stage], cost.units) for cost in stages)


def _list_convolutions(model: Model) -> list[tuple[int, Gate]]:
    """Output channels of every convolution beside an SE unit in its block, with that unit; none of a shortcut.

    Of several units in a block (one after every convolution) it is one of the convolution's channels, where there is one.
    """
    parts = dict(model.module.named_modules())
    units = [bound.gate.name for bound in model.bound_gates]
    found: dict[str, tuple[int, Gate]] = {}
    for bound in model.bound_gates:
        parent = bound.gate.name.rpartition(".")[0]
        inside = f"{parent}." if parent else ""
        for name, part in parts.items():
            own = not any(name.startswith(f"{unit}.") for unit in units)
            words = name[len(inside) :].split(".")
            if isinstance(part, nn.Conv2d) and name.startswith(inside) and own and not set(words) & set(_SHORTCUTS):
                before = found.setdefault(name, (part.out_channels, bound.gate))[1]
                if before.channels != part.out_channels == bound.gate.channels:
                    found[name] = (part.out_channels, bound.gate)
    return list(found.values())
