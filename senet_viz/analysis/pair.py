"""Two recordings side by side: blocks matched, differences with intervals, verdicts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.claims.assessment import Assessment
from senet_viz.claims.declaring import say_interval
from senet_viz.claims.evidence import ClaimReport, Evidence
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats, Gate, label_blocks
from senet_viz.stats.estimates import LEVEL, Estimate, Interval, combine, difference_of_sds, signed_limits
from senet_viz.stats.shares import STATISTICS, CurveName
from senet_viz.text import limits_text


@dataclass(frozen=True)
class BlockMatch:
    """Blocks of two recordings, one beside the other.

    Attributes:
        by_label: whether both have the same labels in the same order; else blocks are matched by relative depth.
        pairs: positions of blocks of the first and of the second, one pair a block of the first.
    """

    by_label: bool
    pairs: tuple[tuple[int, int], ...]

    @property
    def sentence(self) -> str:
        """How blocks were matched."""
        if self.by_label:
            return "Blocks are matched by their labels, which both recordings share."
        return (
            "The two networks have other blocks, so each block of the first is matched with the one of the second at the "
            "nearest relative depth (0: first block, 1: last)."
        )


def match_blocks(first: Sequence[Gate], second: Sequence[Gate]) -> BlockMatch:
    """By label where both layouts agree, else by relative depth; of two equally near blocks the earlier one."""
    if label_blocks(first) == label_blocks(second):
        return BlockMatch(True, tuple((i, i) for i in range(len(first))))
    theirs = relative_depths(len(second))
    nearest = [int(np.abs(theirs - depth).argmin()) for depth in relative_depths(len(first))]
    return BlockMatch(False, tuple(enumerate(nearest)))


def relative_depths(blocks: int) -> NDArray[np.float64]:
    """From 0 (first block) to 1 (last); 0 for a single block."""
    return np.linspace(0, 1, blocks) if blocks > 1 else np.zeros(blocks)


@dataclass(frozen=True)
class Difference:
    """Second − first of one measure in one pair of blocks; the interval is NaN where either has no replicates."""

    value: float
    interval: Interval


def subtract_estimates(first: Estimate, second: Estimate, *, paired: bool, level: float = LEVEL) -> Difference:
    """Second − first.

    Paired: the same groups of the same images are left out of both, so that what they have in common cancels.
    Independent: limits are recovered from both estimates' own (MOVER, Zou and Donner 2008): for d = b − a the lower one is
    d − √((b − l_b)² + (u_a − a)²). SDs use signed roots of their variances' limits.

    Raises:
        ArgumentError: estimates on two scales, or paired ones of unequal groups.
    """
    if first.scale != second.scale:
        raise ArgumentError(f"Estimates on the scales {first.scale!r} and {second.scale!r} can not be subtracted.")
    if min(len(first.replicates), len(second.replicates)) < 2:
        return Difference(second.value - first.value, Interval(math.nan, math.nan, level))
    if not paired:
        (low_a, a, high_a), (low_b, b, high_b) = _limits(first, level), _limits(second, level)
        low, high = b - a - math.hypot(b - low_b, high_a - a), b - a + math.hypot(high_b - b, a - low_a)
        return Difference(second.value - first.value, Interval(low, high, level))
    if first.scale == "square root":
        return Difference(*difference_of_sds(second, first, level))
    difference = combine(lambda b, a: b - a, second, first)
    return Difference(difference.value, difference.interval(level))


def _limits(estimate: Estimate, level: float) -> tuple[float, float, float]:
    """Lower limit, value and upper limit; of SDs as signed roots."""
    if estimate.scale == "square root":
        return signed_limits(estimate, level)
    found = replace(estimate, scale="identity").interval(level)
    return found.low, estimate.working, found.high


def explain_pairing(
    first: Recording, second: Recording, mine: Assessment | None, theirs: Assessment | None
) -> tuple[bool, str]:
    """Whether the jackknife's groups hold the same images in both, and what is assumed, in a sentence."""
    if mine is None or theirs is None or not mine.groups or not theirs.groups:
        lacking = [n for n, a in (("first", mine), ("second", theirs)) if a is None or not a.groups]
        return False, f"Differences have no intervals: the {' and the '.join(lacking)} recording has no replicates."
    if _same_images(first, second) and (mine.images, mine.groups) == (theirs.images, theirs.groups):
        return True, (
            "Both recordings are of the same images, so intervals are paired: each group of images is left out of both at "
            "once, and what both have in common cancels."
        )
    return False, (
        "The recordings are not of the same list of images: intervals assume that the two sets are independent. Where they "
        "share images that is too wide. A difference may come from the images or their classes as well as from the network."
    )


def _same_images(first: Recording, second: Recording) -> bool:
    """The same list, all of it or the same draw, none skipped: then the order and the groups are the same too."""
    one, other = first.manifest, second.manifest
    if one.data.get("digest") != other.data.get("digest") or one.classes.keys != other.classes.keys:
        return False
    drawn = [(m.options.get("limit"), m.options.get("seed") if m.options.get("limit") else None) for m in (one, other)]
    skipped = one.progress.get("errors", 0) or other.progress.get("errors", 0)
    return drawn[0] == drawn[1] and not skipped


_SHOWN = tuple(statistic for statistic in STATISTICS if not statistic.along_mean)
PAIR_WORDS: Mapping[CurveName, str] = {statistic.name: statistic.title for statistic in _SHOWN}
_SAME = 5e-4


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
        estimates = {curve: tuple(block.gate[curve] for block in found.blocks) for curve in PAIR_WORDS}
        return cls(name, found.gates, found.images, found.classes, estimates)

    @classmethod
    def from_table(cls, name: str, gates: tuple[Gate, ...], table: pd.DataFrame) -> "PairSide":
        """From `measure_selectivity(per="block")`: without replicates."""
        nothing = np.zeros(0)
        estimates = {
            s.name: tuple(
                Estimate(v if s.scale == "identity" else v * v, nothing, s.scale) for v in table[s.name].to_list()
            )
            for s in _SHOWN
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
        limits = limits_text(found[at].interval.low, found[at].interval.high, ".3f")
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
        for name in PAIR_WORDS
    }
    return RecordingPair(first, second, match, paired, differences)


def tabulate_verdicts(first: ClaimReport, second: ClaimReport) -> pd.DataFrame:
    """A row per claim and reading: both verdicts, whether they differ, both effects with their intervals.

    The effect is that of the reading's first part.
    """
    pairs = [(mine, second.claim(mine.id)) for mine in first.claims]
    return pd.DataFrame(
        {
            "claim": mine.id,
            "reading": name,
            "first": evidence.verdict,
            "second": theirs.readings[name].verdict,
            "differs": evidence.verdict != theirs.readings[name].verdict,
            "first's effect": _effect(evidence),
            "second's effect": _effect(theirs.readings[name]),
            "statement": mine.statement,
        }
        for mine, theirs in pairs
        for name, evidence in mine.readings.items()
        if name in theirs.readings
    )


def count_verdict_changes(table: pd.DataFrame) -> str:
    """How many verdicts differ, and how many are opposites, in a sentence; claims that neither can judge do not count."""
    judged = table[~((table["first"] == "not applicable") & (table["second"] == "not applicable"))]
    if judged.empty:
        return "Neither recording allows a verdict."
    changed = judged[judged["differs"]]
    if changed.empty:
        return f"**All {len(judged)} verdicts are the same.**"
    opposite = changed[(changed[["first", "second"]].isin(["supported", "refuted"])).all(axis=1)]
    names = ", ".join(f"{row.claim} ({row.reading})" for row in opposite.itertuples())
    told = f"; opposite: {names}" if names else "; none is the opposite"
    return f"**{len(changed)} of {len(judged)} verdicts differ**{told}."


def _effect(evidence: Evidence) -> str:
    if not evidence.parts:
        return ""
    return say_interval(evidence.effect, evidence.interval, evidence.parts[0].unit)
