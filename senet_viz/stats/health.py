"""What a person who debugs a network asks of its gates: are they stuck, saturated, dead, all alike?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording.moments import LOWER_COLUMN, UPPER_COLUMN, Moments
from senet_viz.schema import HISTOGRAM_BINS, Floats

NEAR_ONE = 0.9
NEAR_ZERO = 0.1
DEAD_SD = 1e-3
RANK_IMAGES = 2_000


@dataclass(frozen=True)
class GateHealth:
    """Of one block, over all its images, labelled or not, and all its channels.

    Attributes:
        near_one: share of gates above .9; NaN where the range is not [0, 1] or no histogram is known (z).
        near_zero: share of gates below .1, likewise.
        at_lower, at_upper: shares of gates exactly at the lower and the upper bound; NaN without a histogram.
        dead: channels whose SD over all images (divisor n − 1) is under .001, in units of s; NaN for fewer than two
            images.
        profile_rank: effective rank of the class profiles.
    """

    near_one: float
    near_zero: float
    at_lower: float
    at_upper: float
    dead: float
    profile_rank: float


def profiles_differ(profiles: Floats) -> bool:
    """Whether class profiles, (K, C) mean gates, differ: by .001 at least in some channel. Those of dead gates do not."""
    return len(profiles) > 0 and bool((np.ptp(profiles, axis=0) >= DEAD_SD).any())


def gate_health(moments: Moments, value_range: tuple[float, float], *, ranks: bool = True) -> GateHealth:
    """Read a block's health from its moments.

    The 64 bins of the histogram that .9 and .1 fall into are split linearly, as if gates lay evenly in a bin.

    Args:
        moments: of the block.
        value_range: of the gate.
        ranks: also compute the effective rank, a second where classes and channels are a thousand; else it is NaN.
    """
    overall = moments.overall()
    spread = overall.std()[0]
    dead = float("nan") if overall.count[0] < 2 else float((spread < DEAD_SD).sum())
    rank = profile_rank(moments) if ranks else float("nan")
    return GateHealth(*_histogram_shares(moments.histogram, value_range), dead, rank)


def _histogram_shares(
    histogram: NDArray[np.int64] | None, value_range: tuple[float, float]
) -> tuple[float, float, float, float]:
    """Shares of all gates above .9, below .1, at the lower and at the upper bound; NaN as in `GateHealth`."""
    if histogram is None or not histogram.sum():
        return (float("nan"),) * 4
    counts = histogram.sum(axis=0).astype(np.float64)
    total = counts.sum()
    shares = float(counts[LOWER_COLUMN] / total), float(counts[UPPER_COLUMN] / total)
    low, high = (share if np.isfinite(end) else float("nan") for share, end in zip(shares, value_range))
    if tuple(value_range) != (0.0, 1.0):
        return float("nan"), float("nan"), low, high
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    width = 1 / HISTOGRAM_BINS
    above = np.clip((edges[1:] - NEAR_ONE) / width, 0, 1) @ counts[:HISTOGRAM_BINS] + counts[UPPER_COLUMN]
    below = np.clip((NEAR_ZERO - edges[:-1]) / width, 0, 1) @ counts[:HISTOGRAM_BINS] + counts[LOWER_COLUMN]
    return float(above / total), float(below / total), low, high


def profile_rank(moments: Moments) -> float:
    """Effective rank of the between-class covariance Σ_k n_k (p_k − p)(p_k − p)ᵀ of the class profiles.

    Noise in the class means raises it: compare blocks at equal K and n. NaN for fewer than two classes.
    """
    seen = moments.count > 0
    if seen.sum() < 2:
        return float("nan")
    weights = moments.count[seen].astype(np.float64)
    means = moments.mean[seen]
    centred = means - weights @ means / weights.sum()
    return effective_rank(np.sqrt(weights)[:, None] * centred)


def gate_rank(gates: NDArray[np.floating], *, seed: int = 0) -> tuple[float, int]:
    """Effective rank of the covariance of single gates, on at most 2,000 images drawn at random.

    Returns:
        The rank, NaN for fewer than two images, and how many images were read.
    """
    rows = np.random.default_rng(seed).permutation(len(gates))[:RANK_IMAGES]
    if len(rows) < 2:
        return float("nan"), len(rows)
    values = gates[np.sort(rows)].astype(np.float64)
    return effective_rank(values - values.mean(axis=0)), len(rows)


def effective_rank(centred: Floats) -> float:
    """exp of the entropy of the eigenvalues of XᵀX, scaled to sum 1 (Roy and Vetterli 2007): from 1 to min(n − 1, C).

    Args:
        centred: X, (n, C), columns of mean 0.

    Returns:
        NaN where nothing varies.
    """
    small = centred @ centred.T if centred.shape[0] <= centred.shape[1] else centred.T @ centred
    values = np.maximum(0, np.linalg.eigvalsh(small))
    if values.sum() <= 1e-24 * centred.size:
        return float("nan")
    shares = values / values.sum()
    shares = shares[shares > 1e-12]  # rounding leaves what should be 0 at some 1e-16
    return float(np.exp(-(shares * np.log(shares)).sum()))
