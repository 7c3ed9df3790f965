"""A row a channel, from left to right: its map, z, the gate, the map after; the hidden layer stands between for all."""

import math
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.figures.comparison.inks import shorten
from senet_viz.figures.lines import add_annotations
from senet_viz.figures.look import GREY, Look, change_axes, style, style_axes
from senet_viz.figures.steps.inks import ink_of, legend_words, sign_of
from senet_viz.steps import BlockSteps, Step, tell_steps
from senet_viz.steps.words import MOST_TERMS, describe_loudness, subscript

_ROW, _GAP, _HEAD, _FOOT, _HIDDEN = 92, 30, 76, 96, 190
_MAPS = "Cividis"
_SHORT = ("maps U", "z", "", "gate s", "maps x̃")  # headings of the columns on a narrow screen


@dataclass(frozen=True)
class _Plan:
    """Which column of the grid each step has; on a narrow screen the hidden layer is a row below."""

    rows: int
    columns: int
    gate: int
    after: int
    hidden: tuple[int, int]
    narrow: bool


def draw_steps(steps: BlockSteps, look: Look, *, channel: int, narrow: bool = False) -> go.Figure:
    """The five steps of the shown channels; under each the formula with the numbers of one channel (on a wide screen).

    Maps before and after share their colours in each row, grey at 0, so that a map that is turned down is nearer to grey. The gate's axis is
    the gate's range; a black tick is the recorded mean, the grey bar behind it one recorded SD to either side.

    Args:
        steps: of one image.
        look: inks of the page.
        channel: of those shown, whose numbers are put in.
        narrow: for a narrow screen.

    Raises:
        ArgumentError: the channel is not shown.
    """
    told = tell_steps(steps, channel)
    plan = _plan(len(steps.shown), narrow=narrow)
    figure, height = _grid(plan)
    for row, shown in enumerate(steps.shown.tolist(), start=1):
        _add_maps(figure, steps, row, plan)
        _add_squeeze(figure, steps, row, shown, look)
        _add_gate(figure, steps, row, shown, look, plan)
    _add_hidden(figure, steps, channel, look, plan)
    top = 132 if narrow else _HEAD
    break_ = "<br>" if narrow else " · "
    title = (
        f"<b>{steps.block.label}</b> · {shorten(steps.image, 24)}{break_}{legend_words(look)}{break_}"
        f"mean of n = {steps.images:,} images"
    )
    style(figure, look, height=height, title=title, top=top)
    _style_panels(figure, steps, channel, look, plan)
    _name_rows(figure, steps, channel, look, plan)
    _head_columns(figure, told, look, plan)
    if not narrow:
        _put_numbers(figure, told, look)
    figure.update_layout(showlegend=False, bargap=0.3, margin={"l": 8, "r": 8, "b": 48 if narrow else _FOOT})
    return figure


def _plan(channels: int, *, narrow: bool) -> _Plan:
    if narrow:
        return _Plan(channels, 4, 3, 4, (channels + 1, 1), narrow=True)
    return _Plan(channels, 5, 4, 5, (1, 3), narrow=False)


def _grid(plan: _Plan) -> tuple[go.Figure, int]:
    inner = plan.rows * _ROW + (plan.rows - 1) * _GAP
    rows = plan.rows + plan.narrow
    if plan.narrow:
        inner += _HIDDEN + _GAP
    specs: list[list[dict[str, int] | None]] = [[{}] * plan.columns for _ in range(plan.rows)]
    if plan.narrow:
        specs.append([{"colspan": plan.columns}, *([None] * (plan.columns - 1))])
    else:
        for row, line in enumerate(specs):
            line[2] = {"rowspan": plan.rows} if row == 0 else None
    figure = make_subplots(
        rows, plan.columns, specs=specs, horizontal_spacing=0.04 if plan.narrow else 0.045,
        vertical_spacing=_GAP / inner if rows > 1 else 0,
        row_heights=[_ROW] * plan.rows + [_HIDDEN] * plan.narrow,
        column_widths=[0.27, 0.2, 0.26, 0.27] if plan.narrow else [0.14, 0.17, 0.22, 0.23, 0.14],
    )  # fmt: skip
    top, foot = (132, 48) if plan.narrow else (_HEAD, _FOOT)
    return figure, inner + top + foot


def _add_maps(figure: go.Figure, steps: BlockSteps, row: int, plan: _Plan) -> None:
    before, after = steps.before[row - 1], steps.after[row - 1]
    most = float(max(np.abs(before).max(), np.abs(after).max())) or 1e-6
    for values, column, name in ((before, 1, "u"), (after, plan.after, "x̃")):
        figure.add_trace(
            go.Heatmap(
                z=values, zmin=-most, zmax=most, colorscale=_MAPS, showscale=False,
                hovertemplate=f"{name}, channel {steps.shown[row - 1]}<br>row %{{y}}, column %{{x}}: %{{z:.3g}}<extra></extra>",
            ),
            row=row, col=column,
        )  # fmt: skip


def _add_squeeze(figure: go.Figure, steps: BlockSteps, row: int, channel: int, look: Look) -> None:
    value = float("nan") if steps.squeeze is None else float(steps.squeeze[channel])
    figure.add_trace(
        go.Bar(x=[value], y=[0], orientation="h", width=0.5, marker={"color": look.text},
               hovertemplate=f"z of channel {channel}: %{{x:.4g}}<extra></extra>"),
        row=row, col=2,
    )  # fmt: skip


def _add_gate(figure: go.Figure, steps: BlockSteps, row: int, channel: int, look: Look, plan: _Plan) -> None:
    s, mean, sd = (float(values[channel]) for values in (steps.gate, steps.mean, steps.sd))
    column = plan.gate
    figure.add_trace(
        go.Bar(x=[s], y=[0], orientation="h", width=0.5, marker={"color": ink_of(steps, channel, look)},
               hovertemplate=f"gate of channel {channel}: %{{x:.4f}}<extra></extra>"),
        row=row, col=column,
    )  # fmt: skip
    if math.isfinite(sd):
        figure.add_trace(
            go.Scatter(x=[mean - sd, mean + sd], y=[-0.42, -0.42], mode="lines", line={"color": GREY, "width": 5},
                       hovertemplate=f"recorded SD {sd:.4f}<extra></extra>"),
            row=row, col=column,
        )  # fmt: skip
    figure.add_trace(
        go.Scatter(x=[mean, mean], y=[-0.55, 0.45], mode="lines", line={"color": look.ink, "width": 2},
                   hovertemplate="recorded mean %{x:.4f}<extra></extra>"),
        row=row, col=column,
    )  # fmt: skip


def _add_hidden(figure: go.Figure, steps: BlockSteps, channel: int, look: Look, plan: _Plan) -> None:
    row, column = plan.hidden
    hidden = steps.hidden
    if hidden is None:
        figure.add_trace(
            go.Scatter(x=[0], y=[0], mode="markers", marker={"opacity": 0}, hoverinfo="skip"), row=row, col=column
        )
        return
    units = np.arange(len(hidden.values))
    terms = hidden.terms(steps.row(channel))
    leading = _leading(steps, channel)
    inks = [look.ink if int(j) in leading else GREY for j in units]
    added = np.full(len(units), np.nan) if terms is None else terms
    figure.add_trace(
        go.Bar(
            x=units if plan.narrow else hidden.values, y=hidden.values if plan.narrow else units,
            orientation="v" if plan.narrow else "h", width=0.7, marker={"color": inks, "line": {"width": 0}},
            customdata=np.column_stack([units, hidden.values, added]).astype(np.float32),
            hovertemplate="hidden unit %{customdata[0]:.0f}: %{customdata[1]:.4g}<br>"
            f"adds %{{customdata[2]:+.3g}} to channel {channel}<extra></extra>",
        ),
        row=row, col=column,
    )  # fmt: skip


def _style_panels(figure: go.Figure, steps: BlockSteps, channel: int, look: Look, plan: _Plan) -> None:
    style_axes(figure, look)
    change_axes(figure, "x", {"nticks": 3, "showgrid": True, "tickfont": {"size": 10}, "tickangle": 0})
    change_axes(figure, "y", {"visible": False})
    gates = list(steps.block.range)
    z = np.zeros(1) if steps.squeeze is None else steps.squeeze[steps.shown]
    reach = (min(0.0, float(z.min())), max(0.0, float(z.max())))
    pad = 0.05 * (reach[1] - reach[0]) or 0.5
    for row in range(1, plan.rows + 1):
        for column in (1, plan.after):
            place = {"row": row, "col": column}
            name = next(figure.select_xaxes(**place)).plotly_name.replace("axis", "")
            change_axes(figure, "x", {"visible": False, "constrain": "domain"}, **place)
            change_axes(figure, "y", {"autorange": "reversed", "scaleanchor": name, "constrain": "domain"}, **place)
        last = row == plan.rows
        pooled = {"range": [reach[0] - pad, reach[1] + pad], "showticklabels": last}
        change_axes(figure, "x", pooled, row=row, col=2)
        change_axes(figure, "x", {"range": gates, "showticklabels": last}, row=row, col=plan.gate)
        change_axes(figure, "y", {"range": [-0.6, 0.6]}, row=row, col=2)
        change_axes(figure, "y", {"range": [-0.6, 0.6]}, row=row, col=plan.gate)
    row, column = plan.hidden
    if steps.hidden is None:
        figure.update_xaxes(visible=False, row=row, col=column)
        return
    if plan.narrow:
        most = 1.35 * max(float(steps.hidden.values.max()), 1e-6)  # room for the heading
        least = min(0.0, float(steps.hidden.values.min()))
        figure.update_yaxes(
            visible=True,
            nticks=4,
            showgrid=True,
            ticklabelposition="inside",
            ticks="",
            range=[least, most],
            row=row,
            col=column,
        )
        figure.update_xaxes(showgrid=False, title_text="hidden unit", nticks=8, row=row, col=column)
    else:
        named = sorted(_leading(steps, channel))
        figure.update_yaxes(
            visible=True, autorange="reversed", showline=False, showgrid=False, ticks="", tickvals=named,
            ticktext=[f"h{subscript(j)}" for j in named], tickfont={"size": 10, "color": look.ink}, row=row, col=column,
        )  # fmt: skip


def _leading(steps: BlockSteps, channel: int) -> set[int]:
    """Hidden units that move the channel most: those that the words name."""
    terms = None if steps.hidden is None else steps.hidden.terms(steps.row(channel))
    return set() if terms is None else set(np.argsort(-np.abs(terms), kind="stable")[:MOST_TERMS].tolist())


def _name_rows(figure: go.Figure, steps: BlockSteps, channel: int, look: Look, plan: _Plan) -> None:
    """Above each map what channel it is, above each gate its value."""
    words = []
    for row, shown in enumerate(steps.shown.tolist(), start=1):
        name = f"channel {shown}"
        loud = f"{sign_of(steps, shown)} {describe_loudness(steps, shown).split(', ')[-1]}"
        texts = [
            (1, f"<b>{name}</b>" if shown == channel else name, look.ink),
            (plan.gate, f"s = {steps.gate[shown]:.3f}{'' if plan.narrow else ' ' + loud}", ink_of(steps, shown, look)),
            (plan.after, loud if plan.narrow else "", ink_of(steps, shown, look)),
        ]
        if steps.squeeze is not None:
            texts.append((2, f"z = {steps.squeeze[shown]:.3g}".replace("-", "−"), look.text))
        for column, text, ink in texts:
            x = next(figure.select_xaxes(row=row, col=column)).domain
            y = next(figure.select_yaxes(row=row, col=column)).domain
            words.append(
                {"x": x[0], "y": y[1], "xref": "paper", "yref": "paper", "text": text, "showarrow": False,
                 "xanchor": "left", "yanchor": "bottom", "font": {"size": 11, "color": ink}}
            )  # fmt: skip
    add_annotations(figure, words)


def _head_columns(figure: go.Figure, told: tuple[Step, ...], look: Look, plan: _Plan) -> None:
    places = [(1, 1), (1, 2), plan.hidden, (1, plan.gate), (1, plan.after)]
    heads = []
    for number, ((row, column), step) in enumerate(zip(places, told), start=1):
        x = next(figure.select_xaxes(row=row, col=column)).domain
        y = next(figure.select_yaxes(row=row, col=column)).domain
        inside = plan.narrow and (row, column) == plan.hidden
        title = _SHORT[number - 1] if plan.narrow and not inside else step.title
        heads.append(
            {"x": x[0], "y": y[1], "xref": "paper", "yref": "paper", "text": f"<b>{number} {title}</b>",
             "showarrow": False, "xanchor": "left", "yanchor": "top" if inside else "bottom",
             "yshift": 0 if inside else 18, "font": {"size": 12, "color": look.ink}}
        )  # fmt: skip
    add_annotations(figure, heads)


def _put_numbers(figure: go.Figure, told: tuple[Step, ...], look: Look) -> None:
    """Under each column the formula with the numbers of the chosen channel."""
    numbers = []
    for column, step in enumerate(told, start=1):
        x = next(figure.select_xaxes(row=1, col=column)).domain
        numbers.append(
            {"x": x[0], "y": 0, "xref": "paper", "yref": "paper", "text": "<br>".join(step.numbers), "showarrow": False,
             "align": "left", "xanchor": "left", "yanchor": "top", "yshift": -26, "font": {"size": 11, "color": look.ink}}
        )  # fmt: skip
    add_annotations(figure, numbers)
