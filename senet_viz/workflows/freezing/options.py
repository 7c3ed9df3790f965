"""What a search for gates to freeze is made with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from senet_viz.workflows.interventions import InterventionOptions
from senet_viz.workflows.interventions.folds import FOLDS


@dataclass(frozen=True)
class FreezeOptions:
    """Every choice of a search; `limit`, `seed` and `batch_size` are part of its identity.

    Attributes:
        limit: at most so many images, stratified by class; None for all.
        seed: of the choice of images, of folds, halves and groups.
        batch_size: images a forward.
        label_map: file that maps classes to outputs, for a recording that the search makes itself.
        data_name: name of the data; the last part of its path by default.
        workers: threads that decode.
        reuse: what freezing a block can not change is remembered instead of computed again; the results are the same.

    Raises:
        ArgumentError: a number that is too small.
    """

    limit: int | None = None
    seed: int = 0
    batch_size: int = 50
    label_map: Path | None = None
    data_name: str | None = None
    workers: int = 2
    reuse: bool = True

    def __post_init__(self) -> None:
        self.as_interventions()

    def as_interventions(self) -> InterventionOptions:
        """The same images, folds, halves and means as a run that moves each gate to its mean."""
        return InterventionOptions(
            targets=("blocks",), baselines=("mean",), repeats=1, seed=self.seed, limit=self.limit,
            batch_size=self.batch_size, label_map=self.label_map, data_name=self.data_name, workers=self.workers,
            reuse=self.reuse,
        )  # fmt: skip

    def choices(self) -> dict[str, Any]:
        """What is part of the identity."""
        return {
            "limit": self.limit, "seed": self.seed, "batch_size": self.batch_size, "precision": "fp32", "baseline": "mean",
            "folds": FOLDS,
        }  # fmt: skip
