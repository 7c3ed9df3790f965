"""Who serves whom: folds and halves of the images, groups, and donors of gates. All seeded, from labels alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
GROUP_SIZE = 40
_FOLDS, _HALVES, _GROUPS, _DERANGEMENTS, _DONORS, _JUDGED = range(6)  # streams of random numbers, one a purpose

Rows = NDArray[np.int64]


def deal_images(labels: NDArray[np.integer], hands: int, generator: np.random.Generator) -> NDArray[np.int8]:
    """Deal images out in turns, class by class, in a random order.

    Args:
        labels: (N,) classes, −1 where there is none (these count as one class).
        hands: how many.
        generator: makes the order.

    Returns:
        (N,) hand of each image. Sizes of two hands differ by at most 1, in every class and in all.
    """
    order = generator.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    hand = np.empty(len(labels), dtype=np.int8)
    hand[order] = np.arange(len(labels)) % hands
    return hand


def make_folds(labels: NDArray[np.integer], seed: int) -> NDArray[np.int8]:
    """(N,) fold of each image, 0 to 4: baselines of an image come from the other four."""
    return deal_images(labels, FOLDS, np.random.default_rng([seed, _FOLDS]))


def make_halves(labels: NDArray[np.integer], seed: int) -> NDArray[np.int8]:
    """(N,) 0 or 1: one half is for choosing, the other for confirming."""
    return deal_images(labels, 2, np.random.default_rng([seed, _HALVES]))


def draw_derangement(count: int, generator: np.random.Generator) -> Rows:
    """(count,) a permutation that leaves nothing in its place, each equally likely; count is at least 2."""
    places = np.arange(count)
    while True:  # a permutation is one with probability 1/e
        drawn = generator.permutation(count)
        if not (drawn == places).any():
            return drawn


def draw_groups(folds: NDArray[np.int8], classes: int, *, repeats: int, seed: int) -> Rows:
    """Random images for the control of a class's mean: as many, of any class.

    Args:
        folds: (P,) fold of each image.
        classes: K.
        repeats: R.
        seed: of the run.

    Returns:
        (R, 5, K, 40) rows of images that lie in another fold than the one judged; fewer than 40 where there are no more.
    """
    others = [np.flatnonzero(folds != fold) for fold in range(FOLDS)]
    size = min(GROUP_SIZE, *(len(rows) for rows in others))
    groups = np.empty((repeats, FOLDS, classes, size), dtype=np.int64)
    for repeat, fold in np.ndindex(repeats, FOLDS):
        generator = np.random.default_rng([seed, _GROUPS, repeat, fold])
        for label in range(classes):
            groups[repeat, fold, label] = generator.choice(others[fold], size, replace=False)
    return groups


@dataclass(frozen=True, eq=False)
class Donors:
    """Whose gates each judged image is given, in one repeat; rows among the recorded images.

    Attributes:
        within: (N,) donor of the image's own class.
        between: (N,) donor of the class that the fold's derangement puts in its place.
        count_difference: the most by which the number of times that an image serves in the two differs. 0 where classes
            are of one size: then both have the same marginal distribution.
    """

    within: Rows
    between: Rows
    count_difference: int


def draw_donors(
    labels: NDArray[np.integer], folds: NDArray[np.int8], judged: Rows, *, seed: int, repeat: int
) -> Donors:
    """Donors of one repeat.

    Images of fold f are served by one other fold, the next in turn with every repeat; a class without an image there is
    served by the first fold after it that has one. In each fold a derangement π of the classes and a random order of each
    class's donors are drawn. The q-th image of class k gets the q-th donor of its class, or the q-th of π(k).

    Args:
        labels: (P,) class of every recorded image, none is unlabelled; every class has at least two images.
        folds: (P,) their folds, as `make_folds` deals them.
        judged: (N,) rows of those that interventions are made on.
        seed: of the run.
        repeat: which draw.
    """
    present = np.unique(labels)
    members = {(int(k), f): np.flatnonzero((labels == k) & (folds == f)) for k in present for f in range(FOLDS)}
    within, between = np.empty(len(judged), dtype=np.int64), np.empty(len(judged), dtype=np.int64)
    generator = np.random.default_rng([seed, _JUDGED, repeat])
    for fold in range(FOLDS):
        swapped = present[draw_derangement(len(present), np.random.default_rng([seed, _DERANGEMENTS, repeat, fold]))]
        shuffle = np.random.default_rng([seed, _DONORS, repeat, fold])
        donors = {int(k): shuffle.permutation(_pool(members, int(k), fold, repeat)) for k in present}
        for own, other in zip(present.tolist(), swapped.tolist()):
            mine = np.flatnonzero((labels[judged] == own) & (folds[judged] == fold))
            turn = generator.permutation(len(mine))
            within[mine] = donors[own][turn % len(donors[own])]
            between[mine] = donors[other][turn % len(donors[other])]
    counts = [np.bincount(rows, minlength=len(labels)) for rows in (within, between)]
    return Donors(within, between, int(np.abs(counts[0] - counts[1]).max(initial=0)))


def _pool(members: dict[tuple[int, int], Rows], label: int, fold: int, repeat: int) -> Rows:
    """Images of a class in the first fold that has some, from the repeat's on; never `fold` itself."""
    turns = [(fold + 1 + (repeat + step) % (FOLDS - 1)) % FOLDS for step in range(FOLDS - 1)]
    return next(rows for turn in turns if len(rows := members[label, turn]))
