"""How much gates depend on the class: per channel, per block, relative and absolute; numpy and scipy only."""

from senet_viz.stats.measures.best_class import BestClass, d_primes, find_best_class
from senet_viz.stats.measures.block import BlockStatistics, block_statistics, root
from senet_viz.stats.measures.channels import ChannelMeasures, measure_channels
from senet_viz.stats.measures.direction import (
    MeanDirection,
    mean_direction,
    random_shares,
    split_between,
    unit_directions,
)
from senet_viz.stats.measures.health import (
    DEAD_SD,
    NEAR_ONE,
    NEAR_ZERO,
    GateHealth,
    effective_rank,
    gate_health,
    gate_rank,
    profile_rank,
)
from senet_viz.stats.measures.ranks import RankMeasures, rank_measures
from senet_viz.stats.measures.shares import (
    between_sds,
    class_sds,
    class_shares,
    epsilon_squared,
    eta_squared,
    f_test,
    intraclass_correlation,
    omega_squared,
    within_sds,
)
from senet_viz.stats.measures.squares import SumsOfSquares, split_variance, sums_of_squares
from senet_viz.stats.measures.tables import block_table, channel_table, measure_selectivity

__all__ = [
    "DEAD_SD",
    "NEAR_ONE",
    "NEAR_ZERO",
    "BestClass",
    "BlockStatistics",
    "ChannelMeasures",
    "GateHealth",
    "MeanDirection",
    "RankMeasures",
    "SumsOfSquares",
    "between_sds",
    "block_statistics",
    "block_table",
    "channel_table",
    "class_sds",
    "class_shares",
    "d_primes",
    "effective_rank",
    "epsilon_squared",
    "eta_squared",
    "f_test",
    "find_best_class",
    "gate_health",
    "gate_rank",
    "intraclass_correlation",
    "mean_direction",
    "measure_channels",
    "measure_selectivity",
    "omega_squared",
    "profile_rank",
    "random_shares",
    "rank_measures",
    "root",
    "split_between",
    "split_variance",
    "sums_of_squares",
    "unit_directions",
    "within_sds",
]
