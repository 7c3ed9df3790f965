"""What a network's SE units cost, counted and against the paper's formula."""

from dataclasses import asdict, dataclass
from typing import Any

from senet_viz.gates import RefusedUnit
from senet_viz.models.zoo import Model
from senet_viz.schema import Gate


@dataclass(frozen=True)
class BlockCost:
    """A gate beside the parameters that the formula gives: 2C²/r weights and C + C/r biases.

    `formula` is None where the unit has no reduced layer (ECA, ESE), for which the formula is not meant.
    """

    gate: Gate
    formula: int | None


@dataclass(frozen=True)
class Inspection:
    """A network's blocks and parameters, and the attention beside them that is no channel gate."""

    name: str
    weights: str
    sha256: str
    outputs: int
    parameters: int
    blocks: tuple[BlockCost, ...]
    refused: tuple[RefusedUnit, ...]

    @property
    def gate_parameters(self) -> int:
        return sum(block.gate.parameters for block in self.blocks)

    @property
    def formula_weights(self) -> int:
        """Σ 2C²/r over the blocks with a reduced layer (eq. 5 of arXiv 1709.01507)."""
        return sum(2 * b.gate.channels * (b.gate.reduced_channels or 0) for b in self.blocks)

    def to_json(self) -> dict[str, Any]:
        """Keys: model, weights, sha256, outputs, parameters, gate_parameters, formula_weights, blocks, refused."""
        return {
            "model": self.name,
            "weights": self.weights,
            "sha256": self.sha256,
            "outputs": self.outputs,
            "parameters": self.parameters,
            "gate_parameters": self.gate_parameters,
            "formula_weights": self.formula_weights,
            "blocks": [
                {**asdict(b.gate), "reduction": b.gate.reduction, "formula_parameters": b.formula} for b in self.blocks
            ],
            "refused": [asdict(unit) for unit in self.refused],
        }


def inspect_model(model: Model) -> Inspection:
    """Lists a network's gates in order of depth with their cost (GateError where they can not be observed)."""
    return Inspection(
        name=model.name,
        weights=model.weights,
        sha256=model.sha256,
        outputs=model.outputs,
        parameters=sum(p.numel() for p in model.module.parameters()),
        blocks=tuple(BlockCost(gate, _formula(gate)) for gate in model.gates),
        refused=model.refused,
    )


def _formula(gate: Gate) -> int | None:
    if gate.reduced_channels is None:
        return None
    return 2 * gate.channels * gate.reduced_channels + gate.channels + gate.reduced_channels
