"""Paired changes of images as estimates: which images are left out together, and what that makes of a mean."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import RecordingError
from senet_viz.stats.effects.result import Change
from senet_viz.stats.resampling import FEWEST_CLASSES, Estimate, assign_groups

Floats = NDArray[np.float64]
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
        flat = np.bincount(self._cells(), weights=values, minlength=self.counts.size).astype(np.float64)
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

    def _cells(self) -> NDArray[np.int64]:
        return np.asarray(self.group * self.counts.shape[1] + self.labels)

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
