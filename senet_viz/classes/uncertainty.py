"""How uncertain squared distances between class means are: from the covariance of kept gates within classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from senet_viz.resampling import LEVEL
from senet_viz.resampling.permutation import choose_images

Floats = NDArray[np.float64]
MOST_IMAGES = 2_000
FEWEST_FREE = 20  # degrees of freedom of the pooled covariance


@dataclass(frozen=True, eq=False)
class WithinCovariance:
    """The covariance Σ of gates within classes, pooled, without ever forming it.

    Attributes:
        residuals: kept gates less the mean of their class's kept gates, (n, C).
        free: ν = n − classes, its degrees of freedom.
        squares: tr(Σ²), unbiased for normal gates (Bai and Saranadasa 1996).
    """

    residuals: Floats
    free: int
    squares: float

    def along(self, directions: Floats) -> Floats:
        """δᵀΣδ of each direction, (…, C) → (…)."""
        flat = directions.reshape(-1, directions.shape[-1])
        found = ((flat @ self.residuals.T) ** 2).sum(axis=1) / self.free
        return np.asarray(found.reshape(directions.shape[:-1]))


def pool_covariance(gates: NDArray[np.floating], labels: NDArray[np.integer]) -> WithinCovariance | None:
    """From kept gates, at most so many images a class that 2,000 are read; None where too few classes keep two images.

    Args:
        gates: (N, C) kept ones.
        labels: (N,), −1 for none.
    """
    rows = choose_kept(labels)
    known, classes, counts = np.unique(labels[rows], return_inverse=True, return_counts=True)
    free = len(rows) - len(known)
    if free < FEWEST_FREE:
        return None
    values = gates[rows].astype(np.float64)
    sums = np.zeros((len(known), values.shape[1]))
    np.add.at(sums, classes, values)
    residuals = values - (sums / counts[:, None])[classes]
    small = residuals @ residuals.T if len(rows) <= values.shape[1] else residuals.T @ residuals
    trace = float(np.trace(small)) / free
    plain = float((small**2).sum()) / free**2
    squares = (plain - trace**2 / free) * free**2 / ((free - 1) * (free + 2))
    return WithinCovariance(residuals, free, max(squares, 0.0))


def choose_kept(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Rows of the kept images that the covariance is of: labelled, spread over classes, at most about 2,000."""
    classes = max(1, len(np.unique(labels[labels >= 0])))
    return choose_images(labels, per_class=max(2, MOST_IMAGES // classes))


def distance_intervals(
    squared: Floats,
    differences: Floats,
    noise: Floats,
    within: float,
    covariance: WithinCovariance,
    level: float = LEVEL,
) -> tuple[Floats, Floats]:
    """Limits of squared distances (`squared_distances`, `squares_from_others`), on their own scale, never clipped.

    The noise of a difference δ of means has the covariance aΣ, a = noise/within, so that d², the squared RMS distance
    without noise, has the variance V(D) = 4a·q·D/C + 2a²·tr(Σ²)/C² at a true squared distance D, q = δᵀΣδ/|δ|². Limits are the
    D that lie z·√V(D) from d², V at its own D as in Wilson's interval (1927): with the variance at d² itself they would be
    too narrow where the distance is about as large as the noise. q is taken along the observed difference; Σ is taken to be
    alike in all classes up to its size. They are over images, for these classes.

    Args:
        squared: d², any shape.
        differences: of the means, (…, C).
        noise: expected squared RMS distance by chance, like `squared`.
        within: mean over channels of the variance within classes.
        covariance: pooled.
        level: of the interval.
    """
    channels = differences.shape[-1]
    z = float(special.ndtri((1 + level) / 2))
    part = noise / within if within > 0 else np.full_like(noise, np.nan)
    length = (differences**2).sum(axis=-1)
    along = np.divide(covariance.along(differences), length, out=np.zeros_like(length), where=length > 0)
    growth, still = 4 * part * along / channels, 2 * part**2 * covariance.squares / channels**2
    edge = z * np.sqrt(still)  # half the width where D is 0; V does not shrink below it
    middle = squared + z**2 * growth / 2
    reach = z * np.sqrt(np.maximum(0, growth * squared + z**2 * growth**2 / 4 + still))
    low = np.where(squared > edge, middle - reach, squared - edge)
    high = np.where(squared > -edge, middle + reach, squared + edge)
    return low, high
