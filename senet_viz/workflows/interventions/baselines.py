"""What gates are moved to, for the images of a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.gates.interventions import WORDS
from senet_viz.recording.outcomes import Variant
from senet_viz.schema import LabelMapping
from senet_viz.workflows.interventions.folds import Donors, Rows
from senet_viz.workflows.interventions.scratch import BlockTables

Vectors = NDArray[np.float32]


def group_outputs(mapping: LabelMapping) -> tuple[NDArray[np.int64], dict[int, int]]:
    """Classes that share an output.

    Returns:
        (K,) group of each class, from 0 on; a class without an output is a group of its own. And the group of each
        output that has one.
    """
    keys = [("output", o) if o is not None else ("class", k) for k, o in enumerate(mapping.outputs)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    of_output = {value: number for (kind, value), number in numbers.items() if kind == "output"}
    return np.array([numbers[key] for key in keys], dtype=np.int64), of_output


@dataclass(frozen=True, eq=False)
class Baselines:
    """Baselines of every kind.

    Attributes:
        tables: of each block that is moved, by the gate's name.
        labels: (N,) classes of the judged images.
        folds: (N,) their folds.
        donors: of each repeat; empty where none are wanted.
        output_groups: (outputs,) row of `BlockTables.predicted_mean` of each output, −1 where no class has it.
    """

    tables: Mapping[str, BlockTables]
    labels: NDArray[np.int32]
    folds: NDArray[np.int8]
    donors: Sequence[Donors]
    output_groups: NDArray[np.int64]

    def find(self, variant: Variant, block: str, images: Rows, predictions: NDArray[np.int32]) -> Vectors:
        """b of one block: (C,) where it is the same for all images, else (n, C).

        Args:
            variant: names the baseline and the repeat.
            block: name of the gate.
            images: (n,) positions among the judged images.
            predictions: (n,) their clean predictions.
        """
        table = self.tables[block]
        folds, labels = self.folds[images], self.labels[images]
        if variant.baseline in WORDS:
            return np.full(table.mean.shape[1], WORDS[variant.baseline], dtype=np.float32)
        if variant.baseline == "mean":
            return table.mean[folds]
        if variant.baseline == "class_mean":
            assert table.class_mean is not None
            return np.asarray(table.class_mean[folds, labels])
        if variant.baseline == "group_mean":
            assert table.group_mean is not None
            return np.asarray(table.group_mean[variant.repeat, folds, labels])
        if variant.baseline == "predicted_class_mean":
            return self._of_prediction(table, folds, predictions)
        assert table.gates is not None
        donors = self.donors[variant.repeat]
        rows = (donors.within if variant.baseline == "within" else donors.between)[images]
        return np.asarray(table.gates[rows], dtype=np.float32)

    def _of_prediction(self, table: BlockTables, folds: NDArray[np.int8], predictions: NDArray[np.int32]) -> Vectors:
        """The mean of the predicted class; the mean of all images where the prediction is no class of the data."""
        assert table.predicted_mean is not None
        groups = self.output_groups[predictions]
        found = np.asarray(table.predicted_mean[folds, groups])
        known = (groups >= 0) & ~np.isnan(found[:, 0])
        return np.where(known[:, None], found, table.mean[folds])

    def without_class(self, predictions: NDArray[np.int32]) -> int:
        """How many of all judged images have a clean prediction that is no class with images in the other folds."""
        groups = self.output_groups[predictions]
        table = next(iter(self.tables.values())).predicted_mean
        assert table is not None
        return int(((groups < 0) | np.isnan(table[self.folds, groups, 0])).sum())
