"""How often a network is right on a labelled source, in the same arithmetic as a recording."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from senet_viz.errors import SourceError
from senet_viz.images.labels import map_labels
from senet_viz.images.loading import load_batches
from senet_viz.images.source import ImageSource
from senet_viz.models.forward import forward, observing, output_labels
from senet_viz.models.zoo import Model
from senet_viz.schema import LabelMapping


class Accuracy(NamedTuple):
    """Share of images with the right class first, among the first five, and the number of images judged."""

    top1: float
    top5: float
    images: int


class ImageOutcomes(NamedTuple):
    """What a network says of every image of a source, in its order.

    Attributes:
        labels: (N,) output of each image's class.
        predictions: (N,) output that comes first.
        losses: (N,) cross-entropy in nats, float32.
        in_five: (N,) whether the class is among the first five.
    """

    labels: NDArray[np.int32]
    predictions: NDArray[np.int32]
    losses: NDArray[np.float32]
    in_five: NDArray[np.bool_]


def evaluate(
    model: Model, source: ImageSource, *, batch_size: int = 64, report: Callable[[int, int], None] | None = None
) -> Accuracy:
    """Top-1 and top-5 accuracy in fp32, over the images whose class has an output.

    Raises:
        SourceError: no image could be judged.
    """
    first = five = judged = 0

    def count(outputs: NDArray[np.int32], logits: Tensor, _unread: list[str]) -> None:
        nonlocal first, five, judged
        hits = logits.topk(min(5, model.outputs), dim=1).indices.cpu().numpy() == outputs[:, None]
        judged += int((outputs >= 0).sum())
        first, five = first + int(hits[:, 0].sum()), five + int(hits.any(axis=1).sum())

    _forward_all(model, source, batch_size, report, count)
    if not judged:
        raise SourceError(
            f"No image of {source.name} has a class among the model's outputs: {_mapping(model, source).note}"
        )
    return Accuracy(first / judged, five / judged, judged)


def judge_images(
    model: Model, source: ImageSource, *, batch_size: int = 64, report: Callable[[int, int], None] | None = None
) -> ImageOutcomes:
    """Image by image, in fp32.

    Raises:
        SourceError: an image can not be read, or its class has no output: nothing is left out silently.
    """
    parts: list[tuple[NDArray[np.int32], Tensor]] = []

    def keep(outputs: NDArray[np.int32], logits: Tensor, unread: list[str]) -> None:
        if unread:
            raise SourceError(f"An image of {source.name} could not be read: {unread[0]}")
        parts.append((outputs, logits.cpu()))

    _forward_all(model, source, batch_size, report, keep)
    labels = np.concatenate([outputs for outputs, _ in parts])
    if (labels < 0).any():
        raise SourceError(f"{int((labels < 0).sum())} images of {source.name} have no class among the model's outputs.")
    right = [(logits, torch.from_numpy(outputs.astype(np.int64))) for outputs, logits in parts]
    losses = [F.cross_entropy(logits, wanted, reduction="none").numpy() for logits, wanted in right]
    best = [logits.topk(min(5, model.outputs), dim=1).indices for logits, _ in right]
    hits = [(top == wanted[:, None]).any(dim=1).numpy() for top, (_, wanted) in zip(best, right, strict=True)]
    predictions = np.concatenate([top[:, 0].numpy() for top in best]).astype(np.int32)
    return ImageOutcomes(labels, predictions, np.concatenate(losses), np.concatenate(hits))


def _mapping(model: Model, source: ImageSource) -> LabelMapping:
    return map_labels(source.classes, source.label_kind, model.classes or None, model.outputs)


def _forward_all(
    model: Model,
    source: ImageSource,
    batch_size: int,
    report: Callable[[int, int], None] | None,
    take: Callable[[NDArray[np.int32], Tensor, list[str]], None],
) -> None:
    """Gives `take` the classes' outputs of a batch's readable images, their logits, and what was wrong with the others."""
    mapping, done = _mapping(model, source), 0
    chunks = (np.arange(start, min(start + batch_size, len(source))) for start in range(0, len(source), batch_size))
    with observing(model, "fp32"):
        for batch in load_batches(source, chunks, model.preprocess):
            done += len(batch.indices)
            unread = [sentence for _, sentence in batch.errors]
            if batch.pixels is None:
                take(np.empty(0, np.int32), torch.empty(0, model.outputs), unread)
            else:
                take(output_labels(source.labels[batch.loaded], mapping.outputs), forward(model, batch.pixels), unread)
            if report:
                report(done, len(source))
