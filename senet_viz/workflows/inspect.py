"""What a network's SE units cost, counted and against the paper's formula, and what other ways of building them would."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from senet_viz.analysis.costs.design import CostSummary, NoteComparison, StageCost, compare_with_note
from senet_viz.analysis.costs.formulas import UnitCost, cost_of_unit, sum_costs
from senet_viz.gates.discovery import BoundGate, RefusedUnit, count_scaled_values, group_by_weights
from senet_viz.gates.hooks import ForwardHook, attached, evaluating
from senet_viz.gates.trace import trace_forward
from senet_viz.images.quiet import quiet_libraries
from senet_viz.models.zoo import Model
from senet_viz.schema import Gate

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d)


@dataclass(frozen=True)
class BlockCost:
    """A gate, its cost as counted, and its cost by the formula for its C, C/r and number of layers.

    Attributes:
        gate: what it is.
        counted: weights are the tensors of several axes, biases all others; operations of one image of the network's size.
        depth: number of the excitation's layers.
        formula: 2CH + (L − 2)H² weights, C + (L − 1)H biases where there are any; None where the unit has no reduced
            layer (ECA, ESE), for which the formula is not meant.
        repeated: whether its weights are those of a block before it, of one unit that is called several times.
    """

    gate: Gate
    counted: UnitCost
    depth: int
    formula: UnitCost | None
    repeated: bool = False

    @property
    def eq5(self) -> int | None:
        """2C²/r weights, the block's part of eq 5; None where nothing is reduced."""
        reduced = self.gate.reduced_channels
        return None if reduced is None else 2 * self.gate.channels * reduced

    def to_json(self) -> dict[str, Any]:
        """The gate's fields, reduction, depth_of_excitation, formula_parameters, and weights, biases and operations."""
        return {
            **asdict(self.gate),
            "reduction": self.gate.reduction,
            "excitation_layers": self.depth,
            "formula_parameters": None if self.formula is None else self.formula.parameters,
            "repeated": self.repeated,
            "eq5_weights": self.eq5,
            **asdict(self.counted),
        }


@dataclass(frozen=True)
class Inspection:
    """A network's blocks and parameters, and the attention beside them that is no channel gate.

    Attributes:
        name, weights, sha256, outputs: of the model.
        side: px of the images that operations are counted for.
        parameters: of the whole network.
        macs: multiply-adds of its convolutions and linear layers outside the SE units, for one image.
        blocks: in order of depth.
        note: the note's formula for a deeper excitation beside what is built; None where a stage's blocks differ in width
            or reduction.
        refused: attention that is no channel gate.
        notes: of the model: what was assumed, chosen, inferred, converted or left out when it was loaded.
    """

    name: str
    weights: str
    sha256: str
    outputs: int
    side: int
    parameters: int
    macs: int
    blocks: tuple[BlockCost, ...]
    note: NoteComparison | None
    refused: tuple[RefusedUnit, ...]
    notes: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[BlockCost, ...]:
        """One block per SE unit: of a unit that is called several times the first."""
        return tuple(block for block in self.blocks if not block.repeated)

    @property
    def gate_parameters(self) -> int:
        """Of all SE units together, each counted once."""
        return sum(block.gate.parameters for block in self.units)

    @property
    def gate_cost(self) -> UnitCost:
        """Of all SE units together, as counted: weights and biases once per unit, operations once per call."""
        calls = [replace(b.counted, weights=0, biases=0) if b.repeated else b.counted for b in self.blocks]
        return sum_costs(calls)

    @property
    def formula_weights(self) -> int:
        """Σ 2C²/r over the units with a reduced layer (eq. 5 of arXiv 1709.01507)."""
        return sum(block.eq5 or 0 for block in self.units)

    def to_json(self) -> dict[str, Any]:
        """Keys as docs/json.md has them."""
        return {
            "model": self.name,
            "weights": self.weights,
            "sha256": self.sha256,
            "outputs": self.outputs,
            "side": self.side,
            "parameters": self.parameters,
            "macs": self.macs,
            "gate_parameters": self.gate_parameters,
            "gate_cost": asdict(self.gate_cost),
            "formula_weights": self.formula_weights,
            "note_weights": None if self.note is None else self.note.note,
            "blocks": [block.to_json() for block in self.blocks],
            "refused": [asdict(unit) for unit in self.refused],
            "notes": list(self.notes),
        }


def inspect_model(model: Model) -> Inspection:
    """Lists a network's gates in order of depth with their cost (GateError where they can not be observed)."""
    counts, values = _count_operations(model)
    inside = Counter(layer for bound in model.bound_gates for layer in _excitation_layers(bound))
    macs_of_call = {layer: counts[layer] // calls for layer, calls in inside.items()}
    repeated = {bound.gate.name for calls in group_by_weights(model.bound_gates) for bound in calls[1:]}
    blocks = tuple(
        replace(_count_block(bound, macs_of_call, values[bound.gate.name]), repeated=bound.gate.name in repeated)
        for bound in model.bound_gates
    )
    return Inspection(
        name=model.name,
        weights=model.weights,
        sha256=model.sha256,
        outputs=model.outputs,
        side=model.preprocess.size,
        parameters=sum(p.numel() for p in model.module.parameters()),
        macs=sum(macs for part, macs in counts.items() if part not in inside),
        blocks=blocks,
        note=_compare_note(blocks),
        refused=model.refused,
        notes=model.notes,
    )


Counts = dict[nn.Module, int]


def _count_operations(model: Model) -> tuple[Counts, dict[str, int]]:
    """Of one image of the model's size: multiply-adds of every layer, values that every gate scales."""
    layers: Counts = {}
    shape, gates = model.preprocess.shape, model.bound_gates
    with model.lock, quiet_libraries(), attached(_layer_hooks(model.module, layers)):
        flow = trace_forward(model.module, example_inputs=torch.rand(1, *shape, device=model.device))
    return layers, count_scaled_values(model.module, gates, flow)


def multiply_adds(module: nn.Module, side: int) -> int:
    """Of all convolutions and linear layers, for one image of a side in px; SE units or none."""
    counts: Counts = {}
    device = next(module.parameters()).device
    with evaluating(module), attached(_layer_hooks(module, counts)), torch.inference_mode():
        module(torch.zeros(1, 3, side, side, device=device))
    return sum(counts.values())


def _layer_hooks(module: nn.Module, counts: Counts) -> list[tuple[nn.Module, ForwardHook]]:
    """Hooks that add up every layer's multiply-adds, an output value times the weights that it is made from."""

    def count(layer: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
        weight: Any = layer.weight
        counts[layer] = counts.get(layer, 0) + output.numel() * weight[0].numel()

    return [(layer, count) for layer in _layers_of(module)]


def _count_block(bound: BoundGate, macs_of_call: Mapping[nn.Module, int], values: int) -> BlockCost:
    gate, layers = bound.gate, list(_excitation_layers(bound))
    tensors = list(bound.module.parameters()) if bound.unit else bound.weights
    counted = UnitCost(
        weights=sum(t.numel() for t in tensors if t.ndim > 1),
        biases=sum(t.numel() for t in tensors if t.ndim == 1),
        squeeze_macs=values if layers else 0,
        excitation_macs=sum(macs_of_call[layer] for layer in layers),
        scale_macs=values,
    )
    formula = None
    if gate.reduced_channels is not None:
        biased = any(getattr(layer, "bias", None) is not None for layer in layers)
        positions = values // gate.channels
        formula = cost_of_unit(
            gate.channels, gate.reduced_channels, positions=positions, depth=len(layers), bias=biased
        )
    return BlockCost(gate, counted, len(layers), formula)


def _compare_note(blocks: tuple[BlockCost, ...]) -> NoteComparison | None:
    kinds = {(block.gate.reduction, block.depth) for block in blocks}
    reduction, depth = next(iter(kinds))
    if len(kinds) > 1 or reduction is None:
        return None
    return compare_with_note(
        [block.gate.stage for block in blocks], [block.gate.channels for block in blocks], reduction, depth=depth
    )


def _excitation_layers(bound: BoundGate) -> Iterable[nn.Module]:
    """The layers that make s; of a gate in a larger module those whose weights take part."""
    weights = set(bound.weights)
    return (layer for layer in _layers_of(bound.module) if bound.unit or weights.intersection(layer.parameters()))


def _layers_of(module: nn.Module) -> Iterable[nn.Module]:
    return (part for part in module.modules() if isinstance(part, LAYERS))


_SHORTCUTS = ("downsample", "shortcut", "skip")
_LAYERS = (2, 3, 4)


def summarize_costs(model: Model) -> CostSummary:
    """Counts a network's SE units against the paper's formula (GateError where they can not be observed)."""
    found = inspect_model(model)
    gates = [cost.gate for cost in found.units]
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
