"""One channel's gate per class: violins, empirical distribution functions or boxes."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.profiles import ChannelDistribution, ClassSpread
from senet_viz.figures.look import GREY, Look, style, style_axes, translucent

DistributionView = Literal["violin", "ecdf", "box"]
DISTRIBUTION_VIEWS: tuple[DistributionView, ...] = ("violin", "ecdf", "box")


def draw_distribution(
    distribution: ChannelDistribution,
    colours: Mapping[int, str],
    look: Look,
    *,
    view: DistributionView = "violin",
    narrow: bool = False,
) -> go.Figure:
    """The whole set and each class on the gate's axis; n beside each name.

    Args:
        distribution: what to draw; classes without a known gate are left out.
        colours: of the classes, by index.
        look: inks of the page.
        view: violins with quartiles, empirical distribution functions, or boxes from 5 to 95 %.
        narrow: for a narrow screen.
    """
    spreads = [s for s in distribution.spreads if s.images]
    draw = {"violin": _violin, "ecdf": _ecdf, "box": _box}[view]
    figure = go.Figure([draw(s, _colour(s, colours, look)) for s in spreads])
    rows = 6 if view == "ecdf" else len(spreads)
    legend = 26 * (1 + len(spreads) // (2 if narrow else 6)) if view == "ecdf" else 0
    top = 34 + legend
    height = max(200, 56 * rows) + top + 46
    title = f"<b>{distribution.block.label}</b> · gate of channel {distribution.channel}"
    style(figure, look, height=height, title=title, top=top)
    style_axes(figure, look)
    figure.update_layout(legend_y=1 - 28 / height, showlegend=view == "ecdf", violingap=0.25, boxgap=0.5)
    low, high = _limits(distribution.block.range)
    figure.update_xaxes(title_text="gate s", range=[low, high], showgrid=True)
    if view == "ecdf":
        figure.update_yaxes(title_text="share of images with at most s", range=[-0.02, 1.02])
    else:
        figure.update_yaxes(
            autorange="reversed", automargin=True, showgrid=False, ticks="", tickfont={"color": look.ink}
        )
    return figure


def _colour(spread: ClassSpread, colours: Mapping[int, str], look: Look) -> str:
    return look.ink if spread.index is None else colours.get(spread.index, GREY)


def _name(spread: ClassSpread) -> str:
    part = "" if spread.images == spread.recorded else f" of {spread.recorded:,}"
    return f"{'all images' if spread.index is None else spread.name} (n = {spread.images:,}{part})"


def _row_name(spread: ClassSpread) -> str:
    return _name(spread).replace(" (", "<br>(")


def _violin(spread: ClassSpread, colour: str) -> go.Violin:
    return go.Violin(
        x=spread.values.astype(np.float32), y0=_row_name(spread), name=_row_name(spread), orientation="h",
        line={"color": colour, "width": 1.4}, fillcolor=_fill(colour), points=False, spanmode="hard",
        box={"visible": True, "width": 0.18}, scalemode="width", width=0.85, hoveron="violins", hoverinfo="x+name",
    )  # fmt: skip


def _box(spread: ClassSpread, colour: str) -> go.Box:
    low, first, middle, third, high = ([value] for value in spread.quantiles)
    return go.Box(
        lowerfence=low, q1=first, median=middle, q3=third, upperfence=high, y=[_row_name(spread)],
        name=_row_name(spread), orientation="h", line={"color": colour, "width": 1.4}, fillcolor=_fill(colour),
        whiskerwidth=0.6,
    )  # fmt: skip


def _ecdf(spread: ClassSpread, colour: str) -> go.Scatter:
    share = np.linspace(1 / len(spread.values), 1, len(spread.values))
    return go.Scatter(
        x=spread.values.astype(np.float32), y=share.astype(np.float32), mode="lines", name=_name(spread),
        line={"color": colour, "width": 2.4 if spread.index is None else 1.6, "shape": "hv"},
        hovertemplate=f"<b>{_name(spread)}</b><br>%{{y:.0%}} have at most %{{x:.3f}}<extra></extra>",
    )  # fmt: skip


def _fill(colour: str) -> str:
    if colour.startswith("rgb("):
        return translucent(colour, 0.3)
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.12)"


def _limits(bounds: tuple[float, float]) -> tuple[float, float]:
    """The gate's whole range: a gate that hardly moves must look so."""
    pad = 0.02 * (bounds[1] - bounds[0])
    return bounds[0] - pad, bounds[1] + pad
