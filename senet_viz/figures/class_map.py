"""The class × channel map of one block."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.distributions.class_map import ClassChannelMap, MapView
from senet_viz.figures.axes import long_bar
from senet_viz.figures.theme import Look, join_title, style, truncate

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

    Args:
        classes: what to draw.
        look: colours of the page.
        view: mean gates in cividis over the gate's range, or differences from the all-class mean in red and blue
            around 0.
        chosen: classes whose rows are named where there are too many rows to name all.
        marks: a triangle above each of at most 256 columns, with the channel as `customdata`: a heat map hands no click on.
        opened: the channel that is shown elsewhere; its mark stands out.
        narrow: for a narrow screen.
    """
    values = classes.values(view)
    rows = len(classes.classes)
    height = int(min(_MOST_HEIGHT, max(220, 14 * rows))) + 130
    figure = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32), x=[str(channel) for channel in classes.channels], y=list(classes.labels),
            hovertemplate="%{y}<br>channel %{x}<br>%{z:.3f}<extra></extra>", **_colours(classes, values, view, narrow=narrow),
        )
    )  # fmt: skip
    style(figure, look, height=height, title=_title(classes, view, narrow=narrow), top=64 if narrow else 40)
    positions, names = _named_rows(classes, chosen)
    figure.update_yaxes(
        type="category", tickvals=positions, ticktext=names, range=[rows - 0.5, -0.5], showgrid=False, automargin=True, ticks="",
        tickfont={"size": 11 if rows <= 40 else 10},
    )  # fmt: skip
    if marks and len(classes.channels) <= _MOST_MARKERS:
        figure.add_trace(_markers(classes, opened, look, narrow=narrow))
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


def _markers(classes: ClassChannelMap, opened: int | None, look: Look, *, narrow: bool) -> go.Scatter:
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


def _colours(classes: ClassChannelMap, values: np.ndarray, view: MapView, *, narrow: bool) -> dict[str, Any]:
    text = "mean gate s" if view == "gate" else "difference from the all-class mean, in s"
    bar = long_bar(text, narrow=narrow, below=0.12)
    if view == "gate":
        low, high = classes.block.range
        return {"colorscale": "Cividis", "zmin": low, "zmax": high, "colorbar": bar}
    most = float(np.nanmax(np.abs(values), initial=0)) or 1e-3
    return {"colorscale": "RdBu_r", "zmid": 0, "zmin": -most, "zmax": most, "colorbar": bar}


def _named_rows(classes: ClassChannelMap, chosen: tuple[int, ...]) -> tuple[list[int], list[str]]:
    rows = range(len(classes.classes))
    shown = [i for i in rows if len(rows) <= _ROW_NAMES or int(classes.classes[i]) in chosen]
    return shown, [truncate(classes.labels[i], 18) for i in shown]


def _title(classes: ClassChannelMap, view: MapView, *, narrow: bool) -> str:
    what = "Mean gate" if view == "gate" else "Mean gate − all-class mean"
    shown, every = len(classes.channels), classes.block.channels
    which = f"{shown:,} of {every:,} channels" if shown < every else f"all {every:,} channels"
    rows = f"{len(classes.classes):,} classes" + (", similar ones together" if classes.clustered else "")
    return join_title(f"<b>{classes.block.label}</b> · {what}", f"{which} · {rows}", narrow=narrow)
