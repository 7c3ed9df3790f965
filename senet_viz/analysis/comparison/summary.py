"""A comparison in plain values with documented keys, as text for a terminal, and its answer in a sentence or two."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from senet_viz.analysis.comparison.blocks import BlockComparison
from senet_viz.analysis.comparison.placement import Placement
from senet_viz.analysis.comparison.result import Comparison, ImageEmergence
from senet_viz.schema import Gate, label_blocks
from senet_viz.text import finite_or_none


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
            {"images": [i, j], "rms": float(block.rms[i, j]), "cosine": finite_or_none(block.cosine[i, j])}
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
        "lower": finite_or_none(place.lower[at]),
        "upper": finite_or_none(place.upper[at]),
        "source": place.distance_from,
        "images": place.distance_images,
    }


def _percentiles(place: Placement, at: int) -> list[float | None] | None:
    """To a hundredth of a per cent."""
    if place.percentiles is None:
        return None
    return [round(value, 2) if math.isfinite(value) else None for value in place.percentiles[at].tolist()]


_PAIRS_A_TABLE = 6


def describe_comparison(
    comparison: Comparison, placements: Sequence[Placement], class_placements: Sequence[Placement] = ()
) -> str:
    """Per image predictions, emergence, distance and percentile in each block; then the distances of each pair.

    Args:
        comparison: with at least one image.
        placements: of its images among all recorded images, one a block, in the order of the blocks.
        class_placements: likewise among those of a class; may be empty.
    """
    labels = label_blocks([block.block for block in comparison.blocks])
    lines = [
        f"images compared: {len(comparison.images)}, in {comparison.precision}; distances are RMS over channels, in units of s",
        "distance: from the recorded mean; percentile: of that distance among recorded images; rank: of the predicted class among all "
        "class profiles (mean gates of a class) by distance, 1 the nearest",
    ]
    for at in range(len(comparison.images)):
        lines += ["", *_image_lines(comparison, at, labels, placements, class_placements)]
    lines += _pair_lines(comparison.blocks, labels, len(comparison.images))
    notes = dict.fromkeys(place.distance_note for place in (*placements, *class_placements))
    lines += ["", *(f"percentiles: {note}" for note in notes)]
    lines += [f"note: {note}" for note in (*comparison.differences, *comparison.notes)]
    lines += [f"left out: {failure.sentence}" for failure in comparison.failures]
    return "\n".join(lines)


def describe_emergence(emergence: ImageEmergence, predicted: int | None) -> str:
    """When the predicted class becomes the nearest class profile, in a sentence."""
    if predicted is None:
        return "The predicted output is no class of the recording, so there is no profile of it."
    if emergence.first is None:
        return "The predicted class is the nearest class profile in no block."
    if emergence.settled is None:
        return f"The predicted class is the nearest class profile in {emergence.first.label} first, but not in the last block."
    if emergence.settled == emergence.first:
        return f"The predicted class is the nearest class profile from {emergence.settled.label} on."
    return (
        f"The predicted class is the nearest class profile from {emergence.settled.label} on, and in "
        f"{emergence.first.label} for the first time."
    )


def _image_lines(
    comparison: Comparison,
    at: int,
    labels: Sequence[str],
    placements: Sequence[Placement],
    class_placements: Sequence[Placement],
) -> Iterator[str]:
    image = comparison.images[at]
    yield f"{at + 1}. {image.name} ({image.size[0]} × {image.size[1]} px)"
    if image.predictions:
        yield "   " + ", ".join(f"{p.name} {p.probability:.1%}" for p in image.predictions)
        yield "   " + describe_emergence(comparison.emergence()[at], image.predicted)
    width = max(len("block"), *map(len, labels))
    among = f"{'in ' + class_placements[0].among[:20]:>22}" if class_placements else ""
    yield f"   {'block':<{width}}{'distance':>10}{'percentile':>12}{among}{'rank':>12}  nearest class"
    for number, (block, label) in enumerate(zip(comparison.blocks, labels)):
        own = f"{_percentile(class_placements[number], at):>22}" if class_placements else ""
        rank = f"{block.rank[at]} of {block.classes_compared}" if block.rank[at] else "–"
        near = comparison.class_labels[block.nearest[at, 0]] if block.classes_compared else "–"
        yield (
            f"   {label:<{width}}{block.from_mean[at]:>10.4f}{_percentile(placements[number], at):>12}{own}{rank:>12}  {near}"
        )


def _percentile(place: Placement, at: int) -> str:
    lower, upper = place.lower[at], place.upper[at]
    if not lower <= upper:  # NaN: nothing to be placed among
        return "–"
    return f"{lower:.1f}" if lower == upper else f"{lower:.0f} to {upper:.0f}"


def _pair_lines(blocks: Sequence[BlockComparison], labels: Sequence[str], images: int) -> Iterator[str]:
    pairs = [(i, j) for i in range(images) for j in range(i + 1, images)]
    width = max(len("block"), *map(len, labels))
    for start in range(0, len(pairs), _PAIRS_A_TABLE):
        shown = pairs[start : start + _PAIRS_A_TABLE]
        yield ""
        if not start:
            yield "distance of each pair: RMS (cosine distance of their differences from the recorded mean)"
        yield f"   {'block':<{width}}" + "".join(f"{f'{i + 1} to {j + 1}':>16}" for i, j in shown)
        for block, label in zip(blocks, labels):
            cells = (f"{block.rms[i, j]:.4f} ({_cosine(block, i, j)})" for i, j in shown)
            yield f"   {label:<{width}}" + "".join(f"{cell:>16}" for cell in cells)


def _cosine(block: BlockComparison, i: int, j: int) -> str:
    """– where an image's gates are the recorded mean, from which no direction leads to them."""
    distance = float(block.cosine[i, j])
    return f"{distance:.2f}" if math.isfinite(distance) else "–"


def answer_comparison(comparison: Comparison) -> str:
    """Where the images differ most, or where a single one lies farthest from the recorded mean, and when classes emerge.

    Args:
        comparison: with at least one image.
    """
    labels = label_blocks([block.block for block in comparison.blocks])
    distances = _distances(comparison)
    most, least = int(np.argmax(distances)), int(np.argmin(distances))
    several = len(comparison.images) > 1
    subject = "These images' gates differ" if several else "This image's gates differ from the recorded mean"
    if len(labels) == 1:
        where = f"{subject} by **{_distance_text(distances[0])}** in {labels[0]}"
    else:
        where = f"{subject} most in **{labels[most]}** ({_distance_text(distances[most])}) and least in {labels[least]} ({_distance_text(distances[least])})"
    over = "RMS over channels, mean over pairs" if len(comparison.images) > 2 else "RMS over channels"
    return f"{where} ({over}, in units of s). {_describe_emergence(comparison)}".strip()


def _distances(comparison: Comparison) -> np.ndarray:
    """Per block the mean distance of the pairs, or of the single image from the recorded mean."""
    n = len(comparison.images)
    if n == 1:
        return np.array([block.from_mean[0] for block in comparison.blocks])
    pairs = np.triu_indices(n, 1)
    return np.array([block.rms[pairs].mean() for block in comparison.blocks])


def _describe_emergence(comparison: Comparison) -> str:
    if comparison.classes_compared < 2:
        return "The recording has fewer than two classes whose gates differ, so no class profile can be the nearest."
    known = [e for e, image in zip(comparison.emergence(), comparison.images) if image.predicted is not None]
    if not any(image.predictions for image in comparison.images):
        return "The network returns no class outputs, so no class is predicted that could emerge."
    if not known:
        return "No predicted output is a class of the recording."
    settled = sorted((e.settled for e in known if e.settled is not None), key=lambda gate: gate.depth)
    if not settled:
        return f"In the last block the predicted class is the nearest class profile of none of {_images(len(known))}."
    earliest, latest = settled[0], settled[-1]
    span = f"from {earliest.label}" if earliest == latest else f"from {earliest.label} to {latest.label}, by image,"
    if len(comparison.images) == 1:
        return f"The class profile nearest to it is its predicted class {span} on."
    return f"The nearest class profile is the predicted class of {len(settled)} of {_images(len(known))} {span} on."


def _distance_text(value: float) -> str:
    """Three decimals, or two significant digits where that would be nothing."""
    return f"{value:.3f}" if value >= 0.0005 else f"{value:.2g}"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
