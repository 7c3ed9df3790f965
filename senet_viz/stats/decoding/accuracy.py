"""Balanced accuracy on test images, with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Balanced accuracy: the mean over classes of the share of a class's test images that were decoded right.

    Attributes:
        value: in [0, 1]; NaN where nothing could be decoded, as no channel varies.
        low, high: Wilson interval over test images (Wilson 1927), with K² / Σ 1/n_k as the number of images, which is
            their number where all classes have equally many. The classifier, that is the training images and channels,
            is taken as it is.
        chance: 1 / K.
        level: of the interval.
    """

    value: float
    low: float
    high: float
    chance: float
    level: float = 0.95


def balanced_accuracy(
    truth: NDArray[np.integer], decoded: Sequence[NDArray[np.integer]], *, level: float = 0.95
) -> Accuracy:
    """Judge decoded classes.

    Args:
        truth: classes of n test images, (n,), every one of 0 … K − 1.
        decoded: by one classifier or several on the same images, (n,) each. The mean of several is judged; they add no
            images.
        level: of the interval.
    """
    counts = np.bincount(truth)
    right = np.mean([answers == truth for answers in decoded], axis=0)
    value = float((np.bincount(truth, weights=right) / counts).mean())
    low, high = wilson_interval(value, len(counts) ** 2 / float((1 / counts).sum()), level=level)
    return Accuracy(value, low, high, 1 / len(counts), level)


def wilson_interval(share: float, images: float, *, level: float = 0.95) -> tuple[float, float]:
    """(p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)."""
    z = float(special.ndtri((1 + level) / 2))
    middle = share + z**2 / (2 * images)
    reach = z * np.sqrt(share * (1 - share) / images + z**2 / (4 * images**2))
    low, high = (float((middle + side * reach) / (1 + z**2 / images)) for side in (-1, 1))
    return max(0.0, low), min(1.0, high)
