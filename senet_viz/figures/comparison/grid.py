"""The grid: a cell for each image and block, the gate vector as stripes."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.analysis.comparison import Comparison
from senet_viz.analysis.comparison.stripes import MOST_STRIPES, StripeUnit, stripe_differences
from senet_viz.analysis.profiles import label_blocks
from senet_viz.figures.comparison.inks import name_images, plain
from senet_viz.figures.depth import tick_labels
from senet_viz.figures.lines import add_shapes
from senet_viz.figures.look import Look, change_axes, style, style_axes

_GAP = 3  # columns between two cells
_ROW = 34
_MARKERS = 4  # in a cell
_UNITS: dict[StripeUnit, str] = {"s": "in units of s", "sd": "in recorded SDs of the channel"}


@dataclass(frozen=True)
class _Cells:
    """Rows and columns of the grid; on a narrow screen blocks are the rows."""

    values: NDArray[np.float32]
    starts: list[int]
    row_names: list[str]
    column_names: list[str]
    turned: bool


def draw_gate_grid(
    comparison: Comparison, look: Look, *, unit: StripeUnit = "s", chosen: str | None = None, narrow: bool = False
) -> go.Figure:
    """Rows are images, columns blocks; each cell is the gate vector ordered by the recorded mean, as stripes.

    A stripe is the mean difference from the recorded mean over neighbouring channels. An invisible marker lies on every
    cell, which says where a click went: its custom data is [image, position of the block].

    Args:
        comparison: with at least one image.
        look: inks of the page.
        unit: of the colours: "s", or "sd" for recorded standard deviations of each channel.
        chosen: name of the block that is framed.
        narrow: blocks as rows and images as columns.
    """
    cells = _lay_out(comparison, unit, turned=narrow)
    most = float(np.nanmax(np.abs(cells.values), initial=0)) or 1e-3
    rows, width = len(cells.row_names), cells.values.shape[1]
    height = max(150, _ROW * rows) + (146 if narrow else 108)
    stripes = go.Heatmap(
        z=cells.values, x=np.arange(width), y=np.arange(rows), colorscale="RdBu_r", zmid=0, zmin=-most, zmax=most,
        ygap=4, hoverinfo="skip", colorbar=_bar(height, narrow=narrow),
    )  # fmt: skip
    figure = go.Figure([stripes, _markers(comparison, cells)])
    title = (
        f"Gate − recorded mean, {_UNITS[unit]}{'<br>' if narrow else ' · '}channels in the order of the recorded mean"
    )
    title += f"{'<br>' if narrow else ' · '}up to {MOST_STRIPES} stripes a block, each the mean of neighbours"
    style(figure, look, height=height, title=title, top=74 if narrow else 34)
    style_axes(figure, look)
    centres = [start + MOST_STRIPES / 2 - 0.5 for start in cells.starts]
    bare = {"showgrid": False, "showline": False, "ticks": ""}
    change_axes(
        figure, "x",
        {**bare, "tickvals": centres, "ticktext": cells.column_names, "range": [-1.5, width + 1],
         "tickangle": 0 if narrow or len(centres) <= 20 else -90},
    )  # fmt: skip
    change_axes(
        figure, "y",
        {**bare, "tickvals": list(range(rows)), "ticktext": cells.row_names, "range": [rows - 0.5, -0.5],
         "automargin": True, "tickfont": {"color": look.ink}},
    )  # fmt: skip
    figure.update_layout({"showlegend": False, "clickmode": "event+select", "dragmode": False}, overwrite=True)
    if chosen is not None:
        _frame(figure, comparison, cells, chosen, look)
    return figure


def _lay_out(comparison: Comparison, unit: StripeUnit, *, turned: bool) -> _Cells:
    blocks = tick_labels([block.block for block in comparison.blocks])
    names = name_images(comparison.names, most=34 // len(comparison.names) if turned else 18)
    wide = [_widen(stripe_differences(block, unit=unit)) for block in comparison.blocks]  # (n, MOST_STRIPES) each
    cube = np.stack(wide, axis=1).astype(np.float32)  # image, block, stripe
    if turned:
        cube = cube.swapaxes(0, 1)
    gap = np.full((len(cube), _GAP), np.nan, dtype=np.float32)
    parts, starts, at = [], [], 0
    for column in range(cube.shape[1]):
        starts.append(at)
        parts += [cube[:, column], gap]
        at += MOST_STRIPES + _GAP
    values = np.concatenate(parts[:-1], axis=1)
    return _Cells(values, starts, blocks if turned else names, names if turned else blocks, turned)


def _widen(stripes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fewer stripes are drawn broader: every cell has the same width."""
    width = stripes.shape[1]
    return stripes[:, np.arange(MOST_STRIPES) * width // MOST_STRIPES]


def _markers(comparison: Comparison, cells: _Cells) -> go.Scatter:
    labels = label_blocks([block.block for block in comparison.blocks])
    places, texts, where = [], [], []
    for depth, block in enumerate(comparison.blocks):
        for image, name in enumerate(comparison.names):
            row, column = (depth, image) if cells.turned else (image, depth)
            text = (
                f"<b>{labels[depth]}</b> · {image + 1}. {plain(name)}<br>{block.block.channels:,} channels, RMS distance from the "
                f"recorded mean {block.from_mean[image]:.3g}<br>click to open"
            )
            for at in range(_MARKERS):  # the whole cell answers, however wide it is drawn
                places.append((cells.starts[column] + (at + 0.5) * MOST_STRIPES / _MARKERS - 0.5, row))
                where.append([image, depth])
                texts.append(text)
    still = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=[p[0] for p in places], y=[p[1] for p in places], mode="markers", customdata=where, text=texts,
        marker={"size": 30, "symbol": "square", "opacity": 0}, selected=still, unselected=still,
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _frame(figure: go.Figure, comparison: Comparison, cells: _Cells, chosen: str, look: Look) -> None:
    depth = next(i for i, block in enumerate(comparison.blocks) if block.block.name == chosen)
    rows = len(cells.row_names)
    if cells.turned:
        box = {"x0": -1, "x1": cells.values.shape[1], "y0": depth - 0.5, "y1": depth + 0.5}
    else:
        box = {
            "x0": cells.starts[depth] - 1.5,
            "x1": cells.starts[depth] + MOST_STRIPES + 0.5,
            "y0": -0.5,
            "y1": rows - 0.5,
        }
    add_shapes(figure, [{"type": "rect", "line": {"color": look.ink, "width": 1.5}, **box}])


def _bar(height: int, *, narrow: bool) -> dict[str, object]:
    return {
        "orientation": "h", "thickness": 8, "len": 1 if narrow else 0.4, "x": 0, "xanchor": "left", "outlinewidth": 0,
        "yref": "container", "y": 4 / height, "yanchor": "bottom", "nticks": 5,
    }  # fmt: skip
