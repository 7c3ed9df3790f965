"""How often a network is right on a labelled source, in the same arithmetic as a recording."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from senet_viz.errors import ModelError, SourceError
from senet_viz.images.loading import load_batches
from senet_viz.images.source import ImageSource
from senet_viz.models.forward import NOT_FINITE, LogitReading, forward, observing, output_labels, read_logits
from senet_viz.models.zoo import Model
from senet_viz.workflows.job import cut
from senet_viz.workflows.plan import map_to_outputs


class Accuracy(NamedTuple):
    """Share of images with the right class first, among the first five, and the number of images judged."""

    top1: float
    top5: float
    images: int


def evaluate(model: Model, source: ImageSource, *, batch_size: int = 64) -> Accuracy:
    """Top-1 and top-5 accuracy in fp32, over the images whose class has an output.

    Raises:
        SourceError: no image could be judged.
        ModelError: what the network says of an image is not finite.
    """
    first = five = judged = 0
    for outputs, said, _unread in _read_all(model, source, batch_size):
        judged += int((outputs >= 0).sum())
        first, five = first + int(said.correct.sum()), five + int(said.correct5.sum())
    if not judged:
        raise SourceError(
            f"No image of {source.name} has a class among the model's outputs: {map_to_outputs(model, source)[0].note}"
        )
    return Accuracy(first / judged, five / judged, judged)


def judge_images(model: Model, source: ImageSource, *, batch_size: int = 64) -> LogitReading:
    """What a network says of every image of a source, in its order and in fp32.

    Raises:
        SourceError: an image can not be read, or its class has no output: nothing is left out silently.
        ModelError: what the network says of an image is not finite.
    """
    parts, without = [], 0
    for outputs, said, unread in _read_all(model, source, batch_size):
        if unread:
            raise SourceError(f"An image of {source.name} could not be read: {unread[0]}")
        parts.append(said)
        without += int((outputs < 0).sum())
    if without:
        raise SourceError(f"{without} images of {source.name} have no class among the model's outputs.")
    return LogitReading(*(np.concatenate(column) for column in zip(*parts)))


def _read_all(
    model: Model, source: ImageSource, batch_size: int
) -> Iterator[tuple[NDArray[np.int32], LogitReading, list[str]]]:
    """The classes' outputs of a batch's readable images, what was said of them, and what was wrong with the others."""
    mapping, _ = map_to_outputs(model, source)
    with observing(model, "fp32"):
        for batch in load_batches(source, cut(np.arange(len(source)), batch_size=batch_size), model.preprocess):
            outputs = output_labels(source.labels[batch.loaded], mapping.outputs)
            logits = torch.empty(0, model.outputs) if batch.pixels is None else forward(model, batch.pixels)
            said = read_logits(logits, outputs)
            if model.outputs and (broken := np.flatnonzero(said.prediction == NOT_FINITE).tolist()):
                raise ModelError(
                    f"What {model.name} says of {source.path(int(batch.loaded[broken[0]]))} is not finite (NaN or infinite): "
                    "its accuracy cannot be measured; check the weights, or train again at a lower rate."
                )
            yield outputs, said, [sentence for _, sentence in batch.errors]
