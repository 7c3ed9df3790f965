"""A few images compared: what the network said, distances, nearest classes and stability along the depth."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.comparison.result import ComparedImage, Comparison, Prediction
from senet_viz.analysis.comparison.stability import LEVELS, Line, Stability
from senet_viz.figures.axes import add_annotations, bar_below, name_ticks, plain_blocks, style_depth, tick_labels
from senet_viz.figures.theme import (
    GREY,
    Look,
    colour_images,
    join_title,
    legend_room,
    name_images,
    plain,
    rank_scale,
    shorten,
    style,
)


def draw_predictions(image: ComparedImage, colour: str, look: Look) -> go.Figure:
    """A bar a prediction in the image's colour, its name and probability on it."""
    rows = image.predictions
    figure = go.Figure(
        bars_of(rows, marker={"color": colour}, customdata=[[plain(p.name), p.output] for p in rows],
                hovertemplate="<b>%{customdata[0]}</b><br>output %{customdata[1]}, probability %{x:.3f}<extra></extra>")
    )  # fmt: skip
    style(figure, look, height=34 * len(rows) + 8, top=2, margin={"l": 0, "r": 0, "b": 2})
    add_annotations(figure, [text for i, p in enumerate(rows) for text in name_bar(p, i, look, xref="paper")])
    figure.update_xaxes(range=[0, 1], visible=False)
    figure.update_yaxes(autorange=False, range=[len(rows) - 0.4, -0.5], visible=False)
    return figure.update_layout(showlegend=False, bargap=0.1)


def bars_of(predictions: Sequence[Prediction], **looks: Any) -> go.Bar:
    """A bar a prediction, from above, with room for words over it."""
    return go.Bar(
        x=[p.probability for p in predictions], y=list(range(len(predictions))), orientation="h", width=0.34, offset=0.08, **looks
    )  # fmt: skip


def name_bar(prediction: Prediction, i: int, look: Look, **axes: str) -> list[dict[str, Any]]:
    """Name and probability over the i-th of the bars."""
    both = {"y": i - 0.16, "showarrow": False, "font": {"color": look.ink if i == 0 else look.text}, **axes}
    return [
        {"x": 0, "text": shorten(prediction.name, 26), "xanchor": "left", **both},
        {"x": 1, "text": f"{prediction.probability:.1%}", "xanchor": "right", **both},
    ]


Distance = Literal["rms", "cosine", "from mean"]
_TITLES: dict[Distance, tuple[str, str]] = {
    "rms": ("RMS distance of each pair", "RMS over channels, in units of s"),
    "cosine": ("Cosine distance of each pair", "1 − cos of the differences from the recorded mean"),
    "from mean": ("RMS distance from the recorded mean", "RMS over channels, in units of s"),
}
_MOST_COLOURED = 8
PAIR_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")  # the second image of a pair


def draw_distances(
    comparison: Comparison, look: Look, *, distance: Distance = "rms", image: int | None = None, narrow: bool = False
) -> go.Figure:
    """A line a pair (or an image) over the blocks; a colour is an image's, here as in the other figures.

    A pair takes two images, "from mean" one; `image`: only pairs with it. More than eight lines are grey, and named by the
    pointer.
    """
    names = name_images(comparison.names, most=14)
    blocks = [block.block for block in comparison.blocks]
    lines = _lines(comparison, names, distance, image)
    colours = colour_images(len(names))
    labels = plain_blocks(blocks)
    figure = go.Figure(
        [
            go.Scatter(
                x=np.arange(len(blocks)), y=values.astype(np.float32), name=name, mode="lines+markers", text=labels,
                line={"color": colours[at][0] if len(lines) <= _MOST_COLOURED else GREY, "dash": dash or colours[at][1], "width": 1.8},
                marker={"size": 5}, opacity=1 if len(lines) <= _MOST_COLOURED else 0.5,
                hovertemplate=f"<b>{name}</b><br>%{{text}}: %{{y:.3f}}<extra></extra>",
            )
            for name, values, at, dash in lines
        ]
    )  # fmt: skip
    legend = len(lines) <= _MOST_COLOURED
    room = legend_room(len(lines), 1 if narrow else 3) if legend else 0
    heading, unit = _TITLES[distance]
    height = 300 + room + (40 if narrow else 0)
    style(figure, look, height=height, title=f"{heading} ({len(lines)})", top=40 + room, legend=True)
    style_depth(figure, blocks, look, narrow=narrow)
    figure.update_yaxes(title_text=unit, rangemode="tozero")
    return figure.update_layout(showlegend=legend)


class _Line(NamedTuple):
    """A curve: its values, the image whose colour it has, and its dash; "" for the image's own."""

    name: str
    values: np.ndarray
    image: int
    dash: str


def _lines(comparison: Comparison, names: list[str], distance: Distance, image: int | None) -> list[_Line]:
    if distance == "from mean":
        means = [np.array([b.from_mean[i] for b in comparison.blocks]) for i in range(len(names))]
        return [_Line(name, values, i, "") for i, (name, values) in enumerate(zip(names, means))]
    matrices = [block.rms if distance == "rms" else block.cosine for block in comparison.blocks]
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names)) if image is None or image in (i, j)]
    return [
        _Line(
            f"{names[i]} to {names[j]}", np.array([matrix[i, j] for matrix in matrices]),
            *((i, PAIR_DASHES[(j - i - 1) % len(PAIR_DASHES)]) if image is None else (j if image == i else i, "")),
        )
        for i, j in pairs
    ]  # fmt: skip


_ROW = 36


def draw_emergence(comparison: Comparison, look: Look, *, narrow: bool = False) -> go.Figure:
    """A cell an image and block: the rank of the predicted class among the class profiles, 1 the nearest.

    The cell names the nearest class; a frame is around the blocks from which on it stays the predicted one. There is at
    least one image, and class profiles; on a narrow screen blocks are the rows.
    """
    ranks = np.array([block.rank for block in comparison.blocks], dtype=np.float64).T  # (n, B)
    ranks[ranks == 0] = np.nan
    classes = comparison.classes_compared
    names = name_images(comparison.names, most=34 // len(comparison.names) if narrow else 18)
    blocks = tick_labels([block.block for block in comparison.blocks])
    texts, hovers = _texts(comparison, letters=max(4, 42 // len(names)) if narrow else max(5, 110 // len(blocks)))
    known = np.isfinite(ranks)
    values = np.log10(np.where(known, ranks, classes))  # without a rank a cell is as pale as the last
    columns, rows = (names, blocks) if narrow else (blocks, names)
    if narrow:
        values, texts, hovers = values.T, texts.T, hovers.T
    height = max(130, (26 if narrow else _ROW) * len(rows)) + (126 if narrow else 106)
    figure = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32), x=np.arange(len(columns)), y=np.arange(len(rows)), text=texts,
            texttemplate="%{text}", textfont={"size": 10}, customdata=hovers, xgap=2, ygap=2, zmin=0,
            zmax=max(np.log10(classes), 1e-6), colorscale=rank_scale(look),
            hovertemplate="%{customdata}<extra></extra>", colorbar={**bar_below(height, narrow=narrow), **_ranks(classes)}, showscale=bool(known.any()),
        )
    )  # fmt: skip
    title = f"Nearest class profile among {classes:,}"
    said = any(image.predictions for image in comparison.images)
    unknown = "predictions are no class of the recording" if said else "the network predicts nothing"
    title += f"; {'colour: rank of the predicted class' if known.any() else unknown}"
    style(figure, look, height=height, title=title.replace("; ", "<br>") if narrow else title, top=56 if narrow else 34)
    figure.update_xaxes(tickangle=-90 if len(columns) > 20 else 0, **name_ticks(columns, showline=False))
    aside = name_ticks(rows, showline=False, automargin=True, tickfont={"color": look.ink})
    figure.update_yaxes(autorange="reversed", **aside)
    _frame_settled(figure, comparison, look, turned=narrow)
    return figure


def _texts(comparison: Comparison, *, letters: int) -> tuple[np.ndarray, np.ndarray]:
    labels = plain_blocks([block.block for block in comparison.blocks])
    shape = (len(comparison.images), len(labels))
    texts, hovers = np.empty(shape, dtype=object), np.empty(shape, dtype=object)
    for i, image in enumerate(comparison.images):
        for b, block in enumerate(comparison.blocks):
            near = [comparison.class_labels[k] for k in block.nearest[i]]
            own = "its class profiles do not differ"
            if near:
                own = (
                    "the prediction is no class of the recording"
                    if image.predictions
                    else "the network predicts nothing"
                )
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


def _ranks(classes: int) -> dict[str, Any]:
    ticks = [rank for rank in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if rank <= classes]
    return {"tickvals": np.log10(ticks).tolist(), "ticktext": [f"{rank:,}" for rank in ticks]}


def draw_stability(stability: Stability, look: Look, *, level: int = 1, narrow: bool = False) -> go.Figure:
    """A line a change over the blocks: the mean over its copies, whiskers from the smallest to the largest.

    The line at 1 is as far as two images of the class lie apart; the band around it is how well that is known. Without a
    spread within a class the distances are in units of s and there is no such line. Levels: 0 mild, 1 medium, 2 strong;
    mirror images have none.
    """
    lines, blocks = stability.lines(level), stability.varied.blocks
    labels = plain_blocks(blocks)
    figure = go.Figure(
        [_line(line, labels, colour, dash) for line, (colour, dash) in zip(lines, colour_images(len(lines)))]
    )
    spread = stability.spread
    pair = f"1: two images of {plain(shorten(spread.among, 28))} (n = {spread.images:,})"
    head = f"<b>{shorten(stability.varied.image, 24)}</b> · {LEVELS[level]} changes"
    title = join_title(head, pair if stability.measured else "in units of s", narrow=narrow)
    top = 46 + legend_room(len(lines), 1 if narrow else 3) + 18 * narrow
    style(figure, look, height=330 + top, title=title, top=top, legend=True, upright=narrow)
    style_depth(figure, blocks, look, narrow=narrow)
    unit = "RMS distance, in units of s"
    if stability.measured:
        low, high = max(0.0, 1 - spread.uncertainty), 1 + spread.uncertainty
        figure.add_hrect(y0=low, y1=high, fillcolor=look.text, opacity=0.14, line_width=0, layer="below")
        figure.add_hline(y=1, line={"color": look.ink, "width": 1.5, "dash": "dash"})
        unit = "RMS distance / within-class distance"
    return figure.update_yaxes(title_text=unit, rangemode="tozero")


def _line(line: Line, labels: tuple[str, ...], colour: str, dash: str) -> go.Scatter:
    position = np.arange(len(labels))
    several = line.draws > 1
    return go.Scatter(
        x=position, y=line.mean.astype(np.float32), mode="lines+markers", name=f"{line.words} ({line.kept}/{line.draws} kept)",
        line={"color": colour, "dash": dash, "width": 1.8}, marker={"size": 5},
        error_y={"type": "data", "symmetric": False, "array": (line.high - line.mean).astype(np.float32),
                 "arrayminus": (line.mean - line.low).astype(np.float32), "thickness": 1, "width": 0, "visible": several},
        text=[f"{label}: {a:.3g}" + (f" ({b:.3g} to {c:.3g})" if several else "")
              for label, a, b, c in zip(labels, line.mean, line.low, line.high)],
        hovertemplate=f"<b>{line.words}</b><br>%{{text}}<extra></extra>",
    )  # fmt: skip
