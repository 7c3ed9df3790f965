"""Attribution maps beside and over the picture that the network saw, and the channels that matter for an output."""

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import diverging, sequential
from plotly.subplots import make_subplots

from senet_viz.analysis.attribution import ChannelAttribution, GradCam, PixelAttribution
from senet_viz.figures.axes import long_bar
from senet_viz.figures.theme import Look, join_title, plain, style, translucent

_SIDE = 300
_FADED = 0.45
_HEADINGS = ("What the network saw", "Map over it")
_FOR, _AGAINST = diverging.RdBu[1], diverging.RdBu[-2]


def draw_attribution(attribution: PixelAttribution, look: Look, *, narrow: bool = False) -> go.Figure:
    """Which pixels drive a gate, summed over colours: red where they raise it, blue where they lower it, else clear."""
    limit = attribution.limit or 1e-9
    colours = list(reversed(diverging.RdBu))
    middle = (len(colours) - 1) / 2
    scale = _fade_in(colours, [abs(i - middle) / middle for i in range(len(colours))])
    integrated = attribution.method == "integrated"
    unit = "share of the gate's change, in s" if integrated else "gradient, s per SD of a pixel"
    figure = _draw_map(
        attribution.picture, attribution.map, look, narrow=narrow, unit=unit, colorscale=scale, zmin=-limit, zmid=0, zmax=limit
    )  # fmt: skip
    how = "integrated gradients" if integrated else "gradient"
    done = attribution.completeness
    detail = f"{done.steps} steps, residual {done.residual:+.1e}" if done else "summed over colours"
    if done and attribution.warning and math.isfinite(done.share(attribution.gate)):
        detail += f" ({done.share(attribution.gate):.0%} of the change)"
    subject = f"pixels that drive {plain(attribution.subject.removesuffix(f' of {attribution.block.label}'))}"
    return _finish(
        figure, look, f"<b>{plain(attribution.block.label)}</b> · {subject}", f"{how}, {detail}", narrow=narrow
    )


def draw_grad_cam(cam: GradCam, look: Look, *, narrow: bool = False) -> go.Figure:
    """Where a block's output speaks for an output of the network."""
    colours = list(sequential.Cividis)
    scale = _fade_in(colours, [i / (len(colours) - 1) for i in range(len(colours))])
    limit = cam.limit or 1e-9
    figure = _draw_map(
        cam.picture, cam.map, look, narrow=narrow, unit="Grad-CAM", colorscale=scale, zsmooth="fast", zmin=0, zmax=limit
    )  # fmt: skip
    rows, columns = cam.coarse.shape
    detail = f"output of {plain(cam.module)} ({plain(cam.module_kind)}), {rows} × {columns} positions"
    return _finish(
        figure, look, f"<b>{plain(cam.block.label)}</b> · Grad-CAM for {plain(cam.output_name)}", detail, narrow=narrow
    )


def draw_channels(attribution: ChannelAttribution, look: Look, *, most: int = 20, narrow: bool = False) -> go.Figure:
    """Gradient × gate of the `most` channels that matter most for an output, largest first, n shown of C in the title."""
    channels = attribution.largest(most)
    values = attribution.values[channels]
    details = np.column_stack([attribution.gate[channels], attribution.gradient[channels]])
    figure = go.Figure(
        go.Bar(
            x=values.astype(np.float32), y=[f"channel {c}" for c in channels], orientation="h",
            marker={"color": [_FOR if value >= 0 else _AGAINST for value in values]}, customdata=details.astype(np.float32),
            hovertemplate="%{y}<br>gradient × gate %{x:+.4f}<br>gate s %{customdata[0]:.3f}"
            "<br>gradient %{customdata[1]:+.4f}<extra></extra>",
        )
    )  # fmt: skip
    shown, every = len(channels), len(attribution.values)
    count = f"{shown:,} of {every:,} channels" if shown < every else f"all {every:,} channels"
    sums = f"all sum to {attribution.total:+.2f}, logit {attribution.logit:+.2f}"
    title = join_title(
        f"<b>{plain(attribution.block.label)}</b> · for {plain(attribution.output_name)}",
        f"{count}, {sums}",
        narrow=narrow,
    )
    style(figure, look, height=22 * shown + (118 if narrow else 92), title=title, top=60 if narrow else 36)
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False, ticks="", tickfont={"color": look.ink})
    figure.update_xaxes(title_text="gradient × gate, in logits", showgrid=True, nticks=7)
    figure.add_vline(x=0, line={"color": look.text, "width": 1})
    return figure


def _draw_map(
    picture: NDArray[np.uint8], values: NDArray[np.float64], look: Look, *, narrow: bool, unit: str, **colours: Any
) -> go.Figure:
    rows, columns = (2, 1) if narrow else (1, 2)
    figure = make_subplots(rows, columns, subplot_titles=_HEADINGS, horizontal_spacing=0.04, vertical_spacing=0.09)
    height, width = values.shape
    drawing = Image.fromarray(picture)
    grey = drawing.convert("L")  # under the map, so that colours are the map's alone
    for place, source, opacity in ((1, drawing, 1.0), (2, grey, _FADED)):
        row, column = (place, 1) if narrow else (1, place)
        figure.add_layout_image(
            source=source, x=-0.5, y=-0.5, sizex=width, sizey=height, sizing="stretch", layer="below", opacity=opacity,
            row=row, col=column,
        )  # fmt: skip
        figure.update_xaxes(range=[-0.5, width - 0.5], row=row, col=column)
        figure.update_yaxes(
            range=[height - 0.5, -0.5], scaleanchor=f"x{place if place > 1 else ''}", row=row, col=column
        )
    bar = {**long_bar(unit, narrow=narrow, below=0.04), "exponentformat": "e"}
    heat = go.Heatmap(
        z=values.astype(np.float32), colorbar=bar, hovertemplate="row %{y}, column %{x}<br>%{z:.2e}<extra></extra>", **colours
    )  # fmt: skip
    # An axis without a trace is not drawn, and with it its picture.
    figure.add_trace(go.Scatter(x=[None], y=[None], showlegend=False, hoverinfo="skip"), row=1, col=1)
    figure.add_trace(heat, row=2 if narrow else 1, col=1 if narrow else 2)
    figure.update_annotations(font={"size": 12, "color": look.ink})
    return figure


def _finish(figure: go.Figure, look: Look, subject: str, detail: str, *, narrow: bool) -> go.Figure:
    height, top = (2 * _SIDE + 150, 82) if narrow else (_SIDE + 80, 58)
    title, margin = join_title(subject, detail, narrow=narrow), {"l": 10, "b": 60 if narrow else 14}
    style(figure, look, height=height, title=title, top=top, margin=margin, axes=False)
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, constrain="domain")
    return figure


def _fade_in(colours: list[str], opacities: list[float]) -> list[list[Any]]:
    """A colour scale whose middle (or start) lets the picture through."""
    last = len(colours) - 1
    return [
        [i / last, translucent(colour, round(min(1.0, 1.3 * opacity) * 0.9, 3))]
        for i, (colour, opacity) in enumerate(zip(colours, opacities))
    ]
