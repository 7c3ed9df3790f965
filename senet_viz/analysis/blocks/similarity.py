"""Which blocks sort the images alike: debiased CKA between them, as `assess` stored it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.profiles import label_blocks
from senet_viz.schema import Gate


@dataclass(frozen=True, eq=False)
class BlockSimilarity:
    """Debiased linear CKA between B blocks, (B, B): 1 the same up to rotation and scale, 0 unrelated; noise may go below.

    Attributes:
        gates: the blocks, in order of depth.
        values: NaN where a block does not vary.
    """

    gates: tuple[Gate, ...]
    values: NDArray[np.float64]

    @property
    def labels(self) -> tuple[str, ...]:
        """A label a block."""
        return label_blocks(self.gates)

    def most_alike(self) -> tuple[str, str, float] | None:
        """The two blocks that are most alike; None where no two are known."""
        above = np.where(np.triu(np.ones_like(self.values, dtype=bool), 1), self.values, np.nan)
        if not np.isfinite(above).any():
            return None
        i, j = np.unravel_index(int(np.nanargmax(above)), above.shape)
        return self.labels[i], self.labels[j], float(above[i, j])

    def table(self) -> pd.DataFrame:
        """A row a block, a column a block."""
        table = pd.DataFrame(self.values, columns=list(self.labels))
        table.insert(0, "block", self.labels)
        return table


def gather_similarity(gates: Sequence[Gate], tree: Mapping[str, Any]) -> BlockSimilarity | None:
    """From the JSON of an assessment; None where it was not computed, or where blocks of one label lost their columns.

    The latter are assessments of networks with shared labels by versions that did not tell such blocks apart.
    """
    rows = (tree.get("cka") or {}).get("rows") or []
    if len(rows) != len(gates) or any(len(row) != len(gates) + 2 for row in rows):
        return None
    cells = [[np.nan if row[label] is None else row[label] for label in label_blocks(gates)] for row in rows]
    return BlockSimilarity(tuple(gates), np.array(cells, dtype=np.float64))
