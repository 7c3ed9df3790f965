"""A finished comparison: images, blocks, what could not be read, and the tables of all of it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.comparison import tables
from senet_viz.analysis.comparison.blocks import BlockComparison
from senet_viz.analysis.comparison.channels import DifferingChannels, rank_differences
from senet_viz.errors import ArgumentError
from senet_viz.schema import Gate


class Prediction(NamedTuple):
    """An output of the network: its index, its name, its probability (softmax)."""

    output: int
    name: str
    probability: float


class Failure(NamedTuple):
    """An image that could not be read: what it is called, and one sentence that says why."""

    name: str
    sentence: str


@dataclass(frozen=True, eq=False)
class ComparedImage:
    """One image as the network saw it.

    Attributes:
        name: what it was given as.
        sha256: of the file's bytes, hex.
        size: width and height of the whole image in px, upright.
        view: what the network saw: resized and cropped by the model's own preprocessing, (H, W, 3) uint8.
        predictions: the five most probable outputs (all, where there are fewer), the most probable first.
        predicted: index of the class of the first of them, by the recording's label mapping turned round; None where
            it is the output of no class of the data, or of several.
    """

    name: str
    sha256: str
    size: tuple[int, int]
    view: NDArray[np.uint8]
    predictions: tuple[Prediction, ...]
    predicted: int | None


@dataclass(frozen=True)
class Emergence:
    """Where in depth the predicted class becomes the nearest class profile.

    Attributes:
        image: its position.
        settled: the first block from which on, up to the last block, the predicted class is the nearest profile; None
            where it is not the nearest in the last block.
        first: the first block at all in which it is the nearest; None where there is none.
    """

    image: int
    settled: Gate | None
    first: Gate | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Images compared in every block of a network, against a recording of it.

    Attributes:
        recording_id: of the recording.
        precision: in which the gates were computed: "fp32", "bf16" or "fp16".
        images: those that could be read, n of them, in the order given.
        blocks: in order of depth.
        class_labels: a short and unique label of every class of the recording.
        failures: the others, in the order given.
        differences: sentences where decoder, precision or preprocessing are not the recording's.
        notes: what else a reader must know.
    """

    recording_id: str
    precision: str
    images: tuple[ComparedImage, ...]
    blocks: tuple[BlockComparison, ...]
    class_labels: tuple[str, ...]
    failures: tuple[Failure, ...] = ()
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the images that could be read."""
        return tuple(image.name for image in self.images)

    @property
    def classes_compared(self) -> int:
        """Class profiles of the recording; of blocks whose profiles do not differ none is compared."""
        return max((block.classes_compared for block in self.blocks), default=0)

    def block(self, name: str) -> BlockComparison:
        """A block by its name ("layer3.5.se") or label ("SE_4_6").

        Raises:
            ArgumentError: no such block.
        """
        for found in (
            *(b for b in self.blocks if b.block.name == name),
            *(b for b in self.blocks if b.block.label == name),
        ):
            return found
        labels = ", ".join(b.block.label for b in self.blocks)
        raise ArgumentError(f"The comparison has no block {name!r}: it has {labels}.")

    def emergence(self) -> tuple[Emergence, ...]:
        """Per image the depth at which the predicted class becomes the nearest class profile; of one class alone none."""
        return tuple(self._emergence(image) for image in range(len(self.images)))

    def _emergence(self, image: int) -> Emergence:
        hits = [block.rank[image] == 1 and block.classes_compared > 1 for block in self.blocks]
        first = hits.index(True) if any(hits) else None
        settled = len(hits) - (hits[::-1].index(False) if False in hits else len(hits))
        return Emergence(
            image,
            self.blocks[settled].block if settled < len(hits) else None,
            None if first is None else self.blocks[first].block,
        )

    def channels_that_differ(self, block: str, how_many: int = 10) -> DifferingChannels:
        """The channels of a block in which the images differ most; see `DifferingChannels` for the measure.

        Raises:
            ArgumentError: no such block, no image, or fewer than one channel asked for.
        """
        return rank_differences(self.block(block), self.names, how_many=how_many)

    def table(self) -> pd.DataFrame:
        """A row per image and block: distance from the recorded mean, nearest class, rank of the predicted class."""
        return tables.tabulate_blocks(self)

    def predictions_table(self) -> pd.DataFrame:
        """A row per image and prediction."""
        return tables.tabulate_predictions(self)

    def nearest_table(self) -> pd.DataFrame:
        """A row per image, block and near class."""
        return tables.tabulate_nearest(self)

    def pairs_table(self) -> pd.DataFrame:
        """A row per block and pair of images: RMS and cosine distance."""
        return tables.tabulate_pairs(self)

    def gates_table(self, block: str | None = None) -> pd.DataFrame:
        """A row per image, block and channel: gate, recorded mean and their difference; of one block, or of all.

        Raises:
            ArgumentError: no such block.
        """
        return tables.tabulate_gates(self, self.blocks if block is None else (self.block(block),))
