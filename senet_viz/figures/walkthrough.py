"""One image through one SE block: a row a channel from its map to the map after, and all channels of the block."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.analysis.walkthrough import (
    MOST_TERMS,
    BlockSteps,
    Step,
    describe_amplification,
    describe_steps,
    subscript,
)
from senet_viz.figures.axes import pad_range
from senet_viz.figures.theme import DARK, GREY, Axis, Look, axis_style, change_axes, join_title, plain, shorten, style
from senet_viz.text import number_text

AMPLIFIED_SIGN, ATTENUATED_SIGN = "▲", "▼"


def change_colours(look: Look) -> tuple[str, str]:
    """Of louder and of quieter channels, readable as letters on the page's paper."""
    return ("rgb(240, 160, 80)", "rgb(136, 190, 240)") if look == DARK else ("rgb(184, 78, 10)", "rgb(40, 75, 160)")


def channel_colour(steps: BlockSteps, channel: int, look: Look) -> str:
    """The colour of one channel; the text's where it is exactly as loud as its mean."""
    amplified, attenuated = change_colours(look)
    amplification = steps.amplification[channel]
    return amplified if amplification > 0 else attenuated if amplification < 0 else look.text


def legend_words(look: Look) -> str:
    """What the two colours mean, in themselves."""
    amplified, attenuated = change_colours(look)
    return (
        f'<span style="color:{amplified}">{AMPLIFIED_SIGN} louder</span> and <span style="color:{attenuated}">{ATTENUATED_SIGN} quieter</span>'
        " than the recorded mean gate"
    )


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
        name = self._names[place] = self.next_axis()[1:]
        (row, column), (rows, columns) = place, span
        left, right = (_stretches(self.widths, self.gaps[0])[at] for at in (column - 1, column + columns - 2))
        upper, lower = (_stretches(self.heights, self.gaps[1])[at] for at in (row - 1, row + rows - 2))
        self._axes[f"xaxis{name}"] = {"anchor": f"y{name}", "domain": [left[0], right[1]], **x}
        self._axes[f"yaxis{name}"] = {"anchor": f"x{name}", "domain": [1 - lower[1], 1 - upper[0]], **y}

    def next_axis(self) -> str:
        """The x axis of the panel that is added next, as a `scaleanchor` names it."""
        return f"x{len(self._names) + 1}" if self._names else "x"

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


_ROW, _GAP, _HIDDEN = 92, 30, 190  # px
_MAPS = "Cividis"
_SHORT = ("maps U", "z", "", "gate s", "maps x̃")  # headings of the columns on a narrow screen
_SQUEEZE = 2  # column


@dataclass(frozen=True)
class _Plan:
    """Which column of the grid each step has; on a narrow screen the hidden layer is a row below."""

    rows: int
    columns: int
    gate: int
    after: int
    hidden: Place
    head: int
    foot: int
    narrow: bool

    @property
    def height(self) -> int:
        """Of the grid, in px."""
        return self.rows * _ROW + (self.rows - 1) * _GAP + self.narrow * (_HIDDEN + _GAP)

    @property
    def places(self) -> tuple[Place, ...]:
        """The five steps' upper panels."""
        return (1, 1), (1, _SQUEEZE), self.hidden, (1, self.gate), (1, self.after)


def draw_steps(steps: BlockSteps, look: Look, *, channel: int, narrow: bool = False) -> go.Figure:
    """The five steps of the shown channels; under each the formula with the numbers of one channel (on a wide screen).

    Maps before and after share their colours in each row, grey at 0, so that a map that is turned down is nearer to grey. The gate's axis is
    the gate's range; a black tick is the recorded mean, the grey bar behind it one recorded SD to either side.

    Raises:
        ArgumentError: the channel is not shown.
    """
    told = describe_steps(steps, channel)
    plan = _plan(len(steps.shown), narrow=narrow)
    grid = _lay_panels(steps, channel, look, plan)
    for row, shown in enumerate(steps.shown.tolist(), start=1):
        _add_maps(grid, steps, row, plan)
        z = float("nan") if steps.squeeze is None else float(steps.squeeze[shown])
        grid.add_trace((row, _SQUEEZE), _bar(z, look.text, f"z of channel {shown}: %{{x:.4g}}"))
        _add_gate(grid, steps, row, shown, look, plan)
    _add_hidden(grid, steps, channel, look, plan)
    _name_rows(grid, steps, channel, look, plan)
    _add_words(grid, told, look, plan)
    head = f"<b>{plain(steps.block.label)}</b> · {shorten(steps.image, 24)}"
    title = join_title(head, legend_words(look), f"mean of n = {steps.images:,} images", narrow=narrow)
    height, margin = plan.height + plan.head + plan.foot, {"l": 8, "r": 8, "b": plan.foot}
    figure = style(grid.draw(), look, height=height, title=title, top=plan.head, margin=margin, axes=False)
    return figure.update_layout(showlegend=False, bargap=0.3)


def _plan(channels: int, *, narrow: bool) -> _Plan:
    if narrow:
        return _Plan(channels, 4, 3, 4, (channels + 1, 1), head=132, foot=48, narrow=True)
    return _Plan(channels, 5, 4, 5, (1, 3), head=76, foot=96, narrow=False)


def _lay_panels(steps: BlockSteps, channel: int, look: Look, plan: _Plan) -> Grid:
    """All panels, empty."""
    rows = plan.rows + plan.narrow
    widths = (0.27, 0.2, 0.26, 0.27) if plan.narrow else (0.14, 0.17, 0.22, 0.23, 0.14)
    heights = (*[float(_ROW)] * plan.rows, *[float(_HIDDEN)] * plan.narrow)
    grid = Grid(widths, heights, (0.04 if plan.narrow else 0.045, _GAP / plan.height if rows > 1 else 0))
    looks: dict[Axis, dict[str, Any]] = {
        "x": {**axis_style(look, "x"), "nticks": 3, "showgrid": True, "tickfont": {"size": 10}, "tickangle": 0},
        "y": {**axis_style(look, "y"), "visible": False},
    }
    z = np.zeros(1) if steps.squeeze is None else steps.squeeze[steps.shown]
    reach = (min(0.0, float(z.min())), max(0.0, float(z.max())))
    along = pad_range(*reach, 0.05) if reach[0] < reach[1] else [-0.5, 0.5]
    ranges = {_SQUEEZE: along, plan.gate: list(steps.block.extent)}
    for row in range(1, plan.rows + 1):
        for column in range(1, plan.columns + 1):
            if (row, column) == plan.hidden:
                _lay_hidden(grid, steps, channel, look, plan, looks)
            elif column in ranges:
                x = {**looks["x"], "range": ranges[column], "showticklabels": row == plan.rows}
                grid.add_panel((row, column), x, {**looks["y"], "range": [-0.6, 0.6]})
            elif column in (1, plan.after):
                grid.add_panel(
                    (row, column), {**looks["x"], "visible": False, "constrain": "domain"},
                    {**looks["y"], "autorange": "reversed", "constrain": "domain", "scaleanchor": grid.next_axis()},
                )  # fmt: skip
    if plan.narrow:
        _lay_hidden(grid, steps, channel, look, plan, looks)
    return grid


def _lay_hidden(
    grid: Grid, steps: BlockSteps, channel: int, look: Look, plan: _Plan, looks: dict[Axis, dict[str, Any]]
) -> None:
    x, y = looks["x"], looks["y"]
    if steps.hidden is None:
        x = {**x, "visible": False}
    elif plan.narrow:
        largest = float(steps.hidden.values.max())
        most = 1.35 * largest if largest > 0 else 1.0  # room for the heading
        least = min(0.0, float(steps.hidden.values.min()))
        x = {**x, "showgrid": False, "title": {**x["title"], "text": "hidden unit"}, "nticks": 8}
        y = {
            **y, "visible": True, "nticks": 4, "showgrid": True, "ticklabelposition": "inside", "ticks": "",
            "range": [least, most],
        }  # fmt: skip
    else:
        named = sorted(_leading(steps, channel))
        y = {
            **y, "visible": True, "autorange": "reversed", "showline": False, "showgrid": False, "ticks": "",
            "tickvals": named, "ticktext": [f"h{subscript(j)}" for j in named],
            "tickfont": {"size": 10, "color": look.ink},
        }  # fmt: skip
    grid.add_panel(plan.hidden, x, y, span=(1, plan.columns) if plan.narrow else (plan.rows, 1))


def _add_maps(grid: Grid, steps: BlockSteps, row: int, plan: _Plan) -> None:
    before, after = steps.before[row - 1], steps.after[row - 1]
    most = float(max(np.abs(before).max(), np.abs(after).max())) or 1e-6
    for values, column, name in ((before, 1, "u"), (after, plan.after, "x̃")):
        told = f"{name}, channel {steps.shown[row - 1]}<br>row %{{y}}, column %{{x}}: %{{z:.3g}}<extra></extra>"
        grid.add_trace(
            (row, column),
            {"type": "heatmap", "z": values, "zmin": -most, "zmax": most, "colorscale": _MAPS, "showscale": False,
             "hovertemplate": told},
        )  # fmt: skip


def _bar(value: float, colour: str, told: str) -> dict[str, Any]:
    return {
        "type": "bar", "x": [value], "y": [0], "orientation": "h", "width": 0.5, "marker": {"color": colour},
        "hovertemplate": f"{told}<extra></extra>",
    }  # fmt: skip


def _line(x: list[float], y: list[float], colour: str, width: int, told: str) -> dict[str, Any]:
    return {
        "type": "scatter", "x": x, "y": y, "mode": "lines", "line": {"color": colour, "width": width},
        "hovertemplate": f"{told}<extra></extra>",
    }  # fmt: skip


def _add_gate(grid: Grid, steps: BlockSteps, row: int, channel: int, look: Look, plan: _Plan) -> None:
    s, mean, sd = (float(values[channel]) for values in (steps.gate, steps.mean, steps.sd))
    place = (row, plan.gate)
    grid.add_trace(place, _bar(s, channel_colour(steps, channel, look), f"gate of channel {channel}: %{{x:.4f}}"))
    if math.isfinite(sd):
        grid.add_trace(place, _line([mean - sd, mean + sd], [-0.42, -0.42], GREY, 5, f"recorded SD {sd:.4f}"))
    grid.add_trace(place, _line([mean, mean], [-0.55, 0.45], look.ink, 2, "recorded mean %{x:.4f}"))


def _add_hidden(grid: Grid, steps: BlockSteps, channel: int, look: Look, plan: _Plan) -> None:
    hidden = steps.hidden
    if hidden is None:
        nothing = {"type": "scatter", "x": [0], "y": [0], "mode": "markers", "marker": {"opacity": 0}}
        grid.add_trace(plan.hidden, {**nothing, "hoverinfo": "skip"})
        return
    units = np.arange(len(hidden.values))
    terms = hidden.terms(steps.row(channel))
    leading = _leading(steps, channel)
    colours = [look.ink if int(j) in leading else GREY for j in units]
    added = np.full(len(units), np.nan) if terms is None else terms
    grid.add_trace(
        plan.hidden,
        {"type": "bar",
         "x": units if plan.narrow else hidden.values, "y": hidden.values if plan.narrow else units,
         "orientation": "v" if plan.narrow else "h", "width": 0.7, "marker": {"color": colours, "line": {"width": 0}},
         "customdata": np.column_stack([units, hidden.values, added]).astype(np.float32),
         "hovertemplate": "hidden unit %{customdata[0]:.0f}: %{customdata[1]:.4g}<br>"
         f"adds %{{customdata[2]:+.3g}} to channel {channel}<extra></extra>"},
    )  # fmt: skip


def _leading(steps: BlockSteps, channel: int) -> set[int]:
    """Hidden units that move the channel most: those that the words name."""
    terms = None if steps.hidden is None else steps.hidden.terms(steps.row(channel))
    return set() if terms is None else set(np.argsort(-np.abs(terms), kind="stable")[:MOST_TERMS].tolist())


def _name_rows(grid: Grid, steps: BlockSteps, channel: int, look: Look, plan: _Plan) -> None:
    """Above each map what channel it is, above each gate its value."""
    for row, shown in enumerate(steps.shown.tolist(), start=1):
        name = f"channel {shown}"
        amplification, colour = steps.amplification[shown], channel_colour(steps, shown, look)
        sign = AMPLIFIED_SIGN if amplification > 0 else ATTENUATED_SIGN if amplification < 0 else "="
        change = f"{sign} {describe_amplification(steps, shown).split(', ')[-1]}"
        texts = [
            (1, f"<b>{name}</b>" if shown == channel else name, look.ink),
            (plan.gate, f"s = {steps.gate[shown]:.3f}{'' if plan.narrow else ' ' + change}", colour),
            (plan.after, change if plan.narrow else "", colour),
        ]
        if steps.squeeze is not None:
            texts.append((_SQUEEZE, f"z = {number_text(steps.squeeze[shown], '.3g')}", look.text))
        for column, text, colour in texts:
            grid.add_words((row, column), text, font={"size": 11, "color": colour})


def _add_words(grid: Grid, told: tuple[Step, ...], look: Look, plan: _Plan) -> None:
    """Over each column its heading, under it the formula with the numbers of the chosen channel."""
    for number, (place, step) in enumerate(zip(plan.places, told), start=1):
        inside = plan.narrow and place == plan.hidden
        title = _SHORT[number - 1] if plan.narrow and not inside else step.title
        above = {"yanchor": "top", "yshift": 0} if inside else {"yshift": 18}
        grid.add_words(place, f"<b>{number} {title}</b>", font={"size": 12, "color": look.ink}, **above)
    for place, step in zip(plan.places, () if plan.narrow else told):
        looks = {"align": "left", "yshift": -26, "font": {"size": 11, "color": look.ink}}
        grid.add_words(place, "<br>".join(step.numbers), below=True, **looks)


def draw_all_channels(steps: BlockSteps, look: Look, *, narrow: bool = False) -> go.Figure:
    """Channels in the order of their recorded mean gate: z above, below a bar from the mean to this image's gate."""
    order = np.argsort(steps.mean, kind="stable")
    position = np.arange(1, len(order) + 1)
    rows = 1 if steps.squeeze is None else 2
    figure = make_subplots(rows, 1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.35, 0.65][-rows:])
    if steps.squeeze is not None:
        figure.add_trace(
            go.Bar(x=position, y=steps.squeeze[order], marker={"color": look.text, "line": {"width": 0}}, showlegend=False,
                   customdata=order, hovertemplate="channel %{customdata}: z = %{y:.4g}<extra></extra>"),
            row=1, col=1,
        )  # fmt: skip
    figure.add_traces(_gates(steps, order, position, look), rows=rows, cols=1)
    title = join_title(
        f"<b>{plain(steps.block.label)}</b> · {shorten(steps.image, 24)}",
        f"all {len(order):,} channels in the order of the recorded mean", f"n = {steps.images:,} images", narrow=narrow,
    )  # fmt: skip
    height, top = (174, 128) if narrow else (112, 66)
    style(figure, look, height=height + (220 if rows == 1 else 340), title=title, top=top, legend=True)
    if steps.squeeze is not None:
        change_axes(figure, "y", {"title": {"text": "squeeze z"}, "nticks": 4}, row=1, col=1)
    change_axes(figure, "y", {"title": {"text": "gate s"}, "range": pad_range(*steps.block.extent)}, row=rows, col=1)
    along = {"title": {"text": "channel (position)"}, "range": [0, len(order) + 1]}
    change_axes(figure, "x", along, row=rows, col=1)
    figure.layout.bargap = 0
    return figure


def _gates(steps: BlockSteps, order: np.ndarray, position: np.ndarray, look: Look) -> list[go.Bar | go.Scatter]:
    difference, amplification, mean = steps.difference[order], steps.amplification[order], steps.mean[order]
    traces: list[go.Bar | go.Scatter] = []
    sides = (("louder", AMPLIFIED_SIGN, amplification > 0), ("quieter", ATTENUATED_SIGN, amplification < 0))
    for (word, sign, chosen), colour in zip(sides, change_colours(look)):
        traces.append(
            go.Bar(
                x=position[chosen], y=difference[chosen], base=mean[chosen], name=f"{sign} {word}: {int(chosen.sum()):,}",
                marker={"color": colour, "line": {"width": 0}}, customdata=np.column_stack([order, steps.gate[order], mean])[chosen],
                hovertemplate="channel %{customdata[0]:.0f}<br>gate %{customdata[1]:.4f}, recorded mean %{customdata[2]:.4f}"
                "<extra></extra>",
            )
        )  # fmt: skip
    traces.append(
        go.Scatter(x=position, y=mean, mode="lines", name="recorded mean", line={"color": look.ink, "width": 1.6}, hoverinfo="skip")
    )  # fmt: skip
    at = np.flatnonzero(np.isin(order, steps.shown))
    traces.append(
        go.Scatter(
            x=position[at], y=steps.gate[order][at], mode="markers", name="shown above", customdata=order[at],
            marker={"color": look.panel, "size": 7, "line": {"color": look.ink, "width": 1.5}},
            hovertemplate="channel %{customdata}: %{y:.4f}<extra></extra>",
        )
    )  # fmt: skip
    return traces
