"""Effects class by class: shrunken, since fifty images say little of one class, and tested exactly."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from senet_viz.stats.effects.grouping import Grouping
from senet_viz.stats.effects.result import ClassTests

Floats = NDArray[np.float64]


def shrink_changes(values: Floats, images: NDArray[np.integer], within: float) -> Floats:
    """Class means moved towards their common mean by as much as they are noise (empirical Bayes).

    With v_k = σ²/n_k the noise of class k's mean and w_k = 1/v_k: Q = Σ w_k (d_k − m)², m = Σ w_k d_k / Σ w_k;
    τ² = (Q − (K − 1)) / (Σ w_k − Σ w_k²/Σ w_k) is the variance of the true class effects (DerSimonian and Laird 1986);
    μ = Σ d_k/(τ² + v_k) / Σ 1/(τ² + v_k), there with τ² at least 0. Of d_k − μ the share
    (K − 3)/(K − 1)·v_k/(τ² + v_k), all of it where that is above 1 or τ² + v_k below 0, is taken away. For classes of
    equal size that is the positive-part estimator of James and Stein (Efron and Morris 1973, Morris 1983), whose summed
    squared error is below that of the raw means for K ≥ 4; three classes or fewer are left as they are.

    Args:
        values: mean effect of each class, (K,); NaN for a class without an image.
        images: of each class, (K,).
        within: σ², variance of single images' effects within classes, pooled over classes: one class's own is 0 where
            none of its images changed, which would make a class of no information the most certain one.

    Returns:
        (K,), NaN where `values` is.
    """
    known = ~np.isnan(values) & (images > 0)
    classes = int(known.sum())
    if classes <= 3 or not within > 0:
        return values.copy()
    d, noise = values[known], within / images[known]
    weights = 1 / noise
    middle = (weights @ d) / weights.sum()
    spread = weights @ (d - middle) ** 2
    tau = (spread - (classes - 1)) / (weights.sum() - (weights**2).sum() / weights.sum())
    precision = 1 / (max(0.0, tau) + noise)
    centre = (precision @ d) / precision.sum()
    part = np.divide(noise, tau + noise, out=np.full(classes, np.inf), where=tau + noise > 0)
    share = np.minimum(1, (classes - 3) / (classes - 1) * part)
    shrunken = values.copy()
    shrunken[known] = d - share * (d - centre)
    return shrunken


def sign_flip_p(changes: NDArray[np.integer]) -> float:
    """Exact two-sided p-value of Σ x_i against all 2^m ways to turn the signs of the images' changes (Fisher 1935).

    If the intervention does nothing to a class, an image is as likely to be lost as to be won by it. Not the t test: a
    class of fifty images, most of which do not change, has no normal mean, and no variance at all where none changes. For
    one draw (x_i −1, 0 or 1) it is McNemar's exact test; over several draws of donors x_i is the sum over the draws, which
    the sign test would throw away. The distribution of the sum is got from its characteristic function Π cos(x_i·t).

    Args:
        changes: per image, right answers with the intervention less those without, summed over the draws, (n,).

    Returns:
        1 where no image changed; NaN without an image.
    """
    if not len(changes):
        return float("nan")
    sizes = np.bincount(np.abs(changes).astype(np.int64))
    return float(_tails(tuple(sizes[1:].tolist()))[abs(int(changes.sum()))])


@lru_cache(maxsize=4096)
def _tails(counts: tuple[int, ...]) -> Floats:
    """P(|S| ≥ s), s from 0 to M, where counts[v − 1] images have a change of size v and random signs."""
    sizes = np.arange(1, len(counts) + 1)
    largest = int(sizes @ np.array(counts, dtype=np.int64))
    points = 2 * largest + 1
    turns = 2 * np.pi * np.arange(points) / points
    wave = np.prod(np.cos(np.outer(turns, sizes)) ** np.array(counts), axis=1)
    mass = np.fft.fft(wave).real / points
    both = mass[: largest + 1] * np.where(np.arange(largest + 1) > 0, 2, 1)
    least = 2.0 ** (1 - sum(counts))  # all signs alike; below it there is rounding only
    return np.clip(np.cumsum(both[::-1])[::-1], min(1.0, least), 1)


def judge_classes(hits: NDArray[np.integer], grouping: Grouping, repeats: int) -> ClassTests:
    """Shrunken effects, p-values and Benjamini–Hochberg's q over the classes of one effect.

    Args:
        hits: per image, right answers with the intervention less those without, summed over the draws, (N,).
        grouping: of the images.
        repeats: draws.
    """
    from scipy import stats  # slow to load, and not needed where effects are only read

    points = 100 / repeats * hits
    images = grouping.class_images
    shrunken = shrink_changes(grouping.change(points).per_class, images, grouping.within_variance(points))
    order = np.argsort(grouping.labels, kind="stable")
    ends = np.cumsum(images)
    p = np.array([sign_flip_p(hits[order[end - n : end]]) for end, n in zip(ends, images)])
    q = np.full(len(p), np.nan)
    known = ~np.isnan(p)
    q[known] = stats.false_discovery_control(p[known])
    return ClassTests(shrunken, p, q)
