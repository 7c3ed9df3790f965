"""One image: its predictions before and after, and how they change with the strength."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.analysis.comparison.result import Prediction
from senet_viz.analysis.trial import Trial
from senet_viz.figures.axes import series_inks
from senet_viz.figures.theme import GREY, Look, plain, shorten, style, style_axes, translucent

_ROW = 34


def draw_trial(trial: Trial, look: Look, *, narrow: bool = False) -> go.Figure:
    """The five most probable outputs, untouched and at the largest strength, side by side; the untouched first is inked.

    Args:
        trial: at one strength at least.
        look: inks of the page.
        narrow: after below before.
    """
    strength = trial.strengths[-1]
    sides = (
        ("Before: untouched", trial.predictions(0.0)),
        (f"After: strength {strength:g}", trial.predictions(strength)),
    )
    shape = (2, 1) if narrow else (1, 2)
    figure = make_subplots(
        *shape, horizontal_spacing=0.07, vertical_spacing=0.12, subplot_titles=[title for title, _ in sides]
    )
    rows = max(len(predictions) for _, predictions in sides)
    for at, (_, predictions) in enumerate(sides):
        row, col = (at + 1, 1) if narrow else (1, at + 1)
        figure.add_trace(_bars(predictions, trial, look), row=row, col=col)
    height = (_ROW * rows + 40) * shape[0] + 8
    style(figure, look, height=height, title="", top=30)
    style_axes(figure, look)
    figure.update_xaxes(range=[0, 1], visible=False)
    figure.update_yaxes(autorange=False, range=[rows - 0.4, -0.5], visible=False)
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    for at, title in enumerate(titles):
        start = figure.layout.xaxis2.domain[0] if at and not narrow else 0
        title |= {"xanchor": "left", "yshift": 4, "font": {"size": 13, "color": look.ink}, "x": start}
    names = [
        text for bars, (_, predictions) in zip(figure.data, sides)
        for i, prediction in enumerate(predictions) for text in _name_bar(prediction, i, look, bars)
    ]  # fmt: skip
    figure.layout.annotations = [*titles, *names]  # at once: plotly checks all of them every time
    figure.update_layout(margin={"l": 0, "r": 0, "t": 30, "b": 4}, showlegend=False)
    return figure


def _bars(predictions: tuple[Prediction, ...], trial: Trial, look: Look) -> go.Bar:
    before, after = trial.row(0.0), trial.row(trial.strengths[-1])
    first, second, _ = series_inks(look)
    was, now = int(before.argmax()), int(after.argmax())
    inks = [first if p.output == was else second if p.output == now else translucent(GREY, 0.7) for p in predictions]
    return go.Bar(
        x=[p.probability for p in predictions], y=list(range(len(predictions))), orientation="h", width=0.34, offset=0.08,
        marker={"color": inks, "line": {"width": 0}},
        customdata=[[plain(p.name), before[p.output], after[p.output]] for p in predictions],
        hovertemplate="<b>%{customdata[0]}</b><br>before %{customdata[1]:.3f}, after %{customdata[2]:.3f}<extra></extra>",
    )  # fmt: skip


def _name_bar(prediction: Prediction, i: int, look: Look, bars: go.Bar) -> list[dict[str, Any]]:
    """Name and probability over the i-th of the bars."""
    font = {"color": look.ink if i == 0 else look.text, "size": 12}
    both = {"y": i - 0.16, "showarrow": False, "font": font, "xref": bars.xaxis, "yref": bars.yaxis}
    return [
        {"x": 0, "text": shorten(prediction.name, 26), "xanchor": "left", **both},
        {"x": 1, "text": f"{prediction.probability:.1%}", "xanchor": "right", **both},
    ]


_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def draw_strength_sweep(trial: Trial, look: Look, *, narrow: bool = False) -> go.Figure:
    """Probability over the strength: a line an output that comes first or is probable somewhere.

    Args:
        trial: at several strengths.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    outputs = trial.leading(4 if narrow else 6)
    first, second, grey = series_inks(look)
    was, now = int(trial.probabilities[0].argmax()), int(trial.probabilities[-1].argmax())
    figure = go.Figure()
    for number, output in enumerate(outputs):
        name = shorten(trial.output_names[output], 26)
        ink = first if output == was else second if output == now else grey
        figure.add_trace(
            go.Scatter(
                x=list(trial.strengths), y=np.asarray(trial.probabilities[:, output], dtype=np.float32), name=name,
                mode="lines+markers", line={"color": ink, "width": 2.4 if output in (was, now) else 1.4, "dash": _DASHES[number % len(_DASHES)]},
                marker={"size": 6}, hovertemplate=f"<b>{name}</b><br>strength %{{x:g}}: %{{y:.3f}}<extra></extra>",
            )
        )  # fmt: skip
    legend = -(-len(outputs) // (1 if narrow else 4))
    height = 300 + 22 * legend
    title = f"<b>{plain(_target(trial))} to {trial.baseline}</b> · probability over the strength"
    style(
        figure,
        look,
        height=height + 18 * narrow,
        title=title.replace(" · ", "<br>") if narrow else title,
        top=40 + 22 * legend + 18 * narrow,
    )
    style_axes(figure, look)
    figure.update_xaxes(
        title_text="strength t of s′ = lerp(s, b, t)", range=[-0.03, 1.03], tickvals=list(trial.strengths)
    )
    figure.update_yaxes(title_text="probability", range=[-0.02, 1.02], tickformat=".0%")
    figure.update_layout(legend_y=1 - (46 if narrow else 26) / height, legend_orientation="v" if narrow else "h")
    return figure


def _target(trial: Trial) -> str:
    return trial.target if len(trial.blocks) < 4 else f"{len(trial.blocks)} blocks"
