"""From what the network said of every image to effects: paired, with intervals, and class by class."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import RecordingError
from senet_viz.schema import Floats
from senet_viz.stats.effects import Change, ClassTests, EffectTable, TargetEffect
from senet_viz.stats.estimates import FEWEST_CLASSES, Estimate
from senet_viz.stats.resampling import assign_groups

if TYPE_CHECKING:
    from senet_viz.recording.outcomes import Outcome, Outcomes, Variant


GROUPS = 10


@dataclass(frozen=True, eq=False)
class Grouping:
    """Groups of the judged images, the same for all effects, so that differences of effects are paired.

    Attributes:
        labels: class of each image, (N,).
        group: of each image, (N,); all 0 where there is one group only, so no interval.
        counts: images of each group and class, (G, K).
        stratified: every group takes an equal part of every class, so that intervals are about these classes.
        note: what a reader of the intervals must know; may be empty.
    """

    labels: NDArray[np.int64]
    group: NDArray[np.int64]
    counts: Floats
    stratified: bool
    note: str

    @property
    def groups(self) -> int:
        """G; 0 where there are no intervals."""
        return len(self.counts) if len(self.counts) > 1 else 0

    @property
    def class_images(self) -> NDArray[np.int64]:
        """Images of each class, (K,)."""
        return np.asarray(self.counts.sum(axis=0).astype(np.int64))

    def change(self, values: NDArray[np.floating]) -> Change:
        """Mean of a paired number over the images, with both kinds of replicates.

        Without group g: Σ_k (n_k/N)·mean of class k without it, so that a class keeps its weight (stratified), else
        the plain mean of the other images. Without class k: the mean over the images of the other classes.

        Args:
            values: a number an image, (N,).
        """
        cells = self.group * self.counts.shape[1] + self.labels
        flat = np.bincount(cells, weights=values, minlength=self.counts.size).astype(np.float64)
        sums = flat.reshape(self.counts.shape)
        per_image = sums.sum() / self.counts.sum()
        by_class, images = sums.sum(axis=0), self.counts.sum(axis=0)
        per_class = np.divide(by_class, images, out=np.full(len(images), np.nan), where=images > 0)
        return Change(
            Estimate(float(per_image), self._without_groups(sums)),
            over_classes(float(per_image), per_class, images),
            per_class,
        )

    def within_variance(self, values: NDArray[np.floating]) -> float:
        """Variance of single images within classes, pooled: Σ (x − class mean)² / (N − K); NaN for N = K."""
        means = self.change(values).per_class
        spare = len(values) - int((self.class_images > 0).sum())
        return float(((values - means[self.labels]) ** 2).sum() / spare) if spare else float("nan")

    def _without_groups(self, sums: Floats) -> Floats:
        if not self.groups:
            return np.zeros(0)
        left, images = sums.sum(axis=0) - sums, self.counts.sum(axis=0) - self.counts
        if not self.stratified:
            return np.asarray(left.sum(axis=1) / images.sum(axis=1))
        weights = self.counts.sum(axis=0) / self.counts.sum()
        return np.asarray(np.divide(left, images, out=np.zeros_like(left), where=images > 0) @ weights)


def over_classes(value: float, per_class: Floats, images: NDArray[np.number]) -> Estimate:
    """The mean over all images with its replicates without each class; none under 20 classes with an image.

    Args:
        value: the mean over all images.
        per_class: mean of each class, (K,).
        images: of each class, (K,).
    """
    seen = images > 0
    if seen.sum() < FEWEST_CLASSES:
        return Estimate(value, np.zeros(0))
    sums, counts = per_class[seen] * images[seen], images[seen].astype(np.float64)
    return Estimate(value, (sums.sum() - sums) / (counts.sum() - counts))


def group_images(labels: NDArray[np.integer], classes: int, *, seed: int = 0) -> Grouping:
    """Deal the judged images to the groups of the jackknife.

    With 5 images of each class or more the groups are those of all other intervals (`assign_groups`). With fewer, images
    are dealt to ten groups in the order of their classes, and a class's weight may go with the group: such intervals
    contain how classes differ too and are, if anything, too wide. Under ten images there are none.

    Args:
        labels: class of each judged image, (N,), no −1.
        classes: K.
        seed: of the order.
    """
    members, stratified, note = np.zeros(len(labels), dtype=np.int64), False, ""
    try:
        members, stratified = assign_groups(labels, seed=seed), True
    except RecordingError:
        if len(labels) < GROUPS:
            note = f"There are no intervals: {len(labels)} judged images, {GROUPS} needed."
        else:
            order = np.random.default_rng(seed).permutation(len(labels))
            members[order[np.argsort(labels[order], kind="stable")]] = np.arange(len(labels)) % GROUPS
            note = (
                "A class has fewer than 5 judged images, or there is one class only: groups of images were dealt across "
                "classes, so that intervals also contain how classes differ."
            )
    return make_grouping(labels, members, classes, stratified=stratified, note=note)


def make_grouping(
    labels: NDArray[np.integer], group: NDArray[np.integer], classes: int, *, stratified: bool, note: str = ""
) -> Grouping:
    """From groups that are given, (N,), numbered from 0; arguments as in `group_images`."""
    mine, members = labels.astype(np.int64), group.astype(np.int64)
    groups = int(members.max()) + 1
    counts = np.bincount(members * classes + mine, minlength=groups * classes).reshape(groups, classes)
    return Grouping(mine, members, counts.astype(np.float64), stratified, note)


def shrink_changes(values: Floats, images: NDArray[np.integer], within: float) -> Floats:
    """Class means moved towards their common mean by as much as they are noise (empirical Bayes).

    With v_k = σ²/n_k the noise of class k's mean and w_k = 1/v_k: Q = Σ w_k (d_k − m)², m = Σ w_k d_k / Σ w_k;
    τ² = (Q − (K − 1)) / (Σ w_k − Σ w_k²/Σ w_k) is the variance of the true class effects (DerSimonian and Laird 1986);
    μ = Σ d_k/(τ² + v_k) / Σ 1/(τ² + v_k), there with τ² at least 0. Of d_k − μ the share
    (K − 3)/(K − 1)·v_k/(τ² + v_k), all of it where that is above 1 or τ² + v_k below 0, is taken away. For classes of
    equal size that is the positive-part estimator of James and Stein (Efron and Morris 1973, Morris 1983), whose summed
    squared error is below that of the raw means for K ≥ 4; three classes or fewer are left as they are.

    Args:
        values: mean effect of each class, (K,); NaN for a class without an image.
        images: of each class, (K,).
        within: σ², variance of single images' effects within classes, pooled over classes: one class's own is 0 where
            none of its images changed, which would make a class of no information the most certain one.

    Returns:
        (K,), NaN where `values` is.
    """
    known = ~np.isnan(values) & (images > 0)
    classes = int(known.sum())
    if classes <= 3 or not within > 0:
        return values.copy()
    d, noise = values[known], within / images[known]
    weights = 1 / noise
    middle = (weights @ d) / weights.sum()
    spread = weights @ (d - middle) ** 2
    tau = (spread - (classes - 1)) / (weights.sum() - (weights**2).sum() / weights.sum())
    precision = 1 / (max(0.0, tau) + noise)
    centre = (precision @ d) / precision.sum()
    part = np.divide(noise, tau + noise, out=np.full(classes, np.inf), where=tau + noise > 0)
    share = np.minimum(1, (classes - 3) / (classes - 1) * part)
    shrunken = values.copy()
    shrunken[known] = d - share * (d - centre)
    return shrunken


def sign_flip_p(changes: NDArray[np.integer]) -> float:
    """Exact two-sided p-value of Σ x_i against all 2^m ways to turn the signs of the images' changes (Fisher 1935).

    If the intervention does nothing to a class, an image is as likely to be lost as to be won by it. Not the t test: a
    class of fifty images, most of which do not change, has no normal mean, and no variance at all where none changes. For
    one draw (x_i −1, 0 or 1) it is McNemar's exact test; over several draws of donors x_i is the sum over the draws, which
    the sign test would throw away. The distribution of the sum is got from its characteristic function Π cos(x_i·t).

    Args:
        changes: per image, right answers with the intervention less those without, summed over the draws, (n,).

    Returns:
        1 where no image changed; NaN without an image.
    """
    if not len(changes):
        return float("nan")
    sizes = np.bincount(np.abs(changes).astype(np.int64))
    return float(_tails(tuple(sizes[1:].tolist()))[abs(int(changes.sum()))])


@lru_cache(maxsize=4096)
def _tails(counts: tuple[int, ...]) -> Floats:
    """P(|S| ≥ s), s from 0 to M, where counts[v − 1] images have a change of size v and random signs."""
    sizes = np.arange(1, len(counts) + 1)
    largest = int(sizes @ np.array(counts, dtype=np.int64))
    points = 2 * largest + 1
    turns = 2 * np.pi * np.arange(points) / points
    wave = np.prod(np.cos(np.outer(turns, sizes)) ** np.array(counts), axis=1)
    mass = np.fft.fft(wave).real / points
    both = mass[: largest + 1] * np.where(np.arange(largest + 1) > 0, 2, 1)
    least = 2.0 ** (1 - sum(counts))  # all signs alike; below it there is rounding only
    return np.clip(np.cumsum(both[::-1])[::-1], min(1.0, least), 1)


def judge_classes(hits: NDArray[np.integer], grouping: Grouping, repeats: int) -> ClassTests:
    """Shrunken effects, p-values and Benjamini–Hochberg's q over the classes of one effect.

    Args:
        hits: per image, right answers with the intervention less those without, summed over the draws, (N,).
        grouping: of the images.
        repeats: draws.
    """
    from scipy import stats  # slow to load, and not needed where effects are only read

    points = 100 / repeats * hits
    images = grouping.class_images
    shrunken = shrink_changes(grouping.change(points).per_class, images, grouping.within_variance(points))
    order = np.argsort(grouping.labels, kind="stable")
    ends = np.cumsum(images)
    p = np.array([sign_flip_p(hits[order[end - n : end]]) for end, n in zip(ends, images)])
    q = np.full(len(p), np.nan)
    known = ~np.isnan(p)
    q[known] = stats.false_discovery_control(p[known])
    return ClassTests(shrunken, p, q)


Progress = Callable[[int, int, str], None]


def measure_effects(outcomes: "Outcomes", *, seed: int = 0, on_progress: Progress | None = None) -> EffectTable:
    """Effects of every target × baseline on accuracy, loss and predictions, over images and over classes.

    Intervals over images hold the drawn donors and derangements as they are; those over classes do not.

    Args:
        outcomes: complete.
        seed: of the groups of images.
        on_progress: called with effects done, effects in all and the next one's name; what it raises ends the work.

    Raises:
        RecordingError: not complete, no image whose class has an output, or a damaged file.
    """
    if not outcomes.complete:
        raise RecordingError(f"{outcomes.path} is not finished: run the command that intervenes again, then assess.")
    judged = np.flatnonzero(outcomes.judged)
    if not len(judged):
        raise RecordingError(
            f"{outcomes.path} holds no image whose class has an output of the network: effects on accuracy need labels."
        )
    labels = outcomes.samples["label"].to_numpy()[judged]
    grouping = group_images(labels, len(outcomes.classes), seed=seed)
    clean = _Judged(outcomes.clean, judged)
    groups: dict[tuple[object, ...], list[Variant]] = {}  # repeats together, in the order of the plan
    for variant in outcomes.variants:
        groups.setdefault((variant.blocks, variant.baseline, variant.strength), []).append(variant)
    effects = []
    for done, variants in enumerate(groups.values()):
        if on_progress:
            on_progress(done, len(groups), f"{variants[0].target}, {variants[0].baseline}")
        effects.append(_measure(variants, outcomes, clean, judged, grouping))
    return EffectTable(
        outcomes_id=outcomes.id,
        images=len(judged),
        class_names=tuple(outcomes.classes.names),
        class_images=grouping.class_images,
        groups=grouping.groups,
        note=grouping.note,
        clean={
            "top1": 100 * float(clean.correct.mean()),
            "top5": 100 * float(clean.correct5.mean()),
            "loss": float(clean.loss.mean()),
        },
        effects=tuple(effects),
    )


class _Judged:
    """An outcome's judged rows, as numbers that can be subtracted."""

    def __init__(self, outcome: "Outcome", rows: NDArray[np.intp]) -> None:
        self.prediction = outcome.prediction[rows]
        self.loss = outcome.loss[rows].astype(np.float64)
        self.correct = outcome.correct[rows].astype(np.int64)
        self.correct5 = outcome.correct5[rows].astype(np.int64)


def _measure(
    variants: "list[Variant]", outcomes: "Outcomes", clean: _Judged, rows: NDArray[np.intp], grouping: Grouping
) -> TargetEffect:
    hits, hits5, moved = np.zeros((3, len(rows)), dtype=np.int64)
    loss = np.zeros(len(rows))
    for variant in variants:
        found = _Judged(outcomes.outcome(variant), rows)
        hits += found.correct - clean.correct
        hits5 += found.correct5 - clean.correct5
        moved += found.prediction != clean.prediction
        with np.errstate(invalid="ignore"):
            loss += found.loss - clean.loss
    first, repeats = variants[0], len(variants)
    return TargetEffect(
        target=first.target,
        kind=first.kind,
        blocks=tuple(first.blocks),
        baseline=first.baseline,
        strength=first.strength,
        repeats=repeats,
        changes={
            "top1": grouping.change(100 / repeats * hits),
            "top5": grouping.change(100 / repeats * hits5),
            "loss": grouping.change(np.where(np.isfinite(loss), loss / repeats, np.nan)),  # never infinite
        },
        changed=grouping.change(moved / repeats),
        undefined=int((~np.isfinite(loss)).sum()),
        tests=judge_classes(hits, grouping, repeats),
    )
