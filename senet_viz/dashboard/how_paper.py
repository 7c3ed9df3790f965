"""The reading part of the page How SE works: what the paper shows beside this recording, and what SE costs."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from senet_viz.analysis.blocks import (
    BlockHealth,
    BlockMeasures,
    gather_health,
    gather_measures,
    health_from_table,
    measures_from_table,
)
from senet_viz.analysis.profiles import choose_blocks, choose_classes, describe_distances
from senet_viz.analysis.walkthrough import CostSummary, read_beside_paper
from senet_viz.dashboard import glossary
from senet_viz.dashboard.assessments import read_stored
from senet_viz.dashboard.class_colours import assign_colours
from senet_viz.dashboard.frame import Opened, escape
from senet_viz.dashboard.parts import keep_figure, show_downloads, show_figure
from senet_viz.dashboard.results import get_block_table, get_panels
from senet_viz.errors import SenetVizError
from senet_viz.figures import draw_panels

if TYPE_CHECKING:
    from senet_viz.models import Model

_ORIGINAL = "https://arxiv.org/abs/1709.01507"


def show_paper(page: Opened) -> None:
    """Their panels in words, our figure and numbers."""
    st.header("What the paper shows, and what this recording shows", anchor=False)
    recording = page.recording
    st.markdown(
        "The authors took a trained SE-ResNet-50, four classes (goldfish, pug, plane, cliff) and the 50 validation images of each, and "
        f"drew the mean gate of 50 channels in six blocks ([arXiv 1709.01507]({_ORIGINAL}), section 7.2, Fig. 6). They drew no intervals and "
        "ran no test. The figure below is the same for this recording."
    )
    blocks = tuple(gate.name for gate in choose_blocks(recording.blocks))
    classes = tuple(c.index for c in choose_classes(recording.classes, recording.class_counts))
    panels = get_panels(recording, page.stamp, blocks, classes, "channel", 0)
    colours, screen = assign_colours(page, classes), page.screen
    figure = keep_figure(  # another block of the photo leaves it as it is
        ("panels", page.stamp, blocks, classes, tuple(colours.items()), screen),
        lambda: draw_panels(panels, colours, screen.look, per_row=2 if screen.narrow else 3),
    )
    name = f"how-fig6-{recording.id[:8]}"
    show_figure(
        figure, name=name, key="how_panels", alt="Mean gate per channel in the blocks of the paper's Fig. 6, by class."
    )
    st.caption(
        f"{describe_distances(panels)} Lines that lie on each other: the class makes no difference there. The figure does not show how "
        "much single images of a class differ: that is Fig. 7, on the page Distributions.",
        help=glossary.DISTANCE,
    )
    show_downloads(panels.table(), figure, key="how_panels", name=name)
    rows = read_beside_paper(*_measure(page))
    if rows:
        st.markdown(
            "\n".join(f"- **{escape(row.name)}** The paper: {row.paper} *Here:* {escape(row.here)}." for row in rows)
        )
        st.caption(
            "Numbers are over all classes of the recording; in brackets 95 % intervals over images where it was assessed. Whether they "
            "confirm the paper is judged on the page Claim, by bounds that were declared before.",
            help=glossary.CLASS_SHARE,
        )


def _measure(page: Opened) -> tuple[BlockMeasures, BlockHealth]:
    """From a stored assessment that is fresh, else from moments."""
    recording = page.recording
    try:
        stored = read_stored(recording)
    except SenetVizError:  # stale: the page Claim says so and offers another
        stored = None
    if stored is not None:
        return gather_measures(stored.assessment, stored.tree), gather_health(stored.assessment)
    table = get_block_table(recording, page.stamp, False)
    images = recording.manifest.progress.get("images", 0)
    return measures_from_table(recording.blocks, table), health_from_table(recording.blocks, table, images)


@st.cache_resource(max_entries=8, show_spinner=False)
def get_costs(_model: "Model", sha256: str) -> CostSummary:
    """`summarize_costs`, kept by the weights."""
    from senet_viz.workflows.walkthrough import summarize_costs

    del sha256
    return summarize_costs(_model)


def show_costs(model: "Model") -> None:
    """The parameter formula and the two ideas, with this network's numbers."""
    costs = get_costs(model, f"{model.name}-{model.sha256}")
    st.header("What it costs", anchor=False)
    st.markdown(escape(costs.answer()))
    if not costs.reduces:
        st.info(
            "The units of this network have no hidden layer, so there is no reduction r, and the paper's formula is not meant for them.",
            icon=":material/info:",
        )
        return
    st.markdown(
        f"Two layers of C·C/r weights a unit give the paper's formula **(2/r) · Σ N·C²** over the stages, N units of C channels each: "
        f"**{costs.formula_weights:,}** weights here ({_on_top(costs)}). A larger r makes the hidden layer narrower and cheaper; "
        "the paper takes 16. Most weights are in the last stage, where C is largest."
    )
    st.dataframe(costs.table(), hide_index=True, alt="SE weights by stage", column_config=_columns())
    st.markdown(
        "**Two ideas to go further.** *One SE unit after every convolution*, and not one a block: more places that recalibrate, at "
        "the cost in the table. *A deeper excitation*, with more than two layers: each further one costs (C/r)², which is little. "
        "Weights are all that is counted here: whether the network gets better by it needs training, and no published comparison of "
        "either with plain SE in residual networks was found."
    )
    st.dataframe(
        costs.ideas_table(), hide_index=True, alt="Weights of SE as it is and of two ideas", column_config=_columns()
    )


def _on_top(costs: CostSummary) -> str:
    if costs.layers == 2:
        return "biases come on top"
    if costs.layers is None:
        return "biases come on top, and further layers, which some units have"
    return f"biases come on top, and the further layers of these units, which have {costs.layers}"


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "weights": number(format="localized"), "weights (2/r)·N·C²": number(format="localized"),
        "on top of the network": number(format="percent"), "reduction r": number(format="%.4g"),
    }  # fmt: skip
