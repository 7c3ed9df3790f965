"""How much of a channel's variance is class: relative (shares of variance) and absolute (SDs in units of s)."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from senet_viz.recording.moments import Moments
from senet_viz.stats.measures.squares import SumsOfSquares, sums_of_squares

Floats = NDArray[np.float64]


def class_shares(moments: Moments) -> Floats:
    """Between-class share of variance (ω²) of every channel, labelled images only; see `omega_squared`."""
    return omega_squared(sums_of_squares(moments))


def class_sds(moments: Moments) -> Floats:
    """Between-class standard deviation of every channel, in units of s; see `between_sds`."""
    return between_sds(sums_of_squares(moments))


def omega_squared(sums: SumsOfSquares) -> Floats:
    """ω² = (SSB − (K − 1)·MSW) / (SST + MSW) (Hays 1963).

    It aims at σ²_between / (σ²_between + σ²_within) of these K classes, σ²_between = Σ_k n_k (μ_k − μ)² / N, and may be
    negative where there is no class effect: it is never clipped.

    Returns:
        (C,), NaN where it is not defined: fewer than two classes, one image a class, or a constant channel.
    """
    return _ratio(sums.excess, sums.total + sums.mean_within, sums)


def epsilon_squared(sums: SumsOfSquares) -> Floats:
    """ε² = (SSB − (K − 1)·MSW) / SST (Kelley 1935), (C,); NaN as for ω²."""
    return _ratio(sums.excess, sums.total, sums)


def eta_squared(sums: SumsOfSquares) -> Floats:
    """η² = SSB / SST, (C,): not corrected, of mean (K − 1)/(N − 1) where classes do not matter.

    NaN for fewer than two classes or a constant channel; 1 where every class has one image.
    """
    return _ratio(sums.between if sums.classes > 1 else np.full_like(sums.between, np.nan), sums.total, sums)


def intraclass_correlation(sums: SumsOfSquares) -> Floats:
    """ICC(1) = (MSB − MSW) / (MSB + (n0 − 1)·MSW) (Shrout and Fleiss 1979), (C,); NaN as for ω².

    It aims at a population of classes of which these K are a sample (variance with the divisor K − 1), so that it is
    larger than ω² for few classes: .36 against .30 at K = 4.
    """
    between, within = sums.mean_between, sums.mean_within
    return _ratio(between - within, between + (sums.size - 1) * within, sums)


def between_sds(sums: SumsOfSquares) -> Floats:
    """√max(0, (MSB − MSW) / n0), (C,), in units of s: the absolute partner of the shares.

    NaN for fewer than two classes or one image a class; 0 for a constant channel.
    """
    return np.sqrt(np.maximum(0, sums.variance_between))


def within_sds(sums: SumsOfSquares) -> Floats:
    """√MSW, (C,), in units of s: how much gates vary among images of one class; NaN where no class has two images."""
    return np.sqrt(sums.mean_within)


def f_test(sums: SumsOfSquares) -> tuple[Floats, Floats, Floats]:
    """F = MSB / MSW of every channel against equal class means.

    The p-value supposes normal gates of equal variance; the q-value (Benjamini and Hochberg 1995) is the smallest false
    discovery rate at which the channel is called class-dependent among these C.

    Returns:
        F, p and q, each (C,); NaN as for ω². Without any variance within classes F is infinite and p is 0.
    """
    statistic = _ratio(sums.mean_between, sums.mean_within, sums)
    p = np.asarray(special.fdtrc(sums.classes - 1, sums.images - sums.classes, statistic))
    q = np.full_like(p, np.nan)
    defined = ~np.isnan(p)
    q[defined] = _false_discovery_rates(p[defined])
    return statistic, p, q


def _false_discovery_rates(p: Floats) -> Floats:
    """Smallest false discovery rate at which each of m p-values is called (Benjamini and Hochberg 1995), (m,).

    What `scipy.stats.false_discovery_control` gives, whose import is half a second that no page's start should pay.
    """
    order = np.argsort(p)
    rates = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(1, np.minimum.accumulate(rates[::-1])[::-1])
    return q


def _ratio(above: Floats, below: Floats, sums: SumsOfSquares) -> Floats:
    """NaN for constant channels."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(sums.constant, np.nan, above / below))
