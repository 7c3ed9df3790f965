"""One block: the gates of all images, channel by channel, and the channels that differ most."""

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.comparison import BlockComparison, DifferingChannels
from senet_viz.figures.comparison.inks import colour_images, name_images, symbol_of
from senet_viz.figures.look import Look, change_axes, style, style_axes, translucent

_ROW = 24


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
    height = _ROW * len(rows) + 100 + 22 * legend
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
