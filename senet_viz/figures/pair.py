"""Two recordings along the depth: both curves, and second minus first."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.analysis.pair import PAIR_WORDS, PairSide, RecordingPair, relative_depths
from senet_viz.figures.axes import (
    Floats,
    head_panels,
    line_of,
    plain_blocks,
    say_values,
    series_colours,
    style_depth,
    whiskers_between,
)
from senet_viz.figures.theme import Look, plain, style
from senet_viz.stats.shares import CurveName

SHOWN: tuple[CurveName, ...] = ("omega_squared", "between_sd", "near_one")
_MOST_NAME = 34


def draw_pair(pair: RecordingPair, look: Look, *, narrow: bool = False) -> go.Figure:
    """Class share, between-class SD and share of s > .9 of both recordings, with 95 % intervals where known.

    The x axis is the blocks where both have the same, else relative depth.
    """
    figure = _panels()
    for order, (side, colour) in enumerate(zip((pair.first, pair.second), series_colours(look))):
        positions, labels, name = _positions(pair, side), plain_blocks(side.gates), _name(order, side)
        dash = "solid" if order == 0 else "dash"
        for row, curve in enumerate(SHOWN, start=1):
            interval = side.band(curve)
            traces = line_of(
                positions, side.curve(curve), labels, name=name, colour=colour, dash=dash, interval=interval
            )
            for trace in traces:
                trace.showlegend = row == 1 and "lines+markers" in trace.mode
            figure.add_traces(traces, rows=row, cols=1)
    first, second = (f"{s.images:,} images, {s.classes:,} classes" for s in (pair.first, pair.second))
    title = f"n = {first} (both)" if first == second else f"n = {first}<br>and {second}"
    _finish(figure, pair, look, narrow=narrow, title=title, room=72 if narrow else 48)
    return figure.update_yaxes(rangemode="tozero")


def _panels() -> go.Figure:
    titles = [PAIR_WORDS[curve] for curve in SHOWN]
    return make_subplots(len(SHOWN), 1, shared_xaxes=True, vertical_spacing=0.08, subplot_titles=titles)


def draw_pair_differences(pair: RecordingPair, look: Look, *, narrow: bool = False) -> go.Figure:
    """Second − first in every pair of blocks, as dots with their 95 % intervals and a line at 0."""
    figure = _panels()
    positions = _positions(pair, pair.first)
    for row, name in enumerate(SHOWN, start=1):
        figure.add_trace(_dots(pair, name, positions, series_colours(look)[0]), row=row, col=1)
        figure.add_hline(y=0, line={"color": look.text, "width": 1}, row=row, col=1)
    intervals = "no intervals"
    if any(np.isfinite(d.interval.low) for name in SHOWN for d in pair.differences[name]):
        intervals = f"{'paired' if pair.paired else 'independent'} 95 % intervals"
    _finish(figure, pair, look, narrow=narrow, title=f"Second − first · {intervals}", room=0)
    return figure.update_layout(showlegend=False)


def _dots(pair: RecordingPair, name: CurveName, positions: Floats, colour: str) -> go.Scatter:
    found = pair.differences[name]
    values = np.array([d.value for d in found])
    low, high = np.array([d.interval.low for d in found]), np.array([d.interval.high for d in found])
    mine, theirs = plain_blocks(pair.first.gates), plain_blocks(pair.second.gates)
    labels = [mine[i] if mine[i] == theirs[j] else f"{theirs[j]} − {mine[i]}" for i, j in pair.match.pairs]
    return go.Scatter(
        x=positions, y=values.astype(np.float32), mode="markers", marker={"size": 7, "color": colour},
        text=say_values(labels, values, low, high, ".4f"),
        error_y=whiskers_between(values, low, high, colour, thickness=1.4, width=4),
        hovertemplate="%{text}<extra></extra>", name=PAIR_WORDS[name],
    )  # fmt: skip


def _positions(pair: RecordingPair, side: PairSide) -> Floats:
    if pair.match.by_label:
        return np.arange(len(side.gates), dtype=np.float64)
    return relative_depths(len(side.gates))


def _finish(figure: go.Figure, pair: RecordingPair, look: Look, *, narrow: bool, title: str, room: int) -> None:
    below, top = (44, 64 + room) if "<br>" in title else (26, 46 + room)
    margin = {"b": 70 if narrow else 46}
    style(figure, look, height=560 + top + (60 if narrow else 0), title=title, top=top, legend=below, margin=margin)
    if pair.match.by_label:
        style_depth(figure, pair.first.gates, look, narrow=narrow, rows=3)
    else:
        figure.update_xaxes(range=[-0.04, 1.04])
        figure.update_xaxes(title_text="relative depth, from input to output", row=3)
    head_panels(figure, look, size=12)


def _name(order: int, side: PairSide) -> str:
    name = side.name if len(side.name) <= _MOST_NAME else "…" + side.name[1 - _MOST_NAME :]
    return f"{'first' if order == 0 else 'second'}: {plain(name)}"
