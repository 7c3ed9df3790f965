"""Blocks: what do the gates of each block do?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from senet_viz.analysis.blocks import (
    BlockHealth,
    BlockMeasures,
    BlockSimilarity,
    describe_health,
    describe_saturation,
    gather_similarity,
    ranks_are_quick,
)
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.assessments import Stored, find_assessment, get_measures, know_blocks
from senet_viz.dashboard.controls import pick, pick_block, row
from senet_viz.dashboard.frame import Opened, open_page
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import (
    format_numbers,
    keep_figure,
    offer_files,
    show_answer,
    show_downloads,
    show_figure,
    show_result,
    telling_problems,
)
from senet_viz.dashboard.results import get_channel_measures
from senet_viz.dashboard.screen import scroll_to_section
from senet_viz.figures.blocks import (
    draw_block_measures,
    draw_channels_scatter,
    draw_correlations,
    draw_gate_health,
    draw_similarity,
)
from senet_viz.recording.export import file_stem
from senet_viz.schema import Gate
from senet_viz.stats.tables import MEASURE_WORDS, correlate_measures

_ASSESSED = (
    "An assessment would add to this page: intervals, decoding of the class, CKA between blocks, AUC and mutual information "
    "of channels. What follows is computed from the recorded class means and deviations."
)
_RANKS = "ranks_asked"


@dataclass(frozen=True)
class Facts:
    """What is known of a recording's blocks.

    Attributes:
        health: of the gates.
        measures: along the depth.
        similarity: None where it was not computed.
        channels: measures of all channels as `assess` stored them; None without an assessment.
        made: what all of these depend on.
    """

    health: BlockHealth
    measures: BlockMeasures
    similarity: BlockSimilarity | None
    channels: pd.DataFrame | None
    made: tuple[object, ...]


def gather_facts(page: Opened, stored: Stored | None) -> Facts:
    """From the stored assessment, else quickly from moments."""
    if stored is not None:
        similarity = gather_similarity(stored.assessment.gates, stored.tree)
        return Facts(*know_blocks(page, stored), similarity, get_measures(page, stored.made), (page.stamp, stored.made))
    st.caption(_ASSESSED)
    ranks = ranks_are_quick(page.recording) or bool(st.session_state.get(_RANKS))
    return Facts(*know_blocks(page, None, ranks=ranks), None, None, (page.stamp, ranks))


def draw(page: Opened, facts: Facts, name: str, how: Callable[[], go.Figure]) -> go.Figure:
    """A figure of all blocks: another choice of one leaves it as it is."""
    return keep_figure((name, facts.made, page.screen), how)


def show_block_health(page: Opened, facts: Facts) -> None:
    """The answer, its figure, and the gate-health table."""
    health, screen = facts.health, page.screen
    show_answer(describe_health(health), explained=glossary.GATE_HEALTH)
    figure = draw(page, facts, "health", lambda: draw_gate_health(health, screen.look, narrow=screen.narrow))
    name = f"gate-health-{page.recording.id[:8]}"
    show_figure(figure, name=name, alt="Where gates lie, how far they move, and their effective rank, block by block.")
    st.caption(captions.HEALTH, help=glossary.GATE_HEALTH)
    if not (np.isfinite(health.gate_rank).any() or np.isfinite(health.profile_rank).any()):
        offer_ranks(page)
    st.header("Gate health", anchor=False, help=glossary.GATE_HEALTH)
    table = health.table()
    forms = {
        **format_numbers(("s > .9", "s < .1", "at lower bound", "at upper bound"), "percent"),
        **format_numbers(("between-class SD", "within-class SD"), "%.4f"),
        **format_numbers(("rank of class profiles", "rank of gates"), "%.1f"),
        **format_numbers(("reduction r", "dead channels"), "%.0f"),
    }
    st.dataframe(table, hide_index=True, column_config=forms, alt="Table: gate health by block")
    offer_files(table, figure, key="health", name=name)


def offer_ranks(page: Opened) -> None:
    """Effective ranks of a large recording, at a click."""
    if ranks_are_quick(page.recording) or st.session_state.get(_RANKS):
        return
    st.caption("Effective ranks take the cube of the classes: about a minute for a recording of this size.")
    if st.button("Compute the ranks", icon=":material/ssid_chart:", key="ranks_now"):
        st.session_state[_RANKS] = True
        st.rerun()


def show_block_measures(page: Opened, facts: Facts) -> None:
    """How much the class says about the gates, block by block, by every measure."""
    measures, screen = facts.measures, page.screen
    st.header("How much of it is class?", anchor=False, help=glossary.BLOCK_MEASURES)
    for sentence in measures.missing:
        st.info(escape(sentence), icon=":material/info:")
    if measures.classes < 2 or not any(c.panel == "share" for c in measures.curves):
        st.info("Class shares need at least two classes with two images.", icon=":material/label_off:")
        return
    figure = draw(page, facts, "measures", lambda: draw_block_measures(measures, screen.look, narrow=screen.narrow))
    name = f"block-measures-{page.recording.id[:8]}"
    confounded = any(c.confounded for c in measures.curves)
    show_result(
        figure, measures.table(), name=name, key="measures", named=True, explained=glossary.BLOCK_MEASURES,
        alt="Measures of class dependence along the depth, with intervals where known.",
        caption=captions.MEASURES
        + " Decoding from all channels is confounded by the width of the block: compare the one at equal width."
        * confounded,
    )  # fmt: skip


def show_similarity(page: Opened, facts: Facts, similarity: BlockSimilarity) -> None:
    """CKA between all blocks."""
    screen = page.screen
    st.header("Which blocks are alike?", anchor=False, help=glossary.SIMILARITY)
    figure = draw(page, facts, "similarity", lambda: draw_similarity(similarity, screen.look, narrow=screen.narrow))
    name = f"block-similarity-{page.recording.id[:8]}"
    alike = similarity.most_alike()
    most = f" Most alike are {escape(alike[0])} and {escape(alike[1])} with a CKA of {alike[2]:.2f}." if alike else ""
    show_result(
        figure, similarity.table(), name=name, key="similarity", named=True, explained=glossary.SIMILARITY,
        alt="Map of the similarity (CKA) between all blocks.", caption=f"{captions.SIMILARITY}{most}",
    )  # fmt: skip


def show_channels(page: Opened, facts: Facts) -> None:
    """Rank correlations between the measures of one block's channels, and two of them as points."""
    st.header("One block: do measures agree on its channels?", anchor="one-block", help=glossary.CORRELATIONS)
    block = pick_block(page.recording)
    channels = channels_of(page, facts, block)
    known = [name for name in MEASURE_WORDS if np.isfinite(channels[name]).any()]
    if len(known) < 2:
        st.info(
            "Channels have no measures of class dependence: that takes two classes, two images of one, and gates that move.",
            icon=":material/label_off:",
        )
        return
    correlations = correlate_measures(channels, known)
    label = page.label(block)
    figure = draw_correlations(correlations, label, page.screen.look, narrow=page.screen.narrow)
    name = f"measures-agree-{block.label}-{page.recording.id[:8]}"
    show_figure(figure, name=name, alt=f"Rank correlations between measures over the channels of {label}.")
    st.caption(captions.CORRELATIONS, help=glossary.CORRELATIONS)
    if warning := describe_saturation(facts.health, block.depth):
        st.warning(warning, icon=":material/warning:")
    show_downloads(correlations.table(), figure, key="correlations", name=name)
    show_scatter(page, label, channels, known)


def channels_of(page: Opened, facts: Facts, block: Gate) -> pd.DataFrame:
    """Measures of the block's channels: the stored ones, else from moments."""
    if facts.channels is not None:
        stored = facts.channels[facts.channels["block"] == block.name]
        if len(stored) == block.channels:
            return stored
    return get_channel_measures(page, block.name)


def show_scatter(page: Opened, label: str, channels: pd.DataFrame, known: list[str]) -> None:
    """Two chosen measures, a point a channel."""
    words = {MEASURE_WORDS[name]: name for name in known}
    with row("measures"):
        x = words[pick("Across", list(words), "measure_x", kind="measure", width=240)]
        y = words[pick("Upwards", list(words), "measure_y", kind="measure", default=list(words)[1], width=240)]
    figure = draw_channels_scatter(channels, label, x, y, page.screen.look, narrow=page.screen.narrow)
    name = file_stem("channels", page.recording.id, label, y, "against", x)
    columns = ["channel", *known, *(["best_class_name"] if "best_class_name" in channels else [])]
    show_result(
        figure, channels[columns].rename(columns=dict(MEASURE_WORDS)), name=name, key="channels",
        alt=f"{MEASURE_WORDS[y]} against {MEASURE_WORDS[x]}, a point a channel of {label}.", caption=captions.CHANNELS,
    )  # fmt: skip


opened = open_page("Blocks", "What do the gates of each block do?")
with telling_problems("folder_off"):
    assessed = find_assessment(opened)
    found = gather_facts(opened, assessed)
    show_block_health(opened, found)
    show_block_measures(opened, found)
    if found.similarity is not None:
        show_similarity(opened, found, found.similarity)
    show_channels(opened, found)
    links.show_notices()
scroll_to_section()
