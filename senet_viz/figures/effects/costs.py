"""What moving gates costs, along the depth: a mark with its interval a target and baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.figures.depth import style_depth
from senet_viz.figures.effects.marks import (
    OVER,
    Over,
    add_zero,
    axis_title,
    head_of,
    ink_of,
    place_of,
    say_effect,
    span_of,
    whiskers,
)
from senet_viz.figures.look import Look, style, style_axes, translucent
from senet_viz.schema import Gate
from senet_viz.stats.effects import EffectTable, Measure, TargetEffect

__all__ = ["OVER", "Over", "draw_costs"]
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
