"""How much of a channel's variance is class: the class share, ω² of a one-way analysis of variance."""

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
    seen = moments.count > 0
    count = moments.count[seen].astype(np.float64)
    classes, images = len(count), float(count.sum())
    if classes < 2 or images <= classes:
        return np.full(moments.mean.shape[1], np.nan)
    means = moments.mean[seen]
    centre = (count[:, None] * means).sum(axis=0) / images
    between = (count[:, None] * (means - centre) ** 2).sum(axis=0)
    within = moments.ssw / (images - classes)
    total = between + moments.ssw
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (between - (classes - 1) * within) / (total + within)
    return np.asarray(np.where(total > 0, share, np.nan))
