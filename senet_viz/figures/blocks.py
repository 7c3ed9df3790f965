"""Gates along the depth: health, measures of class dependence, similarity between blocks, and measures of channels as points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.analysis.blocks import BlockHealth, BlockMeasures, BlockSimilarity
from senet_viz.figures.axes import (
    Floats,
    legend_panels,
    line_of,
    name_ticks,
    plain_blocks,
    series_colours,
    style_depth,
    thin_bar,
    tick_labels,
)
from senet_viz.figures.theme import DARK, Look, join_title, plain, style, translucent
from senet_viz.stats.health import DEAD_SD
from senet_viz.stats.tables import MEASURE_WORDS, RankCorrelations

_TITLES = ("Where gates lie: share of s", "How far they move: SD, in s", "How many patterns: effective rank")
_DIGIT = 7  # px


def draw_gate_health(health: BlockHealth, look: Look, *, narrow: bool = False) -> go.Figure:
    """Three stacked panels over the blocks: shares above .9 and below .1, SDs within and between classes, ranks.

    The number of dead channels, where there are any, is written over the SDs of its block; what is not known is left out.
    """
    height = 800 if narrow else 690
    shares, spread, ranks = _TITLES
    dead = bool((health.dead > 0).any())
    titles = (shares, f"{spread} · number: dead channels" if dead else spread, ranks)
    figure = make_subplots(3, 1, shared_xaxes=True, vertical_spacing=62 / (height - 130), subplot_titles=titles)
    high, low, _ = series_colours(look)
    _add_shares(figure, health, look)
    spreads = (("between classes", health.between_sd, high), ("within classes", health.within_sd, low))
    _add_lines(figure, health, spreads, row=2)
    _add_dead(figure, health, look, room=(290 if narrow else 620) / len(health.gates))
    counts = (("rank of class profiles", health.profile_rank, high), ("rank of gates", health.gate_rank, low))
    if not _add_lines(figure, health, counts, row=3, dash="dash"):
        _say_in_panel(figure, "not computed", look.text, row=3)
    style(figure, look, height=height, title=f"n = {health.images:,} images · {len(health.gates)} blocks", top=84)
    style_depth(figure, health.gates, look, narrow=narrow, rows=3)
    figure.update_yaxes(range=[0, 1], tickformat=".0%", row=1)
    figure.update_yaxes(rangemode="tozero", row=2)
    if dead:  # the numbers have the top for themselves
        highest = np.fmax.reduce([*health.between_sd, *health.within_sd, DEAD_SD])  # constant gates have an SD of 0
        figure.update_yaxes(range=[0, 1.2 * highest], row=2)
    figure.update_yaxes(rangemode="tozero", row=3)
    legend_panels(figure, look, titles, rows=(1, 1, 1))
    figure.update_layout(barmode="stack", bargap=0.3)
    return figure


def _say_in_panel(figure: go.Figure, text: str, colour: str, *, row: int) -> None:
    axis = str(row) if row > 1 else ""
    figure.add_annotation(
        text=text, x=0.5, y=0.5, xref=f"x{axis} domain", yref=f"y{axis} domain", showarrow=False, font={"color": colour}, row=row, col=1
    )  # fmt: skip


def _add_lines(
    figure: go.Figure, health: BlockHealth, curves: Sequence[tuple[str, Floats, str]], *, row: int, dash: str = "solid"
) -> bool:
    """Adds what is known; returns whether anything is."""
    known = [curve for curve in curves if np.isfinite(curve[1]).any()]
    positions = np.arange(len(health.gates), dtype=np.float64)
    for name, values, colour in known:
        figure.add_traces(
            line_of(positions, values, plain_blocks(health.gates), name=name, colour=colour, dash=dash),
            rows=row,
            cols=1,
        )
    return bool(known)


def _add_shares(figure: go.Figure, health: BlockHealth, look: Look) -> None:
    positions = np.arange(len(health.gates))
    high, low, grey = series_colours(look)
    between = 1 - health.near_one - health.near_zero
    parts = (
        ("s > .9", health.near_one, high),
        (".1 to .9", between, translucent(grey, 0.35)),
        ("s < .1", health.near_zero, low),
    )
    if not np.isfinite(health.near_one).any():
        _say_in_panel(figure, "told of gates between 0 and 1 only", grey, row=1)
        return
    for name, values, colour in parts:
        figure.add_trace(
            go.Bar(
                x=positions, y=values.astype(np.float32), name=name, marker={"color": colour, "line": {"width": 0}},
                text=plain_blocks(health.gates), textposition="none",
                hovertemplate=f"<b>{name}</b><br>%{{text}}: %{{y:.1%}}<extra></extra>",
            ),
            row=1, col=1,
        )  # fmt: skip


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


_PANELS = {
    "share": "Share of variance that is class",
    "sd": "SD, in units of s",
    "decoding": "Accuracy of decoding the class",
    "similarity": "CKA with the classes",
}
_MOST_LABELS = 20
_FOURTH, _FOURTH_DARK = "rgb(0, 120, 100)", "rgb(120, 200, 170)"


def draw_block_measures(measures: BlockMeasures, look: Look, *, narrow: bool = False) -> go.Figure:
    """Small multiples over the blocks, with 95 % intervals where these are known; what is confounded is dotted, panels without a curve are left out."""
    panels = [name for name in _PANELS if any(c.panel == name for c in measures.curves)] or ["share"]
    columns = 1 if narrow or len(panels) == 1 else 2
    rows = -(-len(panels) // columns)
    curves: list[str] = [curve.panel for curve in measures.curves]
    lines = [curves.count(name) + (name == "decoding") for name in panels]  # of each legend
    gap, head = 80 + 20 * max(lines), 60 + 20 * max(lines)
    height = head + 70 + 190 * rows + gap * (rows - 1)
    titles = [_PANELS[name] for name in panels]
    spacing = gap / (height - head - 70) if rows > 1 else 0
    cells: list[dict[str, int] | None] = [{} if at < len(panels) else None for at in range(rows * columns)]
    figure = make_subplots(
        rows, columns, specs=[cells[at : at + columns] for at in range(0, len(cells), columns)], subplot_titles=titles,
        horizontal_spacing=0.08, vertical_spacing=spacing,
    )  # fmt: skip
    for at, name in enumerate(panels):
        _add_panel(figure, measures, name, look, row=at // columns + 1, col=at % columns + 1)
    n = f"n = {measures.images:,} images, {measures.classes:,} classes"
    style(figure, look, height=height, title=n, top=head, margin={"l": 44})
    style_depth(figure, measures.gates, look, narrow=True, rows=rows + 1)  # turned labels, no titles
    blocks = len(measures.gates)
    if not narrow and blocks <= _MOST_LABELS:
        figure.update_xaxes(tickvals=list(range(blocks)), ticktext=tick_labels(measures.gates))
    figure.update_yaxes(rangemode="tozero")
    legend_panels(figure, look, titles, rows=lines)
    return figure


def _add_panel(figure: go.Figure, measures: BlockMeasures, panel: str, look: Look, *, row: int, col: int) -> None:
    positions = np.arange(len(measures.gates), dtype=np.float64)
    labels, colours = plain_blocks(measures.gates), (*series_colours(look), _FOURTH_DARK if look == DARK else _FOURTH)
    curves = [c for c in measures.curves if c.panel == panel]
    for colour, curve in reversed(list(zip(colours[: len(curves)], curves, strict=True))):  # the first on top
        name = curve.words + (f" ({curve.confounded})" if curve.confounded else "")
        dash = "dot" if curve.confounded else "solid" if np.isfinite(curve.low).any() else "dash"
        interval = curve.low, curve.high
        traces = line_of(positions, curve.values, labels, name=name, colour=colour, dash=dash, interval=interval)
        figure.add_traces(traces, rows=row, cols=col)
    if panel == "decoding" and np.isfinite(measures.chance):
        figure.add_trace(
            go.Scatter(
                x=[-0.6, len(positions) - 0.4], y=[measures.chance] * 2, mode="lines", name="chance", hoverinfo="skip",
                line={"color": look.text, "width": 1, "dash": "dash"},
            ),
            row=row, col=col,
        )  # fmt: skip


_MOST_NAMED = 26
_MOST_NUMBERS = 10


def draw_similarity(similarity: BlockSimilarity, look: Look, *, narrow: bool = False) -> go.Figure:
    """CKA between blocks from 0 to 1, in cividis; values below 0 are noise and have the colour of 0."""
    labels = [plain(label) for label in similarity.labels]
    heat = _square(similarity.values, labels, "CKA", {"colorscale": "Cividis", "zmin": 0, "zmax": 1})
    return _finish(heat, labels, "Debiased linear CKA between blocks", look, narrow=narrow)


def draw_correlations(correlations: RankCorrelations, block: str, look: Look, *, narrow: bool = False) -> go.Figure:
    """Spearman's ρ between measures over the channels of the block with this label, red and blue around 0."""
    scale = {"colorscale": "RdBu_r", "zmin": -1, "zmax": 1, "zmid": 0}
    heat = _square(correlations.values, correlations.words, "ρ", scale)
    most = int(correlations.channels.max(initial=0))
    title = join_title(f"<b>{plain(block)}</b> · Spearman's ρ between measures", f"{most:,} channels", narrow=narrow)
    return _finish(heat, correlations.words, title, look, narrow=narrow)


def draw_channels_scatter(
    measures: pd.DataFrame, block: str, x: str, y: str, look: Look, *, narrow: bool = False
) -> go.Figure:
    """A point a channel of one block at two of its measures, the columns `x` and `y`."""
    words = [MEASURE_WORDS.get(name, name) for name in (x, y)]
    known = measures[np.isfinite(measures[x]) & np.isfinite(measures[y])]
    figure = go.Figure(
        go.Scatter(
            x=known[x].astype(np.float32), y=known[y].astype(np.float32), mode="markers", text=known["channel"],
            customdata=known["best_class_name"].map(plain) if "best_class_name" in known else [""] * len(known),
            marker={"size": 6, "opacity": 0.6, "color": series_colours(look)[0]},
            hovertemplate=f"<b>channel %{{text}}</b><br>{words[0]}: %{{x:.4g}}<br>{words[1]}: %{{y:.4g}}"
            "<br>largest mean: %{customdata}<extra></extra>",
        )
    )  # fmt: skip
    lost = len(measures) - len(known)
    n = f"{len(known):,} channels" + (f", {lost:,} without both measures" if lost else "")
    style(
        figure, look, height=420, title=join_title(f"<b>{plain(block)}</b>", n, narrow=narrow), top=54 if narrow else 34
    )
    figure.update_xaxes(title_text=words[0], showgrid=True, automargin=True)
    figure.update_yaxes(title_text=words[1], automargin=True)
    return figure


def _square(values: Floats, names: Sequence[str], quantity: str, scale: dict[str, Any]) -> go.Heatmap:
    numbers = len(names) <= _MOST_NUMBERS
    at = np.arange(len(names))
    pairs = [[f"{row} and {column}" for column in names] for row in names]
    return go.Heatmap(
        z=values.astype(np.float32), x=at, y=at, customdata=pairs, texttemplate="%{z:.2f}" if numbers else None,
        hovertemplate=f"%{{customdata}}<br>{quantity} %{{z:.3f}}<extra></extra>", xgap=1, ygap=1, hoverongaps=False,
        colorbar=thin_bar(quantity), **scale,
    )  # fmt: skip


def _finish(heat: go.Heatmap, names: Sequence[str], title: str, look: Look, *, narrow: bool) -> go.Figure:
    top = 54 if "<br>" in title else 34
    height = (360 if narrow else min(680, max(380, 34 * len(names)))) + top
    figure = style(go.Figure(heat), look, height=height, title=title, top=top)
    step = -(-len(names) // (12 if narrow else _MOST_NAMED))
    ticks = name_ticks(names, automargin=True)
    ticks |= {key: ticks[key][:: max(1, step)] for key in ("tickvals", "ticktext")}
    figure.update_xaxes(tickangle=-90 if narrow or len(names) > _MOST_NUMBERS else -30, **ticks)
    figure.update_yaxes(autorange="reversed", **ticks)
    if narrow:
        figure.update_traces(colorbar={"orientation": "h", "y": 1, "yanchor": "bottom", "title": {"side": "right"}},
                             texttemplate=None, showscale=False)  # fmt: skip
    return figure
