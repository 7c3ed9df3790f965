"""The paper's ablations on ImageNet as it prints them, beside what the same designs cost when they are counted."""

import math
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from senet_viz.analysis.costs.design import cost_design
from senet_viz.analysis.costs.formulas import sum_costs
from senet_viz.analysis.costs.sites import Placement, find_architecture

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
