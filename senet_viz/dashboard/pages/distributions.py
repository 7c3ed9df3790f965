"""Distributions: how the gates of chosen classes are distributed, block by block (the paper's Fig. 6 and 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from senet_viz.analysis.distributions.panels import ChannelOrder, ChosenClass, choose_classes, describe_distances
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.controls import (
    pick_block,
    pick_draw,
    pick_figure_blocks,
    pick_figure_classes,
    pick_map,
    pick_one,
    prepare_choice,
    row,
)
from senet_viz.dashboard.distributions import CHANNEL_KEY, CHANNEL_SECTION, show_channel
from senet_viz.dashboard.frame import Opened, assign_colours, open_page
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import (
    keep_figure,
    show_answer,
    show_downloads,
    show_figure,
    show_result,
    telling_problems,
)
from senet_viz.dashboard.results import get_map, get_panels, name_map, name_profiles
from senet_viz.dashboard.screen import ask_for_section, scroll_to_section
from senet_viz.figures.distributions import draw_class_map, draw_panels
from senet_viz.schema import Gate, label_classes
from senet_viz.text import join_words

BLOCK_SECTION = "one-block"
MEANS, BANDS = "Means (Fig. 6)", "Mean ± SD (Fig. 7)"


@dataclass(frozen=True)
class ProfileChoice:
    """What is chosen in the sidebar: block names, class indices, the figure, the channels' order and seed."""

    blocks: tuple[str, ...]
    classes: tuple[int, ...]
    reasons: tuple[ChosenClass, ...]
    figure: str
    order: ChannelOrder
    seed: int


def choose_profiles(page: Opened) -> ProfileChoice:
    """The sidebar's controls."""
    recording = page.recording
    first = choose_classes(recording.classes, recording.class_counts)
    with st.sidebar:
        classes = pick_figure_classes(recording, "Classes")
        blocks = pick_figure_blocks(recording, "Blocks")
        figure = pick_one("Figure", [MEANS, BANDS], "view")
        order, seed = pick_draw()
    return ProfileChoice(blocks, classes, first, figure, order, seed)


def show_profile_panels(page: Opened, chosen: ProfileChoice, colours: dict[int, str]) -> None:
    """The answer, Fig. 6 or Fig. 7, and its table."""
    recording = page.recording
    panels = get_panels(page, chosen.blocks, chosen.classes, chosen.order, chosen.seed)
    show_answer(describe_distances(panels), explained=glossary.DISTANCE if panels.classes else None)
    bands, picked = chosen.figure == BANDS, chosen.classes
    if bands:
        picked = _choose_bands(page, chosen)
        panels = get_panels(page, chosen.blocks, picked, chosen.order, chosen.seed)
    choices = (page.stamp, chosen.blocks, picked, chosen.order, chosen.seed, bands)
    look, per_row = page.screen.look, 2 if page.screen.narrow else 3
    figure = keep_figure(  # what stands below it leaves it as it is
        ("panels", choices, tuple(colours.items()), page.screen),
        lambda: draw_panels(panels, colours, look, bands=bands, per_row=per_row),
    )
    name = name_profiles(recording, chosen.blocks, picked, bands=bands, order=chosen.order, seed=chosen.seed)
    shown = ", ".join(c.label for c in panels.classes) or "all images"
    alt = f"Mean gate per channel and block for {shown}. The numbers are in the table below."
    show_figure(figure, name=name, key="profiles", alt=alt)
    st.caption(captions.BANDS if bands else captions.PROFILES)
    if reasons := _explain_defaults(page, chosen):
        st.caption(escape(reasons))
    show_downloads(panels.table(), figure, key="profiles", name=name)


def _choose_bands(page: Opened, chosen: ProfileChoice) -> tuple[int, ...]:
    """Two classes as in the paper, unless others are asked for: more bands hide each other."""
    labels = label_classes(page.recording.classes)
    options = [labels[k] for k in chosen.classes]
    if len(options) < 3:
        return chosen.classes
    prepare_choice("bands", "class with a band", options)
    picked = st.pills(
        "Classes with bands", options, selection_mode="multi", default=[options[0], options[2]], key="bands", format_func=links.escape_option,
        bind="query-params", persist_state="session", on_change=links.forget_notices,
    )  # fmt: skip
    return tuple(labels.index(label) for label in picked)


def _explain_defaults(page: Opened, chosen: ProfileChoice) -> str:
    labels = label_classes(page.recording.classes)
    reasons: dict[str, list[str]] = {}
    for first in chosen.reasons:
        if first.index in chosen.classes:
            reasons.setdefault(first.reason, []).append(labels[first.index])
    told = "; ".join(f"{join_words(names)}: {reason}" for reason, names in reasons.items())
    return f"Why these classes? {told[0].upper()}{told[1:]}." if told else ""


def show_class_map(page: Opened, chosen: ProfileChoice) -> Gate:
    """The class × channel map of one block; returns the block."""
    recording, screen = page.recording, page.screen
    st.header("One block: all classes", anchor=BLOCK_SECTION)
    with row("one_block"):
        block = pick_block(recording, first=recording.block(chosen.blocks[-1]).depth)
        view, top = pick_map()
    if len(recording.classes) < 2:
        st.info("A class × channel map needs at least two classes.", icon=":material/label_off:")
        return block
    classes = get_map(page, block.name, top)
    opened = str(st.session_state.get(CHANNEL_KEY, ""))
    figure = draw_class_map(
        classes, screen.look, view=view, chosen=chosen.classes, marks=True, opened=int(opened) if opened.isdigit() else None,
        narrow=screen.narrow,
    )  # fmt: skip
    name = name_map(recording, block.name, top, view, chosen.classes)
    best = "No channel has a class share: that takes two images of a class, and gates that move."
    if np.isfinite(classes.share[0]):
        best = f"The most class-specific channel is {classes.channels[0]} with a class share of {classes.share[0]:.2f}."
    alt = f"Map of classes against channels in {block.label}. {best}"
    show_result(
        figure, classes.table(), name=name, key="map", on_point=open_channel, explained=glossary.CLASS_SHARE, alt=alt,
        caption=f"{captions.MAPS[view]} {best} A triangle above the map opens its channel below. {captions.MAP_LIMITS}",
    )  # fmt: skip
    return block


def open_channel(point: Mapping[str, Any]) -> None:
    """A click on a triangle above the map: its channel is shown below."""
    if (channel := point.get("customdata")) is not None:
        st.session_state[CHANNEL_KEY] = str(channel[0] if isinstance(channel, list) else channel)
        links.forget_notices()
        ask_for_section(CHANNEL_SECTION)


page = open_page("Distributions", "How are the gates of a class distributed, block by block?")
with telling_problems("folder_off"):
    selection = choose_profiles(page)
    links.show_notices()
    palette = assign_colours(page, selection.classes)
    show_profile_panels(page, selection, palette)
    shown = show_class_map(page, selection)
    show_channel(page, shown, selection.classes, palette)
scroll_to_section()
