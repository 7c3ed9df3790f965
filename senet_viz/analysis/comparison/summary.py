"""A comparison as one tree of plain values, with documented keys."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from senet_viz.analysis.comparison.blocks import BlockComparison
from senet_viz.analysis.comparison.placement import Placement
from senet_viz.analysis.comparison.result import Comparison
from senet_viz.schema import Gate


def key_blocks(blocks: Sequence[Gate]) -> tuple[str, ...]:
    """The key of each block: its label, or its module name where another block has the same label."""
    shared = Counter(gate.label for gate in blocks)
    return tuple(gate.label if shared[gate.label] == 1 else gate.name for gate in blocks)


def summarize_comparison(
    comparison: Comparison, placements: Sequence[Placement], class_placements: Sequence[Placement] = ()
) -> dict[str, Any]:
    """What `compare --json` prints.

    Gates are float32 values written out in full, so that reading them back gives the same bits.

    Args:
        comparison: with at least one image.
        placements: of its images among all recorded images, one a block, in the order of the blocks.
        class_placements: likewise among those of a class; may be empty.

    Returns:
        recording (id), precision, class (label, null without one), differences, notes, failures (name, error), blocks (key,
        label, name, stage, depth, channels, classes_compared, pairs: images, rms, cosine), images (name, sha256, width,
        height, predictions: output, name, probability; predicted_class: index, name or null; emergence: settled, first;
        distances, gates and gate_percentiles by the block's key).
    """
    keys = key_blocks([block.block for block in comparison.blocks])
    return {
        "recording": comparison.recording_id,
        "precision": comparison.precision,
        "class": class_placements[0].among if class_placements else None,
        "differences": list(comparison.differences),
        "notes": list(comparison.notes),
        "failures": [{"name": name, "error": sentence} for name, sentence in comparison.failures],
        "blocks": [_block(key, block) for key, block in zip(keys, comparison.blocks)],
        "images": [_image(comparison, at, keys, placements, class_placements) for at in range(len(comparison.images))],
    }


def _block(key: str, block: BlockComparison) -> dict[str, Any]:
    gate, n = block.block, len(block.gates)
    return {
        "key": key,
        "label": gate.label,
        "name": gate.name,
        "stage": gate.stage,
        "depth": gate.depth,
        "channels": gate.channels,
        "classes_compared": block.classes_compared,
        "pairs": [
            {"images": [i, j], "rms": float(block.rms[i, j]), "cosine": _number(block.cosine[i, j])}
            for i in range(n)
            for j in range(i + 1, n)
        ],
    }


def _image(
    comparison: Comparison,
    at: int,
    keys: Sequence[str],
    placements: Sequence[Placement],
    class_placements: Sequence[Placement],
) -> dict[str, Any]:
    image, emergence = comparison.images[at], comparison.emergence()[at]
    by_gate = {block.block: key for block, key in zip(comparison.blocks, keys)}
    in_class: Sequence[Placement | None] = class_placements or [None] * len(keys)
    blocks = list(zip(keys, comparison.blocks, placements, in_class))
    predicted = image.predicted
    return {
        "name": image.name,
        "sha256": image.sha256,
        "width": image.size[0],
        "height": image.size[1],
        "predictions": [prediction._asdict() for prediction in image.predictions],
        "predicted_class": None
        if predicted is None
        else {"index": predicted, "name": comparison.class_labels[predicted]},
        "emergence": {
            "settled": None if emergence.settled is None else by_gate[emergence.settled],
            "first": None if emergence.first is None else by_gate[emergence.first],
        },
        "distances": {key: _distance(comparison, block, at, place, own) for key, block, place, own in blocks},
        "gates": {key: block.gates[at].tolist() for key, block, _, _ in blocks},
        "gate_percentiles": {key: _percentiles(place, at) for key, _, place, _ in blocks},
        "class_gate_percentiles": {key: _percentiles(own, at) for key, _, _, own in blocks if own is not None},
    }


def _distance(
    comparison: Comparison, block: BlockComparison, at: int, place: Placement, own: Placement | None
) -> dict[str, Any]:
    near = zip(block.nearest[at].tolist(), block.nearest_distance[at].tolist())
    return {
        "rms": float(block.from_mean[at]),
        "percentile": _place(place, at),
        "class_percentile": None if own is None else _place(own, at),
        "nearest": [{"class": k, "name": comparison.class_labels[k], "rms": distance} for k, distance in near],
        "rank": int(block.rank[at]) or None,
    }


def _place(place: Placement, at: int) -> dict[str, Any]:
    """Bounds of the percentile, equal where it is known; what it was taken from and how many images that are."""
    return {
        "lower": _number(place.lower[at]),
        "upper": _number(place.upper[at]),
        "source": place.distance_from,
        "images": place.distance_images,
    }


def _percentiles(place: Placement, at: int) -> list[float | None] | None:
    """To a hundredth of a per cent."""
    return None if place.percentiles is None else [_hundredth(value) for value in place.percentiles[at].tolist()]


def _hundredth(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
