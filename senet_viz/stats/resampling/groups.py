"""Which images are left out together: groups that take an equal part of every class."""

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import RecordingError

MOST_GROUPS = 10
LEAST_GROUPS = 5
NO_GROUP = -1


def count_groups(counts: NDArray[np.integer]) -> int:
    """10 groups; 5 where the smallest class has 5 to 9 images, so that no class is ever left without an image.

    Args:
        counts: images of every class, (K,); classes without an image are ignored.

    Raises:
        RecordingError: fewer than two classes, or a class of fewer than 5 images; the message says what to do.
    """
    seen = counts[counts > 0]
    if len(seen) < 2:
        raise RecordingError("An interval for a class share needs images of at least two classes.")
    smallest = int(seen.min())
    if smallest < LEAST_GROUPS:
        raise RecordingError(
            f"The smallest class has {smallest} image{'s' * (smallest > 1)}, and an interval over images needs at least "
            f"{LEAST_GROUPS} of each class: record more of them, or record without such classes."
        )
    return MOST_GROUPS if smallest >= MOST_GROUPS else LEAST_GROUPS


def assign_groups(labels: NDArray[np.integer], *, seed: int = 0) -> NDArray[np.int64]:
    """Deal the images of every class, in random order, to the groups in turn.

    The first group of a class follows on the last of the class before, so that groups are of equal size too. All blocks
    of a recording, and a recording and its control, share one assignment.

    Args:
        labels: (N,) class indices; −1 for none.
        seed: of the order.

    Returns:
        (N,) group of every image, −1 without a label.

    Raises:
        RecordingError: as in `count_groups`.
    """
    _, classes, counts = np.unique(labels[labels >= 0], return_inverse=True, return_counts=True)
    groups = count_groups(counts)
    order = np.random.default_rng(seed).permutation(len(classes))
    by_class = order[np.argsort(classes[order], kind="stable")]
    dealt = np.empty(len(classes), dtype=np.int64)
    dealt[by_class] = np.arange(len(classes)) % groups
    result = np.full(len(labels), NO_GROUP, dtype=np.int64)
    result[labels >= 0] = dealt
    return result
