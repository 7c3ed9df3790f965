"""One image through a recorded network, untouched and with some gates moved."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from senet_viz.analysis.trial import TRIAL_BASELINES, Trial, check_strengths
from senet_viz.errors import ArgumentError, GateError
from senet_viz.gates.discovery import BoundGate
from senet_viz.gates.intervention import WORDS, GatePatch, patching
from senet_viz.gates.recorder import GateRecorder
from senet_viz.models.forward import check_class_outputs, forward, observing
from senet_viz.models.zoo import Model
from senet_viz.recording.reader import Recording
from senet_viz.schema import label_classes
from senet_viz.workflows.comparison import PreparedImage
from senet_viz.workflows.interventions.request import find_blocks
from senet_viz.workflows.recorded_model import check_blocks, check_weights

Vector = NDArray[np.float32]


def try_intervention(
    model: Model,
    image: PreparedImage,
    recording: Recording,
    blocks: Sequence[str],
    baseline: str,
    *,
    strengths: Sequence[float] = (1.0,),
    channels: Sequence[int] | None = None,
    class_index: int | None = None,
) -> Trial:
    """What the network says of an image before and after s′ = lerp(s, b, t), in fp32.

    Means are those of all recorded images, for an image of one's own is none of them.

    Args:
        model: the network that the recording was made with; its lock is held.
        image: as the network takes it in.
        recording: of this network.
        blocks: by label or path, moved together.
        baseline: one of `TRIAL_BASELINES`; the class of `class_mean` is `class_index`, that of `predicted_class_mean`
            the untouched prediction's.
        strengths: t of each run; untouched, t = 0, is always run.
        channels: of a single block, those that are moved; None for all.
        class_index: of the recording's classes.

    Raises:
        ArgumentError: no or an unknown block, baseline, class, channel or strength, or a class without a recorded image.
        RecordingError: the recording is of another network.
        GateError: the network's gates can not be observed, or what it says is not finite.
        ModelError: the network returns no class outputs.
    """
    check_class_outputs(model, "Trying an intervention on an image")
    check_weights(model, recording.manifest)
    bound_gates = model.bound_gates
    if not blocks:
        raise ArgumentError("No block is to be moved: name at least one.")
    found = find_blocks(bound_gates, blocks)
    mask = _mask(found, channels)
    doses = check_strengths(strengths)
    if baseline not in TRIAL_BASELINES:
        raise ArgumentError(f"{baseline!r} is no baseline for one image: choose among {', '.join(TRIAL_BASELINES)}.")
    pixels = image.pixels[None]
    with observing(model, "fp32"):
        with GateRecorder(model.module, squeeze=False, bound=bound_gates) as recorder:
            check_blocks(model, recorder.gates, recording.manifest)
            clean = forward(model, pixels).softmax(dim=1).cpu()
            gates = recorder.take()
        vectors, notes = _baselines(recording, found, baseline, class_index, int(clean.argmax()))
        probabilities = [clean]
        for strength in doses[1:]:
            patches = [GatePatch(bound, torch.from_numpy(b), strength, mask) for bound, b in zip(found, vectors)]
            with patching(model.module, patches):
                probabilities.append(forward(model, pixels).softmax(dim=1).cpu())
    joined = torch.cat(probabilities).numpy()
    if not np.isfinite(joined).all():
        raise GateError(f"What the network says of {image.name} is not finite: check the weights.")
    return Trial(
        recording_id=recording.id,
        image=image.name,
        blocks=tuple(bound.gate for bound in found),
        baseline=baseline,
        channels=tuple(bound.gate.channels if mask is None else int(mask.sum()) for bound in found),
        distances=tuple(_distance(gates[b.gate.name], v, mask) for b, v in zip(found, vectors)),
        strengths=doses,
        probabilities=joined,
        output_names=label_classes(model.classes) or tuple(f"output {i}" for i in range(model.outputs)),
        notes=notes,
    )


def _mask(found: Sequence[BoundGate], channels: Sequence[int] | None) -> torch.Tensor | None:
    if channels is None:
        return None
    gate = found[0].gate
    if len(found) > 1:
        raise ArgumentError(f"Channels are chosen in one block, and {len(found)} are moved: choose one block.")
    wrong = [c for c in channels if not 0 <= c < gate.channels]
    if wrong or not channels:
        what = f"has no channel {wrong[0]}" if wrong else "was given no channel"
        raise ArgumentError(f"{gate.label} {what}: it has 0 to {gate.channels - 1}.")
    mask = torch.zeros(gate.channels, dtype=torch.bool)
    mask[list(channels)] = True
    return mask


def _distance(gate: torch.Tensor | None, baseline: Vector, mask: torch.Tensor | None) -> float:
    assert gate is not None
    apart = baseline - gate[0].cpu().numpy()
    return float(np.sqrt((apart[slice(None) if mask is None else mask.numpy()] ** 2).mean()))


def _baselines(
    recording: Recording, found: Sequence[BoundGate], baseline: str, class_index: int | None, predicted: int
) -> tuple[list[Vector], tuple[str, ...]]:
    """A vector (C,) a block, and what is to be told of them."""
    if baseline in WORDS:
        return [np.full(bound.gate.channels, WORDS[baseline], dtype=np.float32) for bound in found], ()
    classes: tuple[int, ...] | None = None
    if baseline == "class_mean":
        if class_index is None or not 0 <= class_index < len(recording.classes):
            raise ArgumentError(f"class_mean needs a class: give one of 0 to {len(recording.classes) - 1}.")
        classes = (class_index,)
    elif baseline == "predicted_class_mean":
        classes = tuple(k for k, output in enumerate(recording.manifest.mapping.outputs) if output == predicted)
    vectors = [_mean(recording, bound, classes) for bound in found]
    if classes is None or all(vector is not None for vector in vectors):
        return [vector for vector in vectors if vector is not None], ()
    if baseline == "class_mean":
        name = recording.classes.short_name(classes[0])
        raise ArgumentError(f"The recording has no image of {name}: choose another class.")
    note = "The predicted output is no class with recorded images: the mean of all images was taken instead."
    return [vector for bound in found if (vector := _mean(recording, bound, None)) is not None], (note,)


def _mean(recording: Recording, bound: BoundGate, classes: tuple[int, ...] | None) -> Vector | None:
    """Mean gate of all images, or of the images of some classes; None where these have none."""
    moments = recording.moments(bound.gate.name)
    if classes is None:
        return np.asarray(moments.overall().mean[0], dtype=np.float32)
    rows = [k for k in classes if moments.count[k]]
    if not rows:
        return None
    weights = moments.count[rows] / moments.count[rows].sum()
    return np.asarray(weights @ np.asarray(moments.mean[rows], dtype=np.float64), dtype=np.float32)
