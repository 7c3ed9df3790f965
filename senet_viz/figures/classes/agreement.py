"""Along the depth: whether classes whose gates are alike are taken for each other."""

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.classes import ConfusionAgreement
from senet_viz.analysis.profiles import label_blocks
from senet_viz.figures.depth import style_depth
from senet_viz.figures.look import GREY, Look, style, style_axes
from senet_viz.figures.series import band_of, line_of, series_inks


def draw_agreement(found: ConfusionAgreement, look: Look, *, narrow: bool = False) -> go.Figure:
    """Spearman's ρ of the gates with its 95 % interval, that of z thin and dashed, and the band of shuffled classes.

    Args:
        found: of all blocks.
        look: inks of the page.
        narrow: for a narrow screen.
    """
    positions, labels = np.arange(len(found.blocks), dtype=np.float64), label_blocks(found.gates)
    ink, other, _ = series_inks(look)
    limits = [block.interval for block in found.blocks]
    interval = np.array([i.low for i in limits]), np.array([i.high for i in limits])
    low, high = found.null_band
    figure = go.Figure()
    if np.isfinite(low).any():
        known = np.isfinite(low)
        band = band_of(positions[known], low[known], high[known], ink=GREY, name="shuffled classes, middle 95 %")
        band.showlegend = True
        figure.add_trace(band)
    figure.add_traces(line_of(positions, found.values, labels, name="gates s", ink=ink, interval=interval))
    if np.isfinite(found.squeeze_values).any():
        figure.add_traces(line_of(positions, found.squeeze_values, labels, name="squeeze z", ink=other, dash="dash"))
    pairs = found.blocks[0].pairs
    title = f"n = {pairs:,} pairs of {found.classes:,} classes"
    title += f"{'<br>' if narrow else ' · '}{found.confused:,} of {found.images:,} images confused among them"
    lines = 44 if narrow else 26
    rows = 3 if narrow else 1
    height = 340 + lines + 22 * rows + (40 if narrow else 0)
    style(figure, look, height=height, title=title, top=lines + 16 + 22 * rows)
    style_axes(figure, look)
    style_depth(figure, found.gates, look, narrow=narrow)
    figure.add_hline(y=0, line={"color": look.text, "width": 1})
    figure.update_yaxes(title_text="ρ: close gates, confused classes")
    figure.update_layout(legend_y=1 - lines / height, margin={"b": 70 if narrow else 46}, showlegend=True)
    if narrow:
        figure.update_layout(legend_orientation="v")
    return figure
