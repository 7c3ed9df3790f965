"""Measures of blocks and of their channels at once, for a recording that was not assessed."""

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from senet_viz.recording import Recording
from senet_viz.recording.moments import Moments
from senet_viz.schema import Gate
from senet_viz.stats.measures import ChannelMeasures, measure_channels
from senet_viz.stats.measures.tables import block_table

_QUICK_CLASSES, _QUICK_GATES = 400, 50_000_000  # beyond, ranks of 16 blocks take longer than a page may


def ranks_are_quick(recording: Recording) -> bool:
    """Whether effective ranks of all blocks are a matter of a second or two: they take the cube of the classes."""
    gates = recording.n_kept * sum(gate.channels for gate in recording.blocks)
    return len(recording.classes) <= _QUICK_CLASSES and gates <= _QUICK_GATES


def measure_blocks(recording: Recording, *, ranks: bool = True, best: bool = True) -> pd.DataFrame:
    """`measure_selectivity(per="block")`; without `ranks`, effective ranks are NaN and no single gate is read.

    Without `best`, selectivity and d′ are NaN, which take as long as all the rest.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    tables = [block_table(recording, gate, ranks=ranks, best=best) for gate in recording.blocks]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def measure_from_moments(recording: Recording, gate: Gate, *, moments: Moments | None = None) -> pd.DataFrame:
    """A row per channel with the columns of `measures.parquet`; AUC and mutual information are NaN.

    Args:
        recording: full or slim.
        gate: one of its blocks.
        moments: of the block, where they were read before.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    measures = measure_channels(recording.moments(gate.name, ranges=False) if moments is None else moments)
    columns: dict[str, Any] = {"block": gate.name, "channel": np.arange(gate.channels)}
    columns |= {field.name: getattr(measures, field.name) for field in fields(ChannelMeasures)}
    names = np.array([*recording.classes.names, ""], dtype=object)  # no class is −1: the last
    columns["best_class_name"] = names[measures.best_class]
    return pd.DataFrame(columns)
