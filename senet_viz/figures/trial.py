"""One image: its predictions before and after, and how they change with the strength."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from senet_viz.analysis.comparison.result import Prediction
from senet_viz.analysis.trial import Trial
from senet_viz.figures.axes import series_colours
from senet_viz.figures.comparison import PAIR_DASHES, bars_of, name_bar
from senet_viz.figures.theme import GREY, Look, join_title, legend_room, plain, shorten, style, translucent

_ROW = 34


def draw_trial(trial: Trial, look: Look, *, narrow: bool = False) -> go.Figure:
    """The five most probable outputs, untouched and at the largest strength, side by side; the one that comes first untouched is coloured."""
    strength = trial.strengths[-1]
    sides = {"Before: untouched": trial.predictions(0.0), f"After: strength {strength:g}": trial.predictions(strength)}
    shape = (2, 1) if narrow else (1, 2)
    figure = make_subplots(*shape, horizontal_spacing=0.07, vertical_spacing=0.12, subplot_titles=list(sides))
    rows = max(map(len, sides.values()))
    for at, predictions in enumerate(sides.values()):
        row, col = (at + 1, 1) if narrow else (1, at + 1)
        figure.add_trace(_bars(predictions, trial, look), row=row, col=col)
    height = (_ROW * rows + 40) * shape[0] + 8
    style(figure, look, height=height, top=30, margin={"l": 0, "r": 0, "b": 4})
    figure.update_xaxes(range=[0, 1], visible=False)
    figure.update_yaxes(autorange=False, range=[rows - 0.4, -0.5], visible=False)
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    for at, title in enumerate(titles):
        start = figure.layout.xaxis2.domain[0] if at and not narrow else 0
        title |= {"xanchor": "left", "yshift": 4, "font": {"size": 13, "color": look.ink}, "x": start}
    names = [
        text for bars, predictions in zip(figure.data, sides.values())
        for i, prediction in enumerate(predictions) for text in name_bar(prediction, i, look, xref=bars.xaxis, yref=bars.yaxis)
    ]  # fmt: skip
    figure.layout.annotations = [*titles, *names]  # at once: plotly checks all of them every time
    return figure.update_layout(showlegend=False)


def _bars(predictions: tuple[Prediction, ...], trial: Trial, look: Look) -> go.Bar:
    before, after = trial.row(0.0), trial.row(trial.strengths[-1])
    first, second, _ = series_colours(look)
    was, now = int(before.argmax()), int(after.argmax())
    colours = [first if p.output == was else second if p.output == now else translucent(GREY, 0.7) for p in predictions]
    return bars_of(
        predictions, marker={"color": colours, "line": {"width": 0}},
        customdata=[[plain(p.name), before[p.output], after[p.output]] for p in predictions],
        hovertemplate="<b>%{customdata[0]}</b><br>before %{customdata[1]:.3f}, after %{customdata[2]:.3f}<extra></extra>",
    )  # fmt: skip


def draw_strength_sweep(trial: Trial, look: Look, *, narrow: bool = False) -> go.Figure:
    """Probability over the strength: a line an output that comes first or is probable somewhere."""
    outputs = trial.leading(4 if narrow else 6)
    first, second, grey = series_colours(look)
    was, now = int(trial.probabilities[0].argmax()), int(trial.probabilities[-1].argmax())
    figure = go.Figure()
    for number, output in enumerate(outputs):
        name = shorten(trial.output_names[output], 26)
        colour = first if output == was else second if output == now else grey
        figure.add_trace(
            go.Scatter(
                x=list(trial.strengths), y=np.asarray(trial.probabilities[:, output], dtype=np.float32), name=name,
                mode="lines+markers", line={"color": colour, "width": 2.4 if output in (was, now) else 1.4, "dash": PAIR_DASHES[number % len(PAIR_DASHES)]},
                marker={"size": 6}, hovertemplate=f"<b>{name}</b><br>strength %{{x:g}}: %{{y:.3f}}<extra></extra>",
            )
        )  # fmt: skip
    room = legend_room(len(outputs), 1 if narrow else 4) + 18 * narrow
    target = trial.target if len(trial.blocks) < 4 else f"{len(trial.blocks)} blocks"
    title = join_title(
        f"<b>{plain(target)} to {plain(trial.baseline)}</b>", "probability over the strength", narrow=narrow
    )
    style(figure, look, height=300 + room, title=title, top=40 + room, legend=True, upright=narrow)
    figure.update_xaxes(
        title_text="strength t of s′ = lerp(s, b, t)", range=[-0.03, 1.03], tickvals=list(trial.strengths)
    )
    return figure.update_yaxes(title_text="probability", range=[-0.02, 1.02], tickformat=".0%")
