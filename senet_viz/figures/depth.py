"""The depth axis that many figures share: blocks from input to output, stages as faint bands, the paper's blocks in bold."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from senet_viz.analysis.profiles import choose_blocks, label_blocks
from senet_viz.figures.lines import add_bands
from senet_viz.figures.look import Look, change_axes
from senet_viz.schema import Gate


def tick_labels(blocks: Sequence[Gate]) -> list[str]:
    """A label a block; those in the role of the paper's Fig. 6 are bold."""
    paper = {gate.name for gate in choose_blocks(blocks)}
    return [f"<b>{label}</b>" if gate.name in paper else label for gate, label in zip(blocks, label_blocks(blocks))]


def style_depth(figure: go.Figure, blocks: Sequence[Gate], look: Look, *, narrow: bool = False) -> go.Figure:
    """The x axis as depth: one tick a block at 0, 1, 2, …, a band for every other stage.

    Args:
        figure: whose x values are positions in `blocks`.
        blocks: in order of depth.
        look: inks of the page.
        narrow: turns the labels, and leaves out every other one where there are more than ten.
    """
    positions = np.arange(len(blocks))
    labels = tick_labels(blocks)
    step = 2 if narrow and len(blocks) > 10 else max(1, len(blocks) // 26)
    shown = [i for i in positions if (len(blocks) - 1 - i) % step == 0]
    axis = {
        "tickvals": shown, "ticktext": [labels[i] for i in shown], "range": [-0.6, len(blocks) - 0.4], "showgrid": False,
        "tickangle": -90 if narrow or len(blocks) > 20 else 0, "title": {"text": "block, from input to output"},
    }  # fmt: skip
    change_axes(figure, "x", axis)
    stages = sorted({gate.stage for gate in blocks})
    inside = [[i for i, gate in enumerate(blocks) if gate.stage == stage] for stage in stages[1::2]]
    spans = [(places[0] - 0.5, places[-1] + 0.5) for places in inside]
    add_bands(figure, spans, fillcolor=look.grid, opacity=0.45, line_width=0, layer="below")
    return figure
