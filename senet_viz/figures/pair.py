"""Two recordings along the depth: both curves, and second minus first."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from senet_viz.analysis.pair import PAIR_WORDS, PairSide, RecordingPair, relative_depths
from senet_viz.figures.axes import line_of, series_inks, style_depth
from senet_viz.figures.theme import Look, style, style_axes
from senet_viz.schema import label_blocks
from senet_viz.stats.shares import CurveName

Floats = NDArray[np.float64]
SHOWN: tuple[CurveName, ...] = ("omega_squared", "between_sd", "near_one")
_MOST_NAME = 34


def draw_pair(pair: RecordingPair, look: Look, *, narrow: bool = False) -> go.Figure:
    """Class share, between-class SD and share of s > .9 of both recordings, with 95 % intervals where known.

    The x axis is the blocks where both have the same, else relative depth.

    Args:
        pair: what to draw.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    figure = make_subplots(
        len(SHOWN), 1, shared_xaxes=True, vertical_spacing=0.08, subplot_titles=[PAIR_WORDS[c] for c in SHOWN]
    )
    for order, (side, ink) in enumerate(zip((pair.first, pair.second), series_inks(look))):
        positions = _positions(pair, side)
        for row, name in enumerate(SHOWN, start=1):
            traces = line_of(
                positions, side.curve(name), label_blocks(side.gates), name=_name(order, side), ink=ink,
                dash="solid" if order == 0 else "dash", interval=side.band(name),
            )  # fmt: skip
            for trace in traces:
                trace.showlegend = row == 1 and "lines+markers" in trace.mode
                figure.add_trace(trace, row=row, col=1)
    _finish(figure, pair, look, narrow=narrow, title=_counts(pair), legend=72 if narrow else 48)
    figure.update_yaxes(rangemode="tozero")
    return figure


def draw_pair_differences(pair: RecordingPair, look: Look, *, narrow: bool = False) -> go.Figure:
    """Second − first in every pair of blocks, as dots with their 95 % intervals and a line at 0.

    Args:
        pair: what to draw.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    figure = make_subplots(
        len(SHOWN), 1, shared_xaxes=True, vertical_spacing=0.08, subplot_titles=[PAIR_WORDS[c] for c in SHOWN]
    )
    positions = _positions(pair, pair.first)
    for row, name in enumerate(SHOWN, start=1):
        figure.add_trace(_dots(pair, name, positions, series_inks(look)[0]), row=row, col=1)
        figure.add_hline(y=0, line={"color": look.text, "width": 1}, row=row, col=1)
    _finish(figure, pair, look, narrow=narrow, title=f"Second − first · {_intervals(pair)}", legend=0)
    figure.update_layout(showlegend=False)
    return figure


def _dots(pair: RecordingPair, name: CurveName, positions: Floats, ink: str) -> go.Scatter:
    found = pair.differences[name]
    values = np.array([d.value for d in found])
    low, high = np.array([d.interval.low for d in found]), np.array([d.interval.high for d in found])
    mine, theirs = label_blocks(pair.first.gates), label_blocks(pair.second.gates)
    texts = [
        (mine[i] if mine[i] == theirs[j] else f"{theirs[j]} − {mine[i]}")
        + f": {value:.4f}"
        + (f" [{a:.4f}, {b:.4f}]" if np.isfinite(a) else "")
        for (i, j), value, a, b in zip(pair.match.pairs, values, low, high)
    ]
    return go.Scatter(
        x=positions, y=values.astype(np.float32), mode="markers", marker={"size": 7, "color": ink}, text=texts,
        error_y={"type": "data", "symmetric": False, "array": np.nan_to_num(high - values),
                 "arrayminus": np.nan_to_num(values - low), "color": ink, "thickness": 1.4, "width": 4},
        hovertemplate="%{text}<extra></extra>", name=PAIR_WORDS[name],
    )  # fmt: skip


def _positions(pair: RecordingPair, side: PairSide) -> Floats:
    if pair.match.by_label:
        return np.arange(len(side.gates), dtype=np.float64)
    return relative_depths(len(side.gates))


def _finish(figure: go.Figure, pair: RecordingPair, look: Look, *, narrow: bool, title: str, legend: int) -> None:
    top = 46 + legend + (18 if "<br>" in title else 0)
    height = 560 + top + (60 if narrow else 0)
    style(figure, look, height=height, title=title, top=top)
    style_axes(figure, look)
    if pair.match.by_label:
        style_depth(figure, pair.first.gates, look, narrow=narrow)
        figure.update_xaxes(title_text="", row=1).update_xaxes(title_text="", row=2)
    else:
        figure.update_xaxes(range=[-0.04, 1.04])
        figure.update_xaxes(title_text="relative depth, from input to output", row=3)
    figure.update_annotations(x=0, xanchor="left", font={"size": 12, "color": look.ink})
    figure.update_layout(legend_y=1 - (44 if "<br>" in title else 26) / height, margin={"b": 70 if narrow else 46})


def _intervals(pair: RecordingPair) -> str:
    if not any(np.isfinite(d.interval.low) for name in SHOWN for d in pair.differences[name]):
        return "no intervals"
    return f"{'paired' if pair.paired else 'independent'} 95 % intervals"


def _counts(pair: RecordingPair) -> str:
    first, second = (f"{s.images:,} images, {s.classes:,} classes" for s in (pair.first, pair.second))
    return f"n = {first} (both)" if first == second else f"n = {first}<br>and {second}"


def _name(order: int, side: PairSide) -> str:
    name = side.name if len(side.name) <= _MOST_NAME else "…" + side.name[1 - _MOST_NAME :]
    return f"{'first' if order == 0 else 'second'}: {name}"
