"""Distributions: how the gates of chosen classes are distributed, block by block (the paper's Fig. 6 and 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from senet_viz.analysis.distributions.choices import ChannelOrder, ChosenClass, choose_classes
from senet_viz.analysis.distributions.panels import ClassPanels, describe_distances
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.controls import (
    MAP_VIEWS,
    ORDERS,
    TOPS,
    pick_figure_blocks,
    pick_figure_classes,
    pick_one,
    prepare,
    row,
)
from senet_viz.dashboard.distributions import CHANNEL_KEY, CHANNEL_SECTION, show_channel
from senet_viz.dashboard.frame import Opened, assign_colours, open_page
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import show_answer, show_downloads, show_figure
from senet_viz.dashboard.results import get_map, get_panels, name_map, name_profiles
from senet_viz.dashboard.screen import Screen, ask_for_section, scroll_to_section
from senet_viz.errors import SenetVizError
from senet_viz.figures.class_map import draw_class_map
from senet_viz.figures.distributions import draw_panels
from senet_viz.schema import Gate, label_blocks, label_classes
from senet_viz.text import join_words

BLOCK_SECTION = "one-block"
MEANS, BANDS = "Means (Fig. 6)", "Mean ± SD (Fig. 7)"


@dataclass(frozen=True)
class Selection:
    """What is chosen in the sidebar: block names, class indices, the figure, the channels' order and seed."""

    blocks: tuple[str, ...]
    classes: tuple[int, ...]
    reasons: tuple[ChosenClass, ...]
    figure: str
    order: ChannelOrder
    seed: int


def choose(page: Opened) -> Selection:
    """The sidebar's controls."""
    recording = page.recording
    first = choose_classes(recording.classes, recording.class_counts)
    with st.sidebar:
        classes = pick_figure_classes(recording, "Classes")
        blocks = pick_figure_blocks(recording, "Blocks")
        figure = pick_one("Figure", [MEANS, BANDS], "view")
        order = pick_one("Order of channels", list(ORDERS), "order", help_text=glossary.ORDER)
        seed = st.number_input(
            "Seed of the draw", 0, 9999, 0, key="seed", bind="query-params", persist_state="session", help=glossary.SEED
        )
    return Selection(blocks, classes, first, figure, ORDERS[order], int(seed or 0))


def show_profiles(page: Opened, chosen: Selection, colours: dict[int, str]) -> None:
    """The answer, Fig. 6 or Fig. 7, and its table."""
    recording = page.recording
    panels = get_panels(recording, page.stamp, chosen.blocks, chosen.classes, chosen.order, chosen.seed)
    show_answer(describe_distances(panels), explained=glossary.DISTANCE if panels.classes else None)
    bands, picked = chosen.figure == BANDS, chosen.classes
    if bands:
        picked = _choose_bands(page, chosen)
        panels = get_panels(recording, page.stamp, chosen.blocks, picked, chosen.order, chosen.seed)
    choices = (page.stamp, chosen.blocks, picked, chosen.order, chosen.seed, bands)
    figure = _draw_panels(panels, choices, tuple(colours.items()), page.screen)
    name = name_profiles(
        recording, chosen.blocks, picked, bands=bands, order=chosen.order, seed=chosen.seed
    )  # fmt: skip
    shown = ", ".join(c.label for c in panels.classes) or "all images"
    show_figure(
        figure,
        name=name,
        key="profiles",
        alt=f"Mean gate per channel and block for {shown}. The numbers are in the table below.",
    )
    st.caption(captions.BANDS if bands else captions.PROFILES)
    if reasons := _explain_defaults(page, chosen):
        st.caption(escape(reasons))
    show_downloads(panels.table(), figure, key="profiles", name=name)


@st.cache_resource(max_entries=16, show_spinner=False)
def _draw_panels(
    _panels: ClassPanels, choices: tuple[object, ...], colours: tuple[tuple[int, str], ...], screen: Screen
) -> go.Figure:
    """`draw_panels`, kept by what it shows: the page draws it at every change of what stands below it."""
    per_row = 2 if screen.narrow else 3
    return draw_panels(_panels, dict(colours), screen.look, bands=bool(choices[-1]), per_row=per_row)


def _choose_bands(page: Opened, chosen: Selection) -> tuple[int, ...]:
    """Two classes as in the paper, unless others are asked for: more bands hide each other."""
    labels = label_classes(page.recording.classes)
    options = [labels[k] for k in chosen.classes]
    if len(options) < 3:
        return chosen.classes
    prepare("bands", "class with a band", options)
    picked = st.pills(
        "Classes with bands", options, selection_mode="multi", default=[options[0], options[2]], key="bands",
        bind="query-params", persist_state="session", on_change=links.forget_notices,
    )  # fmt: skip
    return tuple(labels.index(label) for label in picked)


def _explain_defaults(page: Opened, chosen: Selection) -> str:
    labels = label_classes(page.recording.classes)
    reasons: dict[str, list[str]] = {}
    for first in chosen.reasons:
        if first.index in chosen.classes:
            reasons.setdefault(first.reason, []).append(labels[first.index])
    told = "; ".join(f"{join_words(names)}: {reason}" for reason, names in reasons.items())
    return f"Why these classes? {told[0].upper()}{told[1:]}." if told else ""


def show_class_map(page: Opened, chosen: Selection) -> Gate:
    """The class × channel map of one block; returns the block."""
    recording, screen = page.recording, page.screen
    st.header("One block: all classes", anchor=BLOCK_SECTION)
    labels = label_blocks(recording.blocks)
    with row("one_block"):
        default = labels.index(labels[recording.block(chosen.blocks[-1]).depth])
        prepare("map_block", "block", labels)
        label = st.selectbox(
            "Block", labels, index=default, key="map_block", bind="query-params", persist_state="session", width=170,
            on_change=links.forget_notices, help=glossary.BLOCK,
        )  # fmt: skip
        view = MAP_VIEWS[pick_one("Show", list(MAP_VIEWS), "map_view")]
        top = TOPS[pick_one("Channels", list(TOPS), "map_top", help_text=glossary.CLASS_SHARE)]
    block = recording.blocks[labels.index(label or labels[default])]
    if len(recording.classes) < 2:
        st.info("A class × channel map needs at least two classes.", icon=":material/label_off:")
        return block
    classes = get_map(recording, page.stamp, block.name, top)
    opened = str(st.session_state.get(CHANNEL_KEY, ""))
    figure = draw_class_map(
        classes, screen.look, view=view, chosen=chosen.classes, marks=True, opened=int(opened) if opened.isdigit() else None,
        narrow=screen.narrow,
    )  # fmt: skip
    name = name_map(recording, block.name, top, view, chosen.classes)
    best = f"The most class-specific channel is {classes.channels[0]} with a class share of {classes.share[0]:.2f}."
    alt = f"Map of classes against channels in {block.label}. {best}"
    show_figure(figure, name=name, key="map", alt=alt, on_point=open_channel)
    st.caption(
        f"{captions.MAPS[view]} {best} A triangle above the map opens its channel below. {captions.MAP_LIMITS}",
        help=glossary.CLASS_SHARE,
    )
    show_downloads(classes.table(), figure, key="map", name=name)
    return block


def open_channel(point: Mapping[str, Any]) -> None:
    """A click on a triangle above the map: its channel is shown below."""
    if (channel := point.get("customdata")) is not None:
        st.session_state[CHANNEL_KEY] = str(channel[0] if isinstance(channel, list) else channel)
        links.forget_notices()
        ask_for_section(CHANNEL_SECTION)


page = open_page("Distributions", "How are the gates of a class distributed, block by block?")
try:
    selection = choose(page)
    links.show_notices()
    palette = assign_colours(page, selection.classes)
    show_profiles(page, selection, palette)
    shown = show_class_map(page, selection)
    show_channel(page, shown, selection.classes, palette)
except SenetVizError as error:
    st.error(escape(str(error)), icon=":material/folder_off:")
scroll_to_section()
