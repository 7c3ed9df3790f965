"""Is there one pattern for all classes up to a scale? How class profiles spread along the mean profile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording.moments import Moments
from senet_viz.stats.measures.squares import SumsOfSquares, split_variance, sums_of_squares

Floats = NDArray[np.float64]
RANDOM_DIRECTIONS = 100
_ROWS = 4096


@dataclass(frozen=True)
class MeanDirection:
    """If every class had a·(mean profile m) as its profile, with its own a, classes would differ along m only.

    Deviations p_k − m of the class profiles are what is split (p_k itself points along m nearly everywhere, since
    gates are positive); m is not centred over channels, because a·m is a multiple of m itself.

    Attributes:
        share: noise-corrected between-class variance along m / that of all channels; NaN where the latter is not
            positive.
        residual_variance: the rest, as a mean over channels, in units of s²; never clipped.
        scale_variance: between-class variance of a, the projection on m divided by |m|.
    """

    share: float
    residual_variance: float
    scale_variance: float


def mean_direction(channels: SumsOfSquares, along: SumsOfSquares, length: float) -> MeanDirection:
    """From the sums of squares of all channels and of the images' projections on a direction.

    Noise in the class means has the variance uᵀΣu / n along u, with Σ the covariance within classes. Moments hold only
    the diagonal of Σ, so that projections of single images are needed; a one-way layout of them corrects exactly.

    Args:
        channels: C channels.
        along: one channel, the projections (s − m)·u on the unit vector u = m / |m|.
        length: |m|.
    """
    width = len(channels.between)
    whole = float(channels.variance_between.sum())
    part = float(along.variance_between[0])
    share = part / whole if whole > 0 else float("nan")
    return MeanDirection(share, (whole - part) / width, part / length**2 if length > 0 else float("nan"))


def split_between(moments: Moments, values: NDArray[np.floating], labels: NDArray[np.integer]) -> MeanDirection:
    """Split one block's between-class variance along its mean profile, without intervals.

    Args:
        moments: of the same images.
        values: of single images, (N, C).
        labels: (N,); −1 is left out.
    """
    mean = moments.overall().mean[0]
    direction = unit_directions(mean, random=0)
    starts = range(0, len(values), _ROWS)
    projected = [(values[start : start + _ROWS] - mean) @ direction for start in starts]
    labelled = labels >= 0
    along = np.concatenate([np.zeros((0, 1)), *projected])[labelled, 0]
    _, classes, sizes = np.unique(labels[labelled], return_inverse=True, return_counts=True)
    means = np.bincount(classes, weights=along) / sizes
    within = float(((along - means[classes]) ** 2).sum())
    sums = split_variance(sizes, means[:, None], np.array([within]))
    return mean_direction(sums_of_squares(moments), sums, float(np.linalg.norm(mean)))


def random_shares(channels: SumsOfSquares, along: SumsOfSquares) -> Floats:
    """The same share for other directions: the null. Its mean over all directions is 1/C.

    Args:
        channels: C channels.
        along: projections on R unit vectors, one a channel.

    Returns:
        (R,), NaN where the between-class variance is not positive.
    """
    whole = float(channels.variance_between.sum())
    return along.variance_between / (whole if whole > 0 else np.nan)


def unit_directions(mean: Floats, *, random: int = RANDOM_DIRECTIONS, seed: int = 0) -> Floats:
    """The mean profile's direction, then random ones, uniform on the sphere; as columns, (C, 1 + random).

    A mean profile of zeros gives a first column of zeros.
    """
    drawn = np.random.default_rng(seed).normal(size=(len(mean), random))
    both = np.concatenate([mean[:, None], drawn], axis=1)
    lengths = np.linalg.norm(both, axis=0)
    return np.asarray(both / np.where(lengths > 0, lengths, 1))
