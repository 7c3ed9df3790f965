"""A comparison as text for a terminal."""

from collections.abc import Iterator, Sequence

from senet_viz.analysis.comparison.blocks import BlockComparison
from senet_viz.analysis.comparison.placement import Placement
from senet_viz.analysis.comparison.result import Comparison, Emergence
from senet_viz.analysis.profiles import label_blocks

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


def tell_emergence(emergence: Emergence, predicted: int | None) -> str:
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
    yield "   " + ", ".join(f"{p.name} {p.probability:.1%}" for p in image.predictions)
    yield "   " + tell_emergence(comparison.emergence()[at], image.predicted)
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
            yield "distance of each pair: RMS (cosine of the differences from the recorded mean)"
        yield f"   {'block':<{width}}" + "".join(f"{f'{i + 1} to {j + 1}':>16}" for i, j in shown)
        for block, label in zip(blocks, labels):
            cells = (f"{block.rms[i, j]:.4f} ({block.cosine[i, j]:.2f})" for i, j in shown)
            yield f"   {label:<{width}}" + "".join(f"{cell:>16}" for cell in cells)
