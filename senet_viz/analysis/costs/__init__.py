"""What SE units cost in weights, biases and operations, by formula: without a network, for any r, depth and placement."""

from senet_viz.analysis.costs.ablations import GROUP_WORDS, Ablation, Ablations, Group, list_ablations
from senet_viz.analysis.costs.answers import answer_design, compare_formula, compare_note, describe_ablations
from senet_viz.analysis.costs.design import (
    DEEPEST,
    REDUCTIONS,
    DesignCost,
    ReductionSweep,
    SiteCost,
    cost_design,
    sweep_reductions,
)
from senet_viz.analysis.costs.formulas import UnitCost, check_depth, cost_of_unit, eq5_weights, hidden_width, sum_costs
from senet_viz.analysis.costs.note import NoteComparison, StageNote, compare_with_note
from senet_viz.analysis.costs.sites import (
    ARCHITECTURES,
    PLACEMENT_WORDS,
    PLACEMENTS,
    Architecture,
    Placement,
    Site,
    find_architecture,
    list_sites,
)

__all__ = [
    "ARCHITECTURES",
    "DEEPEST",
    "GROUP_WORDS",
    "PLACEMENTS",
    "PLACEMENT_WORDS",
    "REDUCTIONS",
    "Ablation",
    "Ablations",
    "Architecture",
    "DesignCost",
    "Group",
    "NoteComparison",
    "Placement",
    "ReductionSweep",
    "Site",
    "SiteCost",
    "StageNote",
    "UnitCost",
    "answer_design",
    "check_depth",
    "compare_formula",
    "compare_note",
    "compare_with_note",
    "cost_design",
    "cost_of_unit",
    "describe_ablations",
    "eq5_weights",
    "find_architecture",
    "hidden_width",
    "list_ablations",
    "list_sites",
    "sum_costs",
    "sweep_reductions",
]
