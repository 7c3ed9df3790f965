"""The page's answers in sentences, from the results that stand under them."""

from senet_viz.analysis.costs.ablations import Ablations
from senet_viz.analysis.costs.design import DesignCost


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
