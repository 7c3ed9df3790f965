"""When does the class emerge: the nearest class profile in every block."""

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.comparison import Comparison
from senet_viz.analysis.profiles import label_blocks
from senet_viz.figures.comparison.inks import name_images, plain, rank_scale, shorten
from senet_viz.figures.depth import tick_labels
from senet_viz.figures.look import Look, style, style_axes

_ROW = 36


def draw_emergence(comparison: Comparison, look: Look, *, narrow: bool = False) -> go.Figure:
    """A cell an image and block: the rank of the predicted class among the class profiles, 1 the nearest.

    The cell names the nearest class; a frame is around the blocks from which on it stays the predicted one.

    Args:
        comparison: with at least one image and class profiles.
        look: inks of the page.
        narrow: blocks as rows and images as columns.
    """
    ranks = np.array([block.rank for block in comparison.blocks], dtype=np.float64).T  # (n, B)
    ranks[ranks == 0] = np.nan
    classes = comparison.classes_compared
    names = name_images(comparison.names, most=34 // len(comparison.names) if narrow else 18)
    blocks = tick_labels([block.block for block in comparison.blocks])
    texts, hovers = _texts(comparison, letters=max(4, 42 // len(names)) if narrow else max(5, 110 // len(blocks)))
    known = np.isfinite(ranks)
    values = np.log10(
        np.where(known, ranks, classes)
    )  # without a prediction among the classes a cell is as pale as the last
    columns, rows = (names, blocks) if narrow else (blocks, names)
    if narrow:
        values, texts, hovers = values.T, texts.T, hovers.T
    height = max(130, (26 if narrow else _ROW) * len(rows)) + (126 if narrow else 106)
    figure = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32), x=np.arange(len(columns)), y=np.arange(len(rows)), text=texts,
            texttemplate="%{text}", textfont={"size": 10}, customdata=hovers, xgap=2, ygap=2, zmin=0,
            zmax=max(np.log10(classes), 1e-6), colorscale=rank_scale(look),
            hovertemplate="%{customdata}<extra></extra>", colorbar=_bar(classes, height, narrow=narrow), showscale=bool(known.any()),
        )
    )  # fmt: skip
    title = f"Nearest class profile among {classes:,}"
    title += "; colour: rank of the predicted class" if known.any() else "; predictions are no class of the recording"
    style(figure, look, height=height, title=title.replace("; ", "<br>") if narrow else title, top=56 if narrow else 34)
    style_axes(figure, look)
    figure.update_xaxes(tickvals=list(range(len(columns))), ticktext=columns, showgrid=False, showline=False, ticks="",
                        tickangle=-90 if len(columns) > 20 else 0)  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=rows, autorange="reversed", showgrid=False, showline=False, ticks="",
        automargin=True, tickfont={"color": look.ink},
    )  # fmt: skip
    _frame_settled(figure, comparison, look, turned=narrow)
    return figure


def _texts(comparison: Comparison, *, letters: int) -> tuple[np.ndarray, np.ndarray]:
    labels = label_blocks([block.block for block in comparison.blocks])
    shape = (len(comparison.images), len(labels))
    texts, hovers = np.empty(shape, dtype=object), np.empty(shape, dtype=object)
    for i, image in enumerate(comparison.images):
        for b, block in enumerate(comparison.blocks):
            near = [comparison.class_labels[k] for k in block.nearest[i]]
            own = "the prediction is no class of the recording" if near else "its class profiles do not differ"
            if image.predicted is not None and block.rank[i]:
                own = f"{plain(comparison.class_labels[image.predicted])} (predicted): rank {block.rank[i]} of {block.classes_compared}"
            texts[i, b] = shorten(near[0], letters) if near else "–"
            hovers[i, b] = (
                f"<b>{labels[b]}</b> · {i + 1}. {plain(image.name)}<br>nearest: {plain(', '.join(near)) or 'none'}<br>{own}"
            )
    return texts, hovers


def _frame_settled(figure: go.Figure, comparison: Comparison, look: Look, *, turned: bool) -> None:
    last = len(comparison.blocks) - 0.5
    order = [block.block.name for block in comparison.blocks]
    for emergence in comparison.emergence():
        if emergence.settled is not None:
            along = (order.index(emergence.settled.name) - 0.5, last)
            across = (emergence.image - 0.46, emergence.image + 0.46)
            (x0, x1), (y0, y1) = (across, along) if turned else (along, across)
            figure.add_shape(type="rect", x0=x0, x1=x1, y0=y0, y1=y1, line={"color": look.ink, "width": 2})


def _bar(classes: int, height: int, *, narrow: bool) -> dict[str, object]:
    ticks = [rank for rank in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if rank <= classes]
    return {
        "orientation": "h", "thickness": 8, "len": 1 if narrow else 0.4, "x": 0, "xanchor": "left", "outlinewidth": 0,
        "yref": "container", "y": 4 / height, "yanchor": "bottom", "tickvals": np.log10(ticks).tolist(),
        "ticktext": [f"{rank:,}" for rank in ticks],
    }  # fmt: skip
