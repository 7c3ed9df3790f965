"""The answer of a comparison in a sentence or two."""

import numpy as np

from senet_viz.analysis.comparison.result import Comparison
from senet_viz.analysis.profiles import label_blocks


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
        where = f"{subject} by **{_number(distances[0])}** in {labels[0]}"
    else:
        where = f"{subject} most in **{labels[most]}** ({_number(distances[most])}) and least in {labels[least]} ({_number(distances[least])})"
    measure = (
        "RMS over channels, mean over pairs, in units of s"
        if several and len(comparison.images) > 2
        else "RMS over channels, in units of s"
    )
    return f"{where} ({measure}). {_tell_emergence(comparison)}".strip()


def _distances(comparison: Comparison) -> np.ndarray:
    """Per block the mean distance of the pairs, or of the single image from the recorded mean."""
    n = len(comparison.images)
    if n == 1:
        return np.array([block.from_mean[0] for block in comparison.blocks])
    pairs = np.triu_indices(n, 1)
    return np.array([block.rms[pairs].mean() for block in comparison.blocks])


def _tell_emergence(comparison: Comparison) -> str:
    if comparison.classes_compared < 2:
        return "The recording has fewer than two classes whose gates differ, so no class profile can be the nearest."
    known = [e for e, image in zip(comparison.emergence(), comparison.images) if image.predicted is not None]
    if not known:
        return "No predicted output is a class of the recording."
    settled = [e for e in known if e.settled is not None]
    if not settled:
        return f"In the last block the predicted class is the nearest class profile of none of {_images(len(known))}."
    earliest = min((e.settled for e in settled if e.settled), key=lambda gate: gate.depth)
    latest = max((e.settled for e in settled if e.settled), key=lambda gate: gate.depth)
    span = f"from {earliest.label}" if earliest == latest else f"from {earliest.label} to {latest.label}, by image,"
    who = "its" if len(comparison.images) == 1 else f"the predicted class of {len(settled)} of {_images(len(known))}"
    if len(comparison.images) == 1:
        return f"The class profile nearest to it is {who} predicted class {span} on."
    return f"The nearest class profile is {who} {span} on."


def _number(value: float) -> str:
    """Three decimals, or two significant digits where that would be nothing."""
    return f"{value:.3f}" if value >= 0.0005 else f"{value:.2g}"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
