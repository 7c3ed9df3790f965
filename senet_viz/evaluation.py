"""How often a network is right on a labelled source, in the same arithmetic as a recording."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from senet_viz.errors import SourceError
from senet_viz.forwarding import forward, observing, output_labels
from senet_viz.images import ImageSource, load_batches, map_labels
from senet_viz.models.zoo import Model


class Accuracy(NamedTuple):
    """Share of images with the right class first, among the first five, and the number of images judged."""

    top1: float
    top5: float
    images: int


def evaluate(
    model: Model, source: ImageSource, *, batch_size: int = 64, report: Callable[[int, int], None] | None = None
) -> Accuracy:
    """Top-1 and top-5 accuracy in fp32, over the images whose class has an output.

    Raises:
        SourceError: no image could be judged.
    """
    mapping = map_labels(source.classes, source.label_kind, model.classes or None, model.outputs)
    first = five = judged = done = 0
    chunks = (np.arange(start, min(start + batch_size, len(source))) for start in range(0, len(source), batch_size))
    with observing(model, "fp32"):
        for batch in load_batches(source, chunks, model.preprocess):
            done += len(batch.indices)
            if batch.pixels is None:
                continue
            outputs = output_labels(source.labels[batch.loaded], mapping.outputs)
            best = forward(model, batch.pixels).topk(min(5, model.outputs), dim=1).indices.cpu().numpy()
            hits = best == outputs[:, None]
            judged += int((outputs >= 0).sum())
            first, five = first + int(hits[:, 0].sum()), five + int(hits.any(axis=1).sum())
            if report:
                report(done, len(source))
    if not judged:
        raise SourceError(f"No image of {source.name} has a class among the model's outputs: {mapping.note}")
    return Accuracy(first / judged, five / judged, judged)
