"""Do the measures of a block's channels order them alike? Spearman's rank correlation between measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError

Floats = NDArray[np.float64]
MEASURE_WORDS: Mapping[str, str] = {
    "omega_squared": "class share ω²",
    "between_sd": "between-class SD",
    "selectivity_index": "selectivity index",
    "d_prime": "d′",
    "auc": "AUC",
    "information": "mutual information",
}
FEWEST_CHANNELS = 3


@dataclass(frozen=True, eq=False)
class RankCorrelations:
    """Between M measures over the channels of one block.

    Attributes:
        names: columns of the table of measures.
        values: Spearman's ρ, (M, M), from −1 to 1; NaN where a measure is constant or fewer than three channels have both.
        channels: how many channels have both measures, (M, M).
    """

    names: tuple[str, ...]
    values: Floats
    channels: NDArray[np.int64]

    @property
    def words(self) -> tuple[str, ...]:
        """The measures in words."""
        return tuple(MEASURE_WORDS.get(name, name) for name in self.names)

    def table(self) -> pd.DataFrame:
        """A row per pair of measures: ρ, and on how many channels."""
        pairs = [(i, j) for i in range(len(self.names)) for j in range(i + 1, len(self.names))]
        rows = [(self.words[i], self.words[j], self.values[i, j], int(self.channels[i, j])) for i, j in pairs]
        return pd.DataFrame(rows, columns=["measure", "other measure", "Spearman's rho", "channels"])


def correlate_measures(measures: pd.DataFrame, names: Sequence[str] = tuple(MEASURE_WORDS)) -> RankCorrelations:
    """Spearman's ρ between measures over channels (Spearman 1904): the correlation of ranks, ties at their mean.

    Args:
        measures: a row per channel of one block, as `measure_selectivity` gives; NaN where one is not defined.
        names: of the columns.

    Raises:
        ArgumentError: a column that is not there.
    """
    if missing := [name for name in names if name not in measures]:
        raise ArgumentError(f"The table has no measure {missing[0]!r}: it has {', '.join(map(str, measures.columns))}.")
    columns = measures[list(names)].to_numpy(np.float64)
    size = len(names)
    values, channels = np.full((size, size), np.nan), np.zeros((size, size), dtype=np.int64)
    for i in range(size):
        for j in range(i, size):
            both = np.isfinite(columns[:, i]) & np.isfinite(columns[:, j])
            values[i, j] = values[j, i] = _spearman(columns[both, i], columns[both, j])
            channels[i, j] = channels[j, i] = both.sum()
    return RankCorrelations(tuple(names), values, channels)


def _spearman(left: Floats, right: Floats) -> float:
    if len(left) < FEWEST_CHANNELS or np.ptp(left) == 0 or np.ptp(right) == 0:
        return float("nan")
    a, b = (ranks - ranks.mean() for ranks in (_rank(left), _rank(right)))
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


def _rank(values: Floats) -> Floats:
    """Ranks from 1 on, ties at their mean: `scipy.stats.rankdata`, whose import is a second that no page should pay."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[group])
