"""Which kept images take part in decoding and in comparing representations: the same for all blocks, seeded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import RecordingError
from senet_viz.stats.resampling import choose_images

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ChosenImages:
    """Images of several classes.

    Attributes:
        rows: indices into the kept images, ascending, (n,).
        labels: class of each from 0 to K′ − 1, a place in `classes`, (n,).
        classes: the data's class indices, ascending, (K′,).
        per_class: most images of one class.
        left_out: classes with too few kept images.
        not_drawn: classes that had enough images but were not drawn, because there are too many of them.
        seed: of the draw.
    """

    rows: Ints
    labels: Ints
    classes: Ints
    per_class: int
    left_out: int
    not_drawn: int
    seed: int


def choose_per_class(
    labels: NDArray[np.integer], *, at_least: int, at_most: int, in_all: int, seed: int = 0
) -> ChosenImages:
    """Choose as equally many images of every class as there are.

    Args:
        labels: (N_kept,) class indices; −1 for none, which is never chosen.
        at_least: classes with fewer kept images are left out.
        at_most: images of one class; fewer where so many of each would be more than `in_all`.
        in_all: most images altogether; where even `at_least` of each class would be more, classes are drawn.
        seed: of the draw.

    Raises:
        RecordingError: fewer than two classes have enough images.
    """
    found, counts = np.unique(labels[labels >= 0], return_counts=True)
    enough = found[counts >= at_least]
    if len(enough) < 2:
        raise RecordingError(
            f"{len(enough)} of {len(found)} classes have at least {at_least} labelled images whose gates are kept, and decoding "
            "takes two: record more images of each, with --keep all."
        )
    generator = np.random.default_rng(seed)
    drawn = np.sort(generator.permutation(enough)[: max(2, in_all // at_least)])
    eligible = np.where(np.isin(labels, drawn), labels, -1)
    per_class = _largest_cap(counts[np.isin(found, drawn)], at_least, at_most, in_all)
    rows = choose_images(eligible, per_class=per_class, seed=seed)
    return ChosenImages(
        rows=rows,
        labels=np.searchsorted(drawn, labels[rows]).astype(np.int64),
        classes=drawn.astype(np.int64),
        per_class=per_class,
        left_out=len(found) - len(enough),
        not_drawn=len(enough) - len(drawn),
        seed=seed,
    )


def _largest_cap(counts: NDArray[np.integer], at_least: int, at_most: int, in_all: int) -> int:
    """Most images of one class such that all together are not more than `in_all`; never below `at_least`."""
    cap = min(at_most, int(counts.max()))
    while cap > at_least and int(np.minimum(counts, cap).sum()) > in_all:
        cap -= 1
    return cap


def split_images(chosen: ChosenImages, *, test_share: float = 0.2) -> tuple[Ints, Ints]:
    """Split the chosen images, class by class.

    Of every class the rounded share, and at least one image, is for testing.

    Returns:
        Places in `chosen.rows` for training and for testing, ascending.
    """
    order = np.random.default_rng((chosen.seed, 1)).permutation(len(chosen.labels))
    order = order[np.argsort(chosen.labels[order], kind="stable")]
    counts = np.bincount(chosen.labels)
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    tested = place < np.maximum(1, np.rint(test_share * counts))[chosen.labels[order]]
    return np.sort(order[~tested]), np.sort(order[tested])
