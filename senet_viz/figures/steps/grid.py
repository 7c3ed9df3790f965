"""Panels of a figure in a grid, in plain values: plotly checks all again for each axis that is changed, and once here."""

from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

Place = tuple[int, int]
"""Row and column, from 1, of a panel's upper left cell."""


@dataclass
class Grid:
    """Where panels lie, what their axes look like, and what is drawn in them.

    Attributes:
        widths, heights: of columns and rows, in any unit.
        gaps: between columns and between rows, as shares of the whole.
    """

    widths: tuple[float, ...]
    heights: tuple[float, ...]
    gaps: tuple[float, float]
    _axes: dict[str, dict[str, Any]] = field(default_factory=dict)
    _traces: list[dict[str, Any]] = field(default_factory=list)
    _words: list[dict[str, Any]] = field(default_factory=list)
    _names: dict[Place, str] = field(default_factory=dict)

    def add_panel(self, place: Place, x: dict[str, Any], y: dict[str, Any], *, span: tuple[int, int] = (1, 1)) -> None:
        """A panel over `span` rows and columns; `x` and `y` are properties of its axes."""
        name = self._names[place] = self._next_name()
        (row, column), (rows, columns) = place, span
        left, right = (_stretches(self.widths, self.gaps[0])[at] for at in (column - 1, column + columns - 2))
        upper, lower = (_stretches(self.heights, self.gaps[1])[at] for at in (row - 1, row + rows - 2))
        self._axes[f"xaxis{name}"] = {"anchor": f"y{name}", "domain": [left[0], right[1]], **x}
        self._axes[f"yaxis{name}"] = {"anchor": f"x{name}", "domain": [1 - lower[1], 1 - upper[0]], **y}

    def next_axis(self) -> str:
        """The x axis of the panel that is added next, as a `scaleanchor` names it."""
        return f"x{self._next_name()}"

    def _next_name(self) -> str:
        return str(len(self._names) + 1) if self._names else ""

    def add_trace(self, place: Place, trace: dict[str, Any]) -> None:
        name = self._names[place]
        self._traces.append({**trace, "xaxis": f"x{name}", "yaxis": f"y{name}"})

    def add_words(self, place: Place, text: str, *, below: bool = False, **looks: Any) -> None:
        """At the panel's upper left corner; `below`: at the left under the whole grid."""
        name = self._names[place]
        x, y = self._axes[f"xaxis{name}"]["domain"][0], self._axes[f"yaxis{name}"]["domain"][1]
        self._words.append(
            {"x": x, "y": 0 if below else y, "xref": "paper", "yref": "paper", "text": text, "showarrow": False,
             "xanchor": "left", "yanchor": "top" if below else "bottom", **looks}
        )  # fmt: skip

    def draw(self) -> go.Figure:
        return go.Figure({"data": self._traces, "layout": {**self._axes, "annotations": self._words}})


def _stretches(sizes: tuple[float, ...], gap: float) -> list[tuple[float, float]]:
    """Begin and end of each, as shares of the whole."""
    unit = (1 - gap * (len(sizes) - 1)) / sum(sizes)
    stretches, begin = [], 0.0
    for size in sizes:
        stretches.append((begin, min(begin + size * unit, 1.0)))
        begin += size * unit + gap
    return stretches
