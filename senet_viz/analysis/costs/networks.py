"""What the SE units of a network cost, by the paper's formula, and what two other ways of building them would."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class StageCost:
    """The units of one stage that have the same number of channels and the same reduction.

    Attributes:
        stage: of the network.
        units: N, how many.
        channels: C.
        reduced_channels: C/r; None where nothing is reduced.
        weights: N·2·C²/r, without biases; None likewise.
    """

    stage: int
    units: int
    channels: int
    reduced_channels: int | None
    weights: int | None

    @property
    def reduction(self) -> float | None:
        """r = C / reduced channels."""
        return None if self.reduced_channels is None else self.channels / self.reduced_channels


@dataclass(frozen=True)
class CostSummary:
    """Costs of one network, in weights.

    Attributes:
        model: its name.
        parameters: of the whole network, its SE units included.
        gate_parameters: of the SE units as they are, weights and biases, counted.
        formula_weights: Σ 2·C²/r over the units with a hidden layer (eq. 5 of arXiv 1709.01507).
        stages: N, C and r of every stage.
        convolutions: in the blocks that carry a unit, shortcuts left out.
        per_convolution: Σ 2·C²/r over these, each with its block's r: an SE unit after every convolution; None where a
            unit has no r.
        deeper: (L, weights) of excitations with L linear layers a unit, Σ 2C²/r + (L − 2)·(C/r)²; L = 2 is the paper's.
        layers: L of the units with a hidden layer as they are; None where they differ.
        one_a_stage: one excitation a stage with as many linear layers as the stage has units,
            Σ_s 2C_s²/r + (N_s − 2)·(C_s/r)²; None where the units of a stage differ, or a stage has a single one.
    """

    model: str
    parameters: int
    gate_parameters: int
    formula_weights: int
    stages: tuple[StageCost, ...]
    convolutions: int
    per_convolution: int | None
    deeper: tuple[tuple[int, int], ...]
    layers: int | None
    one_a_stage: int | None

    @property
    def base(self) -> int:
        """Parameters without the SE units."""
        return self.parameters - self.gate_parameters

    @property
    def reduces(self) -> bool:
        """Whether any unit has a hidden layer, so that the formula is meant for it."""
        return self.formula_weights > 0

    def answer(self) -> str:
        """What the units cost, in a sentence."""
        units = sum(stage.units for stage in self.stages)
        return (
            f"The {units} SE units of {self.model} have {self.gate_parameters:,} weights and biases, "
            f"{self.gate_parameters / self.base:.1%} on top of the {self.base:,} of the network without them."
        )

    def table(self) -> pd.DataFrame:
        """A row a stage: its units, channels, reduction, and what the formula gives."""
        return pd.DataFrame(
            {
                "stage": [s.stage for s in self.stages],
                "units N": [s.units for s in self.stages],
                "channels C": [s.channels for s in self.stages],
                "reduction r": [s.reduction for s in self.stages],
                "weights (2/r)·N·C²": pd.array([s.weights for s in self.stages], dtype="Int64"),
            }
        )

    def ideas_table(self) -> pd.DataFrame:
        """A row a way to build the units: its weights, and their share of the network without any."""
        rows: list[tuple[str, str, int]] = []
        for layers, weights in self.deeper:
            name = "SE as it is" if layers == self.layers else f"excitation with {layers} layers"
            rows.append((name, f"Σ 2C²/r{'' if layers == 2 else f' + {layers - 2}·(C/r)²'}", weights))
        if self.one_a_stage is not None:
            rows.append(("one excitation a stage, N layers deep", "Σ_s 2C²/r + (N−2)·(C/r)²", self.one_a_stage))
        if self.per_convolution is not None:
            rows.append((f"a unit after each of {self.convolutions} convolutions", "Σ 2C²/r", self.per_convolution))
        table = pd.DataFrame(rows, columns=["way", "formula", "weights"])
        table["on top of the network"] = table["weights"] / self.base
        return table
