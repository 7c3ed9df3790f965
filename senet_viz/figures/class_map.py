"""The class × channel map of one block."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from senet_viz.figures.look import Look, style, style_axes
from senet_viz.profiles import ClassChannelMap, MapView

_ROW_NAMES = 60
_MOST_HEIGHT = 760


def draw_class_map(
    classes: ClassChannelMap,
    look: Look,
    *,
    view: MapView = "difference",
    chosen: tuple[int, ...] = (),
    narrow: bool = False,
) -> go.Figure:
    """A row a class (clustered), a column a channel (largest class share first).

    Args:
        classes: what to draw.
        look: inks of the page.
        view: mean gates in cividis over the gate's range, or differences from the all-class mean in red and blue
            around 0.
        chosen: classes whose rows are named where there are too many rows to name all.
        narrow: for a narrow screen.
    """
    values = classes.values(view)
    rows = len(classes.classes)
    height = int(min(_MOST_HEIGHT, max(220, 14 * rows))) + 130
    figure = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32),
            x=np.arange(1, len(classes.channels) + 1),
            y=np.arange(rows),
            customdata=np.broadcast_to(classes.channels[None].astype(np.int32), values.shape),
            text=None,
            hovertemplate="%{y}<br>channel %{customdata}<br>%{z:.3f}<extra></extra>",
            **_colours(classes, values, view, narrow=narrow),
        )
    )
    style(figure, look, height=height, title=_title(classes, view, narrow=narrow), top=64 if narrow else 40)
    style_axes(figure, look)
    positions, names = _named_rows(classes, chosen)
    figure.update_yaxes(
        tickvals=positions, ticktext=names, autorange="reversed", showgrid=False, automargin=True, ticks="",
        tickfont={"size": 11 if rows <= 40 else 10},
    )  # fmt: skip
    figure.update_xaxes(title_text="channels, largest class share first (position)", nticks=8)
    return figure


def _colours(classes: ClassChannelMap, values: np.ndarray, view: MapView, *, narrow: bool) -> dict[str, Any]:
    low, high = classes.block.range
    bar: dict[str, Any] = {"thickness": 10, "len": 1, "outlinewidth": 0, "title": {"side": "right"}}
    if narrow:
        bar |= {"orientation": "h", "y": -0.12, "yanchor": "top", "thickness": 8, "title": {"side": "bottom"}}
    if view == "gate":
        bar["title"] = {**bar["title"], "text": "mean gate s"}
        return {"colorscale": "Cividis", "zmin": low, "zmax": high, "colorbar": bar}
    bar["title"] = {**bar["title"], "text": "difference from the all-class mean, in s"}
    most = float(np.nanmax(np.abs(values), initial=0)) or 1e-3
    return {"colorscale": "RdBu_r", "zmid": 0, "zmin": -most, "zmax": most, "colorbar": bar}


def _named_rows(classes: ClassChannelMap, chosen: tuple[int, ...]) -> tuple[list[int], list[str]]:
    rows = range(len(classes.classes))
    shown = [i for i in rows if len(rows) <= _ROW_NAMES or int(classes.classes[i]) in chosen]
    return shown, [_shorten(classes.labels[i]) for i in shown]


def _shorten(name: str, most: int = 18) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _title(classes: ClassChannelMap, view: MapView, *, narrow: bool) -> str:
    what = "Mean gate" if view == "gate" else "Mean gate − all-class mean"
    shown, every = len(classes.channels), classes.block.channels
    which = f"{shown:,} of {every:,} channels" if shown < every else f"all {every:,} channels"
    rows = f"{len(classes.classes):,} classes" + (", similar ones together" if classes.clustered else "")
    return f"<b>{classes.block.label}</b> · {what}{'<br>' if narrow else ' · '}{which} · {rows}"
