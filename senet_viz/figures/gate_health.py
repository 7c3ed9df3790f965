"""Gate health along the depth: where gates lie, how far they move, how many patterns they have."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.analysis.blocks import BlockHealth
from senet_viz.figures.depth import style_depth
from senet_viz.figures.look import Look, style, style_axes, translucent
from senet_viz.figures.series import legend_panels, line_of, series_inks
from senet_viz.stats.measures.health import DEAD_SD

_TITLES = ("Where gates lie: share of s", "How far they move: SD, in s", "How many patterns: effective rank")
_DIGIT = 7  # px


def draw_gate_health(health: BlockHealth, look: Look, *, narrow: bool = False) -> go.Figure:
    """Three stacked panels over the blocks: shares above .9 and below .1, SDs within and between classes, ranks.

    The number of dead channels, where there are any, is written over the SDs of its block.

    Args:
        health: what to draw; what is not known is left out.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    height = 800 if narrow else 690
    shares, spread, ranks = _TITLES
    titles = (shares, f"{spread} · number: dead channels" if (health.dead > 0).any() else spread, ranks)
    figure = make_subplots(3, 1, shared_xaxes=True, vertical_spacing=62 / (height - 130), subplot_titles=titles)
    _add_shares(figure, health, look)
    _add_spread(figure, health, look)
    _add_dead(figure, health, look, room=(290 if narrow else 620) / len(health.gates))
    _add_ranks(figure, health, look)
    style(figure, look, height=height, title=f"n = {health.images:,} images · {len(health.gates)} blocks", top=84)
    style_axes(figure, look)
    style_depth(figure, health.gates, look, narrow=narrow)
    figure.update_xaxes(title_text="", row=1).update_xaxes(title_text="", row=2)
    figure.update_yaxes(range=[0, 1], tickformat=".0%", row=1)
    figure.update_yaxes(rangemode="tozero", row=2)
    if (health.dead > 0).any():  # the numbers have the top for themselves
        highest = np.fmax.reduce([*health.between_sd, *health.within_sd, DEAD_SD])  # constant gates have an SD of 0
        figure.update_yaxes(range=[0, 1.2 * highest], row=2)
    figure.update_yaxes(rangemode="tozero", row=3)
    legend_panels(figure, look, titles, rows=(1, 1, 1))
    figure.update_layout(barmode="stack", bargap=0.3, margin={"b": 70 if narrow else 46})
    return figure


def _add_shares(figure: go.Figure, health: BlockHealth, look: Look) -> None:
    positions = np.arange(len(health.gates))
    high, low, grey = series_inks(look)
    between = 1 - health.near_one - health.near_zero
    parts = (
        ("s > .9", health.near_one, high),
        (".1 to .9", between, translucent(grey, 0.35)),
        ("s < .1", health.near_zero, low),
    )
    if not np.isfinite(health.near_one).any():
        figure.add_annotation(
            text="told of gates between 0 and 1 only", x=0.5, y=0.5, xref="x domain", yref="y domain", showarrow=False,
            font={"color": grey}, row=1, col=1,
        )  # fmt: skip
        return
    for name, values, ink in parts:
        figure.add_trace(
            go.Bar(
                x=positions, y=values.astype(np.float32), name=name, marker={"color": ink, "line": {"width": 0}},
                text=health.labels, textposition="none",
                hovertemplate=f"<b>{name}</b><br>%{{text}}: %{{y:.1%}}<extra></extra>",
            ),
            row=1, col=1,
        )  # fmt: skip


def _add_spread(figure: go.Figure, health: BlockHealth, look: Look) -> None:
    positions = np.arange(len(health.gates), dtype=np.float64)
    first, second, _ = series_inks(look)
    curves = (
        ("between classes", health.between_sd, first, "solid"),
        ("within classes", health.within_sd, second, "solid"),
    )
    for name, values, ink, dash in curves:
        if np.isfinite(values).any():
            for trace in line_of(positions, values, health.labels, name=name, ink=ink, dash=dash):
                figure.add_trace(trace, row=2, col=1)


def _add_dead(figure: go.Figure, health: BlockHealth, look: Look, *, room: float) -> None:
    """Upright where a block has not the `room`, px, for the longest number."""
    blocks = np.flatnonzero(health.dead > 0)
    texts = [f"{int(health.dead[at]):,}" for at in blocks]
    upright = max(map(len, texts), default=0) * _DIGIT > room
    for at, text in zip(blocks, texts):
        figure.add_annotation(
            x=int(at), y=1, yref="y2 domain", yanchor="top", text=text, showarrow=False, textangle=-90 if upright else 0,
            font={"size": 11, "color": look.text}, row=2, col=1,
        )  # fmt: skip


def _add_ranks(figure: go.Figure, health: BlockHealth, look: Look) -> None:
    positions = np.arange(len(health.gates), dtype=np.float64)
    first, second, _ = series_inks(look)
    curves = (("rank of class profiles", health.profile_rank, first), ("rank of gates", health.gate_rank, second))
    if not any(np.isfinite(values).any() for _, values, _ in curves):
        figure.add_annotation(
            text="not computed", x=0.5, y=0.5, xref="x3 domain", yref="y3 domain", showarrow=False,
            font={"color": look.text}, row=3, col=1,
        )  # fmt: skip
    for name, values, ink in curves:
        if np.isfinite(values).any():
            for trace in line_of(positions, values, health.labels, name=name, ink=ink, dash="dash"):
                figure.add_trace(trace, row=3, col=1)
