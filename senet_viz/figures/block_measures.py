"""Measures of class dependence along the depth, one panel for each axis that they share."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.analysis.blocks import BlockMeasures
from senet_viz.analysis.profiles import label_blocks
from senet_viz.figures.depth import style_depth, tick_labels
from senet_viz.figures.look import DARK, Look, style, style_axes
from senet_viz.figures.series import legend_panels, line_of, series_inks

_PANELS = {
    "share": "Share of variance that is class",
    "sd": "SD, in units of s",
    "decoding": "Accuracy of decoding the class",
    "similarity": "CKA with the classes",
}
_MOST_LABELS = 20
_FOURTH, _FOURTH_DARK = "rgb(0, 120, 100)", "rgb(120, 200, 170)"


def draw_block_measures(measures: BlockMeasures, look: Look, *, narrow: bool = False) -> go.Figure:
    """Small multiples over the blocks, with 95 % intervals where these are known; what is confounded is dotted.

    Args:
        measures: what to draw; panels without a curve are left out.
        look: inks of the page.
        narrow: one panel a row.
    """
    panels = [name for name in _PANELS if any(c.panel == name for c in measures.curves)] or ["share"]
    columns = 1 if narrow or len(panels) == 1 else 2
    rows = -(-len(panels) // columns)
    lines = [_entries(measures, name) for name in panels]
    gap, head = 80 + 20 * max(lines), 60 + 20 * max(lines)
    height = head + 70 + 190 * rows + gap * (rows - 1)
    titles = [_PANELS[name] for name in panels]
    spacing = gap / (height - head - 70) if rows > 1 else 0
    figure = make_subplots(
        rows, columns, specs=_grid(len(panels), rows, columns), subplot_titles=titles, horizontal_spacing=0.08,
        vertical_spacing=spacing,
    )  # fmt: skip
    for at, name in enumerate(panels):
        _add_panel(figure, measures, name, look, row=at // columns + 1, col=at % columns + 1)
    style(figure, look, height=height, title=f"n = {measures.images:,} images, {measures.classes:,} classes", top=head)
    style_axes(figure, look)
    _style_blocks(figure, measures, look, narrow=narrow)
    figure.update_yaxes(rangemode="tozero")
    legend_panels(figure, look, titles, rows=lines)
    figure.update_layout(margin={"b": 70, "l": 44})
    return figure


def _grid(panels: int, rows: int, columns: int) -> list[list[dict[str, int] | None]]:
    """No axes behind the last panel."""
    return [[{} if row * columns + column < panels else None for column in range(columns)] for row in range(rows)]


def _style_blocks(figure: go.Figure, measures: BlockMeasures, look: Look, *, narrow: bool) -> None:
    """Turned labels in all panels; all of them where there is room."""
    style_depth(figure, measures.gates, look, narrow=True)
    figure.update_xaxes(title_text="")
    blocks = len(measures.gates)
    if not narrow and blocks <= _MOST_LABELS:
        figure.update_xaxes(tickvals=list(range(blocks)), ticktext=tick_labels(measures.gates))


def _entries(measures: BlockMeasures, panel: str) -> int:
    """Of a panel's legend."""
    return sum(c.panel == panel for c in measures.curves) + (panel == "decoding")


def _add_panel(figure: go.Figure, measures: BlockMeasures, panel: str, look: Look, *, row: int, col: int) -> None:
    positions = np.arange(len(measures.gates), dtype=np.float64)
    labels, inks = label_blocks(measures.gates), (*series_inks(look), _FOURTH_DARK if look == DARK else _FOURTH)
    curves = [c for c in measures.curves if c.panel == panel]
    for ink, curve in reversed(list(zip(inks[: len(curves)], curves, strict=True))):  # the first on top
        name = curve.words + (f" ({curve.confounded})" if curve.confounded else "")
        dash = "dot" if curve.confounded else "solid" if np.isfinite(curve.low).any() else "dash"
        traces = line_of(
            positions, curve.values, labels, name=name, ink=ink, dash=dash, interval=(curve.low, curve.high)
        )
        for trace in traces:
            figure.add_trace(trace, row=row, col=col)
    if panel == "decoding" and np.isfinite(measures.chance):
        figure.add_trace(
            go.Scatter(
                x=[-0.6, len(positions) - 0.4], y=[measures.chance] * 2, mode="lines", name="chance", hoverinfo="skip",
                line={"color": look.text, "width": 1, "dash": "dash"},
            ),
            row=row, col=col,
        )  # fmt: skip
