"""A figure as a web page of its own."""

from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from senet_viz.figures.look import Picture, chart_config


def plotly_script() -> str:
    """plotly.js as text, to be inlined once in a page of several figures."""
    script: str = get_plotlyjs()
    return script


def page_of(figure: go.Figure, *, name: str, picture: Picture = "png") -> bytes:
    """Self-contained HTML: plotly.js is inside, nothing is loaded, and the page has the figure's paper.

    Args:
        figure: what to show, over the whole width of the window.
        name: the page's title and the name of the picture that its camera saves.
        picture: format of that picture.
    """
    body: str = figure.to_html(
        include_plotlyjs=True, full_html=False, config=chart_config(name, picture=picture), default_width="100%"
    )
    paper = figure.layout.paper_bgcolor or "white"
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}</title><style>body {{ margin: 16px; background: {escape(paper)} }}</style>"
    )
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>{body}</body>\n</html>\n'.encode()
