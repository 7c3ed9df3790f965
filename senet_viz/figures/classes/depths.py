"""Chosen classes along the depth: how far from the other classes, and how far from one of them."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.analysis.classes import ClassComparison, ClassDistinctness
from senet_viz.analysis.profiles import label_blocks
from senet_viz.figures.comparison.inks import plain, shorten
from senet_viz.figures.depth import style_depth
from senet_viz.figures.look import GREY, Look, style, style_axes, translucent
from senet_viz.figures.series import band_of, line_of
from senet_viz.schema import Gate

Floats = NDArray[np.float64]
_ROW = 22  # px of a legend's row
_FEW = 4  # classes whose bands can be told apart at full strength


def draw_distinctness(
    found: ClassDistinctness,
    classes: Sequence[int],
    colours: Mapping[int, str],
    look: Look,
    *,
    relative: bool = False,
    narrow: bool = False,
) -> go.Figure:
    """A line a chosen class with its 95 % interval; the middle of all classes in ink, the middle 80 % as a grey band.

    Args:
        found: of all classes.
        classes: class indices that are drawn in colour; those without an image are left out.
        colours: of them.
        look: inks of the page.
        relative: in within-class SDs instead of units of s.
        narrow: for a narrow screen.
    """
    positions, labels = np.arange(len(found.gates), dtype=np.float64), label_blocks(found.gates)
    values = found.distance(relative=relative)
    low, high = (found.distance(limit, relative=relative) for limit in (found.low, found.high))
    figure = go.Figure()
    if len(found.classes) > 2:
        tenth, middle, ninetieth = found.spread(relative=relative)
        figure.add_trace(band_of(positions, tenth, ninetieth, ink=GREY, name="middle 80 % of the classes"))
        figure.add_traces(line_of(positions, middle, labels, name="median of all classes", ink=look.ink))
    chance = found.typical_noise(relative=relative)
    figure.add_traces(line_of(positions, chance, labels, name="noise alone (median)", ink=GREY, dash="dot"))
    rows = [(k, row) for k in classes if (row := found.row_of(k)) is not None]
    for k, row in rows:
        name = f"{shorten(found.labels[row], 24)} (n = {found.images[row]:,})"
        interval = (low[row], high[row])
        ink = colours.get(k, GREY)
        *band, line = line_of(positions, values[row], labels, name=name, ink=ink, interval=interval)
        for trace in band:
            trace.fillcolor = translucent(ink, 0.22 if len(rows) <= _FEW else 0.09)
        figure.add_traces([*band, line])
    images = int(found.images.sum())
    head = f"n = {images:,} images, {len(found.classes):,} classes"
    head += f"{'<br>' if narrow else ' · '}" + (
        "bands: 95 % over images; grey: middle 80 % of classes"
        if found.has_intervals
        else "grey: middle 80 % of classes"
    )
    _finish(figure, found.gates, look, title=head, entries=len(rows) + 2, narrow=narrow)
    unit = "within-class SDs" if relative else "units of s"
    figure.update_yaxes(title_text=f"distance from the others, {unit}")
    return figure


def draw_class_distances(
    found: ClassComparison, reference: int, colours: Mapping[int, str], look: Look, *, narrow: bool = False
) -> go.Figure:
    """Distance of each other class from one of them, a line a class; what noise alone would give is dotted.

    Args:
        found: at least two classes.
        reference: position of the class that distances are from.
        colours: by class index.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    positions, labels = np.arange(len(found.gates), dtype=np.float64), label_blocks(found.gates)
    others = [i for i in range(len(found.classes)) if i != reference]
    figure = go.Figure()
    for i in others:
        name = f"{shorten(found.labels[i], 24)} (n = {found.images[i]:,})"
        ink = colours.get(found.classes[i], GREY)
        figure.add_traces(line_of(positions, found.distance[:, reference, i], labels, name=name, ink=ink))
        noise = line_of(positions, found.chance[:, reference, i], labels, name=f"{name}, noise", ink=ink, dash="dot")[0]
        noise.update(showlegend=False, legendgroup=name, marker={"size": 3})
        figure.add_trace(noise)
    head = f"<b>Distance from {plain(found.labels[reference])}</b> (n = {found.images[reference]:,})"
    head += f"{'<br>' if narrow else ' · '}dotted: by noise alone"
    _finish(figure, found.gates, look, title=head, entries=len(others), narrow=narrow)
    figure.update_yaxes(title_text="RMS distance, units of s")
    return figure


def _finish(figure: go.Figure, gates: Sequence[Gate], look: Look, *, title: str, entries: int, narrow: bool) -> None:
    rows = -(-entries // (1 if narrow else 4))
    lines = 44 if "<br>" in title else 26
    height = 360 + lines + _ROW * rows + (40 if narrow else 0)
    style(figure, look, height=height, title=title, top=lines + 16 + _ROW * rows)
    style_axes(figure, look)
    style_depth(figure, gates, look, narrow=narrow)
    figure.add_hline(y=0, line={"color": look.text, "width": 1})
    figure.update_layout(showlegend=True, legend_y=1 - lines / height, margin={"b": 70 if narrow else 46})
    if narrow:
        figure.update_layout(legend_orientation="v")
