"""Losers and winners: the classes that an intervention changes most."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.figures.comparison.inks import plain, shorten
from senet_viz.figures.lines import add_shapes
from senet_viz.figures.look import Look, style, style_axes
from senet_viz.figures.series import series_inks
from senet_viz.stats.effects import DISCOVERY_RATE, EffectTable, TargetEffect

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
    figure = go.Figure(_marks(table, effect, order, labels, look))
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


def _marks(
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
