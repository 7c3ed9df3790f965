"""Design: what SE units cost in a network, by where they sit and how they are made, and what the paper measured of it."""

import pandas as pd
import streamlit as st

from senet_viz.analysis.costs.ablations import (
    answer_design,
    compare_formula,
    compare_note,
    describe_ablations,
    list_ablations,
)
from senet_viz.analysis.costs.design import DEEPEST, REDUCTIONS, DesignCost, cost_design, sweep_reductions
from senet_viz.analysis.costs.formulas import ARCHITECTURES, PLACEMENT_WORDS
from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.controls import pick, row
from senet_viz.dashboard.frame import open_plain_page
from senet_viz.dashboard.parts import (
    format_numbers,
    offer_table,
    show_answer,
    show_result,
    show_shell_command,
    telling_problems,
)
from senet_viz.dashboard.screen import Screen
from senet_viz.figures.costs import draw_error_against_size, draw_reductions, draw_variants

_FIRST = "SE-ResNet-50"
_EQ5 = r"\frac{2}{r}\sum_s N_s\,C_s^2"
_DEEP = r"\sum_s N_s\left[\frac{2\,C_s^2}{r}+(L-2)\,\frac{C_s^2}{r^2}\right]"
_NOTE = r"\sum_s\left[(N_s-2)\,\frac{C_s^2}{r^2}+\frac{2\,C_s^2}{r}\right]"


def choose_design() -> DesignCost:
    """The page's controls: network, place, r, layers, biases."""
    titles = {a.title: a for a in ARCHITECTURES}
    with row("design_network"):
        title = pick("Network", list(titles), "design_network", kind="network", default=_FIRST, width=230)
        architecture = titles[title]
        places = {PLACEMENT_WORDS[p]: p for p in architecture.placements}
        place = pick(
            "Place of the units", list(places), "design_place", kind="placement", width=330, help_text=glossary.PLACEMENT
        )  # fmt: skip
    with row("design_unit"):
        reduction = st.select_slider(
            "Reduction r", REDUCTIONS, 16, key="design_r", bind="query-params", persist_state="session", width=280,
            help=glossary.REDUCTION,
        )  # fmt: skip
        depth = st.slider(
            "Layers L of the excitation", 2, DEEPEST, 2, key="design_layers", bind="query-params", persist_state="session",
            width=280, help=glossary.LAYERS,
        )  # fmt: skip
        bias = st.toggle(
            "Biases", True, key="design_bias", bind="query-params", persist_state="session", help=glossary.BIASES
        )
    placement = places[place]
    return cost_design(architecture.name, placement=placement, reduction=reduction, depth=depth, bias=bias)


def show_design_costs(screen: Screen, design: DesignCost) -> None:
    """The answer, and the figure of parameters by stage and r."""
    show_answer(answer_design(design), explained=glossary.OPERATIONS)
    sweep = sweep_reductions(design.architecture.name, placement=design.placement, depth=design.depth, bias=design.bias)
    figure = draw_reductions(sweep, screen.look, chosen=design.reduction, narrow=screen.narrow)
    name = f"parameters-by-r-{design.architecture.name}-{design.placement}-{design.depth}-layers"
    alt = f"Parameters that SE units add in each stage of {design.architecture.title}, for six reductions r."
    show_result(
        figure, sweep.table(), name=name, key="design_reductions", alt=alt,
        caption="Each bar is the whole of what is added, the chosen r has a band behind it. The figure counts; it says nothing of "
        "accuracy or of time.",
    )  # fmt: skip


def show_blocks(design: DesignCost) -> None:
    """The table block by block, the formula, and the command that counts the same on the network itself."""
    st.header("Block by block, against the formula", anchor=False, help=glossary.OPERATIONS)
    st.markdown(f"${_EQ5 if design.depth == 2 else _DEEP}$")
    st.markdown(compare_formula(design))
    table = design.table()
    numbers = format_numbers(table.columns[1:], "localized")
    st.dataframe(table, hide_index=True, height=320, column_config=numbers, alt="Table: cost of every SE unit")
    offer_table(table, key="design_blocks", name=f"se-cost-{design.architecture.name}")
    if design.model is None:
        st.caption(f"{design.architecture.title} is timm's, which builds it with r = 16, two layers and biases only.")
        return
    st.caption("The same, counted on the network itself:")
    show_shell_command(f"senet-viz inspect {design.model} --weights random")


def show_note(design: DesignCost) -> None:
    """The note's formula for a deeper excitation beside what is built."""
    st.header("A deeper excitation: the formula of this project's first note", anchor=False, help=glossary.NOTE)
    st.markdown(compare_note(design))
    if design.note is None:
        return
    st.markdown(f"- The note: ${_NOTE}$\n- An excitation of L layers in every unit: ${_DEEP}$")
    table = design.note.table()
    table["channels C"] = [f"{c:,}" if pd.notna(c) else "" for c in table["channels C"]]
    numbers = format_numbers(table.columns[3:], "localized")
    st.dataframe(table, hide_index=True, column_config=numbers, alt="Table: weights by the note's formula and as built")


def show_ablations(screen: Screen) -> None:
    """The paper's ablations beside the sizes that are counted here."""
    st.header("What the paper measured", anchor=False, help=glossary.ABLATIONS)
    ablations = list_ablations()
    show_answer(describe_ablations(ablations), explained=glossary.ABLATIONS)
    size = draw_error_against_size(ablations, screen.look, narrow=screen.narrow)
    show_result(
        size, ablations.table(), name="paper-error-against-size", key="design_size", named=True, digits=2,
        alt="Top-1 error of the paper's ablations against parameters.",
        caption="Lower is better, further left is smaller. A whisker is what these images know of one network by itself; how much "
        "another training run would differ is in none. Parameters are counted here, without biases in the SE units as in the "
        "paper; the table has what it prints beside it.",
    )  # fmt: skip
    variants = draw_variants(ablations, screen.look, narrow=screen.narrow)
    show_result(
        variants, ablations.table(), name="paper-ablations", key="design_ablations", named=True, digits=2,
        alt="Top-1 error of the paper's variants of squeeze, gate, placement, stages.",
        caption=f"Diamonds are the paper's own design, one and the same network in every group. Source: {ablations.source}. They are "
        "the authors' numbers for one network on ImageNet; nothing here was trained to check them.",
    )  # fmt: skip


opened = open_plain_page("Design", "What do SE units cost, by where they sit and how they are made?")
with telling_problems():
    chosen = choose_design()
    links.show_notices()
    show_design_costs(opened, chosen)
    show_blocks(chosen)
    show_note(chosen)
    show_ablations(opened)
