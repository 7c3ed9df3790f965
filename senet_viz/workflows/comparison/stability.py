"""Changed copies of one image through the recorded network: how far its gates move."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from senet_viz.analysis.comparison import RecordedProfiles, read_profiles
from senet_viz.analysis.comparison.result import Failure
from senet_viz.analysis.comparison.stability import Variation, VariedGates
from senet_viz.errors import ImageError
from senet_viz.models.forward import forward, observing
from senet_viz.models.zoo import Model
from senet_viz.recording import Recording
from senet_viz.workflows.comparison.networks import check_weights
from senet_viz.workflows.comparison.running import MOST_IMAGES, observe_images, only_one, predict_outputs
from senet_viz.workflows.comparison.uploads import ImageInput, PreparedImage, prepare_images, read_picture
from senet_viz.workflows.comparison.varying import CHANGES, MIRRORS, Change, list_variations, vary_picture


def vary_image(
    model: Model,
    image: ImageInput,
    recording: Recording,
    *,
    seed: int = 0,
    precision: str = "fp32",
    changes: Sequence[Change] = CHANGES,
    profiles: RecordedProfiles | None = None,
) -> VariedGates:
    """Gates and predictions of changed copies of one image, against its own.

    Args:
        model: the network that the recording was made with; its lock is held during the forwards.
        image: a path, or a pair of a name and a file's bytes.
        recording: of this network, full or slim.
        seed: of the draws: the same one gives the same copies.
        precision: "fp32", "bf16" or "fp16".
        changes: that are made.
        profiles: of this recording, where they were read before.

    Raises:
        ImageError: the image could not be read.
        RecordingError: the recording is of another network, or is damaged.
        GateError: the network's gates can not be observed, or are not finite.
    """
    check_weights(model, recording.manifest)
    original, copies = _make_copies(model, image, seed, changes)
    probabilities, gates = observe_images(model, [original, *copies], recording.manifest, precision, MOST_IMAGES)
    profiles = profiles or read_profiles(recording)
    predictions = [row[0] for row in predict_outputs(model, profiles, probabilities)]
    blocks = recording.blocks
    squares = [((gates[g.name][1:].astype(np.float64) - gates[g.name][:1]) ** 2).mean(axis=1) for g in blocks]
    return VariedGates(
        recording_id=recording.id,
        image=original.name,
        seed=seed,
        blocks=blocks,
        variations=list_variations(changes),
        distances=np.sqrt(np.stack(squares, axis=1)),
        original=predictions[0],
        predicted=only_one(profiles.classes_of(predictions[0].output)),
        predictions=tuple(predictions[1:]),
        views=tuple(copy.view for copy in copies),
    )


def estimate_seconds(model: Model, image: PreparedImage, variations: Sequence[Variation]) -> float:
    """About how long it takes, from the second of two forwards of one image; batches are faster, a busy machine slower."""
    seconds = 0.0
    with observing(model, "fp32"):
        for _ in range(2):  # the first call of a process also loads kernels
            started = time.perf_counter()
            forward(model, image.pixels[None]).cpu()
            seconds = time.perf_counter() - started
    return seconds * (len(variations) + 1)


def _make_copies(
    model: Model, image: ImageInput, seed: int, changes: Sequence[Change]
) -> tuple[PreparedImage, list[PreparedImage]]:
    (original,) = prepare_images([image], model.preprocess)
    if isinstance(original, Failure):
        raise ImageError(original.sentence)
    variations = list_variations(changes)
    pictures = vary_picture(read_picture(image), model.preprocess, seed, changes)
    copies = [
        _mirror(original, MIRRORS[variation.kind]) if picture is None else _prepare(original, picture, model)
        for variation, picture in zip(variations, pictures)
    ]
    return original, [replace(copy, name=f"{copy.name} ({v.words})") for copy, v in zip(copies, variations)]


def _prepare(original: PreparedImage, picture: Image.Image, model: Model) -> PreparedImage:
    view = np.array(model.preprocess.view(picture), dtype=np.uint8)
    return replace(original, view=view, pixels=model.preprocess(picture))


def _mirror(image: PreparedImage, axis: int) -> PreparedImage:
    return replace(image, view=np.flip(image.view, axis).copy(), pixels=torch.flip(image.pixels, (axis + 1,)))
