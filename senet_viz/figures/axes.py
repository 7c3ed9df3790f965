"""What axes and traces of many figures share: depth, named rows, ranges, whiskers, bands, curves with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.analysis.distributions.panels import choose_blocks
from senet_viz.figures.theme import DARK, Look, change_axes, plain, translucent
from senet_viz.schema import Gate, label_blocks


def add_shapes(figure: go.Figure, shapes: Sequence[Mapping[str, Any]]) -> None:
    """plotly's shapes, after those that are there; all at once, since plotly checks all of them every time."""
    if shapes:
        figure.layout.shapes = (*figure.layout.shapes, *shapes)


def add_annotations(figure: go.Figure, annotations: Sequence[Mapping[str, Any]]) -> None:
    """plotly's annotations, after those that are there."""
    if annotations:
        figure.layout.annotations = (*figure.layout.annotations, *annotations)


def add_bands(figure: go.Figure, spans: Sequence[tuple[float, float]], **looks: Any) -> None:
    """Bands from top to bottom of every panel, from the left to the right end of each span in units of x."""
    shapes = [
        {"type": "rect", "xref": x, "yref": f"{y} domain", "x0": low, "x1": high, "y0": 0, "y1": 1, **looks}
        for x, y in _panels(figure)
        for low, high in spans
    ]
    add_shapes(figure, shapes)


def add_levels(figure: go.Figure, values: Sequence[float], line: Mapping[str, Any]) -> None:
    """Lines from the left to the right of every panel, at these values of y."""
    shapes = [
        {"type": "line", "xref": f"{x} domain", "yref": y, "x0": 0, "x1": 1, "y0": value, "y1": value, "line": line}
        for x, y in _panels(figure)
        for value in values
    ]
    add_shapes(figure, shapes)


def _panels(figure: go.Figure) -> list[tuple[str, str]]:
    """Names of the x and the y axis of every panel."""
    axes = [(axis.anchor or "x", axis.plotly_name.replace("axis", "")) for axis in figure.select_yaxes()]
    return axes or [("x", "y")]


Floats = NDArray[np.float64]
_ROW = 20  # px of a legend's row


def series_colours(look: Look) -> tuple[str, str, str]:
    """Three colours for what is no class, readable on the page's paper."""
    if look == DARK:
        return "rgb(136, 204, 238)", "rgb(238, 153, 85)", "rgb(170, 170, 170)"
    return "rgb(51, 34, 136)", "rgb(200, 90, 20)", "rgb(120, 120, 120)"


def line_of(
    positions: Floats,
    values: Floats,
    labels: Sequence[str],
    *,
    name: str,
    colour: str,
    dash: str = "solid",
    interval: tuple[Floats, Floats] | None = None,
) -> list[go.Scatter]:
    """A line with a marker a block, and its band where an interval is known.

    Args:
        positions: x of every block.
        values: y; NaN leaves a gap.
        labels: of the blocks, told on hover.
        name: of the curve, in the legend.
        colour: of line and band.
        dash: "solid", "dash" or "dot".
        interval: low and high; NaN where none is known.
    """
    low, high = interval if interval is not None else (np.full(len(values), np.nan),) * 2
    texts = say_values(labels, values, low, high)
    line = go.Scatter(
        x=positions, y=values.astype(np.float32), mode="lines+markers", name=name, legendgroup=name, text=texts,
        line={"color": colour, "width": 2.2 if dash == "solid" else 1.5, "dash": dash}, marker={"size": 5},
        hovertemplate=f"<b>{name}</b><br>%{{text}}<extra></extra>",
    )  # fmt: skip
    known = np.isfinite(low) & np.isfinite(high)
    if not known.any():
        return [line]
    return [band_of(positions[known], low[known], high[known], colour=colour, name=name, legendgroup=name), line]


def say_values(labels: Sequence[str], values: Floats, low: Floats, high: Floats, digits: str = ".4g") -> list[str]:
    """Label, value and, where it is known, interval of each, for the pointer."""
    return [
        f"{label}: {value:{digits}}" + (f" [{a:{digits}}, {b:{digits}}]" if np.isfinite(a) else "")
        for label, value, a, b in zip(labels, values, low, high)
    ]


def band_of(
    positions: NDArray[Any], low: Floats, high: Floats, *, colour: str, name: str, opacity: float = 0.22, **looks: Any
) -> go.Scatter:
    """A band between two curves, without a hover of its own; in the legend only with `showlegend`."""
    return go.Scatter(
        x=np.concatenate([positions, positions[::-1]]), y=np.concatenate([high, low[::-1]]).astype(np.float32),
        fill="toself", mode="lines", line={"width": 0}, fillcolor=translucent(colour, opacity), hoverinfo="skip", name=name,
        **{"showlegend": False, **looks},
    )  # fmt: skip


def whiskers(
    up: Sequence[float] | Floats, colour: str, *, down: Sequence[float] | Floats | None = None, thickness: float = 1.3, width: int = 3
) -> dict[str, Any]:  # fmt: skip
    """Error bars of a trace.

    Args:
        up: length of each upwards, in units of the axis; 0 where no interval is known.
        colour: of them.
        down: length downwards; as `up` where not given.
        thickness: px.
        width: of the caps, px.
    """
    sides = {"array": up} if down is None else {"symmetric": False, "array": up, "arrayminus": down}
    return {"type": "data", **sides, "color": colour, "thickness": thickness, "width": width}


def whiskers_between(values: Floats, low: Floats, high: Floats, colour: str, **looks: Any) -> dict[str, Any]:
    """Error bars from `low` to `high`; none where these are NaN."""
    return whiskers(np.nan_to_num(high - values), colour, down=np.nan_to_num(values - low), **looks)


def pad_range(low: float, high: float, share: float = 0.02) -> list[float]:
    """An axis a little longer than what it shows."""
    pad = share * (high - low)
    return [low - pad, high + pad]


def name_ticks(names: Sequence[str], **more: Any) -> dict[str, Any]:
    """An axis with a name at 0, 1, 2, …, without grid and strokes."""
    return {"tickvals": list(range(len(names))), "ticktext": list(names), "showgrid": False, "ticks": "", **more}


def thin_bar(text: str) -> dict[str, Any]:
    """A colour bar at the right of the plot."""
    return {"thickness": 10, "outlinewidth": 0, "title": {"text": text, "side": "right"}}


def long_bar(text: str, *, narrow: bool, below: float) -> dict[str, Any]:
    """A colour bar as long as the plot; on a narrow screen under it, at this share of the plot's height."""
    bar = {**thin_bar(text), "len": 1}
    if not narrow:
        return bar
    title = {"side": "bottom", "text": text}
    return {**bar, "orientation": "h", "y": -below, "yanchor": "top", "thickness": 8, "title": title}


def bar_below(height: int, *, narrow: bool) -> dict[str, Any]:
    """A colour bar at the lower edge of a figure of that height, px."""
    return {
        "orientation": "h", "thickness": 8, "len": 1 if narrow else 0.4, "x": 0, "xanchor": "left", "outlinewidth": 0,
        "yref": "container", "y": 4 / height, "yanchor": "bottom",
    }  # fmt: skip


def head_panels(figure: go.Figure, look: Look, *, size: int = 13, **looks: Any) -> None:
    """The titles of panels, at the left above them."""
    figure.update_annotations(x=0, xanchor="left", font={"size": size, "color": look.ink}, **looks)


def legend_panels(figure: go.Figure, look: Look, titles: Sequence[str], *, rows: Sequence[int]) -> None:
    """A legend of its own above every panel, under the panel's title: a shared one would use a colour twice.

    Args:
        figure: of one trace list whose traces name the x axis of their panel.
        look: colours of the page.
        titles: of the panels, the first titles of subplots in their order.
        rows: how many rows each legend has: entries side by side in one, else one a row.
    """
    annotations = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    for at, (title, lines) in enumerate(zip(titles, rows)):
        axis, name = (str(at + 1) if at else ""), f"legend{at + 1}" if at else "legend"
        x, y = figure.layout[f"xaxis{axis}"].domain, figure.layout[f"yaxis{axis}"].domain
        figure.update_traces(legend=name, selector={"xaxis": f"x{axis}"})
        figure.layout[name] = {
            "orientation": "h" if lines == 1 else "v", "tracegroupgap": 0, "x": x[0], "xanchor": "left", "y": y[1], "yanchor": "bottom", "yref": "paper",
            "xref": "paper", "font": {"color": look.ink, "size": 11}, "bgcolor": "rgba(0,0,0,0)",
        }  # fmt: skip
        place = {"x": x[0], "xanchor": "left", "y": y[1], "yanchor": "bottom", "yshift": 6 + _ROW * lines}
        for annotation in annotations:
            if annotation["text"] == title:
                annotation |= {**place, "font": {"size": 13, "color": look.ink}}
    figure.layout.annotations = annotations  # at once: plotly checks a part at a time


def plain_blocks(blocks: Sequence[Gate]) -> tuple[str, ...]:
    """Labels of blocks as figures write them."""
    return tuple(map(plain, label_blocks(blocks)))


def tick_labels(blocks: Sequence[Gate]) -> list[str]:
    """A label a block; those in the role of the paper's Fig. 6 are bold."""
    paper = {gate.name for gate in choose_blocks(blocks)}
    return [f"<b>{label}</b>" if gate.name in paper else label for gate, label in zip(blocks, plain_blocks(blocks))]


def style_depth(
    figure: go.Figure, blocks: Sequence[Gate], look: Look, *, narrow: bool = False, rows: int = 1, room: int = 0
) -> None:
    """The x axis as depth: one tick a block at 0, 1, 2, …, a band for every other stage.

    Args:
        figure: whose x values are positions in `blocks`.
        blocks: in order of depth.
        look: colours of the page.
        narrow: turns the labels, and leaves out every other one where there are more than ten.
        rows: of panels; the axis has its title under the last.
        room: px more than usual under the axis.
    """
    positions = np.arange(len(blocks))
    labels = tick_labels(blocks)
    step = 2 if narrow and len(blocks) > 10 else max(1, len(blocks) // 26)
    shown = [i for i in positions if (len(blocks) - 1 - i) % step == 0]
    axis = {
        "tickvals": shown, "ticktext": [labels[i] for i in shown], "range": [-0.6, len(blocks) - 0.4], "showgrid": False,
        "tickangle": -90 if narrow or len(blocks) > 20 else 0, "title": {"text": "block, from input to output"},
    }  # fmt: skip
    change_axes(figure, "x", axis)
    for row in range(1, rows):
        change_axes(figure, "x", {"title": {"text": ""}}, row=row)
    stages = sorted({gate.stage for gate in blocks})
    inside = [[i for i, gate in enumerate(blocks) if gate.stage == stage] for stage in stages[1::2]]
    spans = [(places[0] - 0.5, places[-1] + 0.5) for places in inside]
    add_bands(figure, spans, fillcolor=look.grid, opacity=0.45, line_width=0, layer="below")
    figure.layout.margin.b = (70 if narrow else 46) + room
