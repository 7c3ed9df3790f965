"""One block's channels taken together: the numbers that claims and intervals are about."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.stats.measures.shares import omega_squared
from senet_viz.stats.measures.squares import SumsOfSquares

Floats = NDArray[np.float64]
NAN = float("nan")


@dataclass(frozen=True)
class BlockStatistics:
    """Class dependence of C channels of one block.

    Variances are kept unclipped, since only they have the right mean; SDs are made from them at the very end.

    Attributes:
        omega_squared: variance-weighted ω², Σ_c (SSB − (K − 1)·MSW) / Σ_c (SST + MSW): the class share of the block's
            whole variance, led by the channels that vary most.
        omega_squared_mean: mean over the channels where it is defined of each channel's ω²: every channel counts alike.
        defined_channels: how many these are; constant channels have none.
        between_variance: mean over all channels of (MSB − MSW) / n0, in units of s².
        within_variance: mean over all channels of MSW, in units of s².
        near_one, near_zero: shares of gates above .9 and below .1; NaN where they were not counted.
        direction_share: share of the between-class variance (noise corrected) that lies along the mean profile; NaN
            where no single gates were read or the between-class variance is not positive.
        residual_variance: between-class variance across it, mean over channels, in units of s².
        scale_variance: between-class variance of the factor a in profile ≈ a·(mean profile), whose mean is 1.
    """

    omega_squared: float
    omega_squared_mean: float
    defined_channels: int
    between_variance: float
    within_variance: float
    near_one: float = NAN
    near_zero: float = NAN
    direction_share: float = NAN
    residual_variance: float = NAN
    scale_variance: float = NAN

    @property
    def between_sd(self) -> float:
        """√max(0, between variance): root mean square over channels, in units of s."""
        return root(self.between_variance)

    @property
    def within_sd(self) -> float:
        """√(within variance): root mean square over channels, in units of s."""
        return root(self.within_variance)

    @property
    def residual_sd(self) -> float:
        """√max(0, residual variance), in units of s."""
        return root(self.residual_variance)

    @property
    def scale_sd(self) -> float:
        """√max(0, scale variance)."""
        return root(self.scale_variance)


def block_statistics(sums: SumsOfSquares) -> BlockStatistics:
    """Pool channels; NaN for fewer than two classes or one image a class."""
    shares = omega_squared(sums)
    defined = ~np.isnan(shares)
    below = (sums.total + sums.mean_within).sum()
    return BlockStatistics(
        omega_squared=float(sums.excess.sum() / below) if defined.any() else NAN,
        omega_squared_mean=float(shares[defined].mean()) if defined.any() else NAN,
        defined_channels=int(defined.sum()),
        between_variance=float(sums.variance_between.mean()),
        within_variance=float(sums.mean_within.mean()),
    )


def root(variance: float) -> float:
    """√max(0, variance); NaN stays NaN."""
    return variance if math.isnan(variance) else math.sqrt(max(0.0, variance))
