"""The classes with the highest and the lowest mean gate of one channel."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.profiles import ClassGate, ExtremeClasses
from senet_viz.figures.look import GREY, Look, style, style_axes

_ROW = 26


def draw_extreme_classes(
    extremes: ExtremeClasses, colours: Mapping[int, str], look: Look, *, narrow: bool = False
) -> go.Figure:
    """A dot a class with its 95 % interval over images, the highest above; a line at the mean over all images.

    Args:
        extremes: what to draw.
        colours: of the classes that are chosen, by index; others are grey.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    rows = extremes.ordered
    places = _places(extremes)
    height = 118 + _ROW * (max(places) + 1)
    figure = go.Figure([_whiskers(rows, places), _dots(rows, places, colours)])
    figure.add_vline(x=extremes.overall, line={"color": look.ink, "width": 1.4, "dash": "dot"})
    style(figure, look, height=height, title=_title(extremes, narrow=narrow), top=70 if narrow else 40)
    style_axes(figure, look)
    low, high = extremes.block.range
    pad = 0.02 * (high - low)
    figure.update_xaxes(title_text="mean gate s, dotted: of all images", range=[low - pad, high + pad], showgrid=True)
    figure.update_yaxes(
        tickvals=places, ticktext=[_shorten(row.label) for row in rows], range=[max(places) + 0.6, -0.6],
        automargin=True, showgrid=False, ticks="", tickfont={"color": look.ink},
    )  # fmt: skip
    figure.update_layout(showlegend=False)
    return figure


def _places(extremes: ExtremeClasses) -> list[int]:
    """Rows from above; one stays free where classes were left out between the two sides."""
    high, low = len(extremes.highest), len(extremes.lowest)
    gap = int(high + low < extremes.classes)
    return [*range(high), *range(high + gap, high + gap + low)]


def _whiskers(rows: tuple[ClassGate, ...], places: list[int]) -> go.Scatter:
    x: list[float | None] = []
    y: list[int | None] = []
    for row, place in zip(rows, places):
        if np.isfinite(row.interval).all():
            x += [*row.interval, None]
            y += [place, place, None]
    return go.Scatter(x=x, y=y, mode="lines", line={"color": GREY, "width": 2}, hoverinfo="skip")


def _dots(rows: tuple[ClassGate, ...], places: list[int], colours: Mapping[int, str]) -> go.Scatter:
    texts = [
        f"<b>{row.label}</b> (n = {row.images:,})<br>mean {row.mean:.3f}"
        + (f", 95 % {row.interval[0]:.3f} to {row.interval[1]:.3f}" if np.isfinite(row.interval).all() else "")
        for row in rows
    ]
    return go.Scatter(
        x=[row.mean for row in rows], y=places, mode="markers", text=texts, hovertemplate="%{text}<extra></extra>",
        marker={"size": 9, "color": [colours.get(row.index, GREY) for row in rows]},
    )  # fmt: skip


def _title(extremes: ExtremeClasses, *, narrow: bool) -> str:
    shown = len(extremes.ordered)
    which = f"{shown} of {extremes.classes:,} classes" if shown < extremes.classes else f"all {shown} classes"
    sizes = [row.images for row in extremes.ordered]
    n = f"n = {min(sizes):,}" + (f" to {max(sizes):,}" if max(sizes) > min(sizes) else "") + " images a class"
    head = f"<b>{extremes.block.label}</b> · channel {extremes.channel}"
    return f"{head} · {which}{'<br>' if narrow else ' · '}{n}, 95 % intervals over them"


def _shorten(name: str, most: int = 22) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
