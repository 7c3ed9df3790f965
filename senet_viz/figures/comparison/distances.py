"""Distance along the depth: of each pair of images, or of each image from the recorded mean."""

from typing import Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.comparison import Comparison
from senet_viz.analysis.profiles import label_blocks
from senet_viz.figures.comparison.inks import colour_images, name_images
from senet_viz.figures.depth import style_depth
from senet_viz.figures.look import GREY, Look, style, style_axes

Distance = Literal["rms", "cosine", "from mean"]
DISTANCES: tuple[Distance, ...] = ("rms", "cosine", "from mean")
_TITLES: dict[Distance, tuple[str, str]] = {
    "rms": ("RMS distance of each pair", "RMS over channels, in units of s"),
    "cosine": ("Cosine distance of each pair", "1 − cos of the differences from the recorded mean"),
    "from mean": ("RMS distance from the recorded mean", "RMS over channels, in units of s"),
}
_MOST_COLOURED = 8
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")  # the second image of a pair


def draw_distances(
    comparison: Comparison, look: Look, *, distance: Distance = "rms", image: int | None = None, narrow: bool = False
) -> go.Figure:
    """A line a pair (or an image) over the blocks; a colour is an image's, here as in the other figures.

    Args:
        comparison: of at least two images, or of one with "from mean".
        look: inks of the page.
        distance: which.
        image: only pairs with this image; more than eight lines are grey, and named by the pointer.
        narrow: for a narrow screen.
    """
    names = name_images(comparison.names, most=14)
    blocks = [block.block for block in comparison.blocks]
    lines = _lines(comparison, names, distance, image)
    inks = colour_images(len(names))
    labels = label_blocks(blocks)
    figure = go.Figure(
        [
            go.Scatter(
                x=np.arange(len(blocks)), y=values.astype(np.float32), name=name, mode="lines+markers", text=labels,
                line={"color": inks[at][0] if len(lines) <= _MOST_COLOURED else GREY, "dash": dash or inks[at][1], "width": 1.8},
                marker={"size": 5}, opacity=1 if len(lines) <= _MOST_COLOURED else 0.5,
                hovertemplate=f"<b>{name}</b><br>%{{text}}: %{{y:.3f}}<extra></extra>",
            )
            for name, values, at, dash in lines
        ]
    )  # fmt: skip
    legend = len(lines) <= _MOST_COLOURED
    rows = -(-len(lines) // (1 if narrow else 3)) if legend else 0
    heading, unit = _TITLES[distance]
    style(
        figure,
        look,
        height=300 + 22 * rows + (40 if narrow else 0),
        title=f"{heading} ({len(lines)})",
        top=40 + 22 * rows,
    )
    style_axes(figure, look)
    style_depth(figure, blocks, look, narrow=narrow)
    figure.update_yaxes(title_text=unit, rangemode="tozero")
    figure.update_layout(showlegend=legend, legend_y=1 - 26 / figure.layout.height, margin={"b": 70 if narrow else 46})
    return figure


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
            *((i, _DASHES[(j - i - 1) % len(_DASHES)]) if image is None else (j if image == i else i, "")),
        )
        for i, j in pairs
    ]  # fmt: skip
