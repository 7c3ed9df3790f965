"""What SE units cost by stage and r, and what the paper's ablations say about error and size."""

from collections.abc import Sequence

import plotly.graph_objects as go

from senet_viz.analysis.costs.ablations import GROUP_WORDS, Ablation, Ablations, Group
from senet_viz.analysis.costs.design import ReductionSweep
from senet_viz.figures.axes import series_colours, whiskers
from senet_viz.figures.theme import DARK, Look, join_title, style

_SHADES = ("rgb(180, 205, 230)", "rgb(120, 165, 215)", "rgb(70, 125, 195)", "rgb(40, 85, 155)", "rgb(20, 45, 105)")
_SHADES_DARK = (
    "rgb(35, 75, 125)",
    "rgb(50, 110, 175)",
    "rgb(90, 150, 210)",
    "rgb(145, 190, 230)",
    "rgb(205, 225, 245)",
)
_GROUPS: tuple[Group, ...] = ("reduction", "placement", "stage")
_SAME = ("standard", "all")  # of placement and stages: they are r = 16 once more
_SYMBOLS = {"reduction": "circle", "placement": "diamond", "stage": "square"}


def draw_reductions(sweep: ReductionSweep, look: Look, *, chosen: int, narrow: bool = False) -> go.Figure:
    """Stacked bars: parameters added in every stage, a bar an r; the chosen r has a band behind it."""
    shades = _SHADES_DARK if look == DARK else _SHADES
    names = [str(r) for r in sweep.reductions]
    figure = go.Figure()
    first = len(shades) - len(sweep.stages)
    for at, (stage, row) in enumerate(zip(sweep.stages, sweep.parameters)):
        figure.add_trace(
            go.Bar(
                x=names, y=row, name=f"stage {stage}", marker={"color": shades[first + at], "line": {"width": 0}},
                hovertemplate=f"<b>stage {stage}</b>, r = %{{x}}: %{{y:,}} parameters<extra></extra>",
            )
        )  # fmt: skip
    shares = [f"{total / sweep.architecture.parameters:.1%}" for total in sweep.totals]
    figure.add_trace(
        go.Scatter(
            x=names, y=sweep.totals, mode="text", text=shares, textposition="top center", showlegend=False,
            hoverinfo="skip", cliponaxis=False, textfont={"color": look.ink, "size": 12},
        )
    )  # fmt: skip
    added = "over each bar: share of these that is added"
    size = f"{sweep.architecture.title} · {sweep.architecture.parameters / 1e6:.2f} M parameters without SE"
    height, top = (440, 108) if narrow else (400, 70)
    style(figure, look, height=height, title=join_title(size, added, narrow=narrow), top=top, legend=True)
    if chosen in sweep.reductions:
        at = sweep.reductions.index(chosen)
        figure.add_vrect(x0=at - 0.5, x1=at + 0.5, fillcolor=look.grid, opacity=0.6, line_width=0, layer="below")
    figure.update_xaxes(title_text="reduction r", type="category")
    figure.update_yaxes(title_text="parameters added", rangemode="tozero", tickformat="~s")
    return figure.update_layout(barmode="stack", bargap=0.3)


def draw_error_against_size(ablations: Ablations, look: Look, *, narrow: bool = False) -> go.Figure:
    """Top-1 error over parameters of the paper's ablations that differ in size, with 95 % intervals over images."""
    figure = go.Figure()
    for group, colour in zip(_GROUPS, series_colours(look)):
        rows = [row for row in ablations.of(group) if row.counted is not None and row.variant not in _SAME]
        rows.sort(key=lambda row: row.counted or 0)
        figure.add_trace(_points(rows, group, colour))
    title = join_title(_count(ablations), "95 % intervals over images", narrow=narrow)
    height, top = (470, 108) if narrow else (430, 70)
    style(figure, look, height=height, title=title, top=top, legend=True)
    figure.update_xaxes(title_text="parameters of the network, millions", nticks=6)
    return figure.update_yaxes(title_text="top-1 error, %")


def _count(ablations: Ablations) -> str:
    return f"n = {ablations.images:,} validation images, one training each"


def draw_variants(ablations: Ablations, look: Look, *, narrow: bool = False) -> go.Figure:
    """A row a variant of the paper's ablations, by what was varied: top-1 error with its 95 % interval over images."""
    colour, paper_colour, grey = series_colours(look)
    figure = go.Figure()
    groups = [group for group in GROUP_WORDS if group != "reduction"]
    rows = [row for group in groups for row in ablations.of(group)]
    y = [[GROUP_WORDS[row.group] for row in rows], [row.variant for row in rows]]
    own = [row.variant in ("average", "sigmoid", *_SAME) for row in rows]
    figure.add_trace(
        go.Scatter(
            x=[row.top1 for row in rows], y=y, mode="markers", showlegend=False,
            marker={"color": [paper_colour if is_own else colour for is_own in own], "size": 9,
                    "symbol": ["diamond" if is_own else "circle" for is_own in own]},
            error_x=whiskers([row.high - row.top1 for row in rows], grey),
            text=[_tell(row) for row in rows], hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip
    none = next(row for row in ablations.of("reduction") if row.variant == "no SE")
    figure.add_vline(x=none.top1, line={"color": look.ink, "width": 1.2, "dash": "dash"})
    title = join_title(_count(ablations), f"dashed: no SE, {none.top1:.2f} %", narrow=narrow)
    style(figure, look, height=520, title=title, top=66 if narrow else 44)
    figure.update_xaxes(title_text="top-1 error, %", showgrid=True)
    return figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)


def _points(rows: Sequence[Ablation], group: Group, colour: str) -> go.Scatter:
    reduction = group == "reduction"
    return go.Scatter(
        x=[(row.counted or 0) / 1e6 for row in rows], y=[row.top1 for row in rows], name=GROUP_WORDS[group],
        mode="lines+markers+text" if reduction else "markers",
        line={"color": colour, "width": 1.2, "dash": "dot"}, marker={"color": colour, "size": 9, "symbol": _SYMBOLS[group]},
        error_y=whiskers([row.high - row.top1 for row in rows], colour, thickness=1.1),
        text=[_tell(row) if not reduction else row.variant for row in rows],
        textposition=["bottom right" if row.variant == "r = 16" else "top right" for row in rows],
        textfont={"size": 11, "color": colour},
        customdata=[_tell(row) for row in rows], hovertemplate="%{customdata}<extra></extra>", cliponaxis=False,
    )  # fmt: skip


def _tell(row: Ablation) -> str:
    size = "" if row.counted is None else f"<br>{row.counted / 1e6:.2f} M parameters"
    return f"<b>{GROUP_WORDS[row.group]}: {row.variant}</b><br>top-1 error {row.top1:.2f} % [{row.low:.2f}, {row.high:.2f}]{size}"
