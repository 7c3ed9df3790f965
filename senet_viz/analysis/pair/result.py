"""Two recordings as frozen data: curves of both, and second minus first in every pair of blocks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.pair.differences import Difference, subtract_estimates
from senet_viz.analysis.pair.matching import BlockMatch, match_blocks
from senet_viz.analysis.profiles import label_blocks
from senet_viz.claims.assessment import Assessment, CurveName
from senet_viz.schema import Gate
from senet_viz.stats.resampling import Estimate

Floats = NDArray[np.float64]
PAIR_CURVES: tuple[CurveName, ...] = ("omega_squared", "between_sd", "within_sd", "near_one")
PAIR_WORDS: Mapping[CurveName, str] = {
    "omega_squared": "class share ω²",
    "between_sd": "between-class SD, in s",
    "within_sd": "within-class SD, in s",
    "near_one": "share of s > .9",
}
_SAME = 5e-4
_ROOTS = ("between_sd", "within_sd")


@dataclass(frozen=True, eq=False)
class PairSide:
    """One of the two.

    Attributes:
        name: of the recording.
        gates: its blocks, in order of depth.
        images, classes: N and K.
        estimates: by name of the curve, one a block.
    """

    name: str
    gates: tuple[Gate, ...]
    images: int
    classes: int
    estimates: Mapping[CurveName, tuple[Estimate, ...]]

    @classmethod
    def from_assessment(cls, name: str, found: Assessment) -> "PairSide":
        """With replicates, where the assessment has them."""
        estimates = {curve: tuple(block.gate[curve] for block in found.blocks) for curve in PAIR_CURVES}
        return cls(name, found.gates, found.images, found.classes, estimates)

    @classmethod
    def from_table(cls, name: str, gates: tuple[Gate, ...], table: pd.DataFrame) -> "PairSide":
        """From `measure_selectivity(per="block")`: without replicates."""
        nothing = np.zeros(0)
        estimates = {
            curve: tuple(
                Estimate(v * v, nothing, "square root") if curve in _ROOTS else Estimate(v, nothing)
                for v in table[curve].to_list()
            )
            for curve in PAIR_CURVES
        }
        return cls(name, gates, int(table["images"].iloc[0]), int(table["classes"].iloc[0]), estimates)

    def curve(self, name: CurveName) -> Floats:
        """Values along the depth, (B,)."""
        return np.array([e.value for e in self.estimates[name]])

    def band(self, name: CurveName) -> tuple[Floats, Floats]:
        """95 % intervals over images, (B,) each; NaN where there are none."""
        found = [e.interval() for e in self.estimates[name]]
        return np.array([i.low for i in found]), np.array([i.high for i in found])


@dataclass(frozen=True, eq=False)
class RecordingPair:
    """Two recordings.

    Attributes:
        first, second: the sides.
        match: of their blocks.
        paired: whether intervals of differences are those of the same images.
        differences: second − first, by name of the curve, one a pair of blocks.
    """

    first: PairSide
    second: PairSide
    match: BlockMatch
    paired: bool
    differences: Mapping[CurveName, tuple[Difference, ...]]

    def table(self) -> pd.DataFrame:
        """A row a pair of blocks: both values, the difference and its interval, of every curve."""
        mine, theirs = label_blocks(self.first.gates), label_blocks(self.second.gates)
        rows = []
        for at, (i, j) in enumerate(self.match.pairs):
            row: dict[str, object] = {"block": mine[i], "second's block": theirs[j]}
            for name, words in PAIR_WORDS.items():
                found = self.differences[name][at]
                row |= {
                    f"{words}: first": self.first.estimates[name][i].value,
                    f"{words}: second": self.second.estimates[name][j].value,
                    f"{words}: difference": found.value,
                    f"{words}: low": found.interval.low,
                    f"{words}: high": found.interval.high,
                }
            rows.append(row)
        return pd.DataFrame(rows)

    def describe(self) -> str:
        """Where class share differs most, and in how many blocks its interval leaves 0 out."""
        found = self.differences["omega_squared"]
        values = np.array([d.value for d in found])
        if not np.isfinite(values).any():
            return "No class share is defined in both recordings."
        at = int(np.nanargmax(np.abs(values)))
        if abs(values[at]) < _SAME:
            return "**The class share ω² is the same in all blocks** (to .001)."
        label = label_blocks(self.first.gates)[self.match.pairs[at][0]]
        way = "larger" if values[at] > 0 else "smaller"
        sentence = (
            f"**The class share ω² differs most in {label}:** it is {abs(values[at]):.3f} {way} in the second recording"
        )
        intervals = [d.interval for d in found if np.isfinite(d.interval.low)]
        if not intervals:
            return f"{sentence}."
        apart = sum(i.low > 0 or i.high < 0 for i in intervals)
        limits = f"[{found[at].interval.low:.3f}, {found[at].interval.high:.3f}]".replace("-", "−")
        return f"{sentence} {limits}. In {apart} of {len(intervals)} blocks the 95 % interval leaves 0 out."


def pair_recordings(first: PairSide, second: PairSide, *, paired: bool = False) -> RecordingPair:
    """Match blocks and subtract.

    Args:
        first: the one that is subtracted.
        second: the one that it is subtracted from.
        paired: the replicates of both leave out the same images; see `explain_pairing`.
    """
    match = match_blocks(first.gates, second.gates)
    differences = {
        name: tuple(
            subtract_estimates(first.estimates[name][i], second.estimates[name][j], paired=paired)
            for i, j in match.pairs
        )
        for name in PAIR_CURVES
    }
    return RecordingPair(first, second, match, paired, differences)
