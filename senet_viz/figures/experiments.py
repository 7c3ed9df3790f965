"""Experiments drawn: accuracies of the conditions, differences against the declared bound, class shares along the depth."""

import textwrap
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.experiments.answers import accuracy_text, bound_text
from senet_viz.analysis.experiments.result import CrossedMean, ExperimentResult
from senet_viz.figures.axes import Floats, line_of, series_colours, whiskers
from senet_viz.figures.theme import CLASS_COLOURS, Look, join_title, legend_room, plain, style

_ROW, _ROW_NARROW = 46, 64  # px of a condition or question
_WRAP = 26  # letters of a label's line


def condition_colours(result: ExperimentResult) -> dict[str, str]:
    """A colour a condition, by its place in the declaration; from the ninth on they come again."""
    return {c.id: CLASS_COLOURS[at % len(CLASS_COLOURS)] for at, c in enumerate(result.experiment.conditions)}


def draw_accuracies(result: ExperimentResult, look: Look, *, narrow: bool = False) -> go.Figure:
    """A row a trained condition: top-1 accuracy over seeds and images with its interval, and a small mark a seed."""
    found = [(c, a) for c in result.experiment.conditions if (a := (result.accuracies or {}).get(c.id)) is not None]
    colours, figure = condition_colours(result), go.Figure()
    for condition, accuracy in found:
        seeds, title = result.seed_accuracies(condition.id), _wrap(plain(condition.title), narrow)
        colour = colours[condition.id]
        figure.add_trace(
            go.Scatter(
                x=seeds, y=[title] * len(seeds), mode="markers", showlegend=False, hoverinfo="skip",
                marker={"color": colour, "size": 15, "symbol": "line-ns", "line": {"width": 1.6, "color": colour}},
            )
        )  # fmt: skip
        text = f"<b>{plain(condition.title)}</b><br>top-1 {accuracy_text(accuracy)}<br>{len(seeds)} seeds"
        figure.add_trace(_row(accuracy, title, colour, text))
    head = f"n = {len(result.labels):,} validation images"
    title = join_title(head, "95 % intervals over trainings and images; a stroke a seed", narrow=narrow)
    _style_rows(figure, look, len(found), title, narrow=narrow)
    return figure.update_xaxes(title_text="top-1 accuracy, %")


def draw_differences(result: ExperimentResult, look: Look, *, narrow: bool = False) -> go.Figure:
    """A row an answered question: difference of top-1 accuracy with its interval, and a band of what matters to nobody."""
    colour = series_colours(look)[0]
    figure = go.Figure()
    rows = [(found, found.difference) for found in result.answers if found.difference is not None]
    for found, difference in rows:
        names = [result.experiment.condition(c).title for c in (found.question.condition, found.question.against)]
        title = _wrap(plain(f"{names[0]} − {names[1]}"), narrow)
        low, high = _limits(difference)
        text = (
            f"<b>{plain(found.question.ask)}</b><br>{100 * difference.value:+.2f} points [{100 * low:+.2f}, {100 * high:+.2f}]"
            f"<br>{len(found.seeds)} seeds"
        )
        figure.add_trace(_row(difference, title, colour, text))
    bound = 100 * result.experiment.bound
    title = join_title(
        f"paired by seed and image · n = {len(result.labels):,} images", f"band: ±{bound_text(result.experiment)}, declared beforehand",
        narrow=narrow,
    )  # fmt: skip
    _style_rows(figure, look, len(rows), title, narrow=narrow)
    figure.add_vrect(x0=-bound, x1=bound, fillcolor=look.grid, opacity=0.7, line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": look.ink, "width": 1.2, "dash": "dash"})
    return figure.update_xaxes(title_text="difference of top-1 accuracy, points")


def draw_class_shares(result: ExperimentResult, look: Look, *, narrow: bool = False) -> go.Figure:
    """A line a condition: class share ω² of its gates along the depth, mean over seeds, the seeds' range as a band."""
    colours = condition_colours(result)
    figure = go.Figure()
    for condition in result.experiment.conditions:
        shares = result.shares_along_depth(condition.id)
        if shares is None:
            continue
        interval = (shares.least, shares.greatest) if shares.networks > 1 else None
        figure.add_traces(
            line_of(
                _positions([block.stage for block in shares.blocks]), shares.mean, [plain(block.label) for block in shares.blocks],
                name=plain(condition.title), colour=colours[condition.id], interval=interval,
            )
        )  # fmt: skip
    stages = sorted({block.stage for cell in result.cells for block in cell.blocks})
    title = join_title(
        "variance-weighted ω² of s over the validation images", "band: least and greatest of the seeds", narrow=narrow
    )
    room = legend_room(sum(trace.showlegend is not False for trace in figure.data), 1 if narrow else 2)
    height, top = (360, 80) if narrow else (330, 60)
    style(figure, look, height=height + room, title=title, top=top + room, legend=True)
    figure.update_xaxes(
        title_text="stage", tickvals=[stage + 0.5 for stage in stages], ticktext=[str(stage) for stage in stages],
        range=[min(stages), max(stages) + 1],
    )  # fmt: skip
    for stage in stages[1:]:
        figure.add_vline(x=stage, line={"color": look.grid, "width": 1})
    figure.update_yaxes(title_text="class share ω²", rangemode="tozero")
    return figure.update_layout(legend={"entrywidth": 270, "entrywidthmode": "pixels"})


def _positions(stages: Sequence[int]) -> Floats:
    """x of every block: evenly within its stage, so that networks of one and of two units a block share an axis."""
    before = [stages[:at].count(stage) for at, stage in enumerate(stages)]
    return np.array([stage + (n + 0.5) / stages.count(stage) for stage, n in zip(stages, before)])


def _row(mean: CrossedMean, title: str, colour: str, text: str) -> go.Scatter:
    low, high = _limits(mean)
    interval = whiskers([100 * (high - mean.value)], colour, down=[100 * (mean.value - low)], thickness=1.6, width=4)
    return go.Scatter(
        x=[100 * mean.value], y=[title], mode="markers", showlegend=False, marker={"color": colour, "size": 10}, error_x=interval,
        text=[text], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _limits(mean: CrossedMean) -> tuple[float, float]:
    """Over trainings and images; over images alone where there is one training."""
    return mean.both if mean.n_seeds > 1 else mean.images


def _style_rows(figure: go.Figure, look: Look, rows: int, title: str, *, narrow: bool) -> None:
    height, top = (134 + _ROW_NARROW * rows, 70) if narrow else (110 + _ROW * rows, 44)
    style(figure, look, height=height, title=title, top=top)
    figure.update_xaxes(showgrid=True, nticks=6)
    figure.update_yaxes(range=[rows - 0.5, -0.5], showgrid=False, automargin=True)


def _wrap(text: str, narrow: bool) -> str:
    """Broken into lines of some 26 letters (18 on a narrow screen)."""
    whole = text.replace(" = ", "\u00a0=\u00a0")
    return "<br>".join(textwrap.wrap(whole, 18 if narrow else _WRAP, break_long_words=False, break_on_hyphens=False))
