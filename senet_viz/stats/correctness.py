"""Correct against misclassified images: how far their gates are their class's, in share and in distance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import RecordingError
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats
from senet_viz.stats.estimates import Estimate, as_row, combine
from senet_viz.stats.resampling import assign_groups

FEWEST_IMAGES = 5  # of a class, correct and wrong each: the fewest that the jackknife takes
OUTCOMES = ("correct", "wrong")
NO_OUTPUTS = "a network without class outputs"


@dataclass(frozen=True, eq=False)
class OutcomePlan:
    """Which kept images are compared, and in which group of the jackknife each is.

    Attributes:
        rows: indices into the kept images, by class, (N′,).
        classes: class of each, (N′,), ascending.
        wrong: whether it was misclassified, (N′,).
        group: of the jackknife, (N′,), from 0 to G − 1, dealt out within class and outcome (`assign_groups`).
        groups: G: 10, or 5 where a class has 5 to 9 images of an outcome.
    """

    rows: NDArray[np.int64]
    classes: NDArray[np.int64]
    wrong: NDArray[np.bool_]
    group: NDArray[np.int64]
    groups: int

    @property
    def images(self) -> tuple[int, int]:
        """Correct and wrong images."""
        wrong = int(self.wrong.sum())
        return len(self.wrong) - wrong, wrong


@dataclass(frozen=True, eq=False)
class OutcomeComparison:
    """One block: the same classes' correctly classified images and their misclassified ones.

    What differs between the two sets need not be why the network failed: harder images may differ in other ways too.
    Intervals of the estimates are those of a delete-a-group jackknife over images, so they are about these classes.

    Attributes:
        images: correct and wrong ones.
        classes: that both were compared in, each of the same weight.
        share: between-class share of the variance of all channels together, of correct and of wrong images:
            Σ_c B / Σ_c (B + W), with W the mean over classes of the variance within a class and B the variance of the
            class means (÷ K) less the noise in them, (1 − 1/K) × mean over classes of σ²_k / n_k. It is the pooled ω²
            where all classes have equally many images, and aims at the same value whatever the numbers are.
        distance: mean RMS distance of an image's gates from the mean of the other images of its class, whatever their
            outcome, in units of s, of correct and of wrong images: mean over classes of the mean over images of
            √(mean over channels of (s − mean)²).
    """

    images: tuple[int, int]
    classes: int
    share: tuple[Estimate, Estimate]
    distance: tuple[Estimate, Estimate]

    @property
    def share_difference(self) -> Estimate:
        """Of wrong images less that of correct ones."""
        return combine(lambda correct, wrong: wrong - correct, *self.share)

    @property
    def distance_difference(self) -> Estimate:
        """Of wrong images less that of correct ones, in units of s."""
        return combine(lambda correct, wrong: wrong - correct, *self.distance)

    def row(self) -> dict[str, float | int]:
        """All numbers with their 95 % intervals, for a table of blocks."""
        named = {
            "class share, right": self.share[0], "class share, wrong": self.share[1],
            "difference of shares": self.share_difference, "distance, right": self.distance[0],
            "distance, wrong": self.distance[1], "difference of distances": self.distance_difference,
        }  # fmt: skip
        row: dict[str, float | int] = {
            "images right": self.images[0],
            "images wrong": self.images[1],
            "classes": self.classes,
        }
        for name, estimate in named.items():
            row |= as_row(estimate, name)
        return row


def plan_outcomes(recording: Recording, *, seed: int = 0) -> OutcomePlan:
    """Choose the kept images of classes that have enough of both outcomes.

    Images without a label, or whose class has no output of the network, are left out.

    Raises:
        RecordingError: fewer than two classes have 5 correct and 5 wrong images among the kept ones, or the network returns no
            class outputs.
    """
    samples = recording.kept_samples
    labels = samples["label"].to_numpy().astype(np.int64)
    rows = np.flatnonzero(samples["correct"].is_valid().to_numpy() & (labels >= 0))
    wrong = ~samples["correct"].fill_null(False).to_numpy()[rows]
    counts = np.zeros((len(recording.classes), 2), dtype=np.int64)
    np.add.at(counts, (labels[rows], wrong.astype(np.int64)), 1)
    enough: NDArray[np.bool_] = np.min(counts, axis=1) >= FEWEST_IMAGES
    if enough.sum() < 2:
        if not recording.has_class_outputs:
            raise RecordingError(f"The recording is of {NO_OUTPUTS}, so right and wrong answers are not known.")
        raise RecordingError(
            f"The recording has {enough.sum()} classes with {FEWEST_IMAGES} correctly classified and {FEWEST_IMAGES} "
            "misclassified images among those whose gates are kept, 2 expected: record more images with --keep all."
        )
    taken = np.asarray(enough[labels[rows]])
    rows, wrong = rows[taken], wrong[taken]
    order = np.argsort(labels[rows], kind="stable")
    rows, wrong = rows[order], wrong[order]
    group = assign_groups(2 * labels[rows] + wrong, seed=seed)
    return OutcomePlan(rows, labels[rows], wrong, group, int(group.max()) + 1)


def compare_outcomes(plan: OutcomePlan, gates: NDArray[np.floating]) -> OutcomeComparison:
    """Compare the outcomes in one block.

    Args:
        plan: of the recording.
        gates: of all kept images, (N_kept, C), e.g. `recording.gates(name)`; also z where it is kept.
    """
    sums = _Sums(plan.groups + 1, gates.shape[1])
    starts = np.flatnonzero(np.r_[True, np.diff(plan.classes) > 0])
    for start, stop in zip(starts, np.r_[starts[1:], len(plan.classes)]):
        part = slice(start, stop)
        sums.add(gates[plan.rows[part]].astype(np.float64), plan.wrong[part], plan.group[part])
    estimates = sums.finish()
    (correct_share, wrong_share), (correct_distance, wrong_distance) = (
        [Estimate(float(column[-1]), column[:-1]) for column in part.T] for part in estimates.swapaxes(0, 1)
    )
    return OutcomeComparison(plan.images, len(starts), (correct_share, wrong_share), (correct_distance, wrong_distance))


class _Sums:
    """Sums over classes, for each outcome (first axis) and each deleted group (second axis; the last: none).

    Attributes:
        means: of class means, (2, G + 1, C); squares: of their squared lengths, (2, G + 1).
        noise: of the variance of the class means, summed over channels; within: of the variance within classes.
        distance: of the mean distance within classes; classes: their number.
    """

    def __init__(self, versions: int, channels: int) -> None:
        self.means = np.zeros((2, versions, channels))
        self.squares, self.noise, self.within, self.distance = np.zeros((4, 2, versions))
        self.classes = 0

    def add(self, gates: Floats, wrong: NDArray[np.bool_], group: NDArray[np.int64]) -> None:
        """One class's images, gates (n, C)."""
        keep = np.arange(self.squares.shape[1])[:, None] != group  # (G + 1, n): who is there without each group
        shift = gates.mean(axis=0)
        lengths, centred = ((gates - shift) ** 2).sum(axis=1), gates - shift
        everyone = keep.sum(axis=1)
        middle = keep @ centred / everyone[:, None]  # mean of the class, (G + 1, C)
        apart = lengths - 2 * middle @ centred.T + (middle**2).sum(axis=1)[:, None]
        apart = np.sqrt(np.maximum(apart, 0) / gates.shape[1]) * (everyone / (everyone - 1))[:, None]
        for outcome, mask in enumerate((keep & ~wrong, keep & wrong)):
            counts = mask.sum(axis=1)
            mean = mask @ centred / counts[:, None]
            spread = (mask @ lengths - counts * (mean**2).sum(axis=1)) / (counts - 1)
            self.means[outcome] += mean + shift
            self.squares[outcome] += ((mean + shift) ** 2).sum(axis=1)
            self.noise[outcome] += spread / counts
            self.within[outcome] += spread
            self.distance[outcome] += (apart * mask).sum(axis=1) / counts
        self.classes += 1

    def finish(self) -> Floats:
        """Share and distance, (G + 1, 2, 2): with each group left out, the last with none; correct and wrong."""
        classes = self.classes
        spread = self.squares / classes - ((self.means / classes) ** 2).sum(axis=2)
        between = spread - (1 - 1 / classes) * self.noise / classes
        total = between + self.within / classes
        share = np.divide(between, total, out=np.full_like(total, np.nan), where=total > 0)
        return np.stack([share.T, self.distance.T / classes], axis=1)
