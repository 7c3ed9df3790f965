"""What `assess` finds: per block estimates with their replicates, nulls and controls, as frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from senet_viz.schema import Floats, Gate
from senet_viz.stats.estimates import LEVEL, Estimate, Interval, as_row
from senet_viz.stats.health import GateHealth
from senet_viz.stats.shares import BlockStatistics, CurveName


@dataclass(frozen=True)
class NullSummary:
    """A block's variance-weighted ω² against shuffled labels, on at most ten images a class.

    Attributes:
        value: with the labels as they are, on these images.
        mean, low, high: mean, 2.5 % and 97.5 % quantile of the null.
        p: permutation p-value, (1 + #≥) / (1 + permutations).
        images: that took part.
    """

    value: float
    mean: float
    low: float
    high: float
    p: float
    images: int


@dataclass(frozen=True)
class ClassesLikeThese:
    """A block's ICC with its interval over classes: classes like these, not these classes."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class ControlCurve:
    """Another network on the same images, e.g. with random weights: one `BlockStatistics` a block, in order of depth."""

    name: str
    seed: int | None
    blocks: tuple[BlockStatistics, ...]


@dataclass(frozen=True, eq=False)
class BlockAssessment:
    """One block.

    Attributes:
        block: the gate.
        gate: estimates of s by name, with replicates over images where all gates are kept (else without).
        omega_squared_mean: mean over channels of each channel's ω².
        squeeze: of z; None where it is no vector.
        null: None where no gates are kept.
        classes: None for fewer than 20 classes.
        health: the gate-health numbers; shares above .9 and below .1 are counted where all images are labelled and kept,
            else read from the histogram.
        gate_rank: effective rank of single gates; NaN where none are kept.
        random_direction: 95 % quantile of `direction_share` over random directions.
    """

    block: Gate
    gate: Mapping[str, Estimate]
    omega_squared_mean: float
    squeeze: BlockStatistics | None
    null: NullSummary | None
    classes: ClassesLikeThese | None
    health: GateHealth
    gate_rank: float
    random_direction: float


@dataclass(frozen=True, eq=False)
class Assessment:
    """A recording put to the test.

    Attributes:
        recording_id: of the recording it stands beside.
        computed_from: of the full recording it was computed from; the same, or the one that a slim form was made of.
        code_version: of senet_viz.
        images: labelled images, N.
        classes: with an image, K.
        smallest_class: images of the smallest of them.
        groups: of the jackknife; 0 where there are no intervals, `reason` says why.
        reason: why there are no intervals, or "".
        blocks: in order of depth.
        controls: other networks on the same images.
    """

    recording_id: str
    computed_from: str
    code_version: str
    images: int
    classes: int
    smallest_class: int
    groups: int
    reason: str
    blocks: tuple[BlockAssessment, ...]
    controls: tuple[ControlCurve, ...] = ()

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The blocks' gates."""
        return tuple(block.block for block in self.blocks)

    def curve(self, name: CurveName) -> Floats:
        """A statistic of s along the depth, (B,)."""
        return np.array([block.gate[name].value for block in self.blocks])

    def band(self, name: CurveName, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Its interval over images, (B,) low and (B,) high; NaN where there is none."""
        found = [block.gate[name].interval(level) for block in self.blocks]
        return np.array([i.low for i in found]), np.array([i.high for i in found])

    def classes_like_these(self) -> tuple[Floats, Floats, Floats]:
        """The ICC and its interval over classes, (B,) each; NaN where there is none."""
        found = [block.classes for block in self.blocks]
        rows = [(np.nan,) * 3 if c is None else (c.value, c.interval.low, c.interval.high) for c in found]
        value, low, high = np.array(rows).T
        return value, low, high

    def table(self) -> pd.DataFrame:
        """A row a block: each statistic with its interval, the squeeze, the null, controls and gate health."""
        return pd.DataFrame([self._row(at, block) for at, block in enumerate(self.blocks)])

    def _row(self, at: int, block: BlockAssessment) -> dict[str, object]:
        row: dict[str, object] = {
            "block": block.block.label, "module": block.block.name, "stage": block.block.stage, "depth": block.block.depth,
            "channels": block.block.channels,
        }  # fmt: skip
        for name, estimate in block.gate.items():
            row |= as_row(estimate, name)
        row["mean of channels' omega_squared"] = block.omega_squared_mean
        if block.squeeze is not None:
            row["omega_squared of z"] = block.squeeze.omega_squared
        if block.null is not None:
            row |= {"shuffled low": block.null.low, "shuffled high": block.null.high, "permutation p": block.null.p}
        if block.classes is not None:
            row |= {
                "ICC": block.classes.value,
                "ICC low": block.classes.interval.low,
                "ICC high": block.classes.interval.high,
            }
        for number, control in enumerate(self.controls, start=1):
            row[f"omega_squared of control {number}"] = control.blocks[at].omega_squared
            row[f"between_sd of control {number}"] = control.blocks[at].between_sd
        health = block.health
        return row | {
            "s > .9": health.near_one, "s < .1": health.near_zero, "at lower bound": health.at_lower,
            "at upper bound": health.at_upper, "dead channels": health.dead, "rank of class profiles": health.profile_rank,
            "rank of gates": block.gate_rank,
        }  # fmt: skip
