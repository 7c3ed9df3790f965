"""One block of the page Compare images: all its gates, the channels that differ most, the place among recorded images."""

import streamlit as st

from senet_viz.analysis.comparison.placement import Placement
from senet_viz.analysis.comparison.result import Comparison, tabulate_differing, tabulate_places
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.comparison.results import find_placement
from senet_viz.dashboard.controls import pick, pick_block, row
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import show_result
from senet_viz.dashboard.uploads import Uploads
from senet_viz.dashboard.waiting import wait_for
from senet_viz.figures.comparison_gates import draw_block_gates, draw_differing_channels
from senet_viz.schema import label_classes

BLOCK_KEY = "compare_block"
BLOCK_ANCHOR = "one-block"
_EVERYONE = "all recorded images"
_SHOWN = 12


def show_block(page: Opened, uploads: Uploads, comparison: Comparison) -> str:
    """Controls, figures and tables of one block; returns its name."""
    st.header("One block", anchor=BLOCK_ANCHOR)
    with row("one_block"):
        name = pick_block(page.recording, key=BLOCK_KEY, width=190).name
        options = (_EVERYONE, *label_classes(page.recording.classes))
        chosen = pick("Percentiles among", options, "among", kind="class", width=260, help_text=glossary.PERCENTILE)
    among = options.index(chosen) - 1 if chosen != _EVERYONE else None  # index of a class
    block = comparison.block(name)
    place, reading = find_placement(page, block, uploads.digest, comparison.precision, among)
    st.markdown("**Distance from the recorded mean, and its percentile**", help=glossary.PERCENTILE)
    st.dataframe(
        tabulate_places(place, comparison.names), hide_index=True, alt="Distance and percentile of every image",
        column_config={"distance from recorded mean": st.column_config.NumberColumn(format="%.3g")},
    )  # fmt: skip
    st.caption(escape(place.distance_note))
    if reading is not None:
        wait_for(
            reading,
            f"Reading the gates of {block.block.label} for {page.recording.n_kept:,} kept images: exact percentiles appear here…",
        )
    stem = f"{page.recording.id[:8]}-images-{uploads.digest[:8]}-{block.block.label}"
    figure = draw_block_gates(block, comparison.names, page.screen.look, narrow=page.screen.narrow)
    show_result(
        figure, comparison.gates_table(name), name=f"compare-gates-{stem}", key="compare_gates",
        alt=f"Gates of all channels of {block.block.label} for every image.", caption=captions.BLOCK_GATES,
    )  # fmt: skip
    _show_differing(page, comparison, name, place, stem)
    label = page.label(block.block)
    with st.container(horizontal=True):
        links.link_page("lab", f"Move the gates of {label}", "tune", {"try_block": [label]}, at="try")
        links.link_page("distributions", f"All classes in {label}", "ssid_chart", {"map_block": label}, at=BLOCK_ANCHOR)
    return name


def _show_differing(page: Opened, comparison: Comparison, name: str, place: Placement, stem: str) -> None:
    differing = comparison.channels_that_differ(name, _SHOWN)
    figure = draw_differing_channels(differing, page.screen.look, narrow=page.screen.narrow)
    label = differing.block.label
    every = comparison.channels_that_differ(name, differing.block.channels)
    show_result(
        figure, tabulate_differing(every, place), name=f"compare-channels-{stem}", key="compare_channels",
        alt=f"The channels of {label} in which the images differ most.",
        caption=f"{captions.DIFFERING} Ordered by the {differing.statement}. Percentiles, in the table: {escape(place.gates_note)}",
    )  # fmt: skip
