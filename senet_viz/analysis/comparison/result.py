"""A finished comparison: images, blocks, what could not be read, and the tables of all of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.comparison.blocks import BlockComparison, DifferingChannels, rank_differences
from senet_viz.errors import ArgumentError
from senet_viz.schema import Gate

if TYPE_CHECKING:
    from senet_viz.analysis.comparison.placement import Placement


class Prediction(NamedTuple):
    """An output of the network: its index, its name, its probability (softmax)."""

    output: int
    name: str
    probability: float


class Failure(NamedTuple):
    """An image that could not be read or compared: what it is called, and one sentence that says why."""

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
        predictions: the five most probable outputs (all, where there are fewer), the most probable first; none of a network
            without class outputs.
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
class ImageEmergence:
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


_IMAGE_COLUMNS, _BLOCK_COLUMNS = ("image", "name"), ("block", "module", "depth")


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

    def emergence(self) -> tuple[ImageEmergence, ...]:
        """Per image the depth at which the predicted class becomes the nearest class profile; of one class alone none."""
        return tuple(self._emergence(image) for image in range(len(self.images)))

    def _emergence(self, image: int) -> ImageEmergence:
        hits = [block.rank[image] == 1 and block.classes_compared > 1 for block in self.blocks]
        first = hits.index(True) if any(hits) else None
        settled = len(hits) - (hits[::-1].index(False) if False in hits else len(hits))
        return ImageEmergence(
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
        """A row per image and block: distance from the recorded mean, nearest class, rank of the predicted class.

        `rank` and the predicted class are empty where that is no class of the data.
        """
        labels = self.class_labels
        rows = []
        for at, image in enumerate(self.images):
            predicted = None if image.predicted is None else labels[image.predicted]
            for block in self.blocks:
                nearest, distance = None, np.nan
                if block.classes_compared:
                    nearest, distance = labels[block.nearest[at, 0]], block.nearest_distance[at, 0]
                rank = int(block.rank[at]) or None
                measured = block.from_mean[at], predicted, rank, block.classes_compared, nearest, distance
                rows.append((at + 1, image.name, *_block_cells(block), *measured))
        columns = [*_IMAGE_COLUMNS, *_BLOCK_COLUMNS, "distance from recorded mean", "predicted class", "rank",
                   "classes compared", "nearest class", "distance to nearest class"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns).astype({"rank": "Int64"})

    def predictions_table(self) -> pd.DataFrame:
        """A row per image and prediction."""
        rows = [
            (at, image.name, place, prediction.output, prediction.name, prediction.probability)
            for at, image in enumerate(self.images, start=1)
            for place, prediction in enumerate(image.predictions, start=1)
        ]
        return pd.DataFrame(rows, columns=[*_IMAGE_COLUMNS, "place", "output", "output name", "probability"])

    def nearest_table(self) -> pd.DataFrame:
        """A row per image, block and near class."""
        rows = [
            (at + 1, name, *_block_cells(block), place, self.class_labels[index], int(index), distance)
            for at, name in enumerate(self.names)
            for block in self.blocks
            for place, (index, distance) in enumerate(zip(block.nearest[at], block.nearest_distance[at]), start=1)
        ]
        columns = [*_IMAGE_COLUMNS, *_BLOCK_COLUMNS, "place", "class", "class index", "distance"]
        return pd.DataFrame(rows, columns=columns)

    def pairs_table(self) -> pd.DataFrame:
        """A row per block and pair of images: RMS and cosine distance."""
        n, names = len(self.images), self.names
        rows = [
            (*_block_cells(block), i + 1, names[i], j + 1, names[j], block.rms[i, j], block.cosine[i, j])
            for block in self.blocks
            for i in range(n)
            for j in range(i + 1, n)
        ]
        columns = [*_BLOCK_COLUMNS, *_IMAGE_COLUMNS, "other image", "other name", "RMS distance", "cosine distance"]
        return pd.DataFrame(rows, columns=columns)

    def gates_table(self, block: str | None = None) -> pd.DataFrame:
        """A row per image, block and channel: gate, recorded mean and their difference; of one block, or of all.

        Raises:
            ArgumentError: no such block.
        """
        numbers = np.arange(1, len(self.images) + 1)
        parts = []
        for shown in self.blocks if block is None else (self.block(block),):
            n, width = shown.gates.shape
            parts.append(
                pd.DataFrame(
                    {
                        "image": np.repeat(numbers, width),
                        "name": np.repeat(np.array(self.names, dtype=object), width),
                        **dict(zip(_BLOCK_COLUMNS, _block_cells(shown))),
                        "channel": np.tile(np.arange(width), n),
                        "gate": shown.gates.ravel(),
                        "recorded mean": np.tile(shown.mean, n),
                        "difference": shown.differences.ravel(),
                    }
                )
            )
        columns = [*_IMAGE_COLUMNS, *_BLOCK_COLUMNS, "channel", "gate", "recorded mean", "difference"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def tabulate_places(place: "Placement", names: Sequence[str]) -> pd.DataFrame:
    """A row per image of one block: its distance and the percentile of that, as a number or an interval, in words."""
    return pd.DataFrame(
        {
            "image": [f"{at}. {name}" for at, name in enumerate(names, start=1)],
            "distance from recorded mean": place.distance,
            "percentile": [_say_percentile(low, high) for low, high in zip(place.lower, place.upper)],
            "among": f"{place.among} ({place.distance_images:,} of {place.images:,})",
        }
    )


def tabulate_differing(differing: "DifferingChannels", place: "Placement") -> pd.DataFrame:
    """The table of differing channels with the percentile of each image's gate beside it, where that is known."""
    table = differing.table()
    if place.percentiles is not None:
        for at, row in enumerate(place.percentiles[:, differing.channels], start=1):
            table[f"{at}. percentile"] = row
    return table


def _say_percentile(lower: float, upper: float) -> str:
    if not lower <= upper:  # NaN: nothing to be placed among
        return "not known"
    return f"{lower:.1f}" if lower == upper else f"between {lower:.0f} and {upper:.0f}"


def _block_cells(block: BlockComparison) -> tuple[str, str, int]:
    return block.block.label, block.block.name, block.block.depth
