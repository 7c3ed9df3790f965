"""The paper's Fig. 6 in words, panel by panel, beside what a recording shows in the blocks with the same role."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from senet_viz.analysis.blocks import BlockHealth, BlockMeasures
from senet_viz.claims.inputs import Role, find_roles
from senet_viz.schema import label_blocks
from senet_viz.text import limits_text, number_text

SHARE, SD = "class share ω², pooled", "between-class SD"
PAPER_WORDS: Mapping[Role, str] = {
    "SE_2_3": "Early: the curves of the four classes lie almost on each other. The gate hardly asks what is in the image.",
    "SE_3_4": "A little later: the curves are still close together.",
    "SE_4_6": "Late: the curves part, each class opens channels of its own.",
    "SE_5_1": "First of the last stage: the curves stay apart.",
    "SE_5_2": "Most gates are near 1 for every class: nearly everything passes, as if there were no gate.",
    "SE_5_3": "Last: all classes share one pattern, some a little louder than others.",
}


@dataclass(frozen=True)
class PaperRow:
    """One panel.

    Attributes:
        role: of the paper's block.
        block: label of the block that plays it here.
        paper: what the paper shows there.
        share, sd, near_one: here: class share ω², between-class SD in units of s, share of gates above .9; each with the
            bounds of its 95 % interval, NaN where none is known.
    """

    role: Role
    block: str
    paper: str
    share: tuple[float, float, float]
    sd: tuple[float, float, float]
    near_one: float

    @property
    def name(self) -> str:
        """The block, and whose place it takes where it has another label."""
        return self.block if self.block == self.role else f"{self.block} (in the place of {self.role})"

    @property
    def here(self) -> str:
        """What is measured here, in a line."""
        near = "not known" if np.isnan(self.near_one) else f"{self.near_one:.0%}"
        return (
            f"class share of variance ω² {_tell(self.share, 2)}, between-class SD {_tell(self.sd, 3)} in units of s, "
            f"gates above .9: {near}"
        )


def read_beside_paper(measures: BlockMeasures, health: BlockHealth) -> tuple[PaperRow, ...]:
    """A row for each of the paper's panels whose role a block of the network plays.

    Args:
        measures: along the depth; curves that are not known are told as NaN.
        health: of the same blocks.
    """
    layout = find_roles(measures.gates)
    labels = label_blocks(layout.blocks)
    return tuple(
        PaperRow(
            role,
            labels[at],
            PAPER_WORDS[role],
            _value(measures, SHARE, at),
            _value(measures, SD, at),
            float(health.near_one[at]),
        )
        for role, at in layout.roles.items()
    )


def _value(measures: BlockMeasures, words: str, at: int) -> tuple[float, float, float]:
    curve = next((curve for curve in measures.curves if curve.words == words), None)
    if curve is None:
        return (float("nan"),) * 3
    return float(curve.values[at]), float(curve.low[at]), float(curve.high[at])


def _tell(value: tuple[float, float, float], digits: int) -> str:
    middle, low, high = value
    if np.isnan(middle):
        return "not known"
    least = 10.0**-digits
    if 0 < middle < least / 2:
        return f"less than {least:g}"
    form = f".{digits}f"
    return number_text(middle, form) + (f" {limits_text(low, high, form)}" if np.isfinite(low) else "")
