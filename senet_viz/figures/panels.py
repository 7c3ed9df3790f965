"""Fig. 6 and Fig. 7 of the paper: mean gates of a few channels per class, a panel a block."""

import math
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from senet_viz.analysis.profiles import ClassPanels, Panel, ShownClass, count_decimals
from senet_viz.figures.look import GREY, Look, style, style_axes, translucent

_ORDERS = {
    "channel": "by channel number",
    "mean": "by all-class mean",
    "class share": "by class share, largest first",
}
_ROW = 232
_MARGIN = 46


def draw_panels(
    panels: ClassPanels,
    colours: Mapping[int, str],
    look: Look,
    *,
    bands: bool = False,
    per_row: int = 3,
) -> go.Figure:
    """A panel a block with shared axes: a line a class over the broader mean of all images.

    Args:
        panels: what to draw.
        colours: of the classes, by index.
        look: inks of the page.
        bands: mean ± SD over images (Fig. 7) instead of means alone (Fig. 6).
        per_row: panels side by side; fewer on a narrow screen.
    """
    count = len(panels.panels)
    columns = min(per_row, count)
    rows = math.ceil(count / columns)
    legend_rows = math.ceil((len(panels.classes) + 1) / (5 if per_row > 2 else 2))
    top = 48 + 22 * legend_rows + (28 if per_row < 3 else 0) + 26
    height = rows * _ROW + top + _MARGIN
    figure = make_subplots(
        rows, columns, shared_xaxes="all", shared_yaxes="all",
        horizontal_spacing=0.025 if columns > 2 else 0.05,
        vertical_spacing=46 / (height - top - _MARGIN) if rows > 1 else 0,
        subplot_titles=[_heading(p, bool(panels.classes), narrow=per_row < 3) for p in panels.panels],
    )  # fmt: skip
    for i, panel in enumerate(panels.panels):
        place = {"row": i // columns + 1, "col": i % columns + 1}
        for trace in _traces(panel, panels, colours, look, bands=bands, first=i == 0):
            figure.add_trace(trace, **place)
    style(figure, look, height=height, title=_title(panels, bands=bands, narrow=per_row < 3), top=top)
    figure.update_layout(legend_y=1 - (40 if per_row > 2 else 72) / height)
    _style_panels(figure, panels, look, rows=rows, columns=columns)
    return figure


def _style_panels(figure: go.Figure, panels: ClassPanels, look: Look, *, rows: int, columns: int) -> None:
    low, high = panels.range
    pad = 0.02 * (high - low)
    widest = max(len(p.channels) for p in panels.panels)
    style_axes(figure, look)
    figure.update_annotations(font={"size": 12, "color": look.ink}, yshift=2)
    figure.update_yaxes(range=[low - pad, high + pad], nticks=6)
    figure.update_xaxes(range=[0, widest + 1], nticks=6)
    figure.update_yaxes(title_text="gate s", col=1)
    last = len(panels.panels) - (rows - 1) * columns
    for column in range(1, columns + 1):
        figure.update_xaxes(title_text="channel (position)", showticklabels=True, row=rows, col=column)
    if rows > 1:
        for column in range(last + 1, columns + 1):
            figure.update_xaxes(visible=False, row=rows, col=column)
            figure.update_yaxes(visible=False, row=rows, col=column)
            figure.update_xaxes(title_text="channel (position)", showticklabels=True, row=rows - 1, col=column)


def _traces(
    panel: Panel, panels: ClassPanels, colours: Mapping[int, str], look: Look, *, bands: bool, first: bool
) -> list[go.Scatter]:
    position = np.arange(1, len(panel.channels) + 1)
    order = sorted(range(len(panels.classes)), key=lambda i: colours.get(panels.classes[i].index, GREY) != GREY)
    everyone = ShownClass(-1, _all_label(panels), panels.images)
    traces = [_line(position, panel, panel.overall, panel.overall_sd, everyone, look.ink, first=first, rank=0, width=3)]
    for i in order:
        shown = panels.classes[i]
        colour = colours.get(shown.index, GREY)
        if bands:
            traces.append(_band(position, panel.means[i], panel.sds[i], colour, shown))
        traces.append(_line(position, panel, panel.means[i], panel.sds[i], shown, colour, first=first, rank=i + 1))
    return traces


def _line(
    position: NDArray[np.int64], panel: Panel, mean: NDArray[np.float64], sd: NDArray[np.float64],
    shown: ShownClass, colour: str, *, first: bool, rank: int, width: float = 1.6,
) -> go.Scatter:  # fmt: skip
    return go.Scatter(
        x=position, y=mean.astype(np.float32), mode="lines", name=shown.label,
        legendgroup=str(shown.index), legendrank=rank, showlegend=first,
        line={"color": colour, "width": width}, opacity=0.55 if colour == GREY else 1,
        customdata=np.column_stack([panel.channels, sd, panel.share]).astype(np.float32),
        hovertemplate=f"<b>{shown.label}</b> (n = {shown.images:,})<br>{panel.block.label}, channel %{{customdata[0]:.0f}}"
        "<br>mean gate %{y:.3f}, SD %{customdata[1]:.3f}<br>class share of this channel %{customdata[2]:.2f}"
        "<extra></extra>",
    )  # fmt: skip


def _band(
    position: NDArray[np.int64], mean: NDArray[np.float64], sd: NDArray[np.float64], colour: str, shown: ShownClass
) -> go.Scatter:
    around = np.concatenate([mean + sd, (mean - sd)[::-1]])
    return go.Scatter(
        x=np.concatenate([position, position[::-1]]), y=around.astype(np.float32), fill="toself", mode="lines",
        line={"width": 0}, fillcolor=translucent(colour, 0.25), hoverinfo="skip", showlegend=False,
        legendgroup=str(shown.index), name=f"{shown.label} ± SD",
    )  # fmt: skip


def _heading(panel: Panel, classes: bool, *, narrow: bool) -> str:
    text = f"<b>{panel.block.label}</b>"
    if not narrow:
        text += f" · {panel.block.channels:,} channels"
    return (
        f"{text} · distance {panel.distance:.{count_decimals(panel.distance)}f}"
        if classes and math.isfinite(panel.distance)
        else text
    )


def _title(panels: ClassPanels, *, bands: bool, narrow: bool) -> str:
    """How the figure was made, on the figure: n, which channels, in which order."""
    what = "Mean gate ± SD over images" if bands else "Mean gate"
    counts = sorted({c.images for c in panels.classes})
    n = ""
    if counts:
        n = f", n = {counts[0]:,} images" if len(counts) == 1 else f", n = {counts[0]:,} to {counts[-1]:,} images"
        n += " a class"
    most = max(len(p.channels) for p in panels.panels)
    drawn = any(len(p.channels) < p.block.channels for p in panels.panels)
    channels = f"{most} channels drawn uniformly (seed {panels.seed})" if drawn else "all channels"
    return f"{what}{n}{'<br>' if narrow else ' · '}{channels}, {'<br>' if narrow else ''}{_ORDERS[panels.order]}"


def _all_label(panels: ClassPanels) -> str:
    if panels.n_classes < 2:
        return f"all {panels.images:,} images"
    return f"all {panels.n_classes:,} classes"
