"""The gates of a few images: a grid of all blocks as stripes, and one block channel by channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
from senet_viz.figures.axes import (
    add_shapes,
    band_of,
    bar_below,
    name_ticks,
    pad_range,
    plain_blocks,
    tick_labels,
    whiskers,
)
from senet_viz.figures.theme import (
    GREY,
    Look,
    change_axes,
    colour_images,
    join_title,
    legend_room,
    name_images,
    plain,
    style,
    symbol_of,
    translucent,
)

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
    cell, which says where a click went: its custom data is [image, position of the block]. The unit of the colours is s, or
    "sd" for recorded standard deviations of each channel; the block named `chosen` is framed. On a narrow screen blocks are
    the rows.
    """
    cells = _lay_out(comparison, unit, turned=narrow)
    most = float(np.nanmax(np.abs(cells.values), initial=0)) or 1e-3
    rows, width = len(cells.row_names), cells.values.shape[1]
    height = max(150, _ROW * rows) + (146 if narrow else 108)
    stripes = go.Heatmap(
        z=cells.values, x=np.arange(width), y=np.arange(rows), colorscale="RdBu_r", zmid=0, zmin=-most, zmax=most,
        ygap=4, hoverinfo="skip", colorbar={**bar_below(height, narrow=narrow), "nticks": 5},
    )  # fmt: skip
    figure = go.Figure([stripes, _markers(comparison, cells)])
    title = join_title(
        f"Gate − recorded mean, {_UNITS[unit]}", "channels in the order of the recorded mean",
        f"up to {MOST_STRIPES} stripes a block, each the mean of neighbours", narrow=narrow,
    )  # fmt: skip
    style(figure, look, height=height, title=title, top=74 if narrow else 34)
    centres = [start + MOST_STRIPES / 2 - 0.5 for start in cells.starts]
    along = {"showgrid": False, "showline": False, "ticks": "", "tickvals": centres, "ticktext": cells.column_names}
    along |= {"range": [-1.5, width + 1], "tickangle": 0 if narrow or len(centres) <= 20 else -90}
    change_axes(figure, "x", along)
    aside = {"showline": False, "range": [rows - 0.5, -0.5], "automargin": True, "tickfont": {"color": look.ink}}
    change_axes(figure, "y", name_ticks(cells.row_names, **aside))
    figure.update_layout({"showlegend": False, "clickmode": "event+select", "dragmode": False}, overwrite=True)
    if chosen is not None:
        _frame(figure, comparison, cells, chosen, look)
    return figure


def _lay_out(comparison: Comparison, unit: StripeUnit, *, turned: bool) -> _Cells:
    blocks = tick_labels([block.block for block in comparison.blocks])
    names = name_images(comparison.names, most=34 // len(comparison.names) if turned else 18)
    stripes = [stripe_differences(block, unit=unit) for block in comparison.blocks]
    # Fewer stripes are drawn broader: every cell has the same width.
    wide = [each[:, np.arange(MOST_STRIPES) * each.shape[1] // MOST_STRIPES] for each in stripes]
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


def _markers(comparison: Comparison, cells: _Cells) -> go.Scatter:
    labels = plain_blocks([block.block for block in comparison.blocks])
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
    if cells.turned:
        box = {"x0": -1, "x1": cells.values.shape[1], "y0": depth - 0.5, "y1": depth + 0.5}
    else:
        start = cells.starts[depth]
        box = {"x0": start - 1.5, "x1": start + MOST_STRIPES + 0.5, "y0": -0.5, "y1": len(cells.row_names) - 0.5}
    add_shapes(figure, [{"type": "rect", "line": {"color": look.ink, "width": 1.5}, **box}])


_CHANNEL_ROW = 24


def draw_block_gates(block: BlockComparison, names: tuple[str, ...], look: Look, *, narrow: bool = False) -> go.Figure:
    """Gates of every image over the channels in the order of the recorded mean, which is black with its SD as a band."""
    position = np.arange(1, len(block.order) + 1)
    low, high = block.block.extent
    mean, spread = block.mean[block.order], np.nan_to_num(block.sd[block.order])
    around = np.maximum(mean - spread, low), np.minimum(mean + spread, high)
    size = 4 if len(position) > 160 else 6
    traces = [
        band_of(position, *around, colour=GREY, name="recorded mean ± SD", showlegend=None),
        *_images(names, [(position, gates[block.order]) for gates in block.gates], {"size": size, "opacity": 0.8},
                 "channel %{customdata}: %{y:.3f}", block.order.astype(np.int32)),
        go.Scatter(x=position, y=mean.astype(np.float32), mode="lines", name="recorded mean",
                   line={"color": look.ink, "width": 2}, hoverinfo="skip"),
    ]  # fmt: skip
    room = legend_room(len(names) + 2, 2 if narrow else 5)
    title = (
        f"<b>{plain(block.block.label)}</b> · gate of all {len(position):,} channels, in the order of the recorded mean"
    )
    title = title.replace(", in", ",<br>in") if narrow else title
    figure = go.Figure(traces)
    style(figure, look, height=330 + room, title=title, top=44 + room + (18 if narrow else 0), legend=True)
    change_axes(figure, "y", {"title": {"text": "gate s"}, "range": pad_range(low, high)})
    change_axes(figure, "x", {"title": {"text": "channel (position)"}, "range": [0, len(position) + 1]})
    return figure


def _images(
    names: Sequence[str],
    places: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    marker: dict[str, Any],
    told: str,
    channels: NDArray[np.int32] | None = None,
) -> list[go.Scatter]:
    """Markers of each image, in its colour."""
    colours = colour_images(len(names))
    return [
        go.Scatter(
            x=x, y=y, mode="markers", name=name, customdata=channels, marker={"color": colour, "symbol": symbol_of(at), **marker},
            hovertemplate=f"<b>{name}</b><br>{told}<extra></extra>",
        )
        for at, (name, (colour, _), (x, y)) in enumerate(zip(name_images(names, most=16), colours, places))
    ]  # fmt: skip


def draw_differing_channels(differing: DifferingChannels, look: Look, *, narrow: bool = False) -> go.Figure:
    """A row a channel: the gate of each image, the recorded mean as a tick with its SD."""
    rows = np.arange(len(differing.channels))
    spread = whiskers(np.nan_to_num(differing.sd), translucent(GREY, 0.8), thickness=5, width=0)
    means = go.Scatter(
        x=differing.mean.astype(np.float32), y=rows, mode="markers", name="recorded mean ± SD", error_x=spread,
        marker={"symbol": "line-ns", "size": 14, "line": {"color": look.ink, "width": 2}},
        hovertemplate="recorded mean %{x:.3f}<extra></extra>",
    )  # fmt: skip
    images = _images(differing.names, [(gates, rows) for gates in differing.gates], {"size": 10}, "%{x:.3f}")
    figure = go.Figure([means, *images])
    room = legend_room(len(differing.names) + 1, 2 if narrow else 5)
    title = f"<b>{plain(differing.block.label)}</b> · channels that differ most"
    style(figure, look, height=_CHANNEL_ROW * len(rows) + 100 + room, title=title, top=40 + room, legend=True)
    along = {"title": {"text": "gate s"}, "range": pad_range(*differing.block.extent), "showgrid": True}
    change_axes(figure, "x", along)
    aside = {"range": [len(rows) - 0.4, -0.6], "automargin": True}
    change_axes(figure, "y", name_ticks([f"channel {c}" for c in differing.channels], **aside))
    return figure
