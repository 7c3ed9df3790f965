"""How much of a channel's variance is class, relative (class share, ω²) and absolute (between-class SD)."""

import numpy as np
from numpy.typing import NDArray

from senet_viz.moments import Moments

Floats = NDArray[np.float64]


def class_shares(moments: Moments) -> Floats:
    """Between-class share of variance (ω²) of every channel, labelled images only.

    ω² = (SSB − (K − 1)·MSW) / (SST + MSW), with K the classes that have an image and MSW = SSW / (N − K)
    (Hays 1963). It may be slightly negative where there is no class effect.

    Returns:
        (C,), NaN where it is not defined: fewer than two classes, one image a class, or a constant channel.
    """
    count, between, within = _squares(moments)
    classes = len(count)
    if within is None:
        return np.full(moments.mean.shape[1], np.nan)
    total = between + moments.ssw
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (between - (classes - 1) * within) / (total + within)
    return np.asarray(np.where(total > 0, share, np.nan))


def class_sds(moments: Moments) -> Floats:
    """Between-class standard deviation of every channel, in units of s: the absolute partner of the class share.

    √max(0, (MSB − MSW) / n0) with MSB = SSB / (K − 1) and n0 = (N − Σ n_k² / N) / (K − 1).

    Returns:
        (C,), NaN where it is not defined: fewer than two classes, or one image a class.
    """
    count, between, within = _squares(moments)
    if within is None:
        return np.full(moments.mean.shape[1], np.nan)
    size = (count.sum() - (count**2).sum() / count.sum()) / (len(count) - 1)
    sds: Floats = np.sqrt(np.maximum(0, (between / (len(count) - 1) - within) / size))
    return sds


def _squares(moments: Moments) -> tuple[Floats, Floats, Floats | None]:
    """n_k of the classes that have an image, SSB and MSW; no MSW where it is not defined."""
    seen = moments.count > 0
    count = moments.count[seen].astype(np.float64)
    if len(count) < 2 or count.sum() <= len(count):
        return count, np.zeros(moments.mean.shape[1]), None
    means = moments.mean[seen]
    centre = (count[:, None] * means).sum(axis=0) / count.sum()
    between = (count[:, None] * (means - centre) ** 2).sum(axis=0)
    return count, between, moments.ssw / (count.sum() - len(count))
