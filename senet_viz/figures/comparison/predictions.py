"""The five most probable outputs of one image."""

import plotly.graph_objects as go

from senet_viz.analysis.comparison import ComparedImage
from senet_viz.figures.comparison.inks import shorten
from senet_viz.figures.lines import add_annotations
from senet_viz.figures.look import Look, style, style_axes


def draw_predictions(image: ComparedImage, colour: str, look: Look) -> go.Figure:
    """A bar a prediction, its name and probability on it.

    Args:
        image: what the network said of it.
        colour: of the image.
        look: inks of the page.
    """
    rows = image.predictions
    names = [shorten(p.name, 26) for p in rows]
    figure = go.Figure(
        go.Bar(
            x=[p.probability for p in rows], y=list(range(len(rows))), orientation="h", width=0.34, offset=0.08,
            marker={"color": colour}, customdata=[[p.name, p.output] for p in rows],
            hovertemplate="<b>%{customdata[0]}</b><br>output %{customdata[1]}, probability %{x:.3f}<extra></extra>",
        )
    )  # fmt: skip
    style(figure, look, height=34 * len(rows) + 8, title="", top=2)
    style_axes(figure, look)
    words = []
    for i, (name, prediction) in enumerate(zip(names, rows)):
        place = {
            "y": i - 0.16,
            "xref": "paper",
            "showarrow": False,
            "font": {"color": look.ink if i == 0 else look.text},
        }
        words.append({"x": 0, "text": name, "xanchor": "left", **place})
        words.append({"x": 1, "text": f"{prediction.probability:.1%}", "xanchor": "right", **place})
    add_annotations(figure, words)
    figure.update_xaxes(range=[0, 1], visible=False)
    figure.update_yaxes(autorange=False, range=[len(rows) - 0.4, -0.5], visible=False)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 2, "b": 2}, showlegend=False, bargap=0.1)
    return figure
