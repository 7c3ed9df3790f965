"""Sums of squares of a one-way layout: classes of images, all channels of a block at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording.moments import Moments

Floats = NDArray[np.float64]
_ROUNDING = 1e-12  # relative; a single gate that differs in the last place of float32 leaves 6e-8/√N


@dataclass(frozen=True, eq=False)
class SumsOfSquares:
    """What the variance of C channels splits into, labelled images only.

    Attributes:
        sizes: images of every class that has one, n_k, (K,).
        centre: mean over the labelled images, (C,).
        between: SSB = Σ_k n_k (mean_k − centre)², (C,).
        within: SSW = Σ_k m2_k, (C,).
    """

    sizes: Floats
    centre: Floats
    between: Floats
    within: Floats

    @property
    def images(self) -> float:
        """N = Σ n_k."""
        return float(self.sizes.sum())

    @property
    def classes(self) -> int:
        """K, the classes that have an image."""
        return len(self.sizes)

    @property
    def total(self) -> Floats:
        """SST = SSB + SSW, (C,)."""
        return self.between + self.within

    @property
    def mean_between(self) -> Floats:
        """MSB = SSB / (K − 1), (C,); NaN for fewer than two classes."""
        return self.between / (self.classes - 1 if self.classes > 1 else np.nan)

    @property
    def mean_within(self) -> Floats:
        """MSW = SSW / (N − K), (C,); NaN where no class has two images."""
        free = self.images - self.classes
        return self.within / (free if free > 0 else np.nan)

    @property
    def size(self) -> float:
        """n0 = (N − Σ n_k² / N) / (K − 1), the images per class where all have equally many; NaN for K < 2."""
        if self.classes < 2:
            return float("nan")
        return float((self.images - (self.sizes**2).sum() / self.images) / (self.classes - 1))

    @property
    def excess(self) -> Floats:
        """SSB − (K − 1)·MSW, (C,): the numerator of ω², of mean 0 where classes do not matter; never clipped."""
        return (self.classes - 1) * (self.mean_between - self.mean_within)

    @property
    def variance_between(self) -> Floats:
        """(MSB − MSW) / n0, (C,): the variance of the class means without the noise in them; never clipped."""
        return (self.mean_between - self.mean_within) / self.size

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Channels that have no variance beyond float64's rounding, (C,)."""
        return np.asarray(self.total <= self.images * (_ROUNDING * self.centre) ** 2)


def sums_of_squares(moments: Moments) -> SumsOfSquares:
    """Split the variance of every channel into between and within classes (Fisher 1925).

    Works for slim recordings too, whose z and controls keep only SSW.
    """
    seen = moments.count > 0
    return split_variance(moments.count[seen], moments.mean[seen], moments.ssw)


def split_variance(sizes: NDArray[np.integer] | Floats, means: Floats, within: Floats) -> SumsOfSquares:
    """The same from its parts.

    Args:
        sizes: (K,), each at least 1.
        means: class means, (K, C).
        within: SSW, (C,).
    """
    weights = np.asarray(sizes, dtype=np.float64)
    if not len(weights):
        width = means.shape[1]
        return SumsOfSquares(weights, np.full(width, np.nan), np.zeros(width), within)
    first = means[0]  # shifted, so that equal means have a centre equal to them
    centre = first + weights @ (means - first) / weights.sum()
    between = weights @ (means - centre) ** 2
    return SumsOfSquares(weights, centre, np.asarray(between), within)
