"""A few classes against each other in one block."""

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.classes import ClassComparison
from senet_viz.analysis.profiles import count_decimals, label_blocks
from senet_viz.figures.comparison.inks import plain, shorten
from senet_viz.figures.look import Look, style, style_axes

_CELL = 34


def draw_class_matrix(found: ClassComparison, at: int, look: Look, *, narrow: bool = False) -> go.Figure:
    """RMS distance of each pair without noise in one block, in units of s; the pointer tells the noise beside it.

    Args:
        found: at least two classes.
        at: position of the block.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    size = len(found.classes)
    values = found.distance[at].astype(np.float32)
    values[np.diag_indices(size)] = np.nan
    names = [shorten(label, 14 if narrow else 22) for label in found.labels]
    hovers = [
        [
            f"<b>{plain(found.labels[i])}</b> (n = {found.images[i]:,}) and <b>{plain(found.labels[j])}</b> (n = {found.images[j]:,})"
            f"<br>distance {values[i, j]:.4f}<br>by noise alone {found.chance[at, i, j]:.4f}"
            for j in range(size)
        ]
        for i in range(size)
    ]
    top = 54 if narrow else 34
    title = f"<b>{label_blocks(found.gates)[at]}</b>{'<br>' if narrow else ' · '}RMS distance of each pair, units of s"
    figure = go.Figure(
        go.Heatmap(
            z=values, x=np.arange(size), y=np.arange(size), customdata=hovers, xgap=2, ygap=2, colorscale="Cividis",
            zmin=0, zmax=max(float(np.nanmax(values, initial=0)), 1e-6), hoverongaps=False, showscale=not narrow,
            texttemplate=f"%{{z:.{count_decimals(values)}f}}", hovertemplate="%{customdata}<extra></extra>",
            textfont={"size": 10 if narrow else 12},
            colorbar={"thickness": 10, "outlinewidth": 0, "exponentformat": "none",
                      "title": {"text": "units of s", "side": "right"}},
        )
    )  # fmt: skip
    style(figure, look, height=max(200, _CELL * size) + top + 90, title=title, top=top)
    style_axes(figure, look)
    ticks = {"tickvals": list(range(size)), "ticktext": names, "showgrid": False, "automargin": True, "ticks": ""}
    figure.update_xaxes(tickangle=-90 if narrow else -30, **ticks)
    figure.update_yaxes(autorange="reversed", **ticks)
    return figure
