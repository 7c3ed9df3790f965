"""Measures of a whole recording as a table, made a block at a time, and whether they order channels alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.recording.layout import Quantity
from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats, Gate
from senet_viz.stats.channels import ChannelMeasures, find_best_class, measure_channels
from senet_viz.stats.health import gate_health, gate_rank
from senet_viz.stats.shares import block_statistics, intraclass_correlation, mean_share, sums_of_squares

Per = Literal["channel", "block"]
_CLASS_COLUMNS = ("best_class", "auc_class")


def measure_selectivity(
    recording: Recording, *, per: Per = "channel", quantity: Quantity = "gate", seed: int = 0
) -> pd.DataFrame:
    """How much the gates of every channel, or of every block, depend on the class.

    Columns of both: `block, label, stage, depth, images, classes, single_classes` (labelled images; classes with an
    image; those with just one, which tell nothing of the variance within classes). `per="channel"` adds `channel`, the
    fields of `ChannelMeasures` and the names of the classes; q-values are among the channels of one block. AUC and
    mutual information are there only where the gates of all images are kept. `per="block"` adds `channels`, the
    variance-weighted ω², its mean over channels and on how many it is defined, between- and within-class SD, means over
    channels of ICC, selectivity index and d′, and the gate health: see `BlockStatistics`, `mean_share` and `GateHealth`.
    What is not defined is NaN.

    Args:
        recording: full or slim.
        per: a row per block and channel, or a row per block.
        quantity: "squeeze" for z; blocks without one are left out.
        seed: of shuffled labels (channels) and of the images that the gates' effective rank is computed from (blocks).

    Raises:
        ArgumentError: another `per` or `quantity`.
        RecordingError: a file is missing or damaged.
    """
    if per not in ("channel", "block"):
        raise ArgumentError(f"There are no measures per {per!r}: use 'channel' or 'block'.")
    if quantity not in ("gate", "squeeze"):
        raise ArgumentError(f"There are no measures of {quantity!r}: use 'gate' or 'squeeze'.")
    make = channel_table if per == "channel" else block_row
    tables = [make(recording, gate, quantity, seed) for gate in measured_blocks(recording, quantity)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def measured_blocks(recording: Recording, quantity: Quantity) -> Iterator[Gate]:
    """All blocks; for z those that have one."""
    return (gate for gate in recording.blocks if quantity == "gate" or gate.squeeze_missing is None)


def channel_table(recording: Recording, gate: Gate, quantity: Quantity = "gate", seed: int = 0) -> pd.DataFrame:
    """A row per channel of one block; columns as in `measure_selectivity`."""
    moments = recording.moments(gate.name, quantity)
    gates, labels = all_gates(recording, gate, quantity)
    measures = measure_channels(moments, gates=gates, labels=labels, seed=seed)
    columns: dict[str, Any] = {**_keys(gate, moments), "channel": np.arange(gate.channels)}
    names = np.array([*recording.classes.names, ""], dtype=object)  # no class is −1: the last
    for field in fields(ChannelMeasures):
        columns[field.name] = getattr(measures, field.name)
        if field.name in _CLASS_COLUMNS:
            columns[f"{field.name}_name"] = names[columns[field.name]]
    return pd.DataFrame(columns)


def block_row(
    recording: Recording,
    gate: Gate,
    quantity: Quantity = "gate",
    seed: int = 0,
    *,
    ranks: bool = True,
    best: bool = True,
) -> pd.DataFrame:
    """One block's row; columns as in `measure_selectivity`. Without `ranks`, effective ranks are NaN, without `best`
    selectivity and d′.
    """
    moments = recording.moments(gate.name, quantity, ranges=False)
    sums = sums_of_squares(moments)
    statistics = block_statistics(sums)
    row: dict[str, Any] = {**_keys(gate, moments), "channels": gate.channels}
    row["omega_squared"] = statistics.omega_squared
    row["omega_squared_mean"], row["defined_channels"] = mean_share(sums)
    row |= {"between_sd": statistics.between_sd, "within_sd": statistics.within_sd}
    row["icc_mean"] = _mean_of_defined(intraclass_correlation(sums))
    found = find_best_class(moments) if best else None
    row["selectivity_index_mean"] = float("nan") if found is None else _mean_of_defined(found.selectivity)
    row["d_prime_mean"] = float("nan") if found is None else _mean_of_defined(found.d_prime)
    bounds = gate.range if quantity == "gate" else (-np.inf, np.inf)
    row |= asdict(gate_health(moments, bounds, ranks=ranks))
    row["gate_rank"], row["gate_rank_images"] = float("nan"), 0
    if ranks and keeps(recording, quantity):
        gates = recording.gates(gate.name, quantity)
        row["gate_rank"], row["gate_rank_images"] = gate_rank(gates, seed=seed)
    return pd.DataFrame([row])


def all_gates(
    recording: Recording, gate: Gate, quantity: Quantity
) -> tuple[NDArray[np.float16] | None, NDArray[np.int64] | None]:
    """Gates and labels where those of all images are kept, else None twice."""
    if not recording.keeps_all or not keeps(recording, quantity):
        return None, None
    labels = recording.kept_samples["label"].to_numpy().astype(np.int64)
    return recording.gates(gate.name, quantity), labels


def keeps(recording: Recording, quantity: Quantity) -> bool:
    """Whether kept images have this quantity."""
    return recording.n_kept > 0 and (quantity == "gate" or bool(recording.manifest.options.get("squeeze")))


def _keys(gate: Gate, moments: Moments) -> dict[str, Any]:
    count = moments.count
    return {
        "block": gate.name,
        "label": gate.label,
        "stage": gate.stage,
        "depth": gate.depth,
        "images": int(count.sum()),
        "classes": int((count > 0).sum()),
        "single_classes": int((count == 1).sum()),
    }


def _mean_of_defined(values: NDArray[np.float64]) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")


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
    a, b = (ranks - ranks.mean() for ranks in (mean_ranks(left), mean_ranks(right)))
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


def mean_ranks(values: Floats) -> Floats:
    """Ranks from 1 on, ties at their mean: `scipy.stats.rankdata`, whose import is a second that no page should pay."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[group.ravel()])
