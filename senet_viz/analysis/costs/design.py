"""What SE units cost: of one design in one network, how it moves with r, the note's own formula beside it; of a network at hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from senet_viz.analysis.costs.formulas import (
    PLACEMENT_WORDS,
    Architecture,
    Placement,
    Site,
    UnitCost,
    cost_of_unit,
    eq5_weights,
    find_architecture,
    list_sites,
    sum_costs,
)
from senet_viz.schema import hidden_width


@dataclass(frozen=True, slots=True)
class StageNote:
    """A stage of N SE units of one width C, and three ways to count weights there.

    Attributes:
        stage: number of the stage.
        units: N.
        channels: C of every unit.
        note: what the note writes, (N − 2)·C²/r² + 2C²/r, which is one excitation of N layers for the whole stage.
        one_of_2n: one excitation of 2N layers, as the note's words have it: 2C²/r + (2N − 2)·C²/r².
        per_unit: an excitation of L layers in every unit, N·(2C²/r + (L − 2)·C²/r²): what is built here.
    """

    stage: int
    units: int
    channels: int
    note: float
    one_of_2n: float
    per_unit: float


@dataclass(frozen=True, slots=True)
class NoteComparison:
    """The note's formula and what stands beside it, stage by stage."""

    reduction: float
    depth: int
    stages: tuple[StageNote, ...]

    @property
    def note(self) -> float:
        """Σ of the note's formula."""
        return sum(s.note for s in self.stages)

    @property
    def one_of_2n(self) -> float:
        """Σ of one excitation of 2N layers a stage."""
        return sum(s.one_of_2n for s in self.stages)

    @property
    def per_unit(self) -> float:
        """Σ of an excitation of L layers in every unit."""
        return sum(s.per_unit for s in self.stages)

    def table(self) -> pd.DataFrame:
        """A row per stage and one of sums."""
        rows = [(str(s.stage), s.units, s.channels, s.note, s.one_of_2n, s.per_unit) for s in self.stages]
        rows.append(
            ("all", sum(s.units for s in self.stages), None, self.note, self.one_of_2n, self.per_unit)  # type: ignore[arg-type]
        )
        columns = [
            "stage", "units N", "channels C", "the note's formula = one MLP of N layers", "one MLP of 2N layers",
            f"an MLP of {self.depth} layers in each unit",
        ]  # fmt: skip
        table = pd.DataFrame(rows, columns=columns)
        return table.astype({"channels C": "Int64"} | dict.fromkeys(columns[3:], "float64"))


def compare_with_note(
    stages: Sequence[int], channels: Sequence[int], reduction: float, *, depth: int = 2
) -> NoteComparison | None:
    """The note's formula for a network's units.

    None where it is not meant for them: where a stage's units differ in width, or a stage has a single unit, whose
    excitation of N = 1 layers could not lead to C/r and back.

    Args:
        stages: stage of every unit.
        channels: C of every unit.
        reduction: r.
        depth: L of the excitation in each unit.
    """
    found = []
    for stage in sorted(set(stages)):
        widths = [c for s, c in zip(stages, channels, strict=True) if s == stage]
        if len(set(widths)) > 1 or len(widths) < 2:
            return None
        units, width = len(widths), widths[0]
        ends, middle = 2 * width**2 / reduction, (width / reduction) ** 2
        note, one_of_2n = (units - 2) * middle + ends, ends + (2 * units - 2) * middle
        per_unit = eq5_weights(widths, reduction, depth=depth)
        found.append(StageNote(stage, units, width, note, one_of_2n, per_unit))
    return NoteComparison(reduction, depth, tuple(found))


REDUCTIONS = (2, 4, 8, 16, 32, 64)
DEEPEST = 6


@dataclass(frozen=True, slots=True)
class SiteCost:
    """One SE unit of a design.

    Attributes:
        site: where it sits.
        hidden: width of its hidden layers, C/r.
        cost: with this width.
        eq5: weights by the formula, with C/r as it is.
    """

    site: Site
    hidden: int
    cost: UnitCost
    eq5: float


@dataclass(frozen=True)
class DesignCost:
    """What a design costs.

    Attributes:
        architecture: the network without SE units.
        placement, reduction, depth, bias: the design.
        units: in the order of the forward pass.
        note: the note's formula beside it; None where a stage's units differ in width.
    """

    architecture: Architecture
    placement: Placement
    reduction: int
    depth: int
    bias: bool
    units: tuple[SiteCost, ...]
    note: NoteComparison | None

    @property
    def total(self) -> UnitCost:
        """Of all units together."""
        return sum_costs([unit.cost for unit in self.units])

    @property
    def eq5(self) -> float:
        """Weights by the formula: (2/r)·Σ N·C², and (L − 2)·Σ N·C²/r² for a deeper excitation."""
        return sum(unit.eq5 for unit in self.units)

    @property
    def parameter_share(self) -> float:
        """Added parameters over those of the network without SE."""
        return self.total.parameters / self.architecture.parameters

    @property
    def mac_share(self) -> float:
        """Added operations over the multiply-adds of the network without SE."""
        return self.total.macs / self.architecture.macs

    @property
    def words(self) -> str:
        """The design in words: network, r, layers, place."""
        layers = "" if self.depth == 2 else f", {self.depth} layers"
        return f"{self.architecture.title}, r = {self.reduction}{layers}, {PLACEMENT_WORDS[self.placement]}"

    @property
    def model(self) -> str | None:
        """What `load_model` and `senet-viz inspect` take for this network with these units; None where nothing builds it."""
        if self.architecture.name == "senet154":  # timm's alone, which comes as the paper has it
            usual_units = (self.reduction, self.depth, self.bias) == (16, 2, True)
            return "timm:legacy_senet154" if usual_units else None
        options = {"placement": self.placement, "reduction": self.reduction, "depth": self.depth}
        usual = {"placement": self.architecture.placements[0], "reduction": 16, "depth": 2}
        set_ = [f"{key}={value}" for key, value in options.items() if value != usual[key]]
        return ",".join([f"senet_viz:{self.architecture.name}", *set_, *([] if self.bias else ["bias=false"])])

    def table(self) -> pd.DataFrame:
        """A row per unit and one of sums."""
        rows = [
            (u.site.label, u.site.channels, u.hidden, u.site.positions, u.cost.weights, u.eq5, u.cost.biases,
             u.cost.squeeze_macs, u.cost.excitation_macs, u.cost.scale_macs)
            for u in self.units
        ]  # fmt: skip
        all_, channels = self.total, sum(u.site.channels for u in self.units)
        last = ("all", channels, sum(u.hidden for u in self.units), None, all_.weights, self.eq5, all_.biases,
                all_.squeeze_macs, all_.excitation_macs, all_.scale_macs)  # fmt: skip
        formula = "weights by eq 5" if self.depth == 2 else f"weights by eq 5 with {self.depth} layers"
        columns = ["block", "channels C", "hidden C/r", "positions", "weights", formula, "biases", "squeeze: additions",
                   "excitation: multiply-adds", "scale: multiplications"]  # fmt: skip
        table = pd.DataFrame([*rows, last], columns=columns)
        return table.astype({"positions": "Int64", formula: "float64"})


@dataclass(frozen=True)
class ReductionSweep:
    """Weights and biases that a design adds in every stage, for several r.

    Attributes:
        architecture, placement, depth: what is common to all.
        reductions: r of each column.
        stages: number of each row.
        parameters: added in each stage (row) for each r (column).
    """

    architecture: Architecture
    placement: Placement
    depth: int
    reductions: tuple[int, ...]
    stages: tuple[int, ...]
    parameters: tuple[tuple[int, ...], ...]

    @property
    def totals(self) -> tuple[int, ...]:
        """Over the stages, for each r."""
        return tuple(sum(column) for column in zip(*self.parameters))

    def table(self) -> pd.DataFrame:
        """A row per r, a column per stage, the sum and its share of the network."""
        table = pd.DataFrame(
            {f"stage {stage}": row for stage, row in zip(self.stages, self.parameters)},
            index=pd.Index(self.reductions, name="r"),
        )
        table["all"] = self.totals
        table["share of the network"] = table["all"] / self.architecture.parameters
        return table.reset_index()


def cost_design(
    name: str, *, placement: Placement = "standard", reduction: int = 16, depth: int = 2, bias: bool = True
) -> DesignCost:
    """What SE units of one design cost in a network at full width and native size.

    Args:
        name: of the architecture.
        placement: where units sit.
        reduction: r.
        depth: L, linear layers of each excitation.
        bias: whether these have biases.

    Raises:
        ArgumentError: an architecture, a place or a number that there is not.
    """
    sites = list_sites(name, placement)
    units = tuple(_cost_site(site, reduction, depth, bias) for site in sites)
    stages, channels = [s.stage for s in sites], [s.channels for s in sites]
    note = compare_with_note(stages, channels, reduction, depth=depth)
    return DesignCost(find_architecture(name), placement, reduction, depth, bias, units, note)


def sweep_reductions(
    name: str, *, placement: Placement = "standard", depth: int = 2, bias: bool = True
) -> ReductionSweep:
    """What a design adds in every stage for r = 2, 4, 8, 16, 32, 64; arguments and errors as of `cost_design`."""
    sites = list_sites(name, placement)
    stages = tuple(sorted({site.stage for site in sites}))
    rows = tuple(
        tuple(
            sum(_cost_site(site, r, depth, bias).cost.parameters for site in sites if site.stage == stage)
            for r in REDUCTIONS
        )
        for stage in stages
    )
    return ReductionSweep(find_architecture(name), placement, depth, REDUCTIONS, stages, rows)


def _cost_site(site: Site, reduction: int, depth: int, bias: bool) -> SiteCost:
    hidden = hidden_width(site.channels, reduction)
    cost = cost_of_unit(site.channels, hidden, positions=site.positions, depth=depth, bias=bias)
    return SiteCost(site, hidden, cost, eq5_weights([site.channels], reduction, depth=depth))


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
