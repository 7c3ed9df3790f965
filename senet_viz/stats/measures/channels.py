"""All measures of one block's channels side by side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording.moments import Moments
from senet_viz.stats.measures.best_class import NO_CLASS, find_best_class
from senet_viz.stats.measures.ranks import RankMeasures, rank_measures
from senet_viz.stats.measures.shares import (
    between_sds,
    epsilon_squared,
    eta_squared,
    f_test,
    intraclass_correlation,
    omega_squared,
    within_sds,
)
from senet_viz.stats.measures.squares import sums_of_squares

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


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
    best_class: Integers
    d_prime: Floats
    auc: Floats
    auc_class: Integers
    information: Floats


def measure_channels(
    moments: Moments, *, gates: NDArray[np.float16] | None = None, labels: Integers | None = None, seed: int = 0
) -> ChannelMeasures:
    """Measure every channel of a block, of its gates or its squeeze, of a network or a control.

    Args:
        moments: of all images.
        gates: of all images, (N, C) in half precision; AUC and mutual information need them.
        labels: of these images, (N,).
        seed: of the shuffled labels that mutual information is corrected by.
    """
    sums, best = sums_of_squares(moments), find_best_class(moments)
    width = moments.mean.shape[1]
    ranked = RankMeasures(np.full(width, np.nan), np.full(width, NO_CLASS), np.full(width, np.nan))
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
        auc=ranked.auc,
        auc_class=ranked.auc_class,
        information=ranked.information,
    )
