"""How many recorded images can lie as far from a point as a given distance: certain bounds from moments alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SquaredDistance:
    """D = mean over channels of (s_c − m_c)² over a finite set of images, known by its moments.

    Attributes:
        mean: E[D] over the images, in units of s².
        sd: an upper bound of the standard deviation of D (divisor N).
        accuracy: to which gates and moments are known, in units of s.
    """

    mean: float
    sd: float
    accuracy: float

    @classmethod
    def from_moments(cls, second: Floats, fourth: Floats, accuracy: float) -> "SquaredDistance":
        """From the moments of x_c = s_c − m_c in every channel.

        E[D] is the mean of E[x_c²] over the channels. Whatever the correlation of the channels,
        SD(D) ≤ mean over channels of SD(x_c²): the triangle inequality of the L² norm (Minkowski 1896), applied to
        the centred x_c². SD(x_c²)² = E[x_c⁴] − E[x_c²]².

        Args:
            second: E[x_c²], (C,).
            fourth: upper bounds of E[x_c⁴], (C,).
            accuracy: as the attribute.
        """
        spread = np.sqrt(np.maximum(0, fourth - second**2))
        return cls(float(second.mean()), float(spread.mean()), accuracy)

    def share_below(self, distance: Floats) -> tuple[Floats, Floats]:
        """Bounds of the share of images nearer than `distance`, half of those at exactly that distance included.

        With λ = |D₀ − E[D]|, D₀ the squared distance: P(D ≥ E[D] + λ) and P(D ≤ E[D] − λ) are each at most
        SD²/(SD² + λ²) (Cantelli 1928), and P(D ≥ D₀) ≤ E[D]/D₀ (Markov). λ and D₀ are first brought nearer to
        E[D] by what the accuracy leaves open: an error ε of gates or mean moves D by at most 2ε√D + ε².

        Args:
            distance: (n,) RMS distances, in units of s.

        Returns:
            Lower and upper bounds, each (n,) in [0, 1].
        """
        squared = distance**2
        error = self.accuracy
        slack = 2 * error * (distance + np.sqrt(self.mean)) + 2 * error**2 + 1e-6 * self.mean
        step = np.maximum(0, np.abs(squared - self.mean) - slack)
        variance = self.sd**2
        with np.errstate(invalid="ignore", divide="ignore"):
            tail = np.where(step > 0, variance / (variance + step**2), 1.0)
            markov = np.where(squared > 0, np.minimum(1, (self.mean + slack) / squared), 1.0)
        far = squared > self.mean
        return np.where(far, 1 - np.minimum(tail, markov), 0.0), np.where(far, 1.0, tail)


def bound_fourth_moments(
    counts: NDArray[np.integer] | None, edges: tuple[Floats, Floats], centre: Floats, second: Floats, reach: Floats
) -> Floats:
    """Upper bounds of E[(s_c − m_c)⁴] in every channel: the smaller of two.

    Each image's value counts with the farther edge of its bin; and x⁴ ≤ M²·x² with M the largest |x| (which gives the
    inequality of Bhatia and Davis 2000 for the variance of x²).

    Args:
        counts: of the images in each bin, (C, T); None where there is no histogram.
        edges: lower and upper edge of each bin, each (T,); equal where a bin is one value.
        centre: m, (C,).
        second: E[(s_c − m_c)²], (C,).
        reach: M, the largest |s_c − m_c| of any image, or a bound of it, (C,).
    """
    bound = reach**2 * second
    if counts is None:
        return bound
    lower, upper = (np.abs(edge - centre[:, None]) for edge in edges)
    farther = np.maximum(lower, upper) ** 4
    return np.asarray(np.minimum(bound, (counts * farther).sum(axis=1) / counts.sum(axis=1)))
