"""A recording of scikit-learn's digits whose gates are drawn by chance: its images are at hand, no network was run."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from senet_viz.images.opening import open_images
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.rows import RecordedBatch
from senet_viz.recording.writer import RecordingWriter
from tests.support.synthetic import PAPER_BLOCKS, make_gates, make_manifest, planted_values


def digits_recording(folder: Path, *, images: int = 60, data: dict[str, Any] | None = None) -> Recording:
    """The first so many digits, all gates kept.

    Args:
        folder: new.
        images: a multiple of 4, at least 40.
        data: entries of the manifest's data to replace.
    """
    source, gates = open_images("digits"), make_gates(PAPER_BLOCKS)
    generator = np.random.default_rng(0)
    labels = np.asarray(source.labels[:images])
    values = {g.name: planted_values(labels, g.channels, 0.3, 10, generator) for g in gates}
    about = {"name": "digits", "kind": "digits", "digest": source.digest, "images": images, **(data or {})}
    draft = dataclasses.replace(make_manifest(gates, n_classes=10, images=images), data=about, classes=source.classes)
    with RecordingWriter(folder, draft) as writer:
        for start in range(0, images, 20):
            rows = np.arange(start, min(start + 20, images))
            writer.append(
                RecordedBatch(
                    sample_ids=[source.sample_id(i) for i in rows],
                    paths=[source.path(i) for i in rows],
                    labels=labels[rows],
                    output_labels=labels[rows],
                    predictions=labels[rows],
                    confidences=np.full(len(rows), 0.5, dtype=np.float32),
                    losses=np.ones(len(rows), dtype=np.float32),
                    kept=np.ones(len(rows), dtype=np.bool_),
                    gates={name: array[rows] for name, array in values.items()},
                    squeezes={name: 4 * array[rows] for name, array in values.items()},
                    errors=[],
                    consumed=len(rows),
                )
            )
        writer.finish(throughput={"images": images, "seconds": 1.0, "images_per_second": float(images)})
    return open_recording(folder)
