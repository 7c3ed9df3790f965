"""Export's second half: one figure of a recording, as a page of its own or as a picture."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from senet_viz.dashboard import captions, glossary
from senet_viz.dashboard.controls import (
    MAP_VIEWS,
    ORDERS,
    SPREAD_VIEWS,
    TOPS,
    pick,
    pick_block,
    pick_figure_blocks,
    pick_figure_classes,
    pick_one,
    row,
)
from senet_viz.dashboard.frame import Opened, assign_colours
from senet_viz.dashboard.parts import choose_picture, offer_files, show_figure
from senet_viz.dashboard.results import (
    get_distribution,
    get_map,
    get_panels,
    get_ranking,
    name_channel,
    name_map,
    name_profiles,
)
from senet_viz.figures.distributions import draw_class_map, draw_distribution, draw_panels
from senet_viz.figures.theme import DARK, LIGHT, Look

FIGURES = ("Fig. 6", "Fig. 7", "Class × channel map", "One channel")


@dataclass(frozen=True)
class Drawn:
    """A figure with its table, the name of its files, what it says without eyes, and how it is read."""

    figure: go.Figure
    table: pd.DataFrame
    name: str
    alt: str
    caption: str


def show_figure_export(page: Opened) -> None:
    """One figure, as a page of its own or as a picture."""
    st.header("A figure", anchor=False)
    kind = pick_one("Figure", list(FIGURES), "figure")
    drawn = _draw(page, kind)
    if drawn is None:
        return
    show_figure(drawn.figure, name=drawn.name, alt=drawn.alt, key=f"export_{FIGURES.index(kind)}", camera=True)
    st.caption(drawn.caption)
    offer_files(drawn.table, drawn.figure, key="figure", name=drawn.name)
    st.caption(
        f"The page (HTML) holds everything it needs and works without a network. The camera above the figure saves `{drawn.name}` as a "
        "picture; its format holds for the figures of all pages."
    )


def _draw(page: Opened, kind: str) -> Drawn | None:
    if kind in FIGURES[:2]:
        return _draw_profiles(page, bands=kind == FIGURES[1])
    return _draw_map(page) if kind == FIGURES[2] else _draw_channel(page)


def _draw_profiles(page: Opened, *, bands: bool) -> Drawn:
    recording, narrow = page.recording, page.screen.narrow
    with st.container(key="export_what"):
        left, right = st.columns(2)
    with left:
        blocks = pick_figure_blocks(recording)
    with right:
        classes = pick_figure_classes(recording)
    with row("export_panels"):
        order = ORDERS[pick_one("Order of channels", list(ORDERS), "order", help_text=glossary.ORDER)]
        seed = st.number_input(
            "Seed of the draw", 0, 9999, 0, key="seed", bind="query-params", persist_state="session",
            help=glossary.SEED, width=140,
        )  # fmt: skip
        look = _choose_output(page)
    panels = get_panels(page, blocks, classes, order, int(seed or 0))
    figure = draw_panels(panels, assign_colours(page, classes), look, bands=bands, per_row=2 if narrow else 3)
    shown = ", ".join(c.label for c in panels.classes) or "all images"
    name = name_profiles(recording, blocks, classes, bands=bands, order=order, seed=int(seed or 0))
    caption = captions.BANDS if bands else captions.PROFILES
    return Drawn(figure, panels.table(), name, f"Mean gate per channel and block for {shown}.", caption)


def _draw_map(page: Opened) -> Drawn | None:
    recording = page.recording
    if len(recording.classes) < 2:
        st.info("A class × channel map needs at least two classes.", icon=":material/label_off:")
        return None
    named = pick_figure_classes(recording)
    with row("export_map"):
        block = pick_block(recording)
        view = MAP_VIEWS[pick_one("Show", list(MAP_VIEWS), "map_view")]
        top = TOPS[pick_one("Channels", list(TOPS), "map_top", help_text=glossary.CLASS_SHARE)]
        look = _choose_output(page)
    classes = get_map(page, block.name, top)
    figure = draw_class_map(classes, look, view=view, chosen=named, narrow=page.screen.narrow)
    name = name_map(recording, block.name, top, view, named)
    caption = f"{captions.MAPS[view]} {captions.MAP_LIMITS}"
    return Drawn(figure, classes.table(), name, f"Map of classes against channels in {block.label}.", caption)


def _draw_channel(page: Opened) -> Drawn | None:
    recording = page.recording
    classes = pick_figure_classes(recording)
    with row("export_channel"):
        block = pick_block(recording)
        ranking = get_ranking(page, block.name)
        picked = pick(
            "Channel", [str(c) for c in ranking.channels], "channel", kind=f"channel of {block.label}",
            default=str(ranking.example), width=120, help_text=glossary.CLASS_SHARE,
        )  # fmt: skip
        view = SPREAD_VIEWS[pick_one("Draw", list(SPREAD_VIEWS), "spread")]
        look = _choose_output(page)
    channel = int(picked)
    distribution = get_distribution(page, block.name, channel, classes)
    if distribution is None:
        st.info(
            "This recording kept no gates of single images, so a distribution cannot be drawn: record again with "
            "`--keep all` or, for large sets, `--keep 50` (at most 50 images a class).",
            icon=":material/inventory_2:",
        )
        return None
    figure = draw_distribution(distribution, assign_colours(page, classes), look, view=view, narrow=page.screen.narrow)
    name = name_channel(recording, block.name, channel, view, classes)
    alt = f"Distribution of the gate of channel {channel} in {block.label} per class. {distribution.note}"
    return Drawn(figure, distribution.table(), name, alt, f"{captions.DISTRIBUTIONS[view]} {distribution.note}")


def _choose_output(page: Opened) -> Look:
    """What the figure is drawn on, and what its camera saves."""
    choose_picture()
    chosen = pick_one("Paper", ["As this page", "Light", "Dark"], "paper")
    return {"Light": LIGHT, "Dark": DARK}.get(chosen, page.screen.look)
