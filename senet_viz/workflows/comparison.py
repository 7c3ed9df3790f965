"""One comparison: images that a person hands in, through the network, their gates against the recording."""

import contextlib
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from senet_viz.analysis.comparison.blocks import RecordedProfiles, compare_block, read_profiles
from senet_viz.analysis.comparison.result import ComparedImage, Comparison, Failure, Prediction
from senet_viz.errors import ArgumentError, ImageError
from senet_viz.gates.recorder import GateRecorder
from senet_viz.images.bounds import MAX_FILE_BYTES
from senet_viz.images.decoding import SUFFIXES, decode_image, describe_error
from senet_viz.models.forward import forward, observing
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.zoo import Model
from senet_viz.paths import expand_home, explain_refusal
from senet_viz.recording.options import PRECISIONS
from senet_viz.recording.reader import Recording
from senet_viz.recording.rows import say_nonfinite
from senet_viz.schema import Manifest, label_classes
from senet_viz.workflows.nonfinite import advise
from senet_viz.workflows.recorded_model import check_blocks, check_weights, describe_differences

ImageInput = Path | str | tuple[str, bytes]


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """An image that could be read.

    Attributes:
        name: what it was given as.
        sha256: of the file's bytes, hex.
        size: width and height in px, upright.
        view: what the network sees of it, (H, W, 3) uint8.
        pixels: what the network takes in, (3, H, W) float32.
    """

    name: str
    sha256: str
    size: tuple[int, int]
    view: NDArray[np.uint8]
    pixels: Tensor


def prepare_images(images: Sequence[ImageInput], preprocess: Preprocessing) -> list[PreparedImage | Failure]:
    """Reads every image, two at a time, each by the one safe decoder; nothing is raised for a bad one.

    Args:
        images: paths, or pairs of a name and a file's bytes.
        preprocess: of the network.
    """
    with ThreadPoolExecutor(2, thread_name_prefix="senet-viz-images") as pool:
        return list(pool.map(lambda image: _prepare(image, preprocess), images))


def read_picture(image: ImageInput) -> Image.Image:
    """One decoded image; ImageError with a sentence where it can not be read. Of bytes in a process of its own."""
    return _decode(*_open(image), image)


def _decode(name: str, data: bytes, image: ImageInput) -> Image.Image:
    return decode_image(data, name=name, apart=isinstance(image, tuple))  # bytes come from whoever visits a page


def list_images(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files themselves, or the image files of a single folder (by their endings, sorted, hidden ones left out).

    Raises:
        ArgumentError: a folder beside other paths, one that can not be listed, or one without an image file.
    """
    paths = [expand_home(path) for path in paths]
    folders = [path for path in paths if explain_refusal(path) is None and path.is_dir()]
    if not folders:
        return tuple(paths)
    if len(paths) > 1:
        raise ArgumentError(f"{folders[0]} is a folder: give it alone, or give image files.")
    try:
        found = sorted(path for path in folders[0].iterdir() if path.suffix.casefold() in SUFFIXES and path.is_file())
    except OSError as error:
        raise ArgumentError(f"{folders[0]} could not be listed ({error.strerror}): check its permissions.") from error
    files = tuple(path for path in found if not path.name.startswith("."))
    if not files:
        raise ArgumentError(f"{folders[0]} holds no image file ({', '.join(sorted(SUFFIXES))}): give image files.")
    return files


def _prepare(image: ImageInput, preprocess: Preprocessing) -> PreparedImage | Failure:
    name = image[0] if isinstance(image, tuple) else str(image)
    try:
        name, data = _open(image)
        picture = _decode(name, data, image)
    except ImageError as error:
        return Failure(name, str(error))
    try:
        view = np.array(preprocess.view(picture), dtype=np.uint8)
        pixels = preprocess(picture)
    except Exception as error:  # e.g. a picture one pixel high that cannot be cropped
        return Failure(
            name,
            f"{name} ({picture.width}×{picture.height} pixels) could not be preprocessed "
            f"({type(error).__name__}: {describe_error(error)}): replace or remove it.",
        )
    return PreparedImage(name, hashlib.sha256(data).hexdigest(), picture.size, view, pixels)


def _open(image: ImageInput) -> tuple[str, bytes]:
    """Name and bytes."""
    return image if isinstance(image, tuple) else (str(image), _read(expand_home(image)))


def _read(path: Path) -> bytes:
    """A file's bytes, or the decoder's sentence about why it has none."""
    with contextlib.suppress(OSError, ValueError):
        if path.is_file():  # a pipe would wait for ever
            with path.open("rb") as file:
                return file.read(MAX_FILE_BYTES + 1)
    decode_image(path)
    raise ImageError(f"{path} changed while it was read: try again.")


MOST_IMAGES = 16
TOP_PREDICTIONS = 5
Gates = dict[str, NDArray[np.float32]]


def compare_images(
    model: Model,
    images: Sequence[ImageInput],
    recording: Recording,
    *,
    precision: str = "fp32",
    batch_size: int = MOST_IMAGES,
    nearest: int = 5,
    profiles: RecordedProfiles | None = None,
) -> Comparison:
    """Predictions and gates of 1 to 16 images, compared with each other and with a recording of the same network.

    Each image gets what it would get alone, to 1e-6 in fp32: a network in eval mode mixes no images, but the order in
    which a kernel sums may depend on the batch (in bf16 and fp16 that is a step of the format). An image that can not be
    read, or for which the network computes values that are not finite, is told in `failures`, beside the others' results.

    Args:
        model: the network that the recording was made with; its lock is held during the forward.
        images: paths, or pairs of a name and a file's bytes.
        recording: of this network, full or slim.
        precision: "fp32", "bf16" or "fp16".
        batch_size: images a forward.
        nearest: how many near classes are named for each image and block.
        profiles: of this recording, from `read_profiles`, where they were read before.

    Returns:
        The comparison; without images and blocks where none could be read.

    Raises:
        ArgumentError: no image or too many, an unknown precision, or another recording's profiles.
        RecordingError: the recording is of another network, holds no image yet, or is damaged.
        GateError: the network's gates can not be observed.
    """
    _check_arguments(len(images), precision, batch_size, nearest)
    check_weights(model, recording.manifest)
    read = prepare_images(images, model.preprocess)
    read, probabilities, gates = _observe_finite(model, read, recording.manifest, precision, batch_size)
    good = [item for item in read if isinstance(item, PreparedImage)]
    profiles = profiles or read_profiles(recording)  # after the blocks were seen to be the same
    if profiles.recording_id != recording.id:
        raise ArgumentError(
            f"The profiles are of recording {profiles.recording_id}, not of {recording.id}: read them again."
        )
    predictions = [] if probabilities is None else predict_outputs(model, profiles, probabilities)
    predicted = [only_one(profiles.classes_of(row[0].output)) if row else None for row in predictions]
    blocks = profiles.blocks if good else ()
    return Comparison(
        recording_id=recording.id,
        precision=precision,
        images=tuple(
            ComparedImage(item.name, item.sha256, item.size, item.view, row, index)
            for item, row, index in zip(good, predictions, predicted)
        ),
        blocks=tuple(compare_block(b, gates[b.block.name], predicted, nearest=nearest) for b in blocks),
        class_labels=label_classes(recording.classes),
        failures=tuple(item for item in read if isinstance(item, Failure)),
        differences=describe_differences(model, recording.manifest, precision),
        notes=_notes(recording, profiles, predictions),
    )


def _check_arguments(images: int, precision: str, batch_size: int, nearest: int) -> None:
    if not 1 <= images <= MOST_IMAGES:
        raise ArgumentError(f"{images} images were given: 1 to {MOST_IMAGES} can be compared at a time.")
    if precision not in PRECISIONS:
        raise ArgumentError(f"precision is {precision!r}; it is one of {', '.join(PRECISIONS)}.")
    if batch_size < 1 or nearest < 1:
        raise ArgumentError(f"batch_size is {batch_size} and nearest {nearest}: both are at least 1.")


def observe_images(
    model: Model, images: Sequence[PreparedImage], manifest: Manifest, precision: str, batch_size: int
) -> tuple[torch.Tensor, Gates]:
    """Probabilities (n, outputs) and the gates of every block (n, C), exactly as the recorder takes them."""
    probabilities: list[torch.Tensor] = []
    parts: dict[str, list[NDArray[np.float32]]] = {}
    with observing(model, precision), GateRecorder(model.module, squeeze=False, bound=model.bound_gates) as recorder:
        check_blocks(model, recorder.gates, manifest)
        for start in range(0, len(images), batch_size):
            pixels = torch.stack([image.pixels for image in images[start : start + batch_size]])
            probabilities.append(forward(model, pixels).softmax(dim=1).cpu())
            for name, values in recorder.take().items():
                assert values is not None
                parts.setdefault(name, []).append(values.cpu().numpy())
    return torch.cat(probabilities), {name: np.concatenate(arrays) for name, arrays in parts.items()}


def explain_nonfinite(
    images: Sequence[PreparedImage], probabilities: torch.Tensor, gates: Gates, precision: str
) -> list[str]:
    """Per image a sentence where its gates, or else its probabilities, are not finite; "" where all are."""
    sentences = [""] * len(images)
    for name, values in (*gates.items(), ("", probabilities.numpy())):
        where = f"Block {name} has a gate that is not finite" if name else "The network's logits are not finite"
        for row in np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist():
            kind = f" ({say_nonfinite(values[row])})" if name else ""
            sentences[row] = sentences[row] or f"{where}{kind} for {images[row].name}. {advise(precision)}"
    return sentences


def _observe_finite(
    model: Model, read: Sequence[PreparedImage | Failure], manifest: Manifest, precision: str, batch_size: int
) -> tuple[list[PreparedImage | Failure], torch.Tensor | None, Gates]:
    """As `observe_images`, with a failure for each image that is not finite; probabilities and gates are of the others."""
    good = [item for item in read if isinstance(item, PreparedImage)]
    if not good:
        return [*read], None, {}
    probabilities, gates = observe_images(model, good, manifest, precision, batch_size)
    sentences = explain_nonfinite(good, probabilities, gates, precision)
    if not any(sentences):
        return [*read], probabilities, gates
    told = iter(sentences)
    judged = [
        Failure(item.name, sentence) if isinstance(item, PreparedImage) and (sentence := next(told)) else item
        for item in read
    ]
    finite = np.array([not sentence for sentence in sentences])
    kept = {name: values[finite] for name, values in gates.items()}
    return judged, probabilities[torch.from_numpy(finite)] if finite.any() else None, kept


def predict_outputs(
    model: Model, profiles: RecordedProfiles, probabilities: torch.Tensor
) -> list[tuple[Prediction, ...]]:
    """The most probable outputs of every image, named by the model, else by the one class that maps to them; none without outputs."""
    best = probabilities.topk(min(TOP_PREDICTIONS, probabilities.shape[1]), dim=1)
    names = label_classes(model.classes)
    classes = label_classes(profiles.classes)

    def name(output: int) -> str:
        if names:
            return names[output]
        known = only_one(profiles.classes_of(output))
        return f"output {output}" if known is None else classes[known]

    return [
        tuple(Prediction(output, name(output), probability) for output, probability in zip(outputs, values))
        for outputs, values in zip(best.indices.tolist(), best.values.tolist())
    ]


def only_one(classes: tuple[int, ...]) -> int | None:
    """The class of an output; None where several classes or none map to it."""
    return classes[0] if len(classes) == 1 else None


def _notes(
    recording: Recording, profiles: RecordedProfiles, predictions: Sequence[tuple[Prediction, ...]]
) -> tuple[str, ...]:
    """What a reader must know of the recording and of the predictions that are no single class."""
    notes = (
        [] if recording.complete else [f"The recording is not finished: it holds {recording.n_images:,} images so far."]
    )
    labels = label_classes(recording.classes)
    if not recording.has_class_outputs:
        notes.append("The network returns no class outputs: gates are compared, and nothing is predicted.")
    for prediction in {row[0].output: row[0] for row in predictions if row}.values():
        several = profiles.classes_of(prediction.output)
        if len(several) > 1:
            names = ", ".join(labels[k] for k in several[:4])
            notes.append(
                f"{len(several)} classes ({names}) map to the output {prediction.name}, so it stands for none of them here."
            )
    return tuple(notes)
