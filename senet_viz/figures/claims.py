"""Along the depth: the share of variance that is class, and how far classes move a gate in units of s."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.claims.assessment import Assessment
from senet_viz.figures.axes import Floats, band_of, plain_blocks, say_values, series_colours, style_depth
from senet_viz.figures.theme import GREY, Look, join_title, style
from senet_viz.stats.shares import CurveName

_SQUEEZE = "rgb(221, 119, 51)"


def draw_depth(assessment: Assessment, look: Look, *, narrow: bool = False) -> go.Figure:
    """Two stacked panels over the blocks: class share ω² above, between-class SD below.

    s is the broad line with its 95 % interval over images; z and networks with random weights are thin and dashed; the
    band of shuffled labels is grey.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.07)
    colour = series_colours(look)[0]
    figure.add_traces(_null_band(assessment), rows=1, cols=1)
    _add_curve(figure, assessment, "omega_squared", colour, row=1)
    squeeze = np.array([np.nan if b.squeeze is None else b.squeeze.omega_squared for b in assessment.blocks])
    if np.isfinite(squeeze).any():
        figure.add_trace(_thin(squeeze, "squeeze z", _SQUEEZE, "dash", assessment), row=1, col=1)
    _add_curve(figure, assessment, "between_sd", colour, row=2)
    seeds = f" ({len(assessment.controls)} seeds)" if len(assessment.controls) > 1 else ""
    for number, control in enumerate(assessment.controls):
        words = f"random weights{seeds}" if number == 0 else f"random weights, seed {control.seed}"
        for row, name in ((1, "omega_squared"), (2, "between_sd")):
            values = np.array([getattr(block, name) for block in control.blocks])
            trace = _thin(values, words, GREY, "dot", assessment)
            trace.showlegend = row == 1 and number == 0
            figure.add_trace(trace, row=row, col=1)
    n = f"n = {assessment.images:,} images, {assessment.classes:,} classes"
    title = join_title(n, "95 % intervals over images" if assessment.groups else "no intervals", narrow=narrow)
    height, top = (640, 112) if narrow else (560, 70)
    style(figure, look, height=height, title=title, top=top, legend=True)
    style_depth(figure, assessment.gates, look, narrow=narrow, rows=2)
    figure.update_yaxes(title_text="class share ω²", row=1, col=1)
    figure.update_yaxes(title_text="between-class SD, in s", rangemode="tozero", row=2, col=1)
    return figure


def _add_curve(figure: go.Figure, assessment: Assessment, name: CurveName, colour: str, *, row: int) -> None:
    positions = np.arange(len(assessment.blocks))
    low, high = assessment.band(name)
    if np.isfinite(low).all():
        figure.add_trace(band_of(positions, low, high, colour=colour, name="gate s ± interval"), row=row, col=1)
    values = assessment.curve(name)
    figure.add_trace(
        go.Scatter(
            x=positions, y=values.astype(np.float32), mode="lines+markers", name="gate s", showlegend=row == 1,
            line={"color": colour, "width": 2.6}, marker={"size": 6},
            text=say_values(plain_blocks(assessment.gates), values, low, high, ".3f"),
            hovertemplate="<b>gate s</b><br>%{text}<extra></extra>",
        ),
        row=row, col=1,
    )  # fmt: skip


def _null_band(assessment: Assessment) -> list[go.Scatter]:
    nulls = [block.null for block in assessment.blocks if block.null is not None]
    if len(nulls) < len(assessment.blocks):
        return []
    low, high = np.array([null.low for null in nulls]), np.array([null.high for null in nulls])
    name = "shuffled labels (95 %)"
    return [band_of(np.arange(len(nulls)), low, high, colour=GREY, name=name, opacity=0.35, showlegend=True)]


def _thin(values: Floats, name: str, colour: str, dash: str, assessment: Assessment) -> go.Scatter:
    return go.Scatter(
        x=np.arange(len(values)), y=values.astype(np.float32), mode="lines", name=name, text=plain_blocks(assessment.gates),
        line={"color": colour, "width": 1.3, "dash": dash},
        hovertemplate=f"<b>{name}</b><br>%{{text}}: %{{y:.3f}}<extra></extra>",
    )  # fmt: skip
