"""The map of classes: class profiles of one block on their first two principal axes."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.analysis.classes import ProfilePlane
from senet_viz.analysis.profiles import label_blocks
from senet_viz.figures.comparison.inks import plain, shorten
from senet_viz.figures.look import GREY, Look, style, style_axes


def draw_plane(
    found: ProfilePlane, classes: Sequence[int], colours: Mapping[int, str], look: Look, *, narrow: bool = False
) -> go.Figure:
    """A point a class; the chosen ones in front, in colour and named, the others named by the pointer.

    Both axes have one scale, so that distances can be seen.

    Args:
        found: where classes lie.
        classes: class indices in front.
        colours: of them.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    front = [int(np.flatnonzero(found.classes == k)[0]) for k in classes if k in found.classes]
    behind = np.setdiff1d(np.arange(len(found.classes)), front)
    inks = [colours.get(int(found.classes[row]), GREY) for row in front]
    names = [shorten(found.labels[row], 16 if narrow else 24) for row in front]
    figure = go.Figure(
        [
            _points(found, behind, marker={"size": 6, "color": GREY, "opacity": 0.45}),
            _points(found, np.array(front, dtype=np.int64), mode="markers+text", written=names,
                    marker={"size": 11, "color": inks, "line": {"color": look.paper, "width": 1.5}}, ink=look.ink),
        ]
    )  # fmt: skip
    images = int(found.images.sum())
    title = f"<b>{label_blocks([found.block])[0]}</b> · {len(found.classes):,} class profiles"
    title += f"{'<br>' if narrow else ' · '}n = {images:,} images, {found.block.channels:,} channels"
    style(figure, look, height=_height(found, narrow=narrow), title=title, top=54 if narrow else 34)
    style_axes(figure, look)
    first, second = (_name_axis(i, share) for i, share in enumerate(found.shares, start=1))
    spread = " of the spread" if np.isfinite(found.shares[0]) else ""
    figure.update_xaxes(title_text=f"{first}{spread}; both axes in units of s", showgrid=True, zeroline=False)
    figure.update_yaxes(title_text=second, scaleanchor="x", scaleratio=1)
    figure.update_layout(showlegend=False)
    return figure


def _height(found: ProfilePlane, *, narrow: bool) -> int:
    """As high as the classes reach, for about the width that pages give: a thin cloud needs no high figure."""
    across, upwards = np.ptp(found.positions, axis=0)
    ratio = upwards / across if across > 0 else 0.0
    return int(np.clip(1.3 * ratio * (300 if narrow else 880), 110, 300 if narrow else 480)) + 120


def _name_axis(number: int, share: float) -> str:
    known = "" if np.isnan(share) else f", {share:.0%}"
    return f"axis {number}{known}"


def _points(
    found: ProfilePlane,
    rows: NDArray[np.int64],
    *,
    marker: Mapping[str, object],
    mode: str = "markers",
    written: Sequence[str] = (),
    ink: str = GREY,
) -> go.Scatter:
    told = np.empty((len(rows), 2), dtype=object)  # plotly looks into lists cell by cell
    told[:, 0] = [f"<b>{plain(found.labels[r])}</b><br>n = {found.images[r]:,} images" for r in rows]
    told[:, 1] = [int(found.classes[r]) for r in rows]
    return go.Scatter(
        x=found.positions[rows, 0].astype(np.float32), y=found.positions[rows, 1].astype(np.float32), mode=mode,
        text=list(written), textposition=_sides(found.positions[rows, 0]) if len(written) else None, customdata=told,
        textfont={"color": ink, "size": 12}, marker=dict(marker), hovertemplate="%{customdata[0]}<extra></extra>",
        unselected={"marker": {"opacity": marker.get("opacity", 1)}, "textfont": {"color": ink}}, cliponaxis=False,
    )  # fmt: skip


def _sides(across: NDArray[np.float64]) -> list[str]:
    """Names over and under their points in turn from left to right, so that neighbours' names do not meet."""
    places = np.argsort(np.argsort(across, kind="stable"), kind="stable")
    return ["top center" if place % 2 == 0 else "bottom center" for place in places]
