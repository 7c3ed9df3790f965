"""What moving gates costs along the depth, and what of it is class: marks with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.figures.axes import add_levels, head_panels, series_colours, style_depth, whiskers_between
from senet_viz.figures.theme import DARK, GREY, Look, join_title, legend_room, plain, style, translucent
from senet_viz.schema import Gate
from senet_viz.stats.effect_parts import COMPONENTS, FORMULAS, Component, ComponentName
from senet_viz.stats.effects import MEASURE_WORDS, Change, EffectTable, Measure, TargetEffect, form_of, say_limits
from senet_viz.stats.estimates import Interval
from senet_viz.text import number_text

Over = Literal["images", "classes"]

# Okabe and Ito 2008, lighter or darker where the page needs it; the symbol tells baselines apart without colour.
_MARKERS: dict[str, tuple[str, str, str]] = {  # on light paper, on dark paper, symbol
    "one": ("rgb(200, 80, 0)", "rgb(240, 130, 60)", "circle"),
    "zero": ("rgb(176, 112, 0)", "rgb(230, 175, 60)", "circle-open"),
    "mean": ("rgb(0, 104, 168)", "rgb(110, 180, 240)", "square"),
    "group_mean": ("rgb(40, 130, 190)", "rgb(150, 205, 245)", "square-open"),
    "class_mean": ("rgb(0, 128, 92)", "rgb(70, 200, 160)", "diamond-open"),
    "predicted_class_mean": ("rgb(0, 128, 92)", "rgb(70, 200, 160)", "diamond"),
    "within": ("rgb(120, 100, 180)", "rgb(185, 165, 240)", "triangle-up"),
    "between": ("rgb(170, 40, 110)", "rgb(240, 130, 185)", "triangle-down"),
}


def interval_of(change: Change, over: Over) -> Interval:
    """At 95 %, over these classes' images or over classes like these; NaN where there is none."""
    return (change.images if over == "images" else change.classes).interval()


def span_of(blocks: Sequence[str], gates: Sequence[Gate]) -> tuple[int, int]:
    """First and last position of a target's blocks on the depth axis."""
    positions = {gate.name: at for at, gate in enumerate(gates)}
    inside = [positions[name] for name in blocks]
    return min(inside), max(inside)


def head_of(table: EffectTable, measure: Measure, over: Over, *, narrow: bool) -> str:
    """n, what the network does untouched, and what the whiskers are."""
    clean = table.clean[measure]
    untouched = f"clean loss {clean:.3f} nats" if measure == "loss" else f"clean {_SHORT[measure]} {clean:.2f} %"
    known = any(not np.isnan(interval_of(e.changes[measure], over).low) for e in table.effects)
    whisker = f"95 % intervals over {over}" if known else f"no intervals over {over}"
    n = f"n = {table.images:,} images, {table.classes:,} classes"
    return join_title(n, f"{untouched} · {whisker}", narrow=narrow)


_SHORT: dict[Measure, str] = {"top1": "top-1", "top5": "top-5", "loss": "loss"}


_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("One block at a time", ("block",)),
    ("All blocks of a stage together", ("stage",)),
    ("All blocks up to this one together", ("cumulative",)),
    ("Other sets of blocks together", ("set", "all")),
)
_CONSTANTS = ("one", "zero")  # no image's gates: their costs are of another size
_MOST_DODGED = 26  # blocks; beyond, baselines stand below each other
_GAP = 58  # px


@dataclass(frozen=True)
class _Panel:
    title: str
    effects: tuple[TargetEffect, ...]


def draw_costs(
    table: EffectTable,
    gates: Sequence[Gate],
    look: Look,
    *,
    baselines: Sequence[str],
    measure: Measure = "top1",
    over: Over = "images",
    strength: float = 1.0,
    narrow: bool = False,
) -> go.Figure:
    """Panels over the blocks, each with a scale of its own: a stage costs far more than a block, and removal than exchange.

    Args:
        table: what was found.
        gates: all blocks in order of depth.
        look: colours of the page.
        baselines: which, side by side; on a narrow screen or over many blocks each has a panel.
        measure: what is judged.
        over: what the whiskers are over.
        strength: of the interventions.
        narrow: for a narrow screen.
    """
    made = [e for e in table.effects if e.baseline in baselines and e.strength == strength]
    panels = _split(made, baselines, apart=narrow or len(gates) > _MOST_DODGED)
    room = 170 if narrow else 200
    top = (62 if narrow else 40) + legend_room(len(baselines), 2 if narrow else 5)
    inner = room * len(panels) + _GAP * (len(panels) - 1)
    figure = make_subplots(
        len(panels), 1, shared_xaxes=True, vertical_spacing=_GAP / inner if len(panels) > 1 else 0,
        subplot_titles=[panel.title for panel in panels],
    )  # fmt: skip
    shown: set[str] = set()
    for row, panel in enumerate(panels, start=1):
        for trace in _traces(panel, baselines, gates, look, measure, over):
            trace.showlegend = trace.mode == "markers" and trace.name not in shown
            shown |= {trace.name} if trace.showlegend else set()
            figure.add_trace(trace, row=row, col=1)
    height = inner + top + 24 + (74 if narrow else 50)
    title = head_of(table, measure, over, narrow=narrow)
    _finish(figure, gates, look, measure, narrow=narrow, rows=len(panels), height=height, title=title, top=top + 24)
    return figure


def _finish(
    figure: go.Figure, gates: Sequence[Gate], look: Look, measure: Measure, *, narrow: bool, rows: int, height: int, title: str, top: int
) -> None:  # fmt: skip
    """Panels over the blocks, with a line of no effect in each."""
    add_levels(figure, [0], {"color": look.ink, "width": 1.2})
    style(figure, look, height=height, title=title, top=top, legend=True)
    style_depth(figure, gates, look, narrow=narrow, rows=rows, room=4)
    figure.update_yaxes(title_text=MEASURE_WORDS[measure])
    head_panels(figure, look, yshift=3)


def _split(made: Sequence[TargetEffect], baselines: Sequence[str], *, apart: bool) -> list[_Panel]:
    """A panel a kind of targets, constants and gates of images for themselves, single blocks also by baseline if apart."""
    panels = []
    for title, kinds in _KINDS:
        here = [e for e in made if e.kind in kinds]
        present = [b for b in baselines if any(e.baseline == b for e in here)]
        constant = [b for b in present if b in _CONSTANTS]
        groups = [constant, [b for b in present if b not in constant]]
        if apart and kinds in (("block",), ("cumulative",)):
            groups = [[b] for b in present]
        for group in (g for g in groups if g):
            names = f": {plain(', '.join(group))}" if len(group) == 1 or not apart else ""
            panels.append(_Panel(title + names, tuple(e for e in here if e.baseline in group)))
    return panels or [_Panel("No such intervention was made", ())]


def _traces(
    panel: _Panel, baselines: Sequence[str], gates: Sequence[Gate], look: Look, measure: Measure, over: Over
) -> list[go.Scatter]:
    present = [b for b in baselines if any(e.baseline == b for e in panel.effects)]
    wide = all(len(e.blocks) > 1 and e.kind != "cumulative" for e in panel.effects)
    step = min(0.24 if wide else 0.15, 0.75 / max(1, len(present)) if not wide else 1)
    traces = _spans(panel, gates) if wide else []
    for number, baseline in enumerate(present):
        effects = [e for e in panel.effects if e.baseline == baseline]
        offset = (number - (len(present) - 1) / 2) * step
        shared = _points(effects, baseline, gates, measure, over, offset)
        light, dark, symbol = _MARKERS.get(baseline, ("rgb(110, 110, 110)", "rgb(170, 170, 170)", "x"))
        traces.append(_whiskered(effects, shared, dark if look == DARK else light, symbol, 8, measure, over))
    return traces


def _points(
    some: Sequence[TargetEffect] | Sequence[Component], name: str, gates: Sequence[Gate], measure: Measure, over: Over, offset: float = 0
) -> dict[str, Any]:  # fmt: skip
    """Places (in the middle of a target's blocks, of cumulative ones at the last), values and words of one kind of trace."""
    x, text = [], []
    for each in some:
        first, last = span_of(each.blocks, gates)
        x.append((float(last) if each.kind == "cumulative" else (first + last) / 2) + offset)
        change = each.changes[measure]
        interval = interval_of(change, over)
        limits = "" if np.isnan(interval.low) else f" {say_limits(interval, measure)}"
        text.append(f"{plain(each.target)}: {number_text(change.value, form_of(measure))}{limits}")
    return {
        "x": x, "y": np.array([e.changes[measure].value for e in some], dtype=np.float32), "name": plain(name), "legendgroup": name,
        "text": text, "hovertemplate": f"<b>{plain(name)}</b><br>%{{text}}<extra></extra>",
    }  # fmt: skip


def _whiskered(
    some: Sequence[TargetEffect] | Sequence[Component], points: dict[str, Any], colour: str, symbol: str, size: int, measure: Measure, over: Over
) -> go.Scatter:  # fmt: skip
    """Marks with their error bars; none where no interval is known."""
    values = np.array([e.changes[measure].value for e in some])
    intervals = [interval_of(e.changes[measure], over) for e in some]
    low, high = np.array([i.low for i in intervals]), np.array([i.high for i in intervals])
    error = whiskers_between(values, low, high, colour)
    return go.Scatter(mode="markers", marker={"color": colour, "symbol": symbol, "size": size}, error_y=error, **points)


def _spans(panel: _Panel, gates: Sequence[Gate]) -> list[go.Scatter]:
    """A faint bar from the first to the last block of every target, along the zero line."""
    targets = {(e.blocks, e.target): span_of(e.blocks, gates) for e in panel.effects}
    return [
        go.Scatter(
            x=[first - 0.3, last + 0.3], y=[0, 0], mode="lines", line={"color": translucent(GREY, 0.45), "width": 7},
            hoverinfo="skip", name=plain(target), showlegend=False,
        )
        for (_, target), (first, last) in targets.items()
    ]  # fmt: skip


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
        look: colours of the page.
        kind: of the targets that are drawn.
        measure: what is judged.
        over: what the whiskers are over.
        narrow: for a narrow screen.
    """
    here = [c for c in components if c.kind == kind]
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.13, subplot_titles=_TITLES)
    present = [name for name in COMPONENTS if any(c.name == name for c in here)]
    for number, name in enumerate(present):
        some = [c for c in here if c.name == name]
        offset = (number - (len(present) - 1) / 2) * 0.22
        figure.add_trace(_stacked(some, name, gates, look, measure, over), row=1, col=1)
        dots = _points(some, name, gates, measure, over, offset) | {"showlegend": False}
        figure.add_trace(_whiskered(some, dots, *_component_marker(name, look), 7, measure, over), row=2, col=1)
    height, top = (690, 168) if narrow else (580, 84)
    title = head_of(table, measure, over, narrow=narrow)
    _finish(figure, gates, look, measure, narrow=narrow, rows=2, height=height, title=title, top=top)
    return figure.update_layout(barmode="relative")


def _component_marker(name: ComponentName, look: Look) -> tuple[str, str]:
    first, second, _ = series_colours(look)
    return {"dynamic": (look.ink, "diamond"), "instance": (first, "circle"), "class": (second, "square")}[name]


def _stacked(
    some: Sequence[Component], name: ComponentName, gates: Sequence[Gate], look: Look, measure: Measure, over: Over
) -> go.Bar | go.Scatter:
    """A stacked bar, or the dynamic effect's mark."""
    colour, symbol = _component_marker(name, look)
    shared = {**_points(some, name, gates, measure, over), "name": f"{name} ({FORMULAS[name]})"}
    if name == "dynamic":
        marker = {"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2, "color": look.paper}}
        return go.Scatter(mode="markers", marker=marker, **shared)
    spans = [span_of(c.blocks, gates) for c in some]
    widths = [0.62 if c.kind == "cumulative" else last - first + 0.62 for c, (first, last) in zip(some, spans)]
    return go.Bar(width=widths, textposition="none", marker={"color": colour, "line": {"width": 0}}, **shared)
