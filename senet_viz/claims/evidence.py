"""What judging gives: frozen evidence that says all of itself, and its JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from senet_viz.claims.declaring import ReadingName, Unit
from senet_viz.claims.inputs import Role
from senet_viz.claims.statistics import Side, Verdict
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.schema import Count, from_tree, to_tree
from senet_viz.stats.estimates import Interval

REPORT_VERSION = 1


@dataclass(frozen=True)
class Beside:
    """A null or control value to be read beside a number; it has no verdict of its own.

    Attributes:
        kind: "random weights", "excess over random weights", "squeeze", "shuffled labels", "random direction" or
            "classes like these", or "other target" of an intervention.
        words: what the value is.
        value: NaN where it is not defined.
        low, high: what it says of its spread, NaN where nothing.
        spread: what low and high are, e.g. "range over 3 seeds"; where there is no value, why.
    """

    kind: str
    words: str
    value: float
    low: float = math.nan
    high: float = math.nan
    spread: str = ""


@dataclass(frozen=True)
class PartEvidence:
    """One number against its bound.

    Attributes:
        words, formula, unit, side, bound, equivalence: as declared.
        estimate: NaN where it is not defined.
        interval: at 90 % for an equivalence, 95 % otherwise.
        verdict: of this part.
        reason: why, in a sentence.
        note: what a reader of the number must know; may be empty.
        counts: False where the comparison has nothing to compare, so that the other parts decide.
        beside: nulls and controls.
    """

    words: str
    formula: str
    unit: Unit
    side: Side
    bound: float
    equivalence: bool
    estimate: float
    interval: Interval
    verdict: Verdict
    reason: str
    note: str = ""
    counts: bool = True
    beside: tuple[Beside, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """One reading of a claim: its verdict for *this network on these images*, and what it rests on.

    Attributes:
        verdict: "supported", "refuted", "inconclusive" or "not applicable".
        reason: in a sentence.
        effect: the first part's estimate; NaN where there is none.
        interval: the first part's.
        images, classes: N and K.
        parts: all of which must hold.
        beside: nulls and controls of the blocks that are read.
        note: what a reader of the verdict must know; may be empty.
    """

    verdict: Verdict
    reason: str
    effect: float
    interval: Interval
    images: Count
    classes: Count
    parts: tuple[PartEvidence, ...] = ()
    beside: tuple[Beside, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class JudgedClaim:
    """A claim with its readings.

    Attributes:
        id, statement, paper: as declared.
        readings: by name, those that the claim has, in the order relative, absolute, causal.
    """

    id: str
    statement: str
    paper: str
    readings: Mapping[ReadingName, Evidence]

    @property
    def readings_disagree(self) -> bool:
        """Whether one reading supports what another refutes."""
        return {"supported", "refuted"} <= {evidence.verdict for evidence in self.readings.values()}


@dataclass(frozen=True)
class ClaimReport:
    """All claims, judged for one network on one set of images.

    Attributes:
        recording_id: of the recording.
        images, classes, smallest_class: N, K, and the images of the smallest class.
        groups: G, that the jackknife leaves out in turn; its intervals have G − 1 degrees of freedom.
        roles: label of the block in each role that exists.
        claims: C1 to C12.
        version: of this form.
    """

    recording_id: str
    images: Count
    classes: Count
    smallest_class: Count
    groups: Count
    roles: Mapping[Role, str]
    claims: tuple[JudgedClaim, ...]
    version: int = REPORT_VERSION

    def claim(self, claim_id: str) -> JudgedClaim:
        """A claim by its id.

        Raises:
            ArgumentError: no such claim.
        """
        for claim in self.claims:
            if claim.id == claim_id:
                return claim
        raise ArgumentError(f"There is no claim {claim_id!r}: they are {', '.join(c.id for c in self.claims)}.")

    def to_json(self) -> dict[str, Any]:
        """A tree of plain values; what is NaN is null."""
        return dict(to_tree(self))

    @classmethod
    def from_json(cls, tree: Mapping[str, Any] | None, where: str = "the claim report") -> Self:
        """The inverse of `to_json`.

        Raises:
            RecordingError: there is none, another version, or a field that is missing, unknown or of another type.
        """
        if tree is None:
            raise RecordingError(f"{where} holds no claims: run assess again.")
        if tree.get("version") != REPORT_VERSION:
            raise RecordingError(
                f"{where} has version {tree.get('version')!r}, this version of senet_viz reads {REPORT_VERSION}: "
                "run assess again."
            )
        return from_tree(cls, tree, where, "run assess again")
