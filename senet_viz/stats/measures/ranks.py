"""Measures that need single gates: AUC of one class against the rest, and mutual information with the class."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.stats.measures.best_class import NO_CLASS

Floats = NDArray[np.float64]
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
    width = gates.shape[1]
    result = RankMeasures(np.full(width, np.nan), np.full(width, NO_CLASS), np.full(width, np.nan))
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
    by_chance = np.mean([_joint_entropy(bins, labels) for labels in shuffled])
    # H(s) and H(y) stay as they are when labels are shuffled, so that I − I_shuffled = H_shuffled(s, y) − H(s, y)
    return float((by_chance - _joint_entropy(bins, classes)) / _entropy(np.bincount(classes)))


def _joint_entropy(bins: NDArray[np.int64], classes: NDArray[np.int64]) -> float:
    return _entropy(np.bincount(classes * BINS + bins))


def _entropy(counts: NDArray[np.int64]) -> float:
    """In nats, from counts."""
    filled = counts[counts > 0]
    return float(np.log(filled.sum()) - (filled * np.log(filled)).sum() / filled.sum())
