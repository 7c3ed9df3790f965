"""Measures of a block's channels from moments alone: at once, for a recording that was not assessed."""

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from senet_viz.measures import ChannelMeasures, measure_channels
from senet_viz.recording import Recording
from senet_viz.schema import Gate


def measure_from_moments(recording: Recording, gate: Gate) -> pd.DataFrame:
    """A row per channel with the columns of `measures.parquet`; AUC and mutual information are NaN.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    measures = measure_channels(recording.moments(gate.name))
    columns: dict[str, Any] = {"block": gate.name, "channel": np.arange(gate.channels)}
    columns |= {field.name: getattr(measures, field.name) for field in fields(ChannelMeasures)}
    names = np.array([*recording.classes.names, ""], dtype=object)  # no class is −1: the last
    columns["best_class_name"] = names[measures.best_class]
    return pd.DataFrame(columns)
