"""Fig. 6 and Fig. 7 of the paper, one channel's gate per class with its extremes, and the class × channel map of a block."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from senet_viz.analysis.distributions.channel import ChannelDistribution, ClassDistribution
from senet_viz.analysis.distributions.class_map import ClassChannelMap, MapView
from senet_viz.analysis.distributions.extremes import ClassGate, ExtremeClasses
from senet_viz.analysis.distributions.panels import ClassPanels, Panel, ShownClass
from senet_viz.figures.axes import band_of, long_bar, name_ticks, pad_range
from senet_viz.figures.theme import GREY, Look, join_title, plain, style, translucent, truncate
from senet_viz.text import count_decimals

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
    """A panel a block with shared axes: a line a class, in its colour, over the broader mean of all images.

    `bands`: mean ± SD over images (Fig. 7) instead of means alone (Fig. 6); `per_row` panels stand side by side.
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
        traces = _traces(panel, panels, colours, look, bands=bands, first=i == 0)
        figure.add_traces(traces, rows=i // columns + 1, cols=i % columns + 1)
    title = _title(panels, bands=bands, narrow=per_row < 3)
    style(figure, look, height=height, title=title, top=top, legend=40 if per_row > 2 else 72)
    _style_panels(figure, panels, look, rows=rows, columns=columns)
    return figure


def _style_panels(figure: go.Figure, panels: ClassPanels, look: Look, *, rows: int, columns: int) -> None:
    widest = max(len(p.channels) for p in panels.panels)
    figure.update_annotations(font={"size": 12, "color": look.ink}, yshift=2)
    figure.update_yaxes(range=pad_range(*panels.range), nticks=6)
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
    every = f"all {panels.images:,} images" if panels.n_classes < 2 else f"all {panels.n_classes:,} classes"
    everyone = ShownClass(-1, every, panels.images)
    traces = [_line(position, panel, panel.overall, panel.overall_sd, everyone, look.ink, first=first, rank=0, width=3)]
    for i in order:
        shown = panels.classes[i]
        colour = colours.get(shown.index, GREY)
        if bands:
            low, high = panel.means[i] - panel.sds[i], panel.means[i] + panel.sds[i]
            group = str(shown.index)
            traces.append(
                band_of(
                    position,
                    low,
                    high,
                    colour=colour,
                    name=f"{plain(shown.label)} ± SD",
                    opacity=0.25,
                    legendgroup=group,
                )
            )
        traces.append(_line(position, panel, panel.means[i], panel.sds[i], shown, colour, first=first, rank=i + 1))
    return traces


def _line(
    position: NDArray[np.int64], panel: Panel, mean: NDArray[np.float64], sd: NDArray[np.float64],
    shown: ShownClass, colour: str, *, first: bool, rank: int, width: float = 1.6,
) -> go.Scatter:  # fmt: skip
    return go.Scatter(
        x=position, y=mean.astype(np.float32), mode="lines", name=plain(shown.label),
        legendgroup=str(shown.index), legendrank=rank, showlegend=first,
        line={"color": colour, "width": width}, opacity=0.55 if colour == GREY else 1,
        customdata=np.column_stack([panel.channels, sd, panel.share]).astype(np.float32),
        hovertemplate=f"<b>{plain(shown.label)}</b> (n = {shown.images:,})<br>{plain(panel.block.label)}, channel %{{customdata[0]:.0f}}"
        "<br>mean gate %{y:.3f}, SD %{customdata[1]:.3f}<br>class share of this channel %{customdata[2]:.2f}"
        "<extra></extra>",
    )  # fmt: skip


def _heading(panel: Panel, classes: bool, *, narrow: bool) -> str:
    parts = [f"<b>{plain(panel.block.label)}</b>"]
    if not narrow:
        parts.append(f"{panel.block.channels:,} channels")
    if classes and math.isfinite(panel.distance):
        parts.append(f"distance {panel.distance:.{count_decimals(panel.distance)}f}")
    return " · ".join(parts)


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
    """The whole set and each class on the gate's axis, n beside each name; classes without a known gate are left out.

    Violins have quartiles, "ecdf" is the empirical distribution function, boxes reach from 5 to 95 %.
    """
    spreads = [s for s in distribution.spreads if s.images]
    inks = [look.ink if s.index is None else colours.get(s.index, GREY) for s in spreads]
    draw = {"violin": _violin, "ecdf": _ecdf, "box": _box}[view]
    figure = go.Figure([draw(s, colour) for s, colour in zip(spreads, inks)])
    curves = view == "ecdf"
    top = 34 + (26 * (1 + len(spreads) // (2 if narrow else 6)) if curves else 0)
    height = max(200, 56 * (6 if curves else len(spreads))) + top + 46
    title = f"<b>{plain(distribution.block.label)}</b> · gate of channel {distribution.channel}"
    style(figure, look, height=height, title=title, top=top, legend=28)
    figure.update_layout(showlegend=curves, violingap=0.25, boxgap=0.5)
    # the gate's whole range: a gate that hardly moves must look so
    figure.update_xaxes(title_text="gate s", range=pad_range(*distribution.block.extent), showgrid=True)
    if curves:
        figure.update_yaxes(title_text="share of images with at most s", range=[-0.02, 1.02])
    else:
        tickfont = {"color": look.ink}
        figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False, ticks="", tickfont=tickfont)
    return figure


def _name(spread: ClassDistribution) -> str:
    part = "" if spread.images == spread.recorded else f" of {spread.recorded:,}"
    return f"{'all images' if spread.index is None else plain(spread.name)} (n = {spread.images:,}{part})"


def _row_name(spread: ClassDistribution) -> str:
    return _name(spread).replace(" (", "<br>(")


def _violin(spread: ClassDistribution, colour: str) -> go.Violin:
    return go.Violin(
        x=spread.values.astype(np.float32), y0=_row_name(spread), name=_row_name(spread), orientation="h",
        line={"color": colour, "width": 1.4}, fillcolor=_fill(colour), points=False, spanmode="hard",
        box={"visible": True, "width": 0.18}, scalemode="width", width=0.85, hoveron="violins", hoverinfo="x+name",
    )  # fmt: skip


def _box(spread: ClassDistribution, colour: str) -> go.Box:
    low, first, middle, third, high = ([value] for value in spread.quantiles)
    return go.Box(
        lowerfence=low, q1=first, median=middle, q3=third, upperfence=high, y=[_row_name(spread)],
        name=_row_name(spread), orientation="h", line={"color": colour, "width": 1.4}, fillcolor=_fill(colour),
        whiskerwidth=0.6,
    )  # fmt: skip


def _ecdf(spread: ClassDistribution, colour: str) -> go.Scatter:
    share = np.linspace(1 / len(spread.values), 1, len(spread.values))
    return go.Scatter(
        x=spread.values.astype(np.float32), y=share.astype(np.float32), mode="lines", name=_name(spread),
        line={"color": colour, "width": 2.4 if spread.index is None else 1.6, "shape": "hv"},
        hovertemplate=f"<b>{_name(spread)}</b><br>%{{y:.0%}} have at most %{{x:.3f}}<extra></extra>",
    )  # fmt: skip


def _fill(colour: str) -> str:
    return translucent(colour, 0.3 if colour.startswith("rgb(") else 0.12)


_CLASS_ROW = 26


def draw_extreme_classes(
    extremes: ExtremeClasses, colours: Mapping[int, str], look: Look, *, narrow: bool = False
) -> go.Figure:
    """A dot a class with its 95 % interval over images, the highest above; a line at the mean over all images.

    Classes without one of the `colours`, by index, are grey.
    """
    rows = extremes.ordered
    high, low = len(extremes.highest), len(extremes.lowest)
    gap = int(high + low < extremes.classes)  # a row stays free where classes were left out between the two sides
    places = [*range(high), *range(high + gap, high + gap + low)]
    height = 118 + _CLASS_ROW * (max(places) + 1)
    figure = go.Figure([_whiskers(rows, places), _dots(rows, places, colours)])
    figure.add_vline(x=extremes.overall, line={"color": look.ink, "width": 1.4, "dash": "dot"})
    style(figure, look, height=height, title=_extremes_title(extremes, narrow=narrow), top=70 if narrow else 40)
    along = pad_range(*extremes.block.extent)
    figure.update_xaxes(title_text="mean gate s, dotted: of all images", range=along, showgrid=True)
    names = name_ticks([plain(truncate(row.label, 22)) for row in rows], automargin=True, tickfont={"color": look.ink})
    figure.update_yaxes(**{**names, "tickvals": places, "range": [max(places) + 0.6, -0.6]})
    return figure.update_layout(showlegend=False)


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
        f"<b>{plain(row.label)}</b> (n = {row.images:,})<br>mean {row.mean:.3f}"
        + (f", 95 % {row.interval[0]:.3f} to {row.interval[1]:.3f}" if np.isfinite(row.interval).all() else "")
        for row in rows
    ]
    return go.Scatter(
        x=[row.mean for row in rows], y=places, mode="markers", text=texts, hovertemplate="%{text}<extra></extra>",
        marker={"size": 9, "color": [colours.get(row.index, GREY) for row in rows]},
    )  # fmt: skip


def _extremes_title(extremes: ExtremeClasses, *, narrow: bool) -> str:
    shown = len(extremes.ordered)
    which = f"{shown} of {extremes.classes:,} classes" if shown < extremes.classes else f"all {shown} classes"
    sizes = [row.images for row in extremes.ordered]
    n = f"n = {min(sizes):,}" + (f" to {max(sizes):,}" if max(sizes) > min(sizes) else "") + " images a class"
    head = f"<b>{plain(extremes.block.label)}</b> · channel {extremes.channel}"
    return join_title(f"{head} · {which}", f"{n}, 95 % intervals over them", narrow=narrow)


_ROW_NAMES = 60
_MOST_HEIGHT = 760
_MOST_MARKERS = 256
_MARKERS_HEIGHT = 16


def draw_class_map(
    classes: ClassChannelMap,
    look: Look,
    *,
    view: MapView = "difference",
    chosen: tuple[int, ...] = (),
    marks: bool = False,
    opened: int | None = None,
    narrow: bool = False,
) -> go.Figure:
    """A row a class (clustered), a column a channel (largest class share first).

    Mean gates are in cividis over the gate's range, differences from the all-class mean in red and blue around 0. Where there
    are too many rows to name all, those of the `chosen` classes are named. With `marks` a triangle stands above each of at
    most 256 columns, with the channel as `customdata`, as a heat map hands no click on; that of `opened` stands out.
    """
    values = classes.values(view)
    rows = len(classes.classes)
    height = int(min(_MOST_HEIGHT, max(220, 14 * rows))) + 130
    figure = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32), x=[str(channel) for channel in classes.channels], y=list(map(plain, classes.labels)),
            hovertemplate="%{y}<br>channel %{x}<br>%{z:.3f}<extra></extra>", **_map_colours(classes, values, view, narrow=narrow),
        )
    )  # fmt: skip
    style(figure, look, height=height, title=_map_title(classes, view, narrow=narrow), top=64 if narrow else 40)
    positions = [i for i, k in enumerate(classes.classes) if rows <= _ROW_NAMES or int(k) in chosen]
    names = [plain(truncate(classes.labels[i], 18)) for i in positions]
    figure.update_yaxes(
        type="category", tickvals=positions, ticktext=names, range=[rows - 0.5, -0.5], showgrid=False, automargin=True, ticks="",
        tickfont={"size": 11 if rows <= 40 else 10},
    )  # fmt: skip
    if marks and len(classes.channels) <= _MOST_MARKERS:
        figure.add_trace(_map_markers(classes, opened, look, narrow=narrow))
        share = _MARKERS_HEIGHT / (height - 110)
        figure.update_layout(
            yaxis={"domain": [0, 1 - share]}, showlegend=False,
            yaxis2={"domain": [1 - share, 1], "visible": False, "fixedrange": True, "range": [0, 1]},
        )  # fmt: skip
    figure.update_xaxes(
        type="category", title_text="channel, largest class share first", range=[-0.5, len(classes.channels) - 0.5],
        nticks=8 if narrow else 16, tickangle=0,
    )  # fmt: skip
    return figure


def _map_markers(classes: ClassChannelMap, opened: int | None, look: Look, *, narrow: bool) -> go.Scatter:
    """A small triangle a channel, over the map."""
    known = len(classes.channels)
    size = 5 if narrow or known > 100 else 8
    chosen = [int(channel) == opened for channel in classes.channels]
    return go.Scatter(
        x=[str(channel) for channel in classes.channels], y=[0.5] * known, yaxis="y2", mode="markers",
        customdata=[int(channel) for channel in classes.channels], text=[f"{share:.2f}" for share in classes.share],
        marker={"symbol": "triangle-down", "size": [size + 5 * c for c in chosen], "opacity": 1,
                "color": [look.ink if c else look.text for c in chosen]},
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
        hovertemplate="<b>channel %{x}</b>, class share %{text}<extra></extra>",
    )  # fmt: skip


def _map_colours(classes: ClassChannelMap, values: np.ndarray, view: MapView, *, narrow: bool) -> dict[str, Any]:
    text = "mean gate s" if view == "gate" else "difference from the all-class mean, in s"
    bar = long_bar(text, narrow=narrow, below=0.12)
    if view == "gate":
        low, high = classes.block.extent
        return {"colorscale": "Cividis", "zmin": low, "zmax": high, "colorbar": bar}
    most = float(np.nanmax(np.abs(values), initial=0)) or 1e-3
    return {"colorscale": "RdBu_r", "zmid": 0, "zmin": -most, "zmax": most, "colorbar": bar}


def _map_title(classes: ClassChannelMap, view: MapView, *, narrow: bool) -> str:
    what = "Mean gate" if view == "gate" else "Mean gate − all-class mean"
    shown, every = len(classes.channels), classes.block.channels
    which = f"{shown:,} of {every:,} channels" if shown < every else f"all {every:,} channels"
    rows = f"{len(classes.classes):,} classes" + (", similar ones together" if classes.clustered else "")
    return join_title(f"<b>{plain(classes.block.label)}</b> · {what}", f"{which} · {rows}", narrow=narrow)
