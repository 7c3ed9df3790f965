"""Distributions: how the gates of chosen classes are distributed, block by block (the paper's Fig. 6 and 7)."""

import math
from dataclasses import dataclass

import streamlit as st

from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.controls import (
    MAP_VIEWS,
    ORDERS,
    SPREAD_VIEWS,
    TOPS,
    pick_figure_blocks,
    pick_figure_classes,
    pick_one,
    prepare,
)
from senet_viz.dashboard.figure_names import name_channel, name_map, name_profiles
from senet_viz.dashboard.frame import Opened, escape, open_page
from senet_viz.dashboard.parts import show_answer, show_downloads, show_figure
from senet_viz.dashboard.results import get_distribution, get_map, get_panels, get_ranking
from senet_viz.errors import SenetVizError
from senet_viz.figures import colour_classes, draw_class_map, draw_distribution, draw_panels
from senet_viz.profiles import (
    ChannelOrder,
    ChannelRanking,
    ChosenClass,
    choose_classes,
    describe_distances,
    label_blocks,
    label_classes,
)

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
    first = choose_classes(recording.classes, recording.moments(recording.blocks[0].name).count)
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
    figure = draw_panels(panels, colours, page.screen.look, bands=bands, per_row=2 if page.screen.narrow else 3)
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
    if reasons := _explain_defaults(page, chosen):
        st.caption(escape(reasons))
    show_downloads(panels.table(), figure, key="profiles", name=name)


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
    told = "; ".join(f"{' and '.join(names)}: {reason}" for reason, names in reasons.items())
    return f"Why these classes? {told[0].upper()}{told[1:]}." if told else ""


def show_class_map(page: Opened, chosen: Selection) -> str:
    """The class × channel map of one block; returns the block's name."""
    recording, screen = page.recording, page.screen
    st.header("One block: all classes", anchor=False)
    labels = label_blocks(recording.blocks)
    with st.container(horizontal=True, vertical_alignment="bottom"):
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
        return block.name
    classes = get_map(recording, page.stamp, block.name, top)
    figure = draw_class_map(classes, screen.look, view=view, chosen=chosen.classes, narrow=screen.narrow)
    name = name_map(recording, block.name, top, view, chosen.classes)
    best = f"The most class-specific channel is {classes.channels[0]} with a class share of {classes.share[0]:.2f}."
    show_figure(figure, name=name, key="map", alt=f"Map of classes against channels in {block.label}. {best}")
    st.caption(best, help=glossary.CLASS_SHARE)
    show_downloads(classes.table(), figure, key="map", name=name)
    return block.name


def show_channel(page: Opened, chosen: Selection, block_name: str, colours: dict[int, str]) -> None:
    """The distribution of one channel's gate per class."""
    recording, screen = page.recording, page.screen
    block = recording.block(block_name)
    st.header("One channel: all images", anchor=False)
    ranking = get_ranking(recording, page.stamp, block.name)
    options = [str(c) for c in ranking.channels]
    default = options.index(str(ranking.example))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        prepare("channel", f"channel of {block.label}", options)
        text = st.selectbox(
            f"Channel of {block.label}", options, index=default, key="channel", bind="query-params", persist_state="session", width=210,
            on_change=links.forget_notices, help=f"Channels with the largest class share come first. {glossary.CLASS_SHARE}",
        )  # fmt: skip
        view = SPREAD_VIEWS[pick_one("Draw", list(SPREAD_VIEWS), "spread")]
    channel = int(text or options[default])
    distribution = get_distribution(recording, page.stamp, block.name, channel, chosen.classes)
    if distribution is None:
        st.info(
            "This recording kept no gates of single images, so a distribution cannot be drawn: record again with "
            "`--keep all` or, for large sets, `--keep 50` (at most 50 images a class).",
            icon=":material/inventory_2:",
        )
        return
    figure = draw_distribution(distribution, colours, screen.look, view=view, narrow=screen.narrow)
    name = name_channel(recording, block.name, channel, view, chosen.classes)
    alt = f"Distribution of the gate of channel {channel} in {block.label} per class."
    show_figure(figure, name=name, key="channel", alt=alt)
    st.caption(
        f"{distribution.note}{_describe_channel(ranking, options.index(str(channel)))}", help=glossary.CLASS_SHARE
    )
    show_downloads(distribution.table(), figure, key="channel", name=name)


def _describe_channel(ranking: ChannelRanking, place: int) -> str:
    share, sd = ranking.share[place], ranking.sd[place]
    if not math.isfinite(share):
        return ""
    first = " First shown is, of the 64 channels with the largest class share, the one that classes move most."
    return f" Class share {share:.2f}; classes move this gate by {sd:.3f} (between-class SD, units of s).{first}"


def assign_colours(page: Opened, classes: tuple[int, ...]) -> dict[int, str]:
    """A class keeps its colour while the session lasts."""
    memory = st.session_state.setdefault("class_colours", {})
    memory[page.recording.id] = colour_classes(classes, memory.get(page.recording.id))
    colours: dict[int, str] = memory[page.recording.id]
    return colours


page = open_page("Distributions", "How are the gates of a class distributed, block by block?")
try:
    selection = choose(page)
    links.show_notices()
    palette = assign_colours(page, selection.classes)
    show_profiles(page, selection, palette)
    shown_block = show_class_map(page, selection)
    show_channel(page, selection, shown_block, palette)
except SenetVizError as error:
    st.error(escape(str(error)), icon=":material/folder_off:")
