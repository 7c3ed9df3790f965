"""What an experiment has found so far: trained networks one by one, paired differences, and the answers to its questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from senet_viz.analysis.experiments.declaration import Condition, Experiment, Question
from senet_viz.errors import ArgumentError
from senet_viz.schema import Floats

Answer = Literal["better", "worse", "same", "cannot tell"]
LEVEL = 0.95


@dataclass(frozen=True)
class CrossedMean:
    """A mean over seeds and images, with what would change it: other trainings, other images, or both.

    Attributes:
        value: the mean.
        seeds: interval over seeds, these images; NaN for a single seed.
        images: interval over images, these trainings.
        both: interval over both.
        n_seeds, n_images: how many there are.
    """

    value: float
    seeds: tuple[float, float]
    images: tuple[float, float]
    both: tuple[float, float]
    n_seeds: int
    n_images: int


def mean_over_both(values: NDArray[np.number] | NDArray[np.bool_], level: float = LEVEL) -> CrossedMean:
    """Mean of values that cross seeds with images.

    The variance of the mean is var(seed means)/S + var(image means)/N. In the model d = μ + a_seed + b_image + e its
    expectation is σ_a²/S + σ_b²/N + 2σ_e²/(SN), the true variance and once more the last term: never too small on
    average (A. Owen, "The pigeonhole bootstrap", Ann. Appl. Stat. 2007, for the crossed design). Its degrees of
    freedom are Satterthwaite's (1946), so that few seeds make wide intervals. Seeds alone and images alone have
    Student's interval with S − 1 and N − 1.

    Args:
        values: (S, N), of seed s and image i.
        level: of the intervals.

    Raises:
        ArgumentError: fewer than two images or no seed.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2:
        raise ArgumentError(f"values have the shape {table.shape}; seeds × images are wanted, 1 × 2 at least.")
    n_seeds, n_images = table.shape
    value = float(table.mean())
    of_images = float(table.mean(axis=0).var(ddof=1)) / n_images
    if n_seeds == 1:
        missing = (float("nan"), float("nan"))
        return CrossedMean(value, missing, _student(value, of_images, n_images - 1, level), missing, 1, n_images)
    of_seeds = float(table.mean(axis=1).var(ddof=1)) / n_seeds
    total = of_seeds + of_images
    squares = of_seeds**2 / (n_seeds - 1) + of_images**2 / (n_images - 1)
    freedom = total**2 / squares if squares else float(n_images - 1)
    return CrossedMean(
        value,
        _student(value, of_seeds, n_seeds - 1, level),
        _student(value, of_images, n_images - 1, level),
        _student(value, total, freedom, level),
        n_seeds,
        n_images,
    )


def mean_over_seeds(values: NDArray[np.floating], level: float = LEVEL) -> tuple[float, tuple[float, float]]:
    """Mean of one value a seed, (S,), with Student's interval of S − 1 degrees of freedom; NaN for a single seed."""
    table = np.asarray(values, dtype=np.float64)
    value = float(table.mean())
    if len(table) < 2:
        return value, (float("nan"), float("nan"))
    return value, _student(value, float(table.var(ddof=1)) / len(table), len(table) - 1, level)


def answer(interval: tuple[float, float], bound: float) -> Answer:
    """What an interval lets one say: beyond the bound on one side, inside it on both, or nothing."""
    low, high = interval
    if low > bound:
        return "better"
    if high < -bound:
        return "worse"
    if -bound < low and high < bound:
        return "same"
    return "cannot tell"


def _student(value: float, variance: float, freedom: float, level: float) -> tuple[float, float]:
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * variance**0.5
    return value - half, value + half


@dataclass(frozen=True)
class NetworkCost:
    """A condition's network: parameters in all and in SE units, multiply-adds of an image in all and in SE units."""

    condition: str
    parameters: int
    gate_parameters: int
    macs: int
    gate_macs: int


@dataclass(frozen=True)
class BlockShare:
    """Class share of a block's gates: variance-weighted ω² with its interval over images.

    NaN where all gates are constant.
    """

    label: str
    stage: int
    channels: int
    omega_squared: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Cell:
    """A condition trained with a seed.

    Attributes:
        condition, seed: which.
        identity: of `Experiment.identity`.
        predictions: (N,) index of the class that comes first, for each validation image.
        losses: (N,) cross-entropy in nats.
        top5: share of images whose class is among the first five.
        seconds: of training.
        environment: what it was trained with: device and versions.
        blocks: in order of depth; empty where no gate can be recorded, `reason` says why.
        reason: see `blocks`.
    """

    condition: str
    seed: int
    identity: str
    predictions: NDArray[np.int32]
    losses: NDArray[np.float32]
    top5: float
    seconds: float
    environment: Mapping[str, Any]
    blocks: tuple[BlockShare, ...]
    reason: str = ""

    def stages(self) -> dict[int, float]:
        """Mean ω² of the blocks of each stage; NaN where none is defined."""
        found: dict[int, list[float]] = {}
        for block in self.blocks:
            found.setdefault(block.stage, []).append(block.omega_squared)
        return {stage: _mean(values) for stage, values in sorted(found.items())}


@dataclass(frozen=True, eq=False)
class SharesAlongDepth:
    """Class share ω² of a condition's gates, block by block, over the networks whose gates vary.

    Attributes:
        blocks: of one of its networks, in order of depth.
        mean, least, greatest: over the seeds, (B,).
        networks: how many.
    """

    blocks: tuple[BlockShare, ...]
    mean: Floats
    least: Floats
    greatest: Floats
    networks: int


@dataclass(frozen=True)
class StageDifference:
    """A stage's mean ω², condition − against: mean over seeds, interval simultaneous over the stages, and the answer."""

    stage: int
    value: float
    low: float
    high: float
    answer: Answer


@dataclass(frozen=True)
class QuestionAnswer:
    """What the trained networks say to a question.

    Attributes:
        question: which.
        seeds: those with which both conditions were trained.
        difference: of top-1 accuracy as a share, condition − against; None before a seed has both.
        answer: by the interval over seeds and images, against the declared bound.
        stages: differences of ω², where both have gates that vary.
    """

    question: Question
    seeds: tuple[int, ...]
    difference: CrossedMean | None
    answer: Answer
    stages: tuple[StageDifference, ...]


@dataclass(frozen=True)
class Speed:
    """A condition's time beside that of the first condition in the same run, as ratios: median, least and greatest of the rounds.

    Attributes:
        condition: which.
        inference, training: (median, least, greatest) ratio of a forward, and of a training step.
    """

    condition: str
    inference: tuple[float, float, float]
    training: tuple[float, float, float]


@dataclass(frozen=True)
class NetworkTiming:
    """Speeds of all conditions, measured in turn in one run."""

    batch_size: int
    rounds: int
    device: str
    speeds: tuple[Speed, ...]


@dataclass(frozen=True, eq=False)
class ExperimentResult:
    """An experiment, its data and what was found.

    Attributes:
        experiment: the declaration.
        data: "train" and "validation": name, digest and number of images.
        labels: (N,) class of every validation image.
        costs: one a condition, in the declaration's order.
        cells: trained so far.
        answers: one a question.
        accuracies: of each condition that was trained, over its seeds and the images.
        timing: None before it was measured.
    """

    experiment: Experiment
    data: Mapping[str, Mapping[str, Any]]
    labels: NDArray[np.int32]
    costs: tuple[NetworkCost, ...]
    cells: tuple[Cell, ...]
    answers: tuple[QuestionAnswer, ...] = ()
    accuracies: Mapping[str, CrossedMean] | None = None
    timing: NetworkTiming | None = None

    @property
    def planned(self) -> int:
        """How many networks the experiment trains in all."""
        return len(self.experiment.conditions) * len(self.experiment.seeds)

    def cells_of(self, condition: str) -> dict[int, Cell]:
        """By seed."""
        return {cell.seed: cell for cell in self.cells if cell.condition == condition}

    def correct(self, cell: Cell) -> NDArray[np.bool_]:
        """(N,) whether the class comes first."""
        return np.asarray(cell.predictions == self.labels)

    def seed_accuracies(self, condition: str) -> list[float]:
        """Top-1 accuracy of each trained network of a condition, in percent."""
        return [100 * float(self.correct(cell).mean()) for cell in self.cells_of(condition).values()]

    def shares_along_depth(self, condition: str) -> SharesAlongDepth | None:
        """Class shares of a condition's gates; None where no trained network of it has gates that vary."""
        cells = [c for c in self.cells_of(condition).values() if any(np.isfinite(b.omega_squared) for b in c.blocks)]
        if not cells:
            return None
        values = np.array([[block.omega_squared for block in cell.blocks] for cell in cells])
        return SharesAlongDepth(
            cells[0].blocks, values.mean(axis=0), values.min(axis=0), values.max(axis=0), len(cells)
        )

    def cost(self, condition: str) -> NetworkCost:
        """Of a condition by its id."""
        return next(cost for cost in self.costs if cost.condition == condition)

    def table(self) -> pd.DataFrame:
        """A row a condition: accuracy with its intervals, size, operations, time."""
        return pd.DataFrame([self._row(condition) for condition in self.experiment.conditions])

    def _row(self, condition: Condition) -> dict[str, Any]:
        cells, cost = self.cells_of(condition.id), self.cost(condition.id)
        found = (self.accuracies or {}).get(condition.id)
        top1, low, high = (np.nan, np.nan, np.nan) if found is None else (found.value, *found.both)
        row: dict[str, Any] = {
            "condition": condition.title, "seeds": len(cells),
            "top-1": top1, "low": low, "high": high,
            "top-5": _mean([cell.top5 for cell in cells.values()]),
            "loss": _mean([float(cell.losses.mean()) for cell in cells.values()]),
            "parameters": cost.parameters, "of these in SE units": cost.gate_parameters,
            "operations": cost.macs + cost.gate_macs, "of these in SE units ": cost.gate_macs,
        }  # fmt: skip
        speed = None if self.timing is None else {s.condition: s for s in self.timing.speeds}.get(condition.id)
        return row | {
            "inference time": np.nan if speed is None else speed.inference[0],
            "training time": np.nan if speed is None else speed.training[0],
        }

    def answer_table(self) -> pd.DataFrame:
        """A row a question: the difference with its intervals over trainings and images, over either, and the answer."""
        rows = []
        for found in self.answers:
            row: dict[str, Any] = {
                "question": found.question.ask, "condition": self.experiment.condition(found.question.condition).title,
                "against": self.experiment.condition(found.question.against).title, "seeds": len(found.seeds),
            }  # fmt: skip
            if (d := found.difference) is not None:
                row |= {"difference": d.value, "low": d.both[0], "high": d.both[1]}
                row |= {"low over seeds": d.seeds[0], "high over seeds": d.seeds[1]}
                row |= {"low over images": d.images[0], "high over images": d.images[1]}
            rows.append({**row, "answer": found.answer})
        return pd.DataFrame(rows)

    def depth_table(self) -> pd.DataFrame:
        """A row a trained network and block: ω² with its interval over images."""
        rows = [
            {
                "condition": self.experiment.condition(cell.condition).title, "seed": cell.seed, "block": block.label,
                "stage": block.stage, "channels": block.channels, "omega_squared": block.omega_squared, "low": block.low,
                "high": block.high,
            }
            for cell in self.cells
            for block in cell.blocks
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=None if rows else ["condition", "seed", "block", "stage", "omega_squared"])


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
