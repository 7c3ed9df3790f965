"""What freezing more and more gates costs: a mark with its interval a set of the path, on both halves of the images."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.freezing import Cost, FreezeAdvice
from senet_viz.analysis.freezing.answers import say_cost
from senet_viz.figures.look import Look, style, style_axes
from senet_viz.figures.series import series_inks

_DEEPEST = 6  # times the accepted loss that the axis goes down
_MOST_LABELS = 26


def draw_freezing(advice: FreezeAdvice, look: Look, *, narrow: bool = False) -> go.Figure:
    """Δ top-1 over the number of frozen gates; the axis ends a few times below the accepted loss.

    Args:
        advice: for the loss that is marked.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    path = advice.path
    confirmed, chosen, grey = series_inks(look)
    figure = go.Figure()
    sides = (
        ("on the half that chose", chosen, "square-open", -0.12, [step.choosing for step in path.steps]),
        (
            "on the other half",
            confirmed,
            "circle",
            0.12,
            [s.confirming for s in path.steps if s.confirming is not None],
        ),
    )
    for name, ink, symbol, offset, costs in sides:
        figure.add_trace(_marks(advice, costs, name=name, ink=ink, symbol=symbol, offset=offset))
    figure.add_hline(y=0, line={"color": look.ink, "width": 1.2})
    figure.add_hline(y=-advice.loss, line={"color": grey, "width": 1.4, "dash": "dash"})
    if advice.size:
        figure.add_vrect(
            x0=0.5, x1=advice.size + 0.5, fillcolor=look.grid, opacity=0.5, line_width=0, layer="below",
        )  # fmt: skip
    labels = [path.gate(name).label for name in path.order]
    turned = narrow or len(labels) > 8
    height = 390 + (60 if turned else 0)
    title = (
        f"n = {path.images[0]:,} images that chose, {path.images[1]:,} that confirm · 90 % intervals"
        f"{'<br>' if narrow else ' · '}dashed: the accepted loss; grey: what the choice proposes"
    )
    style(figure, look, height=height, title=title, top=84 if narrow else 66)
    style_axes(figure, look)
    step = max(1, -(-len(labels) // (13 if narrow else _MOST_LABELS)))
    shown = list(range(1, len(labels) + 1, step))
    figure.update_xaxes(
        tickvals=shown, ticktext=[f"+ {labels[at - 1]}" for at in shown], range=[0.4, len(labels) + 0.6],
        tickangle=-90 if turned else 0, title_text="block frozen next, from left to right",
    )  # fmt: skip
    figure.update_yaxes(title_text="Δ top-1, points", range=_range(advice))
    figure.update_layout(legend_y=1 - (46 if narrow else 26) / height, margin={"b": 92 if turned else 50})
    return figure


def _marks(
    advice: FreezeAdvice, costs: Sequence[Cost], *, name: str, ink: str, symbol: str, offset: float
) -> go.Scatter:
    path = advice.path
    values = np.array([cost.top1.value for cost in costs], dtype=np.float64)
    reach = np.nan_to_num(np.array([cost.interval().high for cost in costs], dtype=np.float64) - values)
    text = [
        f"{size} frozen, the last {path.gate(path.order[size - 1]).label}: {say_cost(cost)} points"
        for size, cost in enumerate(costs, start=1)
    ]
    return go.Scatter(
        x=np.arange(1, len(values) + 1) + offset, y=values, mode="markers", name=name, text=text,
        marker={"color": ink, "symbol": symbol, "size": 8},
        error_y={"type": "data", "array": reach, "color": ink, "thickness": 1.3, "width": 3},
        hovertemplate=f"<b>{name}</b><br>%{{text}}<extra></extra>",
    )  # fmt: skip


def _range(advice: FreezeAdvice) -> list[float]:
    limits = [c.interval() for s in advice.path.steps for c in (s.choosing, s.confirming) if c is not None]
    values = [c.top1.value for s in advice.path.steps for c in (s.choosing, s.confirming) if c is not None]
    low = float(np.nanmin([*values, *(i.low for i in limits), -advice.loss]))
    high = float(np.nanmax([*values, *(i.high for i in limits), 0.0]))
    low = max(low, -_DEEPEST * advice.loss)
    high = min(high, _DEEPEST * advice.loss)
    pad = 0.06 * (high - low)
    return [low - pad, high + pad]
