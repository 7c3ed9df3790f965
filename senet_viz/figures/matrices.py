"""Square maps: similarity between blocks, rank correlations between measures; and measures of channels as points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.analysis.blocks import BlockSimilarity
from senet_viz.figures.look import Look, style, style_axes
from senet_viz.figures.series import series_inks
from senet_viz.stats.measures.correlations import MEASURE_WORDS, RankCorrelations

Floats = NDArray[np.float64]
_MOST_NAMED = 26
_MOST_NUMBERS = 10


def draw_similarity(similarity: BlockSimilarity, look: Look, *, narrow: bool = False) -> go.Figure:
    """CKA between blocks from 0 to 1, in cividis; values below 0 are noise and have the colour of 0.

    Args:
        similarity: what to draw.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    heat = _square(similarity.values, similarity.labels, "CKA", {"colorscale": "Cividis", "zmin": 0, "zmax": 1})
    return _finish(go.Figure(heat), similarity.labels, "Debiased linear CKA between blocks", look, narrow=narrow)


def draw_correlations(correlations: RankCorrelations, block: str, look: Look, *, narrow: bool = False) -> go.Figure:
    """Spearman's ρ between measures, red and blue around 0.

    Args:
        correlations: what to draw.
        block: the label of the block whose channels they are over.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    scale = {"colorscale": "RdBu_r", "zmin": -1, "zmax": 1, "zmid": 0}
    heat = _square(correlations.values, correlations.words, "ρ", scale)
    most = int(correlations.channels.max(initial=0))
    title = f"<b>{block}</b> · Spearman's ρ between measures{'<br>' if narrow else ' · '}{most:,} channels"
    return _finish(go.Figure(heat), correlations.words, title, look, narrow=narrow)


def draw_channels_scatter(
    measures: pd.DataFrame, block: str, x: str, y: str, look: Look, *, narrow: bool = False
) -> go.Figure:
    """A point a channel at two of its measures.

    Args:
        measures: a row per channel of one block.
        block: its label.
        x: column of the horizontal measure.
        y: column of the vertical one.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    words = [MEASURE_WORDS.get(name, name) for name in (x, y)]
    known = measures[np.isfinite(measures[x]) & np.isfinite(measures[y])]
    points = go.Scatter(
        x=known[x].astype(np.float32), y=known[y].astype(np.float32), mode="markers", text=known["channel"],
        customdata=known["best_class_name"] if "best_class_name" in known else [""] * len(known),
        marker={"size": 6, "opacity": 0.6, "color": series_inks(look)[0]},
        hovertemplate=f"<b>channel %{{text}}</b><br>{words[0]}: %{{x:.4g}}<br>{words[1]}: %{{y:.4g}}"
        "<br>largest mean: %{customdata}<extra></extra>",
    )  # fmt: skip
    figure = go.Figure(points)
    lost = len(measures) - len(known)
    n = f"{len(known):,} channels" + (f", {lost:,} without both measures" if lost else "")
    style(figure, look, height=420, title=f"<b>{block}</b>{'<br>' if narrow else ' · '}{n}", top=54 if narrow else 34)
    style_axes(figure, look)
    figure.update_xaxes(title_text=words[0], showgrid=True, automargin=True)
    figure.update_yaxes(title_text=words[1], automargin=True)
    return figure


def _square(values: Floats, names: Sequence[str], quantity: str, scale: dict[str, Any]) -> go.Heatmap:
    numbers = len(names) <= _MOST_NUMBERS
    at = np.arange(len(names))
    pairs = [[f"{row} and {column}" for column in names] for row in names]
    return go.Heatmap(
        z=values.astype(np.float32), x=at, y=at, customdata=pairs, texttemplate="%{z:.2f}" if numbers else None,
        hovertemplate=f"%{{customdata}}<br>{quantity} %{{z:.3f}}<extra></extra>", xgap=1, ygap=1, hoverongaps=False,
        colorbar={"thickness": 10, "outlinewidth": 0, "title": {"text": quantity, "side": "right"}}, **scale,
    )  # fmt: skip


def _finish(figure: go.Figure, names: Sequence[str], title: str, look: Look, *, narrow: bool) -> go.Figure:
    top = 54 if "<br>" in title else 34
    height = (360 if narrow else min(680, max(380, 34 * len(names)))) + top
    style(figure, look, height=height, title=title, top=top)
    style_axes(figure, look)
    step = max(1, -(-len(names) // (12 if narrow else _MOST_NAMED)))
    shown = list(range(0, len(names), step))
    ticks = {
        "tickvals": shown,
        "ticktext": [names[i] for i in shown],
        "showgrid": False,
        "automargin": True,
        "ticks": "",
    }
    figure.update_xaxes(tickangle=-90 if narrow or len(names) > _MOST_NUMBERS else -30, **ticks)
    figure.update_yaxes(autorange="reversed", **ticks)
    if narrow:
        figure.update_traces(colorbar={"orientation": "h", "y": 1, "yanchor": "bottom", "title": {"side": "right"}},
                             texttemplate=None, showscale=False)  # fmt: skip
    return figure
