"""What moving gates costs along the depth, and what of it is class: marks with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from senet_viz.figures.axes import add_levels, series_inks, style_depth
from senet_viz.figures.theme import DARK, Look, style, style_axes, translucent
from senet_viz.schema import Gate
from senet_viz.stats.effect_parts import COMPONENTS, FORMULAS, Component, ComponentName
from senet_viz.stats.effects import MEASURE_WORDS, Change, EffectTable, Measure, TargetEffect, form_of, say_limits
from senet_viz.stats.estimates import Interval
from senet_viz.text import number_text

Over = Literal["images", "classes"]
OVER: tuple[Over, ...] = ("images", "classes")
Floats = NDArray[np.float64]

# Okabe and Ito 2008, lighter or darker where the page needs it; the symbol tells baselines apart without colour.
_INKS: dict[str, tuple[str, str, str]] = {  # on light paper, on dark paper, symbol
    "one": ("rgb(200, 80, 0)", "rgb(240, 130, 60)", "circle"),
    "zero": ("rgb(176, 112, 0)", "rgb(230, 175, 60)", "circle-open"),
    "mean": ("rgb(0, 104, 168)", "rgb(110, 180, 240)", "square"),
    "group_mean": ("rgb(40, 130, 190)", "rgb(150, 205, 245)", "square-open"),
    "class_mean": ("rgb(0, 128, 92)", "rgb(70, 200, 160)", "diamond-open"),
    "predicted_class_mean": ("rgb(0, 128, 92)", "rgb(70, 200, 160)", "diamond"),
    "within": ("rgb(120, 100, 180)", "rgb(185, 165, 240)", "triangle-up"),
    "between": ("rgb(170, 40, 110)", "rgb(240, 130, 185)", "triangle-down"),
}


def ink_of(baseline: str, look: Look) -> tuple[str, str]:
    """Ink and symbol of a baseline, the same in all figures."""
    light, dark, symbol = _INKS.get(baseline, ("rgb(110, 110, 110)", "rgb(170, 170, 170)", "x"))
    return (dark if look == DARK else light), symbol


def interval_of(change: Change, over: Over) -> Interval:
    """At 95 %, over these classes' images or over classes like these; NaN where there is none."""
    return (change.images if over == "images" else change.classes).interval()


def say_effect(change: Change, measure: Measure, over: Over) -> str:
    """Value and interval, for the pointer."""
    interval, value = interval_of(change, over), number_text(change.value, form_of(measure))
    return value if np.isnan(interval.low) else f"{value} {say_limits(interval, measure)}"


def whiskers(changes: Sequence[Change], over: Over, ink: str) -> dict[str, Any]:
    """Error bars of a trace; none where no interval is known."""
    intervals = [interval_of(change, over) for change in changes]
    values = np.array([change.value for change in changes])
    low, high = (np.array([getattr(i, end) for i in intervals], dtype=np.float64) for end in ("low", "high"))
    return {"type": "data", "symmetric": False, "array": np.nan_to_num(high - values),
            "arrayminus": np.nan_to_num(values - low), "color": ink, "thickness": 1.3, "width": 3}  # fmt: skip


def span_of(blocks: Sequence[str], gates: Sequence[Gate]) -> tuple[int, int]:
    """First and last position of a target's blocks on the depth axis."""
    positions = {gate.name: at for at, gate in enumerate(gates)}
    inside = [positions[name] for name in blocks]
    return min(inside), max(inside)


def place_of(kind: str, blocks: Sequence[str], gates: Sequence[Gate]) -> float:
    """Where a target's mark stands: in the middle of its blocks, of cumulative ones at the last."""
    first, last = span_of(blocks, gates)
    return float(last) if kind == "cumulative" else (first + last) / 2


def add_zero(figure: go.Figure, look: Look) -> None:
    """The line of no effect in every panel."""
    add_levels(figure, [0], {"color": look.ink, "width": 1.2})


def head_of(table: EffectTable, measure: Measure, over: Over, *, narrow: bool) -> str:
    """n, what the network does untouched, and what the whiskers are."""
    clean = table.clean[measure]
    untouched = f"clean loss {clean:.3f} nats" if measure == "loss" else f"clean {_SHORT[measure]} {clean:.2f} %"
    known = any(not np.isnan(interval_of(e.changes[measure], over).low) for e in table.effects)
    whisker = f"95 % intervals over {over}" if known else f"no intervals over {over}"
    n = f"n = {table.images:,} images, {table.classes:,} classes"
    return f"{n}{'<br>' if narrow else ' · '}{untouched} · {whisker}"


_SHORT: dict[Measure, str] = {"top1": "top-1", "top5": "top-5", "loss": "loss"}


def axis_title(measure: Measure) -> str:
    """The effect's sign is said where it is read."""
    return MEASURE_WORDS[measure]


_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("One block at a time", ("block",)),
    ("All blocks of a stage together", ("stage",)),
    ("All blocks up to this one together", ("cumulative",)),
    ("Other sets of blocks together", ("set", "all")),
)
_CONSTANTS = ("one", "zero")  # no image's gates: their costs are of another size
_MOST_DODGED = 26  # blocks; beyond, baselines stand below each other
_GAP, _LEGEND = 58, 22  # px


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
        look: inks of the page.
        baselines: which, side by side; on a narrow screen or over many blocks each has a panel.
        measure: what is judged.
        over: what the whiskers are over.
        strength: of the interventions.
        narrow: for a narrow screen.
    """
    made = [e for e in table.effects if e.baseline in baselines and e.strength == strength]
    panels = _split(made, baselines, apart=narrow or len(gates) > _MOST_DODGED)
    room = 170 if narrow else 200
    top = (62 if narrow else 40) + _LEGEND * -(-len(baselines) // (2 if narrow else 5))
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
    add_zero(figure, look)
    height = inner + top + 24 + (74 if narrow else 50)
    style(figure, look, height=height, title=head_of(table, measure, over, narrow=narrow), top=top + 24)
    style_axes(figure, look)
    style_depth(figure, gates, look, narrow=narrow)
    for row in range(1, len(panels)):
        figure.update_xaxes(title_text="", row=row)
    figure.update_yaxes(title_text=axis_title(measure))
    figure.update_annotations(x=0, xanchor="left", yshift=3, font={"size": 13, "color": look.ink})
    figure.update_layout(legend_y=1 - (46 if narrow else 26) / height, margin={"b": 74 if narrow else 50})
    return figure


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
            names = f": {', '.join(group)}" if len(group) == 1 or not apart else ""
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
        ink, symbol = ink_of(baseline, look)
        changes = [e.changes[measure] for e in effects]
        offset = (number - (len(present) - 1) / 2) * step
        traces.append(
            go.Scatter(
                x=[place_of(e.kind, e.blocks, gates) + offset for e in effects],
                y=np.array([c.value for c in changes], dtype=np.float32), mode="markers", name=baseline,
                legendgroup=baseline, marker={"color": ink, "symbol": symbol, "size": 8}, error_y=whiskers(changes, over, ink),
                text=[f"{e.target}: {say_effect(c, measure, over)}" for e, c in zip(effects, changes)],
                hovertemplate=f"<b>{baseline}</b><br>%{{text}}<extra></extra>",
            )
        )  # fmt: skip
    return traces


def _spans(panel: _Panel, gates: Sequence[Gate]) -> list[go.Scatter]:
    """A faint bar from the first to the last block of every target, along the zero line."""
    targets = dict.fromkeys((e.blocks, e.target) for e in panel.effects)
    traces = []
    for blocks, target in targets:
        first, last = span_of(blocks, gates)
        traces.append(
            go.Scatter(
                x=[first - 0.3, last + 0.3], y=[0, 0], mode="lines", line={"color": translucent("rgb(136, 136, 136)", 0.45), "width": 7},
                hoverinfo="skip", name=target, showlegend=False,
            )
        )  # fmt: skip
    return traces


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
