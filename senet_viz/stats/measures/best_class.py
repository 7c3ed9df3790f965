"""The class that opens a channel's gate most, and how far it stands out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording.moments import Moments

Floats = NDArray[np.float64]
NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class BestClass:
    """Of every channel, among the classes of two images or more.

    The best of K classes stands out by chance alone, and the more the larger K is (winner's curse): compare blocks or
    networks at equal K and n, never with 0.

    Attributes:
        index: the class with the highest mean gate, (C,); −1 where none stands out: fewer than two classes of two
            images, or a constant channel.
        selectivity: class selectivity index (Morcos et al. 2018), (μ_max − μ_rest) / (μ_max + μ_rest) with μ_rest the
            mean of the other classes' means, (C,); made for activations from 0 on: NaN where μ_max + μ_rest ≤ 0.
        d_prime: (μ_k − μ_rest) / √((σ_k² + σ_rest²) / 2) of that class against all other labelled images, variances
            with the divisor n − 1, (C,); NaN where neither varies, or where no variance per class is known (a slim z).
    """

    index: NDArray[np.int64]
    selectivity: Floats
    d_prime: Floats


def find_best_class(moments: Moments) -> BestClass:
    """See `BestClass`; class means and variances are all it takes."""
    able = np.flatnonzero(moments.count >= 2)
    width = moments.mean.shape[1]
    if len(able) < 2:
        nothing = np.full(width, np.nan)
        return BestClass(np.full(width, NO_CLASS), nothing, nothing)
    means = moments.mean[able]
    winner = means.argmax(axis=0)
    top = means.max(axis=0)
    flat = top == means.min(axis=0)
    rest = (means.sum(axis=0) - top) / (len(able) - 1)
    index = np.where(flat, NO_CLASS, able[winner])
    with np.errstate(invalid="ignore", divide="ignore"):
        selectivity = np.where(flat | (top + rest <= 0), np.nan, (top - rest) / (top + rest))
    return BestClass(index, selectivity, np.where(flat, np.nan, d_primes(moments, able[winner])))


def d_primes(moments: Moments, classes: NDArray[np.int64]) -> Floats:
    """d′ of one class per channel against all other labelled images.

    The others' sum of squares is that of all images less the class's own: m2_rest = SST − m2_k − n_k·n_rest/N·δ².

    Args:
        moments: K classes, C channels.
        classes: a class of each channel, (C,).
    """
    channels = np.arange(len(classes))
    if moments.m2 is None:
        return np.full(len(classes), np.nan)
    seen = moments.count > 0
    count = moments.count.astype(np.float64)
    centre = count[seen] @ moments.mean[seen] / count.sum()
    total = moments.ssw + count[seen] @ (moments.mean[seen] - centre) ** 2
    own, mean, m2 = count[classes], moments.mean[classes, channels], moments.m2[classes, channels]
    others = count.sum() - own
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = (mean - centre) * count.sum() / others
        rest = np.maximum(0, total - m2 - own * others / count.sum() * difference**2)
        spread = np.sqrt((m2 / (own - 1) + rest / (others - 1)) / 2)
        return np.asarray(np.where((own > 1) & (others > 1) & (spread > 0), difference / spread, np.nan))
