"""Which images of a source are recorded, and of which the gates are kept: from labels alone, seeded."""

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError


def choose_indices(labels: NDArray[np.integer], *, limit: int | None, seed: int) -> NDArray[np.int64]:
    """Choose at most `limit` images, as equally many of every class as there are.

    Counts of two classes differ by at most one unless one of them has no more images. A larger limit
    with the same seed chooses the same images and more. Unlabelled images count as one class.

    Args:
        labels: (N,) class of every image, -1 where it has none.
        limit: how many at most, from 1; None for all.
        seed: makes the choice repeatable.

    Returns:
        (min(N, limit),) sorted indices into `labels`.

    Raises:
        ArgumentError: a limit below 1.
    """
    if limit is not None and limit < 1:
        raise ArgumentError(f"The limit is {limit}: give the number of images, from 1 on, or none for all.")
    if limit is None or limit >= len(labels):
        return np.arange(len(labels), dtype=np.int64)
    rng = np.random.default_rng(seed)
    ranks = _rank_in_class(labels, rng)
    classes, position = np.unique(labels, return_inverse=True)
    turn = rng.permutation(len(classes))[position]
    chosen = np.lexsort((turn, ranks))[:limit]
    return np.sort(chosen).astype(np.int64)


def choose_kept(labels: NDArray[np.integer], *, keep: str, seed: int) -> NDArray[np.bool_]:
    """Choose the images whose gates are kept one by one.

    Args:
        labels: (N,) class of every chosen image, -1 where it has none (these count as one class).
        keep: "all", "none", or a number: at most that many of every class.
        seed: makes the choice repeatable.

    Returns:
        (N,) True where gates are kept.

    Raises:
        ArgumentError: another word, or a number below 1.
    """
    if keep == "all":
        return np.ones(len(labels), dtype=np.bool_)
    if keep == "none":
        return np.zeros(len(labels), dtype=np.bool_)
    if not (keep.isascii() and keep.isdigit() and int(keep) > 0):
        raise ArgumentError(f"keep is {keep!r}: give all, none or a number of images per class, from 1 on.")
    kept: NDArray[np.bool_] = _rank_in_class(labels, np.random.default_rng(seed)) < int(keep)
    return kept


def _rank_in_class(labels: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.int64]:
    """(N,) position of every image in a random order of its class, from 0."""
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    ordered = labels[by_class]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(labels) else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[starts, len(labels)])
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[by_class] = np.arange(len(labels)) - np.repeat(starts, lengths)
    return ranks
