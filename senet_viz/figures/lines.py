"""Lines, bands and words over all panels of a figure, added at once: plotly checks all again for each that is added."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go


def add_shapes(figure: go.Figure, shapes: Sequence[Mapping[str, Any]]) -> None:
    """Any shapes, after those that are there.

    Args:
        figure: whose panels exist.
        shapes: plotly's, with the axes that they refer to.
    """
    if shapes:
        figure.layout.shapes = (*figure.layout.shapes, *shapes)


def add_annotations(figure: go.Figure, annotations: Sequence[Mapping[str, Any]]) -> None:
    """Any annotations, after those that are there.

    Args:
        figure: whose panels exist.
        annotations: plotly's, with the axes that they refer to.
    """
    if annotations:
        figure.layout.annotations = (*figure.layout.annotations, *annotations)


def add_bands(figure: go.Figure, spans: Sequence[tuple[float, float]], **looks: Any) -> None:
    """Bands from top to bottom of every panel.

    Args:
        figure: whose panels exist.
        spans: left and right end of each, in units of x.
        looks: of plotly's shapes.
    """
    shapes = [
        {"type": "rect", "xref": x, "yref": f"{y} domain", "x0": low, "x1": high, "y0": 0, "y1": 1, **looks}
        for x, y in _panels(figure)
        for low, high in spans
    ]
    add_shapes(figure, shapes)


def add_levels(figure: go.Figure, values: Sequence[float], line: Mapping[str, Any]) -> None:
    """Lines from the left to the right of every panel.

    Args:
        figure: whose panels exist.
        values: of y.
        line: plotly's.
    """
    shapes = [
        {"type": "line", "xref": f"{x} domain", "yref": y, "x0": 0, "x1": 1, "y0": value, "y1": value, "line": line}
        for x, y in _panels(figure)
        for value in values
    ]
    add_shapes(figure, shapes)


def _panels(figure: go.Figure) -> list[tuple[str, str]]:
    """Names of the x and the y axis of every panel."""
    axes = [(axis.anchor or "x", axis.plotly_name.replace("axis", "")) for axis in figure.select_yaxes()]
    return axes or [("x", "y")]
