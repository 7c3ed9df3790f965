"""Chosen classes along the depth and against each other, whether alike classes are confused, and the map of classes."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.analysis.classes.confusions import ConfusionAgreement
from senet_viz.analysis.classes.distinctness import ClassDistinctness
from senet_viz.analysis.classes.neighbours import ClassComparison, ProfilePlane
from senet_viz.figures.axes import band_of, line_of, name_ticks, plain_blocks, series_colours, style_depth, thin_bar
from senet_viz.figures.theme import GREY, Look, join_title, legend_room, plain, shorten, style, translucent
from senet_viz.schema import Gate
from senet_viz.text import count_decimals

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
    """A line a chosen class with its 95 % interval; the median of all classes in the page's ink, the middle 80 % as a grey band.

    Of `classes`, indices, those without an image are left out; `relative`: in within-class SDs instead of units of s.
    """
    positions, labels = np.arange(len(found.gates), dtype=np.float64), plain_blocks(found.gates)
    values = found.distance(relative=relative)
    low, high = (found.distance(limit, relative=relative) for limit in (found.low, found.high))
    figure = go.Figure()
    if len(found.classes) > 2:
        tenth, middle, ninetieth = found.spread(relative=relative)
        spread = "middle 80 % of the classes"
        figure.add_trace(band_of(positions, tenth, ninetieth, colour=GREY, name=spread, legendgroup=spread))
        figure.add_traces(line_of(positions, middle, labels, name="median of all classes", colour=look.ink))
    chance = found.typical_noise(relative=relative)
    figure.add_traces(line_of(positions, chance, labels, name="noise alone (median)", colour=GREY, dash="dot"))
    rows = [(k, row) for k in classes if (row := found.row_of(k)) is not None]
    for k, row in rows:
        name = f"{shorten(found.labels[row], 24)} (n = {found.images[row]:,})"
        colour = colours.get(k, GREY)
        *band, line = line_of(positions, values[row], labels, name=name, colour=colour, interval=(low[row], high[row]))
        for trace in band:
            trace.fillcolor = translucent(colour, 0.22 if len(rows) <= _FEW else 0.09)
        figure.add_traces([*band, line])
    head = f"n = {int(found.images.sum()):,} images, {len(found.classes):,} classes"
    bands = "bands: 95 % over images; " if found.has_intervals else ""
    title = join_title(head, f"{bands}grey: middle 80 % of classes", narrow=narrow)
    _finish(figure, found.gates, look, title=title, entries=len(rows) + 2, narrow=narrow)
    unit = "within-class SDs" if relative else "units of s"
    figure.update_yaxes(title_text=f"distance from the others, {unit}")
    return figure


def draw_class_distances(
    found: ClassComparison, reference: int, colours: Mapping[int, str], look: Look, *, narrow: bool = False
) -> go.Figure:
    """Distance of each other class from the one at position `reference`; what noise alone would give is dotted."""
    positions, labels = np.arange(len(found.gates), dtype=np.float64), plain_blocks(found.gates)
    others = [i for i in range(len(found.classes)) if i != reference]
    figure = go.Figure()
    for i in others:
        name = f"{shorten(found.labels[i], 24)} (n = {found.images[i]:,})"
        colour = colours.get(found.classes[i], GREY)
        figure.add_traces(line_of(positions, found.distance[:, reference, i], labels, name=name, colour=colour))
        noise = line_of(
            positions, found.chance[:, reference, i], labels, name=f"{name}, noise", colour=colour, dash="dot"
        )[0]
        noise.update(showlegend=False, legendgroup=name, marker={"size": 3})
        figure.add_trace(noise)
    head = f"<b>Distance from {plain(found.labels[reference])}</b> (n = {found.images[reference]:,})"
    title = join_title(head, "dotted: by noise alone", narrow=narrow)
    _finish(figure, found.gates, look, title=title, entries=len(others), narrow=narrow)
    figure.update_yaxes(title_text="RMS distance, units of s")
    return figure


def _finish(
    figure: go.Figure, gates: Sequence[Gate], look: Look, *, title: str, entries: int, narrow: bool, plot: int = 360
) -> None:
    """A plot so many px high, the legend above it, a line at 0."""
    room, lines = legend_room(entries, 1 if narrow else 4), 44 if "<br>" in title else 26
    height = plot + lines + room + (40 if narrow else 0)
    style(figure, look, height=height, title=title, top=lines + 16 + room, legend=lines, upright=narrow)
    style_depth(figure, gates, look, narrow=narrow)
    figure.add_hline(y=0, line={"color": look.text, "width": 1})
    figure.layout.showlegend = True


def draw_agreement(found: ConfusionAgreement, look: Look, *, narrow: bool = False) -> go.Figure:
    """Spearman's ρ of the gates with its 95 % interval, that of z thin and dashed, and the band of shuffled classes."""
    positions, labels = np.arange(len(found.blocks), dtype=np.float64), plain_blocks(found.gates)
    colour, other, _ = series_colours(look)
    limits = [block.interval for block in found.blocks]
    interval = np.array([i.low for i in limits]), np.array([i.high for i in limits])
    low, high = found.null_band
    figure = go.Figure()
    if np.isfinite(low).any():
        known = np.isfinite(low)
        name = "shuffled classes, middle 95 %"
        figure.add_trace(
            band_of(
                positions[known], low[known], high[known], colour=GREY, name=name, legendgroup=name, showlegend=True
            )
        )
    figure.add_traces(line_of(positions, found.values, labels, name="gates s", colour=colour, interval=interval))
    if np.isfinite(found.squeeze_values).any():
        figure.add_traces(line_of(positions, found.squeeze_values, labels, name="squeeze z", colour=other, dash="dash"))
    pairs = f"n = {found.blocks[0].pairs:,} pairs of {len(found.confusions.classes):,} classes"
    confused = f"{found.confusions.confused:,} of {found.confusions.images.sum():,} images confused among them"
    title = join_title(pairs, confused, narrow=narrow)
    _finish(figure, found.gates, look, title=title, entries=3, narrow=narrow, plot=340)
    figure.update_yaxes(title_text="ρ: close gates, confused classes")
    return figure


_CELL = 34


def draw_class_matrix(found: ClassComparison, at: int, look: Look, *, narrow: bool = False) -> go.Figure:
    """RMS distance of each pair without noise in the block at a position, in units of s; the pointer tells the noise."""
    size = len(found.classes)
    values = found.distance[at].astype(np.float32)
    values[np.diag_indices(size)] = np.nan
    names = [shorten(label, 14 if narrow else 22) for label in found.labels]
    hovers = [
        [
            f"<b>{plain(found.labels[i])}</b> (n = {found.images[i]:,}) and <b>{plain(found.labels[j])}</b> (n = {found.images[j]:,})"
            f"<br>distance {values[i, j]:.4f}<br>by noise alone {found.chance[at, i, j]:.4f}"
            for j in range(size)
        ]
        for i in range(size)
    ]
    top = 54 if narrow else 34
    title = join_title(
        f"<b>{plain_blocks(found.gates)[at]}</b>", "RMS distance of each pair, units of s", narrow=narrow
    )
    figure = go.Figure(
        go.Heatmap(
            z=values, x=np.arange(size), y=np.arange(size), customdata=hovers, xgap=2, ygap=2, colorscale="Cividis",
            zmin=0, zmax=max(float(np.nanmax(values, initial=0)), 1e-6), hoverongaps=False, showscale=not narrow,
            texttemplate=f"%{{z:.{count_decimals(values)}f}}", hovertemplate="%{customdata}<extra></extra>",
            textfont={"size": 10 if narrow else 12},
            colorbar={**thin_bar("units of s"), "exponentformat": "none"},
        )
    )  # fmt: skip
    style(figure, look, height=max(200, _CELL * size) + top + 90, title=title, top=top)
    ticks = name_ticks(names, automargin=True)
    figure.update_xaxes(tickangle=-90 if narrow else -30, **ticks)
    figure.update_yaxes(autorange="reversed", **ticks)
    return figure


def draw_plane(
    found: ProfilePlane, classes: Sequence[int], colours: Mapping[int, str], look: Look, *, narrow: bool = False
) -> go.Figure:
    """A point a class; the chosen ones in front, in colour and named, the others named by the pointer.

    Both axes have one scale, so that distances can be seen.
    """
    front = [int(np.flatnonzero(found.classes == k)[0]) for k in classes if k in found.classes]
    behind = np.setdiff1d(np.arange(len(found.classes)), front)
    shown = [colours.get(int(found.classes[row]), GREY) for row in front]
    names = [shorten(found.labels[row], 16 if narrow else 24) for row in front]
    figure = go.Figure(
        [
            _points(found, behind, marker={"size": 6, "color": GREY, "opacity": 0.45}),
            _points(found, np.array(front, dtype=np.int64), mode="markers+text", written=names,
                    marker={"size": 11, "color": shown, "line": {"color": look.paper, "width": 1.5}}, colour=look.ink),
        ]
    )  # fmt: skip
    title = join_title(
        f"<b>{plain_blocks([found.block])[0]}</b> · {len(found.classes):,} class profiles",
        f"n = {int(found.images.sum()):,} images, {found.block.channels:,} channels", narrow=narrow,
    )  # fmt: skip
    style(figure, look, height=_height(found, narrow=narrow), title=title, top=54 if narrow else 34)
    shares = ("" if np.isnan(share) else f", {share:.0%}" for share in found.shares)
    first, second = (f"axis {i}{share}" for i, share in enumerate(shares, start=1))
    spread = " of the spread" if np.isfinite(found.shares[0]) else ""
    figure.update_xaxes(title_text=f"{first}{spread}; both axes in units of s", showgrid=True, zeroline=False)
    figure.update_yaxes(title_text=second, scaleanchor="x", scaleratio=1)
    return figure.update_layout(showlegend=False)


def _height(found: ProfilePlane, *, narrow: bool) -> int:
    """As high as the classes reach, for about the width that pages give: a thin cloud needs no high figure."""
    across, upwards = np.ptp(found.positions, axis=0)
    ratio = upwards / across if across > 0 else 0.0
    return int(np.clip(1.3 * ratio * (300 if narrow else 880), 110, 300 if narrow else 480)) + 120


def _points(
    found: ProfilePlane,
    rows: NDArray[np.int64],
    *,
    marker: Mapping[str, object],
    mode: str = "markers",
    written: Sequence[str] = (),
    colour: str = GREY,
) -> go.Scatter:
    told = np.empty((len(rows), 2), dtype=object)  # plotly looks into lists cell by cell
    told[:, 0] = [f"<b>{plain(found.labels[r])}</b><br>n = {found.images[r]:,} images" for r in rows]
    told[:, 1] = [int(found.classes[r]) for r in rows]
    return go.Scatter(
        x=found.positions[rows, 0].astype(np.float32), y=found.positions[rows, 1].astype(np.float32), mode=mode,
        text=list(written), textposition=_sides(found.positions[rows, 0]) if len(written) else None, customdata=told,
        textfont={"color": colour, "size": 12}, marker=dict(marker), hovertemplate="%{customdata[0]}<extra></extra>",
        unselected={"marker": {"opacity": marker.get("opacity", 1)}, "textfont": {"color": colour}}, cliponaxis=False,
    )  # fmt: skip


def _sides(across: NDArray[np.float64]) -> list[str]:
    """Names over and under their points in turn from left to right, so that neighbours' names do not meet."""
    places = np.argsort(np.argsort(across, kind="stable"), kind="stable")
    return ["top center" if place % 2 == 0 else "bottom center" for place in places]
