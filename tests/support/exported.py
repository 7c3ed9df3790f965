"""What is in an exported file of any format."""

import json
from pathlib import Path

import numpy as np
import pandas as pd


def read_exported(path: Path) -> pd.DataFrame:
    """An exported file of any format."""
    if path.suffix == ".csv":
        return pd.read_csv(path)
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".json":
        tree = json.loads(path.read_text("utf-8"))
        return pd.DataFrame(tree["rows"], columns=tree["columns"])
    with np.load(path, allow_pickle=False) as arrays:
        return pd.DataFrame({name: arrays[name] for name in arrays.files})
