"""What of the effect is class: instance and class stacked, the dynamic effect beside them, each with its interval below."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.figures.depth import style_depth
from senet_viz.figures.effects.marks import (
    Over,
    add_zero,
    axis_title,
    head_of,
    place_of,
    say_effect,
    span_of,
    whiskers,
)
from senet_viz.figures.look import Look, style, style_axes
from senet_viz.figures.series import series_inks
from senet_viz.schema import Gate
from senet_viz.stats.effects import COMPONENTS, FORMULAS, Component, ComponentName, EffectTable, Measure

_TITLES = ("Instance and class stacked: between − clean", "Each with its interval")


def draw_components(
    table: EffectTable,
    components: Sequence[Component],
    gates: Sequence[Gate],
    look: Look,
    *,
    kind: str = "block",
    measure: Measure = "top1",
    over: Over = "images",
    narrow: bool = False,
) -> go.Figure:
    """Two panels over the blocks. Instance and class add up to between − clean; dynamic is a constant gate's, a mark beside.

    Args:
        table: that the components are of.
        components: of all kinds of targets.
        gates: all blocks in order of depth.
        look: inks of the page.
        kind: of the targets that are drawn.
        measure: what is judged.
        over: what the whiskers are over.
        narrow: for a narrow screen.
    """
    here = [c for c in components if c.kind == kind]
    height = 690 if narrow else 580
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.13, subplot_titles=_TITLES)
    present = [name for name in COMPONENTS if any(c.name == name for c in here)]
    for number, name in enumerate(present):
        some = [c for c in here if c.name == name]
        offset = (number - (len(present) - 1) / 2) * 0.22
        figure.add_trace(_mark(some, name, gates, look, measure, over), row=1, col=1)
        figure.add_trace(_dots(some, name, gates, look, measure, over, offset), row=2, col=1)
    add_zero(figure, look)
    top = 168 if narrow else 84
    style(figure, look, height=height, title=head_of(table, measure, over, narrow=narrow), top=top)
    style_axes(figure, look)
    style_depth(figure, gates, look, narrow=narrow)
    figure.update_xaxes(title_text="", row=1)
    figure.update_yaxes(title_text=axis_title(measure))
    figure.update_annotations(x=0, xanchor="left", yshift=3, font={"size": 13, "color": look.ink})
    figure.update_layout(
        barmode="relative", legend_y=1 - (46 if narrow else 26) / height, margin={"b": 74 if narrow else 50}
    )
    return figure


def _ink(name: ComponentName, look: Look) -> tuple[str, str]:
    first, second, _ = series_inks(look)
    return {"dynamic": (look.ink, "diamond"), "instance": (first, "circle"), "class": (second, "square")}[name]


def _texts(some: Sequence[Component], measure: Measure, over: Over) -> list[str]:
    return [f"{c.target}: {say_effect(c.changes[measure], measure, over)}" for c in some]


def _mark(
    some: Sequence[Component], name: ComponentName, gates: Sequence[Gate], look: Look, measure: Measure, over: Over
) -> go.Bar | go.Scatter:
    """A stacked bar, or the dynamic effect's mark."""
    ink, symbol = _ink(name, look)
    spans = [span_of(c.blocks, gates) for c in some]
    shared = {
        "x": [place_of(c.kind, c.blocks, gates) for c in some], "name": f"{name} ({FORMULAS[name]})", "legendgroup": name,
        "y": np.array([c.changes[measure].value for c in some], dtype=np.float32), "text": _texts(some, measure, over),
        "hovertemplate": f"<b>{name}</b><br>%{{text}}<extra></extra>",
    }  # fmt: skip
    if name == "dynamic":
        marker = {"color": ink, "symbol": symbol, "size": 11, "line": {"width": 2, "color": look.paper}}
        return go.Scatter(mode="markers", marker=marker, **shared)
    widths = [0.62 if some[i].kind == "cumulative" else last - first + 0.62 for i, (first, last) in enumerate(spans)]
    return go.Bar(width=widths, textposition="none", marker={"color": ink, "line": {"width": 0}}, **shared)


def _dots(
    some: Sequence[Component],
    name: ComponentName,
    gates: Sequence[Gate],
    look: Look,
    measure: Measure,
    over: Over,
    offset: float,
) -> go.Scatter:
    ink, symbol = _ink(name, look)
    changes = [c.changes[measure] for c in some]
    return go.Scatter(
        x=[place_of(c.kind, c.blocks, gates) + offset for c in some], name=name, legendgroup=name, showlegend=False,
        y=np.array([c.value for c in changes], dtype=np.float32), mode="markers",
        marker={"color": ink, "symbol": symbol, "size": 7}, error_y=whiskers(changes, over, ink),
        text=_texts(some, measure, over), hovertemplate=f"<b>{name}</b><br>%{{text}}<extra></extra>",
    )  # fmt: skip
