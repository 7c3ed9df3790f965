"""Measures of one block's channels: the best class, ranks (AUC, mutual information), and all measures side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.recording.moments import Moments
from senet_viz.schema import Floats
from senet_viz.stats.shares import (
    between_sds,
    epsilon_squared,
    eta_squared,
    f_test,
    intraclass_correlation,
    omega_squared,
    sums_of_squares,
    within_sds,
)

NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class BestClass:
    """Of every channel, among the classes of two images or more.

    The best of K classes stands out by chance alone, and the more the larger K is (winner's curse): compare blocks or
    networks at equal K and n, never with 0.

    Attributes:
        index: the class with the highest mean gate, (C,); −1 where none stands out: fewer than two classes of two
            images, or a constant channel.
        selectivity: class selectivity index (Morcos et al. 2018), (μ_max − μ_rest) / (μ_max + μ_rest) with μ_rest the
            mean of the other classes' means, (C,); made for activations from 0 on: NaN where μ_max + μ_rest ≤ 0.
        d_prime: (μ_k − μ_rest) / √((σ_k² + σ_rest²) / 2) of that class against all other labelled images, variances
            with the divisor n − 1, (C,); NaN where neither varies, or where no variance per class is known (a slim z).
    """

    index: NDArray[np.int64]
    selectivity: Floats
    d_prime: Floats


def find_best_class(moments: Moments) -> BestClass:
    """See `BestClass`; class means and variances are all it takes."""
    able = np.flatnonzero(moments.count >= 2)
    width = moments.mean.shape[1]
    if len(able) < 2:
        nothing = np.full(width, np.nan)
        return BestClass(np.full(width, NO_CLASS), nothing, nothing)
    means = moments.mean[able]
    winner = means.argmax(axis=0)
    top = means.max(axis=0)
    flat = top == means.min(axis=0)
    rest = (means.sum(axis=0) - top) / (len(able) - 1)
    index = np.where(flat, NO_CLASS, able[winner])
    with np.errstate(invalid="ignore", divide="ignore"):
        selectivity = np.where(flat | (top + rest <= 0), np.nan, (top - rest) / (top + rest))
    return BestClass(index, selectivity, np.where(flat, np.nan, d_primes(moments, able[winner])))


def d_primes(moments: Moments, classes: NDArray[np.int64]) -> Floats:
    """d′ of one class per channel against all other labelled images.

    The others' sum of squares is that of all images less the class's own: m2_rest = SST − m2_k − n_k·n_rest/N·δ².

    Args:
        moments: K classes, C channels.
        classes: a class of each channel, (C,).
    """
    channels = np.arange(len(classes))
    if moments.m2 is None:
        return np.full(len(classes), np.nan)
    seen = moments.count > 0
    count = moments.count.astype(np.float64)
    centre = count[seen] @ moments.mean[seen] / count.sum()
    total = moments.ssw + count[seen] @ (moments.mean[seen] - centre) ** 2
    own, mean, m2 = count[classes], moments.mean[classes, channels], moments.m2[classes, channels]
    others = count.sum() - own
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = (mean - centre) * count.sum() / others
        rest = np.maximum(0, total - m2 - own * others / count.sum() * difference**2)
        spread = np.sqrt((m2 / (own - 1) + rest / (others - 1)) / 2)
        return np.asarray(np.where((own > 1) & (others > 1) & (spread > 0), difference / spread, np.nan))


BINS = 16
SHUFFLES = 3
_CHANNELS_AT_ONCE = 64  # a transposed copy of so many stays small and makes each channel contiguous


@dataclass(frozen=True, eq=False)
class RankMeasures:
    """Of every channel, from kept gates of labelled images.

    Attributes:
        auc: area under the ROC curve of one class against all others for the class where it is largest, (C,):
            P(s of the class > s of another) + ½ P(equal). The largest of K is above .5 by chance alone (winner's curse).
            NaN for fewer than two classes; .5 for a constant channel.
        auc_class: that class, (C,); −1 where there is none, or for a constant channel.
        information: (I(s; y) − its mean with shuffled labels) / H(y), (C,): the share of the label's entropy that the
            gate tells, from 16 bins of about equally many images; slightly negative by chance. NaN for fewer than two
            classes or a constant channel.
    """

    auc: Floats
    auc_class: NDArray[np.int64]
    information: Floats

    @classmethod
    def unknown(cls, width: int) -> "RankMeasures":
        """Of so many channels, none measured."""
        return cls(np.full(width, np.nan), np.full(width, NO_CLASS), np.full(width, np.nan))


def rank_measures(gates: NDArray[np.float16], labels: NDArray[np.integer], *, seed: int = 0) -> RankMeasures:
    """AUC (Mann and Whitney 1947) and mutual information of every channel; images without a label are left out.

    Args:
        gates: (N, C) in half precision, as recordings keep them: ties are exact.
        labels: (N,) class indices, −1 for none.
        seed: of the shuffled labels, which are the same for all channels.

    Raises:
        ArgumentError: not half precision, or labels of another length.
    """
    if gates.dtype != np.float16 or gates.ndim != 2 or len(labels) != len(gates):
        raise ArgumentError(
            f"Gates of {gates.dtype}, {gates.shape}, and {len(labels)} labels came: float16 (N, C) and N expected."
        )
    labelled = labels >= 0
    known, classes = np.unique(labels[labelled], return_inverse=True)
    result = RankMeasures.unknown(gates.shape[1])
    if len(known) < 2:
        return result
    generator = np.random.default_rng(seed)
    shuffled = [generator.permutation(classes) for _ in range(SHUFFLES)]
    for channel, ranks in enumerate(_ranks_of_channels(gates[labelled])):
        areas = _areas(ranks, classes)
        best = int(areas.argmax())
        result.auc[channel] = areas[best]
        if ranks.min() == ranks.max():
            continue
        result.auc_class[channel] = known[best]
        result.information[channel] = _information(ranks, classes, shuffled)
    return result


def _ranks_of_channels(gates: NDArray[np.float16]) -> Iterator[Floats]:
    """Ranks from 1 to N of every channel's gates, ties at their mean.

    A half has 2^16 values at most, so that counting them replaces sorting: N + range instead of N·log N.
    """
    for start in range(0, gates.shape[1], _CHANNELS_AT_ONCE):
        codes = ordered_codes(np.ascontiguousarray(gates[:, start : start + _CHANNELS_AT_ONCE].T))
        for row in codes:
            offset = row - row.min()
            counts = np.bincount(offset)
            upto = np.cumsum(counts)
            yield (upto - (counts - 1) / 2)[offset]


def ordered_codes(values: NDArray[np.float16]) -> NDArray[np.int64]:
    """Whole numbers in the order of the values; equal for equal ones (−0 and 0 too)."""
    bits = np.ascontiguousarray(values + np.float16(0)).view(np.uint16).astype(np.int64)
    return np.where(bits >= 1 << 15, (1 << 16) - 1 - bits, bits + (1 << 15))


def _areas(ranks: Floats, classes: NDArray[np.int64]) -> Floats:
    """AUC of every class, (K,): (Σ of its ranks − n(n + 1)/2) / (n·(N − n))."""
    sizes = np.bincount(classes)
    sums = np.bincount(classes, weights=ranks)
    return np.asarray((sums - sizes * (sizes + 1) / 2) / (sizes * (len(ranks) - sizes)))


def _information(ranks: Floats, classes: NDArray[np.int64], shuffled: list[NDArray[np.int64]]) -> float:
    bins = np.minimum(((ranks - 0.5) * BINS / len(ranks)).astype(np.int64), BINS - 1)
    real, *by_chance = (_entropy(np.bincount(labels * BINS + bins)) for labels in (classes, *shuffled))
    # H(s) and H(y) stay as they are when labels are shuffled, so that I − I_shuffled = H_shuffled(s, y) − H(s, y)
    return float((np.mean(by_chance) - real) / _entropy(np.bincount(classes)))


def _entropy(counts: NDArray[np.int64]) -> float:
    """In nats, from counts."""
    filled = counts[counts > 0]
    return float(np.log(filled.sum()) - (filled * np.log(filled)).sum() / filled.sum())


@dataclass(frozen=True, eq=False)
class ChannelMeasures:
    """Of C channels, each (C,), labelled images only; NaN (or class −1) where a measure is not defined.

    Attributes:
        mean: over the labelled images.
        omega_squared, epsilon_squared, eta_squared, icc: shares of variance; see `measures.shares`.
        between_sd, within_sd: in units of s.
        f, p, q: of the F test; q by Benjamini–Hochberg among the channels of this block.
        selectivity_index, best_class, d_prime: see `BestClass`.
        auc, auc_class, information: see `RankMeasures`; NaN where not all gates are kept.
    """

    mean: Floats
    omega_squared: Floats
    epsilon_squared: Floats
    eta_squared: Floats
    icc: Floats
    between_sd: Floats
    within_sd: Floats
    f: Floats
    p: Floats
    q: Floats
    selectivity_index: Floats
    best_class: NDArray[np.int64]
    d_prime: Floats
    auc: Floats
    auc_class: NDArray[np.int64]
    information: Floats


def measure_channels(
    moments: Moments,
    *,
    gates: NDArray[np.float16] | None = None,
    labels: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> ChannelMeasures:
    """Measure every channel of a block, of its gates or its squeeze, of a network or a control.

    Args:
        moments: of all images.
        gates: of all images, (N, C) in half precision; AUC and mutual information need them.
        labels: of these images, (N,).
        seed: of the shuffled labels that mutual information is corrected by.
    """
    sums, best = sums_of_squares(moments), find_best_class(moments)
    ranked = RankMeasures.unknown(moments.mean.shape[1])
    if gates is not None and labels is not None:
        ranked = rank_measures(gates, labels, seed=seed)
    f, p, q = f_test(sums)
    return ChannelMeasures(
        mean=sums.centre,
        omega_squared=omega_squared(sums),
        epsilon_squared=epsilon_squared(sums),
        eta_squared=eta_squared(sums),
        icc=intraclass_correlation(sums),
        between_sd=between_sds(sums),
        within_sd=within_sds(sums),
        f=f,
        p=p,
        q=q,
        selectivity_index=best.selectivity,
        best_class=best.index,
        d_prime=best.d_prime,
        **vars(ranked),
    )
