"""A greedy path of frozen gates and the advice that it gives, as frozen data: effects are intervened − clean, in points."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.outcomes import Outcome
from senet_viz.schema import Count, Gate
from senet_viz.stats.effect_measuring import Grouping
from senet_viz.stats.estimates import EQUIVALENCE_LEVEL, Estimate, Interval

FreezeVerdict = Literal["confirmed", "refuted", "inconclusive", "not applicable"]
_NAN = float("nan")


def least_reach(images: int) -> float:
    """How far a change may lie from 0 though none was seen in n images, in points: 100·(1 − .05^(1/n)), about 300/n.

    The upper 95 % limit of a share of which none was seen (Clopper and Pearson 1934); NaN without images.
    """
    return 100 * (1 - 0.05 ** (1 / images)) if images else _NAN


@dataclass(frozen=True, eq=False)
class Cost:
    """What freezing a set of blocks does on one half of the images.

    Attributes:
        top1: Δ top-1 in points, paired (a cost is negative), with replicates without each group of images.
        loss: Δ loss in nats (there a cost is positive); NaN where a loss is not finite.
        images: judged ones of this half, n.
    """

    top1: Estimate
    loss: float
    images: Count

    def interval(self) -> Interval:
        """Of Δ top-1 at 90 %, so that either limit alone holds with 95 %; NaN where there is none.

        The jackknife's, but never nearer to the value than `least_reach`: where no image or only a few change, the
        replicates know nothing of the images that would.
        """
        found = self.top1.interval(EQUIVALENCE_LEVEL)
        if math.isnan(found.low):
            return found
        reach = max(found.high - self.top1.value, least_reach(self.images))
        return Interval(self.top1.value - reach, self.top1.value + reach, EQUIVALENCE_LEVEL)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A block that was tried at one step, on the half for choosing: Δ top-1 in points and Δ loss in nats of it and all before."""

    block: str
    top1: float
    loss: float


@dataclass(frozen=True, eq=False)
class FreezeStep:
    """One block more.

    Attributes:
        block: name of the gate that was frozen.
        candidates: all that were tried, in order of depth.
        choosing: what it costs together with those before, on the half that chose it: too good by the choice.
        confirming: on the other half; None as long as the path is not finished.
    """

    block: str
    candidates: tuple[Candidate, ...]
    choosing: Cost
    confirming: Cost | None


@dataclass(frozen=True, eq=False)
class Timing:
    """Forwards with SE units replaced by constants against the untouched network's, one after the other in every round.

    Attributes:
        ratios: time of the first 1, 2, … blocks frozen over the untouched time of the same round, (steps, rounds).
        seconds: an untouched forward, median.
        images: a forward.
        device: where.
        threads: of torch.
    """

    ratios: NDArray[np.float64]
    seconds: float
    images: Count
    device: str
    threads: Count

    @property
    def rounds(self) -> int:
        """Number of rounds."""
        return int(self.ratios.shape[1])

    def saved(self, size: int) -> float:
        """Share of a forward's time that freezing the first blocks saves: 1 − median ratio; below 0 where it takes longer."""
        return 1 - float(np.median(self.ratios[size - 1])) if size else 0.0

    def spread(self, size: int) -> tuple[float, float]:
        """Quartiles of the rounds' savings."""
        low, high = np.percentile(1 - self.ratios[size - 1], [25, 75]) if size else (0.0, 0.0)
        return float(low), float(high)


@dataclass(frozen=True, eq=False)
class FreezePath:
    """Blocks in the order in which a greedy search froze them to their mean gates.

    Attributes:
        id: 32 hex digits.
        identity: what made it: model, data, preprocessing, mapping, options, and the id of the recording of the means.
        environment: device and versions.
        gates: all of the network in order of depth.
        parameters: of the whole network.
        images: judged ones of the half for choosing and of the half for confirming.
        clean: top-1 of the untouched network on each in percent; NaN where it was not run yet.
        steps: one a block, in the order of freezing.
        timing: None where it was not measured; `notes` then say why.
        notes: what a reader must know.
        complete: all blocks were tried and the path was confirmed.
        shared: names of gates that one SE unit makes in several calls, a tuple per unit.
    """

    id: str
    identity: Mapping[str, Any]
    environment: Mapping[str, Any]
    gates: tuple[Gate, ...]
    parameters: Count
    images: tuple[Count, Count]
    clean: tuple[float, float]
    steps: tuple[FreezeStep, ...] = ()
    timing: Timing | None = None
    notes: tuple[str, ...] = ()
    complete: bool = False
    shared: tuple[tuple[str, ...], ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the gates in the order of freezing."""
        return tuple(step.block for step in self.steps)

    def gate(self, name: str) -> Gate:
        """A gate by its name."""
        return next(gate for gate in self.gates if gate.name == name)

    def parameters_saved(self, size: int) -> int:
        """By the first blocks: weights and biases of SE units all of whose calls are frozen − the C constants of every block.

        Below 0 where a unit is still called in other blocks, so that its weights stay.
        """
        frozen = {step.block for step in self.steps[:size]}
        calls = {name: names for names in self.shared for name in names}
        spared = {names[0] for name in frozen if frozen.issuperset(names := calls.get(name, (name,)))}
        return sum(self.gate(name).parameters for name in spared) - sum(self.gate(name).channels for name in frozen)

    def advise(self, loss: float) -> "FreezeAdvice":
        """The largest set of the path whose cost lies within a loss of accuracy, and whether the other half confirms it.

        Args:
            loss: of top-1 in points, above 0; to be settled before the confirming half is looked at.

        Raises:
            ArgumentError: a loss that is not above 0.
            RecordingError: the path is not finished.
        """
        if not (loss > 0 and math.isfinite(loss)):
            raise ArgumentError(f"A loss of {loss:g} points leaves no room for any change: give one above 0.")
        if not self.complete:
            raise RecordingError("The path is not finished: run the same command again to finish it.")
        within = [at for at, step in enumerate(self.steps, start=1) if _lies_within(step.choosing, loss)]
        size = max(within, default=0)
        verdict: FreezeVerdict = self._judge(size, loss) if size else "not applicable"
        in_turn = next((at for at in range(size) if self._judge(at + 1, loss) != "confirmed"), size)
        return FreezeAdvice(self, loss, size, verdict, size if verdict == "confirmed" else in_turn)

    def _judge(self, size: int, loss: float) -> FreezeVerdict:
        """On the half that chose nothing, by one limit of the 90 % interval: an error of 5 % at most."""
        cost = self.steps[size - 1].confirming
        assert cost is not None
        limits = cost.interval()
        if math.isnan(limits.low):
            return "not applicable"
        if limits.low >= -loss:
            return "confirmed"
        return "refuted" if limits.high < -loss else "inconclusive"

    def table(self) -> pd.DataFrame:
        """A row a step: the block, cost on both halves with 90 % intervals, parameters and time saved so far."""
        return pd.DataFrame([self._row(size) for size in range(1, len(self.steps) + 1)])

    def _row(self, size: int) -> dict[str, Any]:
        step = self.steps[size - 1]
        row: dict[str, Any] = {"frozen": size, "block": self.gate(step.block).label, "name": step.block}
        for half, cost in (("choosing", step.choosing), ("confirming", step.confirming)):
            limits = cost.interval() if cost else Interval(_NAN, _NAN, EQUIVALENCE_LEVEL)
            row |= {
                f"Δ top-1, {half}": cost.top1.value if cost else _NAN, f"Δ top-1, {half}, low": limits.low,
                f"Δ top-1, {half}, high": limits.high, f"Δ loss, {half}": cost.loss if cost else _NAN,
            }  # fmt: skip
        saved = self.parameters_saved(size)
        low, high = self.timing.spread(size) if self.timing else (_NAN, _NAN)
        return row | {
            "parameters saved": saved, "share of parameters": saved / self.parameters if self.parameters else _NAN,
            "time saved": self.timing.saved(size) if self.timing else _NAN,
            "time saved, lower quartile": low, "time saved, upper quartile": high,
        }  # fmt: skip


def _lies_within(cost: Cost, loss: float) -> bool:
    """By the lower limit, where there is one: what only just fits would hardly be confirmed."""
    low = cost.interval().low
    return (cost.top1.value if math.isnan(low) else low) >= -loss


@dataclass(frozen=True, eq=False)
class FreezeAdvice:
    """What can be frozen within a loss of accuracy.

    Attributes:
        path: that it is read from.
        loss: that is accepted, in points of top-1.
        size: how many blocks of the path the choosing half proposes: the most whose 90 % interval there lies above −loss.
        verdict: of that set on the other half. "confirmed": the interval there lies above −loss; "refuted": wholly below;
            "inconclusive": it reaches across; "not applicable": nothing is proposed, or there is no interval.
        confirmed_size: `size` where that is confirmed; else how many from the path's start on are confirmed one after
            the other, each set in its turn until the first that is not (a fixed sequence, so that this too errs in
            5 % at most).
    """

    path: FreezePath
    loss: float
    size: int
    verdict: FreezeVerdict
    confirmed_size: int

    @property
    def blocks(self) -> tuple[Gate, ...]:
        """Proposed, in order of depth."""
        return self.first(self.size)

    @property
    def confirmed_blocks(self) -> tuple[Gate, ...]:
        """Confirmed, in order of depth."""
        return self.first(self.confirmed_size)

    def first(self, size: int) -> tuple[Gate, ...]:
        """The first blocks of the path, in order of depth."""
        chosen = set(self.path.order[:size])
        return tuple(gate for gate in self.path.gates if gate.name in chosen)

    @property
    def step(self) -> FreezeStep | None:
        """The last step of the proposed set; None where nothing is proposed."""
        return self.path.steps[self.size - 1] if self.size else None


def measure_cost(clean: Outcome, moved: Outcome, grouping: Grouping) -> Cost:
    """Paired change of accuracy and loss.

    Args:
        clean: of judged images, (n,).
        moved: of the same images.
        grouping: of the same images.
    """
    hits = moved.correct.astype(np.int64) - clean.correct.astype(np.int64)
    return Cost(grouping.change(100.0 * hits).images, _change_loss(clean, moved), len(hits))


def try_block(block: str, clean: Outcome, moved: Outcome) -> Candidate:
    """A candidate; arguments as in `measure_cost`."""
    hits = int(moved.correct.sum()) - int(clean.correct.sum())
    return Candidate(block, 100 * hits / len(clean.correct), _change_loss(clean, moved))


def _change_loss(clean: Outcome, moved: Outcome) -> float:
    with np.errstate(invalid="ignore"):  # inf − inf
        change = float((moved.loss.astype(np.float64) - clean.loss.astype(np.float64)).mean())
    return change if math.isfinite(change) else float("nan")


def choose_block(candidates: Sequence[Candidate]) -> Candidate:
    """The one that costs least top-1; of equals the one of least loss, of these the first.

    Raises:
        ArgumentError: there is none.
    """
    if not candidates:
        raise ArgumentError("There is no block left to freeze.")
    return max(candidates, key=lambda c: (c.top1, -math.inf if math.isnan(c.loss) else -c.loss))
