"""The paper's ablations on ImageNet beside what the same designs cost when counted; the answers of the page Design."""

import math
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from senet_viz.analysis.costs.design import DesignCost, cost_design
from senet_viz.analysis.costs.formulas import Placement, find_architecture, sum_costs

Group = Literal["reduction", "squeeze", "excitation", "placement", "stage"]
GROUP_WORDS: dict[Group, str] = {
    "reduction": "reduction r", "squeeze": "squeeze", "excitation": "gate", "placement": "placement", "stage": "stages",
}  # fmt: skip
SOURCE = "Hu et al., arXiv 1709.01507 v4, ablations on ImageNet with (SE-)ResNet-50"
IMAGES = 50_000  # of ImageNet's validation set
_Z = 1.959963984540054
_BASE = "se_resnet50"


@dataclass(frozen=True, slots=True)
class Ablation:
    """A row of the paper's ablation tables; each is one training of one network.

    Attributes:
        group: what was varied.
        variant: to what; "r = 16" is the paper's own design wherever it appears.
        top1, top5: error in percent on the validation images.
        printed: parameters that the paper prints, in millions; None where this table has no number.
        counted: weights and biases of the network with this design, in all, as counted here without biases in the
            excitation, as the paper's; None where its size is not counted here.
        low, high: 95 % interval of `top1` over images (normal approximation of a share of 50,000). Over training runs it
            is not known.
    """

    group: Group
    variant: str
    top1: float
    top5: float
    printed: float | None
    counted: int | None
    low: float
    high: float


@dataclass(frozen=True)
class Ablations:
    """All rows, and the network without SE units."""

    rows: tuple[Ablation, ...]
    source: str = SOURCE
    images: int = IMAGES

    def of(self, group: Group) -> tuple[Ablation, ...]:
        """The rows of one group."""
        return tuple(row for row in self.rows if row.group == group)

    def table(self) -> pd.DataFrame:
        """A row per ablation."""
        columns = ["varied", "variant", "top-1 error, %", "95 % low", "95 % high", "top-5 error, %",
                   "parameters printed, M", "parameters counted, M"]  # fmt: skip
        rows = [
            (GROUP_WORDS[r.group], r.variant, r.top1, r.low, r.high, r.top5, r.printed,
             None if r.counted is None else r.counted / 1e6)
            for r in self.rows
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:], "float64"))


def list_ablations() -> Ablations:
    """The paper's ablations beside what is counted here."""
    base = find_architecture(_BASE).parameters
    rows = [_row("reduction", "no SE", 23.30, 6.55, 25.6, base)]
    for r, top1, top5, printed in (
        (2, 22.29, 6.00, 45.7), (4, 22.25, 6.09, 35.7), (8, 22.26, 5.99, 30.7), (16, 22.28, 6.03, 28.1), (32, 22.72, 6.20, 26.9),
    ):  # fmt: skip
        rows.append(_row("reduction", f"r = {r}", top1, top5, printed, _count(reduction=r)))
    standard = _count()
    rows += [
        _row("squeeze", "average", 22.28, 6.03, None, standard),
        _row("squeeze", "maximum", 22.57, 6.09, None, standard),
        _row("squeeze", "none (NoSqueeze)", 22.93, 6.39, None, standard),
        _row("excitation", "sigmoid", 22.28, 6.03, None, standard),
        _row("excitation", "tanh", 23.00, 6.38, None, standard),
        _row("excitation", "ReLU", 23.47, 6.98, None, standard),
        _row("placement", "standard", 22.28, 6.03, None, standard),
        _row("placement", "PRE", 22.23, 6.00, None, _count("pre")),
        _row("placement", "POST", 22.78, 6.35, None, _count("post")),
        _row("placement", "Identity", 22.20, 6.15, None, _count("identity")),
        _row("placement", "SE_3×3", 22.48, 6.02, None, _count("3x3")),
        *(
            _row("stage", f"stage {stage} only", top1, top5, None, _count(stage=stage))
            for stage, top1, top5 in ((2, 23.03, 6.48), (3, 23.04, 6.32), (4, 22.68, 6.22))
        ),
        _row("stage", "all", 22.28, 6.03, None, standard),
    ]
    return Ablations(tuple(rows))


def _count(placement: Placement = "standard", *, reduction: int = 16, stage: int | None = None) -> int:
    design = cost_design(_BASE, placement=placement, reduction=reduction, bias=False)
    units = [unit.cost for unit in design.units if stage is None or unit.site.stage == stage]
    return design.architecture.parameters + sum_costs(units).parameters


def _row(group: Group, variant: str, top1: float, top5: float, printed: float | None, counted: int | None) -> Ablation:
    reach = _Z * math.sqrt(top1 * (100 - top1) / IMAGES)
    return Ablation(group, variant, top1, top5, printed, counted, top1 - reach, top1 + reach)


def answer_design(design: DesignCost) -> str:
    """What a design adds, in all and where most of it lies."""
    total, base = design.total, design.architecture
    by_stage: dict[int, int] = {}
    for unit in design.units:
        by_stage[unit.site.stage] = by_stage.get(unit.site.stage, 0) + unit.cost.parameters
    heaviest = max(by_stage, key=lambda stage: by_stage[stage])
    return (
        f"**{len(design.units)} SE units add {design.parameter_share:.2%} to the parameters of {base.title} and "
        f"{design.mac_share:.2%} to its operations**: {total.weights:,} weights and {total.biases:,} biases on top of "
        f"{base.parameters:,} parameters, and {total.macs / 1e6:.1f} M operations on top of {base.macs / 1e9:.3f} G. "
        f"Stage {heaviest} holds {by_stage[heaviest] / total.parameters:.0%} of what is added."
    )


def compare_formula(design: DesignCost) -> str:
    """How the counted weights stand to eq 5."""
    weights, formula = design.total.weights, design.eq5
    name = "eq 5" if design.depth == 2 else f"eq 5, extended to {design.depth} layers,"
    if abs(weights - formula) < 0.5:
        return f"The counted weights equal {name} exactly: {weights:,}. Biases are in no formula of the paper."
    return (
        f"{name[0].upper()}{name[1:]} gives {formula:,.0f} weights, {weights:,} are counted: C/r is no whole number in every "
        "block, and a hidden layer has its whole part. Biases are in no formula of the paper."
    )


def compare_note(design: DesignCost) -> str:
    """How the note's formula for a deeper excitation stands to what is built."""
    note = design.note
    if note is None:
        return (
            "The note's formula takes one width a stage. In this network the units of a stage differ in width, so it says "
            "nothing here."
        )
    return (
        f"The note's formula gives {note.note:,.0f} weights. That is **one excitation of N layers for a whole stage** of N units; "
        f"the 2·N layers that it speaks of would have the factor 2N − 2 and come to {note.one_of_2n:,.0f}. An excitation of "
        f"{note.depth} layers in **every** unit, as it is built here and in the paper, has {note.per_unit:,.0f}: the note's sum "
        "lacks the factor N."
    )


def describe_ablations(ablations: Ablations) -> str:
    """What the paper's numbers can tell apart."""
    reach = max(row.high - row.top1 for row in ablations.rows)
    rows = {row.variant: row for row in ablations.of("reduction")}
    paper, none = rows["r = 16"], rows["no SE"]
    return (
        f"**In the paper's ablations r = 16 has {none.top1 - paper.top1:.2f} points less top-1 error than no SE "
        f"({paper.top1:.2f} against {none.top1:.2f} %); from r = 2 to r = 16 the error stays within "
        f"{max(rows[f'r = {r}'].top1 for r in (2, 4, 8, 16)) - min(rows[f'r = {r}'].top1 for r in (2, 4, 8, 16)):.2f} points** "
        f"at very different sizes. Each is one training; over {ablations.images:,} images alone an error is known to "
        f"± {reach:.2f} points."
    )
