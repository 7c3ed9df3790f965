"""All channels of one block for one image: z, and where each gate lies against its recorded mean."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.analysis.walkthrough import BlockSteps
from senet_viz.figures.comparison.inks import shorten
from senet_viz.figures.look import Look, change_axes, style, style_axes
from senet_viz.figures.steps.inks import LOUDER_SIGN, QUIETER_SIGN, loudness_inks


def draw_all_channels(steps: BlockSteps, look: Look, *, narrow: bool = False) -> go.Figure:
    """Channels in the order of their recorded mean gate: z above, below a bar from the mean to this image's gate.

    Args:
        steps: of one image.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    order = np.argsort(steps.mean, kind="stable")
    position = np.arange(1, len(order) + 1)
    rows = 1 if steps.squeeze is None else 2
    figure = make_subplots(rows, 1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.35, 0.65][-rows:])
    if steps.squeeze is not None:
        figure.add_trace(
            go.Bar(x=position, y=steps.squeeze[order], marker={"color": look.text, "line": {"width": 0}}, showlegend=False,
                   customdata=order, hovertemplate="channel %{customdata}: z = %{y:.4g}<extra></extra>"),
            row=1, col=1,
        )  # fmt: skip
    for trace in _gates(steps, order, position, look):
        figure.add_trace(trace, row=rows, col=1)
    break_ = "<br>" if narrow else " · "
    title = (
        f"<b>{steps.block.label}</b> · {shorten(steps.image, 24)}{break_}all {len(order):,} channels in the order of the recorded mean"
        f"{break_}n = {steps.images:,} images"
    )
    top = 128 if narrow else 66
    height = (220 if rows == 1 else 340) + top + 46
    style(figure, look, height=height, title=title, top=top)
    style_axes(figure, look)
    low, high = steps.block.range
    pad = 0.02 * (high - low)
    if steps.squeeze is not None:
        change_axes(figure, "y", {"title": {"text": "squeeze z"}, "nticks": 4}, row=1, col=1)
    change_axes(figure, "y", {"title": {"text": "gate s"}, "range": [low - pad, high + pad]}, row=rows, col=1)
    along = {"title": {"text": "channel (position)"}, "range": [0, len(order) + 1]}
    change_axes(figure, "x", along, row=rows, col=1)
    figure.layout.bargap, figure.layout.legend.y = 0, 1 - (66 if narrow else 26) / height
    return figure


def _gates(steps: BlockSteps, order: np.ndarray, position: np.ndarray, look: Look) -> list[go.Bar | go.Scatter]:
    difference, loudness, mean = steps.difference[order], steps.loudness[order], steps.mean[order]
    traces: list[go.Bar | go.Scatter] = []
    sides = (("louder", LOUDER_SIGN, loudness > 0), ("quieter", QUIETER_SIGN, loudness < 0))
    for (word, sign, chosen), ink in zip(sides, loudness_inks(look)):
        traces.append(
            go.Bar(
                x=position[chosen], y=difference[chosen], base=mean[chosen], name=f"{sign} {word}: {int(chosen.sum()):,}",
                marker={"color": ink, "line": {"width": 0}}, customdata=np.column_stack([order, steps.gate[order], mean])[chosen],
                hovertemplate="channel %{customdata[0]:.0f}<br>gate %{customdata[1]:.4f}, recorded mean %{customdata[2]:.4f}"
                "<extra></extra>",
            )
        )  # fmt: skip
    traces.append(
        go.Scatter(x=position, y=mean, mode="lines", name="recorded mean", line={"color": look.ink, "width": 1.6}, hoverinfo="skip")
    )  # fmt: skip
    at = np.flatnonzero(np.isin(order, steps.shown))
    traces.append(
        go.Scatter(
            x=position[at], y=steps.gate[order][at], mode="markers", name="shown above", customdata=order[at],
            marker={"color": look.panel, "size": 7, "line": {"color": look.ink, "width": 1.5}},
            hovertemplate="channel %{customdata}: %{y:.4f}<extra></extra>",
        )
    )  # fmt: skip
    return traces
