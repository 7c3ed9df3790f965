"""Changed copies of one image through the recorded network: how far its gates move."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image, ImageFilter

from senet_viz.analysis.comparison.blocks import RecordedProfiles, read_profiles
from senet_viz.analysis.comparison.result import Failure
from senet_viz.analysis.comparison.stability import KINDS, Kind, Variation, VariedGates
from senet_viz.errors import GateError, ImageError
from senet_viz.models.forward import forward, observing
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.zoo import Model
from senet_viz.recording.reader import Recording
from senet_viz.workflows.comparison import (
    MOST_IMAGES,
    ImageInput,
    PreparedImage,
    explain_nonfinite,
    observe_images,
    only_one,
    predict_outputs,
    prepare_images,
    read_picture,
)
from senet_viz.workflows.job import time_second
from senet_viz.workflows.recorded_model import check_weights

MIRRORS: dict[Kind, int] = {"mirror left-right": 1, "mirror up-down": 0}  # axis of an (H, W, 3) array


@dataclass(frozen=True)
class ImageChange:
    """One kind of change at one level.

    Attributes:
        kind: of it.
        level: 0 mild, 1 medium, 2 strong.
        value: share of the area that a crop keeps; degrees of a rotation; SD of a blur as a share of the shorter side; SD of
            noise as a share of the range of brightness; nothing for mirror images.
        words: for people.
        draws: how many copies: other places of a crop, either sense of a rotation, other noise.
    """

    kind: Kind
    level: int
    value: float
    words: str
    draws: int = 1


CHANGES = (
    *(ImageChange("crop", i, v, f"crop to {v:.0%} of the area", 4) for i, v in enumerate((0.9, 0.7, 0.5))),
    ImageChange("mirror left-right", 0, 0, "mirrored left-right"),
    ImageChange("mirror up-down", 0, 0, "mirrored up-down"),
    *(ImageChange("rotation", i, v, f"rotation by ±{v}°", 2) for i, v in enumerate((5, 15, 30))),
    *(ImageChange("blur", i, v, f"blur, SD {v:.0%} of the side") for i, v in enumerate((0.01, 0.02, 0.04))),
    *(ImageChange("noise", i, v, f"noise, SD {v:.0%} of the range", 4) for i, v in enumerate((0.02, 0.05, 0.1))),
)


def list_variations(changes: Sequence[ImageChange] = CHANGES) -> tuple[Variation, ...]:
    """Every copy that the changes make, in their order."""
    return tuple(Variation(c.kind, c.level, c.words, draw) for c, draw in _copies(changes))


def vary_picture(
    picture: Image.Image, preprocess: Preprocessing, seed: int, changes: Sequence[ImageChange] = CHANGES
) -> list[Image.Image | None]:
    """The copies at the size to which the network's preprocessing brings the picture; None for mirror images.

    These are made of the network's input itself, so that it sees the same pixels, mirrored.

    Args:
        picture: decoded.
        preprocess: of the network; blur and noise are in its pixels, whatever the photo's size.
        seed: of places, noise and senses; copies do not depend on which others are made.
        changes: to be made.
    """
    base = preprocess.bring_to_size(picture)
    return [
        None
        if change.kind in MIRRORS
        else _apply(base, change, draw, np.random.default_rng([seed, KINDS.index(change.kind), change.level, draw]))
        for change, draw in _copies(changes)
    ]


def _copies(changes: Sequence[ImageChange]) -> Iterator[tuple[ImageChange, int]]:
    return ((change, draw) for change in changes for draw in range(change.draws))


def _apply(base: Image.Image, change: ImageChange, draw: int, generator: np.random.Generator) -> Image.Image:
    if change.kind == "crop":
        # a part of the same shape, anywhere in the picture
        width, height = (max(1, round(side * math.sqrt(change.value))) for side in base.size)
        left, top = (int(generator.integers(0, spare + 1)) for spare in (base.width - width, base.height - height))
        return base.crop((left, top, left + width, top + height))
    if change.kind == "rotation":
        return _rotate(base, change.value if draw % 2 == 0 else -change.value)
    if change.kind == "blur":
        return base.filter(ImageFilter.GaussianBlur(change.value * min(base.size))) if change.value else base
    noise = generator.normal(0, 255 * change.value, (base.height, base.width, 3))
    return Image.fromarray(np.clip(np.round(np.asarray(base, dtype=np.float64) + noise), 0, 255).astype(np.uint8))


def _rotate(base: Image.Image, degrees: float) -> Image.Image:
    """About the middle; what comes in at the corners is the picture reflected at its edges."""
    margin = math.ceil((math.hypot(*base.size) - min(base.size)) / 2)
    padded = np.pad(np.asarray(base), ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    turned = Image.fromarray(padded).rotate(degrees, resample=Image.Resampling.BICUBIC)
    return turned.crop((margin, margin, margin + base.width, margin + base.height))


def vary_image(
    model: Model,
    image: ImageInput,
    recording: Recording,
    *,
    seed: int = 0,
    precision: str = "fp32",
    changes: Sequence[ImageChange] = CHANGES,
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
    if broken := next(filter(None, explain_nonfinite([original, *copies], probabilities, gates, precision)), ""):
        raise GateError(broken)
    profiles = profiles or read_profiles(recording)
    predictions = [row[0] for row in predict_outputs(model, profiles, probabilities) if row]
    original_said = predictions[0] if predictions else None
    blocks = recording.blocks
    squares = [((gates[g.name][1:].astype(np.float64) - gates[g.name][:1]) ** 2).mean(axis=1) for g in blocks]
    return VariedGates(
        recording_id=recording.id,
        image=original.name,
        seed=seed,
        blocks=blocks,
        variations=list_variations(changes),
        distances=np.sqrt(np.stack(squares, axis=1)),
        original=original_said,
        predicted=None if original_said is None else only_one(profiles.classes_of(original_said.output)),
        predictions=tuple(predictions[1:]),
        views=tuple(copy.view for copy in copies),
    )


def estimate_seconds(model: Model, image: PreparedImage, variations: Sequence[Variation]) -> float:
    """About how long it takes, from the second of two forwards of one image; batches are faster, a busy machine slower."""
    with observing(model, "fp32"):
        seconds = time_second(lambda: forward(model, image.pixels[None]).cpu(), model.device)
    return seconds * (len(variations) + 1)


def _make_copies(
    model: Model, image: ImageInput, seed: int, changes: Sequence[ImageChange]
) -> tuple[PreparedImage, list[PreparedImage]]:
    (original,) = prepare_images([image], model.preprocess)
    if isinstance(original, Failure):
        raise ImageError(original.sentence)
    variations = list_variations(changes)
    pictures = vary_picture(read_picture(image), model.preprocess, seed, changes)
    copies = []
    for variation, picture in zip(variations, pictures):
        if picture is None:
            axis = MIRRORS[variation.kind]
            view, pixels = np.flip(original.view, axis).copy(), torch.flip(original.pixels, (axis + 1,))
        else:
            view, pixels = np.array(model.preprocess.view(picture), dtype=np.uint8), model.preprocess(picture)
        copies.append(replace(original, name=f"{original.name} ({variation.words})", view=view, pixels=pixels))
    return original, copies
