"""What freezing more and more gates costs, and the classes that an intervention changes most."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.analysis.freezing import Cost, FreezeAdvice
from senet_viz.analysis.freezing_files import say_cost
from senet_viz.figures.axes import add_shapes, name_ticks, pad_range, series_colours, whiskers
from senet_viz.figures.theme import Look, join_title, legend_room, plain, shorten, style
from senet_viz.stats.effects import DISCOVERY_RATE, EffectTable, TargetEffect

_DEEPEST = 6  # times the accepted loss that the axis goes down
_MOST_LABELS = 26


def draw_freezing(advice: FreezeAdvice, look: Look, *, narrow: bool = False) -> go.Figure:
    """Δ top-1 over the number of frozen gates; the axis ends a few times below the accepted loss."""
    path = advice.path
    confirmed, chosen, grey = series_colours(look)
    figure = go.Figure()
    sides = (
        ("on the half that chose", chosen, "square-open", -0.12, [step.choosing for step in path.steps]),
        ("on the other half", confirmed, "circle", 0.12, [s.confirming for s in path.steps if s.confirming is not None]),
    )  # fmt: skip
    for name, colour, symbol, offset, costs in sides:
        figure.add_trace(_markers(advice, costs, name=name, colour=colour, symbol=symbol, offset=offset))
    figure.add_hline(y=0, line={"color": look.ink, "width": 1.2})
    figure.add_hline(y=-advice.loss, line={"color": grey, "width": 1.4, "dash": "dash"})
    if advice.size:
        size = advice.size + 0.5
        figure.add_vrect(x0=0.5, x1=size, fillcolor=look.grid, opacity=0.5, line_width=0, layer="below")
    labels = [plain(path.gate(name).label) for name in path.order]
    turned = narrow or len(labels) > 8
    title = join_title(
        f"n = {path.images[0]:,} images that chose, {path.images[1]:,} that confirm · 90 % intervals",
        "dashed: the accepted loss; grey: what the choice proposes", narrow=narrow,
    )  # fmt: skip
    height, below = (450, 92) if turned else (390, 50)
    style(figure, look, height=height, title=title, top=84 if narrow else 66, legend=True, margin={"b": below})
    step = max(1, -(-len(labels) // (13 if narrow else _MOST_LABELS)))
    shown = list(range(1, len(labels) + 1, step))
    figure.update_xaxes(
        tickvals=shown, ticktext=[f"+ {labels[at - 1]}" for at in shown], range=[0.4, len(labels) + 0.6],
        tickangle=-90 if turned else 0, title_text="block frozen next, from left to right",
    )  # fmt: skip
    return figure.update_yaxes(title_text="Δ top-1, points", range=_range(advice))


def _markers(
    advice: FreezeAdvice, costs: Sequence[Cost], *, name: str, colour: str, symbol: str, offset: float
) -> go.Scatter:
    path = advice.path
    values = np.array([cost.top1.value for cost in costs], dtype=np.float64)
    reach = np.nan_to_num(np.array([cost.interval().high for cost in costs], dtype=np.float64) - values)
    text = [
        f"{size} frozen, the last {plain(path.gate(path.order[size - 1]).label)}: {say_cost(cost)} points"
        for size, cost in enumerate(costs, start=1)
    ]
    return go.Scatter(
        x=np.arange(1, len(values) + 1) + offset, y=values, mode="markers", name=name, text=text,
        marker={"color": colour, "symbol": symbol, "size": 8},
        error_y=whiskers(reach, colour),
        hovertemplate=f"<b>{name}</b><br>%{{text}}<extra></extra>",
    )  # fmt: skip


def _range(advice: FreezeAdvice) -> list[float]:
    costs = [c for s in advice.path.steps for c in (s.choosing, s.confirming) if c is not None]
    limits, values = [c.interval() for c in costs], [c.top1.value for c in costs]
    low = float(np.nanmin([*values, *(i.low for i in limits), -advice.loss]))
    high = float(np.nanmax([*values, *(i.high for i in limits), 0.0]))
    return pad_range(max(low, -_DEEPEST * advice.loss), min(high, _DEEPEST * advice.loss), 0.06)


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

    `labels` are short and unique, of all classes; `most` classes are drawn on each side.
    """
    losers, winners = table.extremes(effect, most=most)
    order = np.concatenate([losers, winners[::-1]]).astype(np.int64)
    figure = go.Figure(_class_markers(table, effect, order, labels, look))
    shapes = [
        {"type": "line", "x0": 0, "x1": v, "y0": row, "y1": row, "line": {"color": _side_colour(v, look), "width": 2}}
        for row, v in enumerate(effect.tests.shrunken[order].tolist())
    ]
    add_shapes(figure, shapes)
    counts = table.class_images[table.class_images > 0]
    n = f"{counts.min():,}" if counts.min() == counts.max() else f"{counts.min():,} to {counts.max():,}"
    title = (
        f"<b>{plain(effect.target)} to {plain(effect.baseline)}</b> · n = {n} images a class, {len(counts):,} classes"
    )
    room = legend_room(3, 1 if narrow else 3)
    title, top = (title.replace(" · ", "<br>"), 124) if narrow else (title, 62)
    below = 46 if narrow else 26
    style(figure, look, height=_ROW * len(order) + 96 + room, title=title, top=top, legend=below, upright=narrow)
    figure.add_vline(x=0, line={"color": look.ink, "width": 1.2})
    figure.update_xaxes(title_text="Δ top-1, points", showgrid=True)
    names = [shorten(labels[k], 18 if narrow else 30) for k in order]
    return figure.update_yaxes(**name_ticks(names, range=[len(order) - 0.4, -0.6], automargin=True))


def _side_colour(value: float, look: Look) -> str:
    win, lose, _ = series_colours(look)
    return lose if value < 0 else win


def _class_markers(
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
    cross = {"symbol": "x-thin", "size": 7, "line": {"color": series_colours(look)[2], "width": 1.5}}
    found = tests.found[order]
    q = f"q ≤ {DISCOVERY_RATE:.2f}".replace("0.", ".")
    hover = "%{text}<extra></extra>"
    traces = [
        go.Scatter(x=own[order], y=rows, mode="markers", name="its own Δ", marker=cross, text=texts, hovertemplate=hover)
    ]  # fmt: skip
    sides = ((f"shrunken, found ({q})", found, "circle"), ("shrunken, not told from none", ~found, "circle-open"))
    for name, mine, symbol in sides:
        colours = [_side_colour(tests.shrunken[k], look) for k in order[mine]]
        traces.append(
            go.Scatter(
                x=tests.shrunken[order][mine], y=rows[mine], mode="markers", name=name, text=texts[mine], showlegend=True,
                marker={"color": colours, "symbol": symbol, "size": 10, "line": {"width": 2}}, hovertemplate=hover,
            )
        )  # fmt: skip
    return traces
