"""The gates of a few images: a grid of all blocks as stripes, and one block channel by channel."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.analysis.comparison.blocks import (
    MOST_STRIPES,
    BlockComparison,
    DifferingChannels,
    StripeUnit,
    stripe_differences,
)
from senet_viz.analysis.comparison.result import Comparison
from senet_viz.figures.axes import add_shapes, tick_labels
from senet_viz.figures.theme import (
    Look,
    change_axes,
    colour_images,
    name_images,
    plain,
    style,
    style_axes,
    symbol_of,
    translucent,
)
from senet_viz.schema import label_blocks

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


_CHANNEL_ROW = 24


def draw_block_gates(block: BlockComparison, names: tuple[str, ...], look: Look, *, narrow: bool = False) -> go.Figure:
    """Gates of every image over the channels in the order of the recorded mean, which is black with its SD as a band.

    Args:
        block: of a comparison.
        names: of its images.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    position = np.arange(1, len(block.order) + 1)
    low, high = block.block.range
    mean = block.mean[block.order]
    spread = np.nan_to_num(block.sd[block.order])
    around = np.concatenate([np.minimum(mean + spread, high), np.maximum(mean - spread, low)[::-1]])
    traces = [
        go.Scatter(
            x=np.concatenate([position, position[::-1]]), y=around.astype(np.float32), fill="toself", mode="lines",
            line={"width": 0}, fillcolor="rgba(136, 136, 136, 0.22)", hoverinfo="skip", name="recorded mean ± SD",
        )
    ]  # fmt: skip
    for at, (name, (colour, _), gates) in enumerate(
        zip(name_images(names, most=16), colour_images(len(names)), block.gates)
    ):
        traces.append(
            go.Scatter(
                x=position, y=gates[block.order], mode="markers", name=name,
                marker={"color": colour, "size": 4 if len(position) > 160 else 6, "opacity": 0.8, "symbol": symbol_of(at)},
                customdata=block.order.astype(np.int32),
                hovertemplate=f"<b>{name}</b><br>channel %{{customdata}}: %{{y:.3f}}<extra></extra>",
            )
        )  # fmt: skip
    traces.append(
        go.Scatter(x=position, y=mean.astype(np.float32), mode="lines", name="recorded mean",
                   line={"color": look.ink, "width": 2}, hoverinfo="skip")
    )  # fmt: skip
    figure = go.Figure(traces)
    rows = -(-(len(names) + 2) // (2 if narrow else 5))
    title = f"<b>{block.block.label}</b> · gate of all {len(position):,} channels, in the order of the recorded mean"
    style(
        figure,
        look,
        height=330 + 22 * rows,
        title=title.replace(", in", ",<br>in") if narrow else title,
        top=44 + 22 * rows + (18 if narrow else 0),
    )
    style_axes(figure, look)
    pad = 0.02 * (high - low)
    change_axes(figure, "y", {"title": {"text": "gate s"}, "range": [low - pad, high + pad]})
    change_axes(figure, "x", {"title": {"text": "channel (position)"}, "range": [0, len(position) + 1]})
    figure.layout.legend.y = 1 - (46 if narrow else 26) / figure.layout.height
    return figure


def draw_differing_channels(differing: DifferingChannels, look: Look, *, narrow: bool = False) -> go.Figure:
    """A row a channel: the gate of each image, the recorded mean as a tick with its SD.

    Args:
        differing: the channels, the largest difference first.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    rows = np.arange(len(differing.channels))
    traces = [
        go.Scatter(
            x=differing.mean.astype(np.float32), y=rows, mode="markers", name="recorded mean ± SD",
            marker={"symbol": "line-ns", "size": 14, "line": {"color": look.ink, "width": 2}},
            error_x={"type": "data", "array": np.nan_to_num(differing.sd), "color": translucent("rgb(136, 136, 136)", 0.8),
                     "thickness": 5, "width": 0},
            hovertemplate="recorded mean %{x:.3f}<extra></extra>",
        )
    ]  # fmt: skip
    for at, (name, (colour, _), gates) in enumerate(
        zip(name_images(differing.names, most=16), colour_images(len(differing.names)), differing.gates)
    ):
        traces.append(
            go.Scatter(x=gates, y=rows, mode="markers", name=name, marker={"color": colour, "size": 10, "symbol": symbol_of(at)},
                       hovertemplate=f"<b>{name}</b><br>%{{x:.3f}}<extra></extra>")
        )  # fmt: skip
    figure = go.Figure(traces)
    legend = -(-(len(differing.names) + 1) // (2 if narrow else 5))
    height = _CHANNEL_ROW * len(rows) + 100 + 22 * legend
    style(
        figure,
        look,
        height=height,
        title=f"<b>{differing.block.label}</b> · channels that differ most",
        top=40 + 22 * legend,
    )
    style_axes(figure, look)
    low, high = differing.block.range
    pad = 0.02 * (high - low)
    along = {"title": {"text": "gate s"}, "range": [low - pad, high + pad], "showgrid": True}
    names = [f"channel {c}" for c in differing.channels]
    beside = {
        "tickvals": rows.tolist(),
        "ticktext": names,
        "showgrid": False,
        "range": [len(rows) - 0.4, -0.6],
        "ticks": "",
    }
    change_axes(figure, "x", along)
    change_axes(figure, "y", {**beside, "automargin": True})
    figure.layout.legend.y = 1 - 26 / height
    return figure
