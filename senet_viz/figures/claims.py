"""Along the depth: the share of variance that is class, and how far classes move a gate in units of s."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from senet_viz.claims.assessment import Assessment
from senet_viz.figures.axes import style_depth, tick_labels
from senet_viz.figures.theme import Look, style, style_axes
from senet_viz.stats.shares import CurveName

Floats = NDArray[np.float64]
_GATE, _SQUEEZE, _CONTROL = "rgb(51, 34, 136)", "rgb(221, 119, 51)", "rgb(136, 136, 136)"
_GATE_DARK = "rgb(136, 204, 238)"


def draw_depth(assessment: Assessment, look: Look, *, narrow: bool = False) -> go.Figure:
    """Two stacked panels over the blocks: class share ω² above, between-class SD below.

    s is the broad line with its 95 % interval over images; z and networks with random weights are thin and dashed; the
    band of shuffled labels is grey.

    Args:
        assessment: what to draw.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.07)
    positions = np.arange(len(assessment.blocks))
    ink = _GATE_DARK if look.ink != "#111827" else _GATE
    for trace in _null_band(assessment, positions):
        figure.add_trace(trace, row=1, col=1)
    _add_curve(figure, assessment, "omega_squared", ink, row=1)
    squeeze = np.array([np.nan if b.squeeze is None else b.squeeze.omega_squared for b in assessment.blocks])
    if np.isfinite(squeeze).any():
        figure.add_trace(_thin(positions, squeeze, "squeeze z", _SQUEEZE, "dash", assessment), row=1, col=1)
    _add_curve(figure, assessment, "between_sd", ink, row=2)
    for number, control in enumerate(assessment.controls):
        for row, name in ((1, "omega_squared"), (2, "between_sd")):
            values = np.array([getattr(block, name) for block in control.blocks])
            trace = _thin(positions, values, _name_control(assessment, number), _CONTROL, "dot", assessment)
            trace.showlegend = row == 1 and number == 0
            figure.add_trace(trace, row=row, col=1)
    n = f"{assessment.images:,} images, {assessment.classes:,} classes"
    band = "95 % intervals over images" if assessment.groups else "no intervals"
    height, top = (640 if narrow else 560), (112 if narrow else 70)
    style(figure, look, height=height, title=f"n = {n}{'<br>' if narrow else ' · '}{band}", top=top)
    style_axes(figure, look)
    style_depth(figure, assessment.gates, look, narrow=narrow)
    figure.update_xaxes(title_text="", row=1, col=1)
    figure.update_yaxes(title_text="class share ω²", row=1, col=1)
    figure.update_yaxes(title_text="between-class SD, in s", rangemode="tozero", row=2, col=1)
    figure.update_layout(legend_y=1 - (46 if narrow else 26) / height, margin={"b": 70 if narrow else 46})
    return figure


def _add_curve(figure: go.Figure, assessment: Assessment, name: CurveName, ink: str, *, row: int) -> None:
    positions = np.arange(len(assessment.blocks))
    low, high = assessment.band(name)
    if np.isfinite(low).all():
        figure.add_trace(_band(positions, low, high, ink.replace("rgb(", "rgba(").replace(")", ", 0.22)"), "gate s ± interval"),
                         row=row, col=1)  # fmt: skip
    values = assessment.curve(name)
    texts = [
        f"{label.replace('<b>', '').replace('</b>', '')}: {value:.3f}"
        + (f" [{a:.3f}, {b:.3f}]" if np.isfinite(a) else "")
        for label, value, a, b in zip(tick_labels(assessment.gates), values, low, high)
    ]
    figure.add_trace(
        go.Scatter(
            x=positions, y=values.astype(np.float32), mode="lines+markers", name="gate s", showlegend=row == 1,
            line={"color": ink, "width": 2.6}, marker={"size": 6}, text=texts,
            hovertemplate="<b>gate s</b><br>%{text}<extra></extra>",
        ),
        row=row, col=1,
    )  # fmt: skip


def _null_band(assessment: Assessment, positions: NDArray[np.int64]) -> list[go.Scatter]:
    nulls = [block.null for block in assessment.blocks]
    if any(null is None for null in nulls):
        return []
    low = np.array([null.low for null in nulls if null is not None])
    high = np.array([null.high for null in nulls if null is not None])
    return [_band(positions, low, high, "rgba(136, 136, 136, 0.35)", "shuffled labels (95 %)", show=True)]


def _band(
    positions: NDArray[np.int64], low: Floats, high: Floats, fill: str, name: str, *, show: bool = False
) -> go.Scatter:
    return go.Scatter(
        x=np.concatenate([positions, positions[::-1]]), y=np.concatenate([high, low[::-1]]).astype(np.float32),
        fill="toself", mode="lines", line={"width": 0}, fillcolor=fill, hoverinfo="skip", name=name, showlegend=show,
    )  # fmt: skip


def _thin(
    positions: NDArray[np.int64], values: Floats, name: str, colour: str, dash: str, assessment: Assessment
) -> go.Scatter:
    labels = [label.replace("<b>", "").replace("</b>", "") for label in tick_labels(assessment.gates)]
    return go.Scatter(
        x=positions, y=values.astype(np.float32), mode="lines", name=name, text=labels,
        line={"color": colour, "width": 1.3, "dash": dash},
        hovertemplate=f"<b>{name}</b><br>%{{text}}: %{{y:.3f}}<extra></extra>",
    )  # fmt: skip


def _name_control(assessment: Assessment, number: int) -> str:
    controls = len(assessment.controls)
    seed = assessment.controls[number].seed
    many = f" ({controls} seeds)" if controls > 1 else ""
    return f"random weights{many}" if number == 0 else f"random weights, seed {seed}"
