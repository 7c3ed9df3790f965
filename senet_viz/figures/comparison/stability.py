"""How far the gates of changed copies of an image lie from its own, along the depth."""

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.comparison.stability import LEVELS, Line, Stability
from senet_viz.analysis.profiles import label_blocks
from senet_viz.figures.comparison.inks import colour_images, plain, shorten
from senet_viz.figures.depth import style_depth
from senet_viz.figures.look import Look, style, style_axes

_ROW = 22


def draw_stability(stability: Stability, look: Look, *, level: int = 1, narrow: bool = False) -> go.Figure:
    """A line a change over the blocks: the mean over its copies, whiskers from the smallest to the largest.

    The line at 1 is as far as two images of the class lie apart; the band around it is how well that is known. Without a
    spread within a class the distances are in units of s and there is no such line.

    Args:
        stability: of one image.
        look: inks of the page.
        level: 0 mild, 1 medium, 2 strong; mirror images have no level.
        narrow: for a narrow screen.
    """
    lines, blocks = stability.lines(level), stability.varied.blocks
    labels = label_blocks(blocks)
    figure = go.Figure([_line(line, labels, ink, dash) for line, (ink, dash) in zip(lines, colour_images(len(lines)))])
    spread, break_ = stability.spread, "<br>" if narrow else " · "
    title = f"<b>{shorten(stability.varied.image, 24)}</b> · {LEVELS[level]} changes{break_}"
    title += (
        f"1: two images of {plain(shorten(spread.among, 28))} (n = {spread.images:,})"
        if stability.measured
        else "in units of s"
    )
    legend = _ROW * -(-len(lines) // (1 if narrow else 3))
    top = 46 + legend + 18 * narrow
    style(figure, look, height=330 + top, title=title, top=top)
    style_axes(figure, look)
    style_depth(figure, blocks, look, narrow=narrow)
    if stability.measured:
        _mark_one(figure, stability, look)
    unit = "RMS distance / within-class distance" if stability.measured else "RMS distance, in units of s"
    figure.update_yaxes(title_text=unit, rangemode="tozero")
    figure.update_layout(
        legend_y=1 - (46 if narrow else 26) / figure.layout.height, margin={"b": 70 if narrow else 46},
        legend_orientation="v" if narrow else "h",
    )  # fmt: skip
    return figure


def _line(line: Line, labels: tuple[str, ...], ink: str, dash: str) -> go.Scatter:
    position = np.arange(len(labels))
    several = line.draws > 1
    return go.Scatter(
        x=position, y=line.mean.astype(np.float32), mode="lines+markers", name=f"{line.words} ({line.kept}/{line.draws} kept)",
        line={"color": ink, "dash": dash, "width": 1.8}, marker={"size": 5},
        error_y={"type": "data", "symmetric": False, "array": (line.high - line.mean).astype(np.float32),
                 "arrayminus": (line.mean - line.low).astype(np.float32), "thickness": 1, "width": 0, "visible": several},
        text=[f"{label}: {a:.3g}" + (f" ({b:.3g} to {c:.3g})" if several else "")
              for label, a, b, c in zip(labels, line.mean, line.low, line.high)],
        hovertemplate=f"<b>{line.words}</b><br>%{{text}}<extra></extra>",
    )  # fmt: skip


def _mark_one(figure: go.Figure, stability: Stability, look: Look) -> None:
    half = stability.spread.uncertainty
    figure.add_hrect(y0=max(0.0, 1 - half), y1=1 + half, fillcolor=look.text, opacity=0.14, line_width=0, layer="below")
    figure.add_hline(y=1, line={"color": look.ink, "width": 1.5, "dash": "dash"})
