"""What the kill test starts: appends seeded batches with many commits."""

from pathlib import Path

import numpy as np

from senet_viz.recording.writer import RecordingWriter
from tests.support.synthetic import choose_keep, make_batches, make_gates, make_manifest, synthetic_values

N, CLASSES, SHARD = 1500, 10, 400


def run(folder: Path) -> None:
    gates = make_gates([64, 128, 200])
    labels = np.random.default_rng(5).integers(-1, CLASSES, size=N).astype(np.int32)
    values = synthetic_values(gates, labels, n_classes=CLASSES, shares={}, seed=2)
    draft = make_manifest(gates, n_classes=CLASSES, images=N, shard_size=SHARD)
    kept = choose_keep(labels, "all")
    with RecordingWriter(folder, draft, commit_images=32, commit_share=1e9) as writer:
        first = writer.consumed
        for batch in make_batches(labels, values, kept, first=first, shard_size=SHARD, unreadable=range(7, N, 50)):
            writer.append(batch)
        if not writer.complete:
            writer.finish(throughput={})
