"""What a run of interventions will take, settled before it starts."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from senet_viz.errors import RecordingError, SourceError
from senet_viz.gates import BoundGate
from senet_viz.gates.interventions import PrefixMemory, learn_prefixes
from senet_viz.images import ImageSource, load_batches
from senet_viz.models.forward import forward, observing
from senet_viz.models.zoo import Model
from senet_viz.recording.outcomes import Variant
from senet_viz.workflows.interventions.folds import Rows
from senet_viz.workflows.interventions.options import InterventionOptions
from senet_viz.workflows.interventions.plan import first_gate

_SAMPLE = 16
_ROW_BYTES = 4  # what an image takes on disk, an intervention


class InterventionEstimate(NamedTuple):
    """What a run will take.

    Attributes:
        images: N.
        variants: interventions on each of them.
        forwards: N · (variants + 1).
        whole_forwards: the same work in whole forwards of the network; less where prefixes are remembered.
        seconds: of interventions, and of the recording before them where that is made.
        disk_bytes: of what stays, and of scratch files.
        free_bytes: on the disk.
    """

    images: int
    variants: int
    forwards: int
    whole_forwards: float
    seconds: float
    disk_bytes: int
    free_bytes: int


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """What was learned on a few images.

    Attributes:
        memory: what interventions need not compute again.
        decoding: seconds an image.
        running: seconds an image and forward.
    """

    memory: PrefixMemory
    decoding: float
    running: float


def rehearse(
    model: Model, source: ImageSource, indices: Rows, gates: Sequence[BoundGate], options: InterventionOptions
) -> Rehearsal:
    """Times decoding and a forward of up to 16 images, and finds out on them what can be remembered.

    Raises:
        SourceError: none of the images could be read.
    """
    size = min(_SAMPLE, options.batch_size)
    parts = (indices[start : start + size] for start in range(0, len(indices), size))
    began = time.perf_counter()
    for batch in load_batches(source, parts, model.preprocess, workers=options.workers, prefetch=1):
        decoding = (time.perf_counter() - began) / len(batch.indices)
        if batch.pixels is not None:
            pixels = batch.pixels
            break
        began = time.perf_counter()
    else:
        raise SourceError(f"None of the {len(indices):,} images of {source.name} could be read.")
    with observing(model, "fp32"):
        run = forward_of(model, pixels)
        run()
        running = _time(model, run) / len(pixels)
        memory = learn_prefixes(model.module, gates, run) if options.reuse else PrefixMemory({}, "none")
    return Rehearsal(memory, decoding, running)


def forward_of(model: Model, pixels: Tensor) -> Callable[[], Tensor]:
    """A forward of the same batch each time it is called; the pixels are moved to the device once."""
    there = pixels.to(model.device, memory_format=torch.channels_last)
    return lambda: forward(model, there)


def _time(model: Model, run: Callable[[], Tensor]) -> float:
    began = time.perf_counter()
    run()
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)
    return time.perf_counter() - began


def estimate_interventions(
    rehearsal: Rehearsal, variants: Sequence[Variant], images: int, *, recorded: int, more_bytes: int, folder: Path
) -> InterventionEstimate:
    """Time and disk of a run.

    Args:
        rehearsal: of the network on some of its images.
        variants: the plan.
        images: N.
        recorded: images that are recorded before.
        more_bytes: of that recording and of scratch files.
        folder: where it is written.
    """
    work = 1 + sum(_shares(rehearsal.memory, variants))
    seconds = images * (rehearsal.decoding + work * rehearsal.running)
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    return InterventionEstimate(
        images=images,
        variants=len(variants),
        forwards=images * (len(variants) + 1),
        whole_forwards=images * work,
        seconds=seconds + recorded * (rehearsal.decoding + rehearsal.running),
        disk_bytes=_ROW_BYTES * images * (len(variants) + 1) + more_bytes,
        free_bytes=shutil.disk_usage(place).free,
    )


def _shares(memory: PrefixMemory, variants: Sequence[Variant]) -> list[float]:
    """Share of a forward that each intervention computes; the first of a gate also computes what is its own."""
    if memory.mode == "none":
        return [1.0] * len(variants)
    seen: set[str] = set()
    shares = []
    for gate in map(first_gate, variants):
        prefix = memory.prefixes[gate]
        shares.append(prefix.after if gate in seen else prefix.after_shared)
        seen.add(gate)
    return shares


def check_room(estimate: InterventionEstimate) -> None:
    """RecordingError where the disk is too small."""
    if estimate.disk_bytes > estimate.free_bytes:
        raise RecordingError(
            f"The interventions would take {estimate.disk_bytes / 1e9:.2f} GB, scratch files included, and "
            f"{estimate.free_bytes / 1e9:.2f} GB are free: use --limit, or another disk."
        )
