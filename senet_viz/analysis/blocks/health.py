"""The gate-health table: a row a block."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.profiles import label_blocks
from senet_viz.claims.assessment import Assessment
from senet_viz.schema import Gate

Floats = NDArray[np.float64]
_FROM_MOMENTS = ("near_one", "near_zero", "at_lower", "at_upper", "dead", "profile_rank")


@dataclass(frozen=True, eq=False)
class BlockHealth:
    """Of B blocks in order of depth, each (B,); NaN where a number is not defined or not known.

    Attributes:
        gates: the blocks.
        images: that it is computed from.
        near_one, near_zero: shares of gates above .9 and below .1.
        at_lower, at_upper: shares of gates exactly at the bounds.
        dead: channels whose SD over the images is under .001.
        between_sd, within_sd: SD between and within classes, in units of s.
        profile_rank, gate_rank: effective rank of class profiles and of single gates.
    """

    gates: tuple[Gate, ...]
    images: int
    near_one: Floats
    near_zero: Floats
    at_lower: Floats
    at_upper: Floats
    dead: Floats
    between_sd: Floats
    within_sd: Floats
    profile_rank: Floats
    gate_rank: Floats

    @property
    def labels(self) -> tuple[str, ...]:
        """A label a block."""
        return label_blocks(self.gates)

    @property
    def spread(self) -> Floats:
        """√(between² + within²): how far a gate moves, in units of s; within alone where there is one class."""
        return np.sqrt(np.nan_to_num(self.between_sd) ** 2 + self.within_sd**2)

    def table(self) -> pd.DataFrame:
        """A row a block: its size, and the health."""
        return pd.DataFrame(
            {
                "block": self.labels,
                "module": [g.name for g in self.gates],
                "channels C": [g.channels for g in self.gates],
                "reduction r": [g.channels / g.reduced_channels if g.reduced_channels else np.nan for g in self.gates],
                "s > .9": self.near_one,
                "s < .1": self.near_zero,
                "at lower bound": self.at_lower,
                "at upper bound": self.at_upper,
                "dead channels": self.dead,
                "between-class SD": self.between_sd,
                "within-class SD": self.within_sd,
                "rank of class profiles": self.profile_rank,
                "rank of gates": self.gate_rank,
            }
        )


def gather_health(assessment: Assessment) -> BlockHealth:
    """From what is stored."""
    columns = {name: np.array([getattr(b.health, name) for b in assessment.blocks]) for name in _FROM_MOMENTS}
    return BlockHealth(
        gates=assessment.gates,
        images=assessment.images,
        between_sd=assessment.curve("between_sd"),
        within_sd=assessment.curve("within_sd"),
        gate_rank=np.array([b.gate_rank for b in assessment.blocks]),
        **columns,
    )


def health_from_table(gates: Sequence[Gate], table: pd.DataFrame, images: int) -> BlockHealth:
    """From `measure_selectivity(per="block")`, a row a gate."""
    names = (*_FROM_MOMENTS, "between_sd", "within_sd", "gate_rank")
    columns = {name: table[name].to_numpy(np.float64) for name in names}
    return BlockHealth(gates=tuple(gates), images=images, **columns)
