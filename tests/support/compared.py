"""Comparisons without a network: gates drawn around a recording's class profiles."""

import numpy as np

from senet_viz.analysis.comparison.blocks import compare_block, read_profiles
from senet_viz.analysis.comparison.result import ComparedImage, Comparison, Prediction
from senet_viz.recording.reader import Recording
from senet_viz.schema import label_classes


def synthetic_comparison(recording: Recording, images: int = 3, *, seed: int = 0, known: bool = True) -> Comparison:
    """Images near the profile of the class 0, 1, … that is also predicted, or of no class of the data."""
    generator = np.random.default_rng(seed)
    profiles = read_profiles(recording)
    predicted = [i % len(recording.classes) if known and len(recording.classes) else None for i in range(images)]
    blocks = []
    for block in profiles.blocks:
        centre = np.stack([block.mean if k is None else block.means[k] for k in predicted])
        gates = np.clip(centre + 0.01 * generator.normal(size=centre.shape), 0, 1).astype(np.float32)
        blocks.append(compare_block(block, gates, predicted))
    labels = label_classes(recording.classes)
    compared = tuple(
        ComparedImage(
            name=f"photo {i}.jpg", sha256=f"{i:064x}", size=(640, 480),
            view=generator.integers(0, 256, (8, 8, 3), dtype=np.uint8),
            predictions=(Prediction(i, labels[k] if k is not None else "stranger", 0.75), Prediction(99, "other", 0.25)),
            predicted=k,
        )
        for i, k in enumerate(predicted)
    )  # fmt: skip
    return Comparison(recording.id, "fp32", compared, tuple(blocks), labels)
