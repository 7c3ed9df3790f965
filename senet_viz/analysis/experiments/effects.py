"""Differences between conditions, paired by seed and by image, and what a declared bound lets one say of them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from senet_viz.errors import ArgumentError

Floats = NDArray[np.float64]
Answer = Literal["better", "worse", "same", "cannot tell"]
LEVEL = 0.95


@dataclass(frozen=True)
class CrossedMean:
    """A mean over seeds and images, with what would change it: other trainings, other images, or both.

    Attributes:
        value: the mean.
        seeds: interval over seeds, these images; NaN for a single seed.
        images: interval over images, these trainings.
        both: interval over both.
        n_seeds, n_images: how many there are.
    """

    value: float
    seeds: tuple[float, float]
    images: tuple[float, float]
    both: tuple[float, float]
    n_seeds: int
    n_images: int


def mean_over_both(values: NDArray[np.number] | NDArray[np.bool_], level: float = LEVEL) -> CrossedMean:
    """Mean of values that cross seeds with images.

    The variance of the mean is var(seed means)/S + var(image means)/N. In the model d = μ + a_seed + b_image + e its
    expectation is σ_a²/S + σ_b²/N + 2σ_e²/(SN), the true variance and once more the last term: never too small on
    average (A. Owen, "The pigeonhole bootstrap", Ann. Appl. Stat. 2007, for the crossed design). Its degrees of
    freedom are Satterthwaite's (1946), so that few seeds make wide intervals. Seeds alone and images alone have
    Student's interval with S − 1 and N − 1.

    Args:
        values: (S, N), of seed s and image i.
        level: of the intervals.

    Raises:
        ArgumentError: fewer than two images or no seed.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2:
        raise ArgumentError(f"values have the shape {table.shape}; seeds × images are wanted, 1 × 2 at least.")
    n_seeds, n_images = table.shape
    value = float(table.mean())
    of_images = float(table.mean(axis=0).var(ddof=1)) / n_images
    if n_seeds == 1:
        missing = (float("nan"), float("nan"))
        return CrossedMean(value, missing, _student(value, of_images, n_images - 1, level), missing, 1, n_images)
    of_seeds = float(table.mean(axis=1).var(ddof=1)) / n_seeds
    total = of_seeds + of_images
    squares = of_seeds**2 / (n_seeds - 1) + of_images**2 / (n_images - 1)
    freedom = total**2 / squares if squares else float(n_images - 1)
    return CrossedMean(
        value,
        _student(value, of_seeds, n_seeds - 1, level),
        _student(value, of_images, n_images - 1, level),
        _student(value, total, freedom, level),
        n_seeds,
        n_images,
    )


def mean_over_seeds(values: NDArray[np.floating], level: float = LEVEL) -> tuple[float, tuple[float, float]]:
    """Mean of one value a seed, (S,), with Student's interval of S − 1 degrees of freedom; NaN for a single seed."""
    table = np.asarray(values, dtype=np.float64)
    value = float(table.mean())
    if len(table) < 2:
        return value, (float("nan"), float("nan"))
    return value, _student(value, float(table.var(ddof=1)) / len(table), len(table) - 1, level)


def answer(interval: tuple[float, float], bound: float) -> Answer:
    """What an interval lets one say: beyond the bound on one side, inside it on both, or nothing."""
    low, high = interval
    if low > bound:
        return "better"
    if high < -bound:
        return "worse"
    if -bound < low and high < bound:
        return "same"
    return "cannot tell"


def _student(value: float, variance: float, freedom: float, level: float) -> tuple[float, float]:
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * variance**0.5
    return value - half, value + half
