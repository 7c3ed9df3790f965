"""A recording whose every text holds markup."""

import dataclasses
from pathlib import Path

import numpy as np

from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.writer import RecordingWriter
from tests.support.markup import MARKUP
from tests.support.synthetic import PAPER_BLOCKS, make_batches, make_gates, make_manifest, synthetic_values


def markup_recording(folder: Path, *, classes: int = 5, per_class: int = 12) -> Recording:
    """Labels of blocks and classes, names of model, data and images, notes and errors: all with `MARKUP` in them."""
    gates = tuple(
        dataclasses.replace(g, label=f"{g.label}{MARKUP}", family=MARKUP, activation=MARKUP, form=MARKUP)
        for g in make_gates(PAPER_BLOCKS)
    )
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(classes, dtype=np.int32), per_class))
    values = synthetic_values(gates, labels, n_classes=classes, shares={}, seed=0)
    plain = make_manifest(gates, n_classes=classes, images=len(labels))
    draft = dataclasses.replace(
        plain,
        model={**plain.model, "name": MARKUP, "source": MARKUP, "weights": MARKUP},
        data={**plain.data, "name": MARKUP, "kind": MARKUP},
        classes=dataclasses.replace(plain.classes, names=tuple(f"{MARKUP} {k}" for k in range(classes))),
        environment={"device": MARKUP, "threads": 1, "python": MARKUP},
        notes=(MARKUP,),
    )
    with RecordingWriter(folder, draft) as writer:
        for batch in make_batches(labels, values, np.ones(len(labels), dtype=np.bool_), unreadable=(3,)):
            marked = dataclasses.replace(
                batch, sample_ids=[MARKUP + name for name in batch.sample_ids], paths=[MARKUP + name for name in batch.paths],
                errors=[(MARKUP, MARKUP) for _ in batch.errors],
            )  # fmt: skip
            writer.append(marked)
        writer.finish(throughput={"images": len(labels), "seconds": 1.0, "images_per_second": 1.0})
    return open_recording(folder)
