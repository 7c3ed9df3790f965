"""A comparison in long form, for downloads. Images are numbered from 1, since two can bear one name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from senet_viz.analysis.comparison.blocks import BlockComparison

if TYPE_CHECKING:
    from senet_viz.analysis.comparison.channels import DifferingChannels
    from senet_viz.analysis.comparison.placement import Placement
    from senet_viz.analysis.comparison.result import Comparison

_BLOCK_COLUMNS = ("block", "module", "depth")


def tabulate_blocks(comparison: "Comparison") -> pd.DataFrame:
    """A row per image and block; `rank` and the predicted class are empty where that is no class of the data."""
    labels = comparison.class_labels
    rows = [
        {
            **_image_cells(comparison, at),
            **_block_cells(block),
            "distance from recorded mean": block.from_mean[at],
            "predicted class": None if image.predicted is None else labels[image.predicted],
            "rank": int(block.rank[at]) or None,
            "classes compared": block.classes_compared,
            "nearest class": labels[block.nearest[at, 0]] if block.classes_compared else None,
            "distance to nearest class": block.nearest_distance[at, 0] if block.classes_compared else np.nan,
        }
        for at, image in enumerate(comparison.images)
        for block in comparison.blocks
    ]
    columns = ["image", "name", *_BLOCK_COLUMNS, "distance from recorded mean", "predicted class", "rank",
               "classes compared", "nearest class", "distance to nearest class"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).astype({"rank": "Int64"})


def tabulate_predictions(comparison: "Comparison") -> pd.DataFrame:
    """A row per image and prediction."""
    rows = [
        (at, image.name, place, prediction.output, prediction.name, prediction.probability)
        for at, image in enumerate(comparison.images, start=1)
        for place, prediction in enumerate(image.predictions, start=1)
    ]
    return pd.DataFrame(rows, columns=["image", "name", "place", "output", "output name", "probability"])


def tabulate_nearest(comparison: "Comparison") -> pd.DataFrame:
    """A row per image, block and near class."""
    rows = [
        {
            **_image_cells(comparison, at),
            **_block_cells(block),
            "place": place,
            "class": comparison.class_labels[index],
            "class index": int(index),
            "distance": distance,
        }
        for at in range(len(comparison.images))
        for block in comparison.blocks
        for place, (index, distance) in enumerate(zip(block.nearest[at], block.nearest_distance[at]), start=1)
    ]
    return pd.DataFrame(rows, columns=["image", "name", *_BLOCK_COLUMNS, "place", "class", "class index", "distance"])


def tabulate_pairs(comparison: "Comparison") -> pd.DataFrame:
    """A row per block and pair of images."""
    n, names = len(comparison.images), comparison.names
    rows = [
        {
            **_block_cells(block),
            "image": i + 1,
            "name": names[i],
            "other image": j + 1,
            "other name": names[j],
            "RMS distance": block.rms[i, j],
            "cosine distance": block.cosine[i, j],
        }
        for block in comparison.blocks
        for i in range(n)
        for j in range(i + 1, n)
    ]
    columns = [*_BLOCK_COLUMNS, "image", "name", "other image", "other name", "RMS distance", "cosine distance"]
    return pd.DataFrame(rows, columns=columns)


def tabulate_gates(comparison: "Comparison", blocks: Sequence[BlockComparison]) -> pd.DataFrame:
    """A row per image, block and channel."""
    numbers = np.arange(1, len(comparison.images) + 1)
    parts = []
    for block in blocks:
        n, width = block.gates.shape
        parts.append(
            pd.DataFrame(
                {
                    "image": np.repeat(numbers, width),
                    "name": np.repeat(np.array(comparison.names, dtype=object), width),
                    **_block_cells(block),
                    "channel": np.tile(np.arange(width), n),
                    "gate": block.gates.ravel(),
                    "recorded mean": np.tile(block.mean, n),
                    "difference": block.differences.ravel(),
                }
            )
        )
    columns = ["image", "name", *_BLOCK_COLUMNS, "channel", "gate", "recorded mean", "difference"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def tabulate_places(place: "Placement", names: Sequence[str]) -> pd.DataFrame:
    """A row per image of one block: its distance and the percentile of that, as a number or an interval, in words."""
    return pd.DataFrame(
        {
            "image": [f"{at}. {name}" for at, name in enumerate(names, start=1)],
            "distance from recorded mean": place.distance,
            "percentile": [_tell_percentile(low, high) for low, high in zip(place.lower, place.upper)],
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


def _tell_percentile(lower: float, upper: float) -> str:
    if not lower <= upper:  # NaN: nothing to be placed among
        return "not known"
    return f"{lower:.1f}" if lower == upper else f"between {lower:.0f} and {upper:.0f}"


def _image_cells(comparison: "Comparison", at: int) -> dict[str, Any]:
    return {"image": at + 1, "name": comparison.images[at].name}


def _block_cells(block: BlockComparison) -> dict[str, Any]:
    return {"block": block.block.label, "module": block.block.name, "depth": block.block.depth}
