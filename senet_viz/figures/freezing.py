"""What freezing more and more gates costs, and the classes that an intervention changes most."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.analysis.freezing import Cost, FreezeAdvice
from senet_viz.analysis.freezing_files import say_cost
from senet_viz.figures.axes import add_shapes, series_inks
from senet_viz.figures.theme import Look, plain, shorten, style, style_axes
from senet_viz.stats.effects import DISCOVERY_RATE, EffectTable, TargetEffect

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


_ROW = 24


def draw_changed_classes(
    table: EffectTable,
    effect: TargetEffect,
    labels: Sequence[str],
    look: Look,
    *,
    most: int = 10,
    narrow: bool = False,
) -> go.Figure:
    """A row a class: its shrunken Δ top-1 as a mark, filled where it is told from none, its own as a small cross.

    Args:
        table: that the effect is of.
        effect: of one target and baseline.
        labels: short and unique, of all classes.
        look: inks of the page.
        most: classes on each side.
        narrow: for a narrow screen.
    """
    losers, winners = table.extremes(effect, most=most)
    order = np.concatenate([losers, winners[::-1]]).astype(np.int64)
    figure = go.Figure(_class_marks(table, effect, order, labels, look))
    values = [float(effect.tests.shrunken[k]) for k in order]
    add_shapes(
        figure,
        [
            {"type": "line", "x0": 0, "x1": v, "y0": row, "y1": row, "line": {"color": _ink(v, look), "width": 2}}
            for row, v in enumerate(values)
        ],
    )
    counts = table.class_images[table.class_images > 0]
    n = f"{counts.min():,}" if counts.min() == counts.max() else f"{counts.min():,} to {counts.max():,}"
    title = f"<b>{plain(effect.target)} to {effect.baseline}</b> · n = {n} images a class, {len(counts):,} classes"
    legend = 3 if narrow else 1
    height = _ROW * len(order) + 96 + 22 * legend
    title, top = (title.replace(" · ", "<br>"), 124) if narrow else (title, 62)
    style(figure, look, height=height, title=title, top=top)
    style_axes(figure, look)
    figure.add_vline(x=0, line={"color": look.ink, "width": 1.2})
    figure.update_xaxes(title_text="Δ top-1, points", showgrid=True)
    names = [shorten(labels[k], 18 if narrow else 30) for k in order]
    figure.update_yaxes(
        tickvals=list(range(len(order))), ticktext=names, showgrid=False, range=[len(order) - 0.4, -0.6],
        automargin=True, ticks="",
    )  # fmt: skip
    figure.update_layout(legend_y=1 - (46 if narrow else 26) / height, legend_orientation="v" if narrow else "h")
    return figure


def _ink(value: float, look: Look) -> str:
    win, lose, _ = series_inks(look)
    return lose if value < 0 else win


def _class_marks(
    table: EffectTable, effect: TargetEffect, order: NDArray[np.int64], labels: Sequence[str], look: Look
) -> list[go.Scatter]:
    """Each class's own Δ, and its shrunken one: filled where it is found."""
    tests, own, rows = effect.tests, effect.changes["top1"].per_class, np.arange(len(order))
    texts = np.array(
        [
            f"<b>{plain(labels[k])}</b><br>shrunken {tests.shrunken[k]:.2f}, its own {own[k]:.2f} points"
            f"<br>n = {table.class_images[k]:,} images, p = {tests.p[k]:.2g}, q = {tests.q[k]:.2g}"
            for k in order
        ],
        dtype=object,
    )
    cross = {"symbol": "x-thin", "size": 7, "line": {"color": series_inks(look)[2], "width": 1.5}}
    found = tests.found[order]
    q = f"q ≤ {DISCOVERY_RATE:.2f}".replace("0.", ".")
    traces = [
        go.Scatter(x=own[order], y=rows, mode="markers", name="its own Δ", marker=cross, text=texts,
                   hovertemplate="%{text}<extra></extra>")
    ]  # fmt: skip
    for name, mine, symbol in (
        (f"shrunken, found ({q})", found, "circle"),
        ("shrunken, not told from none", ~found, "circle-open"),
    ):
        inks = [_ink(tests.shrunken[k], look) for k in order[mine]]
        traces.append(
            go.Scatter(
                x=tests.shrunken[order][mine], y=rows[mine], mode="markers", name=name, text=texts[mine],
                marker={"color": inks, "symbol": symbol, "size": 10, "line": {"width": 2}},
                hovertemplate="%{text}<extra></extra>", showlegend=True,
            )
        )  # fmt: skip
    return traces
