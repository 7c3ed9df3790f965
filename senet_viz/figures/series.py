"""Curves along the depth with their intervals, as several figures draw them."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.figures.look import DARK, Look, translucent

Floats = NDArray[np.float64]
_ROW = 20  # px of a legend's row


def series_inks(look: Look) -> tuple[str, str, str]:
    """Three inks for what is no class, readable on the page's paper."""
    if look == DARK:
        return "rgb(136, 204, 238)", "rgb(238, 153, 85)", "rgb(170, 170, 170)"
    return "rgb(51, 34, 136)", "rgb(200, 90, 20)", "rgb(120, 120, 120)"


def line_of(
    positions: Floats,
    values: Floats,
    labels: Sequence[str],
    *,
    name: str,
    ink: str,
    dash: str = "solid",
    interval: tuple[Floats, Floats] | None = None,
) -> list[go.Scatter]:
    """A line with a marker a block, and its band where an interval is known.

    Args:
        positions: x of every block.
        values: y; NaN leaves a gap.
        labels: of the blocks, told on hover.
        name: of the curve, in the legend.
        ink: of line and band.
        dash: "solid", "dash" or "dot".
        interval: low and high; NaN where none is known.
    """
    low, high = interval if interval is not None else (np.full(len(values), np.nan),) * 2
    texts = [
        f"{label}: {value:.4g}" + (f" [{a:.4g}, {b:.4g}]" if np.isfinite(a) else "")
        for label, value, a, b in zip(labels, values, low, high)
    ]
    line = go.Scatter(
        x=positions, y=values.astype(np.float32), mode="lines+markers", name=name, legendgroup=name, text=texts,
        line={"color": ink, "width": 2.2 if dash == "solid" else 1.5, "dash": dash}, marker={"size": 5},
        hovertemplate=f"<b>{name}</b><br>%{{text}}<extra></extra>",
    )  # fmt: skip
    known = np.isfinite(low) & np.isfinite(high)
    return [band_of(positions[known], low[known], high[known], ink=ink, name=name), line] if known.any() else [line]


def band_of(positions: Floats, low: Floats, high: Floats, *, ink: str, name: str) -> go.Scatter:
    """A band between two curves, of no legend and no hover of its own."""
    return go.Scatter(
        x=np.concatenate([positions, positions[::-1]]), y=np.concatenate([high, low[::-1]]).astype(np.float32),
        fill="toself", mode="lines", line={"width": 0}, fillcolor=translucent(ink, 0.22), hoverinfo="skip", name=name,
        legendgroup=name, showlegend=False,
    )  # fmt: skip


def legend_panels(figure: go.Figure, look: Look, titles: Sequence[str], *, rows: Sequence[int]) -> None:
    """A legend of its own above every panel, under the panel's title: a shared one would use an ink twice.

    Args:
        figure: of one trace list whose traces name the x axis of their panel.
        look: inks of the page.
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
