"""The plan at work: an estimate first, images decoded once, and every intervention made on each batch."""

import contextlib
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from senet_viz.errors import RecordingError, SourceError
from senet_viz.gates.activation_cache import PrefixMemory, learn_prefixes
from senet_viz.gates.discovery import BoundGate
from senet_viz.gates.intervention import Move, moving
from senet_viz.images.loading import Batch, load_batches
from senet_viz.images.source import ImageSource
from senet_viz.models.forward import forward, observing
from senet_viz.models.zoo import Model
from senet_viz.recording.folder import write_progress
from senet_viz.recording.outcomes import Outcome, Variant
from senet_viz.recording.outcomes_writer import OutcomesWriter
from senet_viz.workflows.interventions.donors import Baselines, Rows
from senet_viz.workflows.interventions.request import InterventionOptions, first_gate

FIRST = 5


def judge(logits: Tensor, outputs: NDArray[np.int32]) -> Outcome:
    """Prediction, loss, top-1 and top-5 of a batch.

    Args:
        logits: (n, outputs) float32.
        outputs: (n,) output of each image's class, −1 where it has none: its loss is NaN, and it is never correct.
    """
    target = torch.from_numpy(outputs).to(logits.device).long()
    known = outputs >= 0
    losses = F.cross_entropy(logits, target, reduction="none", ignore_index=-1)
    predictions = logits.softmax(dim=1).argmax(dim=1).cpu().numpy().astype(np.int32)  # as a recording has them
    own = logits.gather(1, target.clamp(min=0)[:, None])
    before = (logits > own).sum(dim=1).cpu().numpy()
    return Outcome(
        prediction=predictions,
        loss=np.where(known, losses.cpu().numpy(), np.nan).astype(np.float32),
        correct=(predictions == outputs) & known,
        correct5=(before < FIRST) & known,
    )


def join(parts: Sequence[Outcome]) -> Outcome:
    """Batches one after the other."""
    return Outcome(
        np.concatenate([p.prediction for p in parts]),
        np.concatenate([p.loss for p in parts]),
        np.concatenate([p.correct for p in parts]),
        np.concatenate([p.correct5 for p in parts]),
    )


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


class InterventionProgress(NamedTuple):
    """How far a run is.

    Attributes:
        stage: "recording" (of the untouched gates) or "interventions".
        consumed: images done in this stage.
        total: images of it.
        rate: images a second in this run, NaN before the first batch.
        seconds_left: of this stage.
    """

    stage: str
    consumed: int
    total: int
    rate: float
    seconds_left: float


OnProgress = Callable[[InterventionProgress], None]


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that a batch needs.

    Attributes:
        model: the network.
        gates: all of its gates, bound.
        variants: the plan.
        baselines: what gates are moved to.
        memory: what need not be computed again.
        outputs: (N,) output of each image's class, −1 where it has none.
    """

    model: Model
    gates: Mapping[str, BoundGate]
    variants: Sequence[Variant]
    baselines: Baselines
    memory: PrefixMemory
    outputs: NDArray[np.int32]

    def run(self, images: Rows, pixels: torch.Tensor) -> list[Outcome]:
        """Clean, then every variant of the plan, on a batch; inside `observing`.

        Args:
            images: (n,) positions among the judged images.
            pixels: (n, 3, H, W).
        """
        run, outputs = forward_of(self.model, pixels), self.outputs[images]
        clean = judge(self.memory.run_clean(run), outputs)
        found: dict[Variant, Outcome] = {}
        for variant in self._by_first_gate():
            with moving(self.model.module, self.moves(variant, images, clean.prediction)):
                found[variant] = judge(self.memory.run_from(first_gate(variant), run), outputs)
        self.memory.forget()
        return [clean, *(found[variant] for variant in self.variants)]

    def _by_first_gate(self) -> list[Variant]:
        """Interventions with the same first gate after each other: they share what lies before it."""
        return sorted(self.variants, key=lambda variant: self.gates[first_gate(variant)].gate.depth)

    def moves(self, variant: Variant, images: Rows, predictions: NDArray[np.int32]) -> list[Move]:
        """What an intervention does to a batch's gates; `predictions` are the clean ones."""
        find = self.baselines.find
        vectors = {block: find(variant, block, images, predictions) for block in variant.blocks}
        return [Move(self.gates[block], torch.from_numpy(b), variant.strength) for block, b in vectors.items()]


def run_plan(
    job: Job,
    source: ImageSource,
    indices: Rows,
    writer: OutcomesWriter,
    options: InterventionOptions,
    on_progress: OnProgress | None,
) -> Mapping[str, float]:
    """Makes every intervention on the images that are not done yet.

    Args:
        job: what is done with a batch.
        source: of images.
        indices: (N,) of the judged images in it.
        writer: begun.
        options: batches and shards.
        on_progress: called after every batch.

    Returns:
        images, seconds and images_per_second of this run.

    Raises:
        SourceError: an image that was recorded can not be read any more.
    """
    meter = _Meter(writer, len(indices), on_progress)
    places = list(_slices(len(indices), writer.consumed, options))
    batches = load_batches(source, (indices[p] for p in places), job.model.preprocess, workers=options.workers)
    shard: list[list[Outcome]] = []
    try:
        with contextlib.closing(batches), observing(job.model, "fp32"):
            for place, batch in zip(places, batches):
                shard.append(job.run(place, pixels_of(batch, source)))
                if (place[-1] + 1) % options.shard_size == 0 or place[-1] + 1 == len(indices):
                    writer.append([join(parts) for parts in zip(*shard)])
                    shard = []
                meter.tick(len(place))
    except BaseException as error:
        with contextlib.suppress(RecordingError):  # a full disk must not hide what went wrong
            meter.tell("cancelled" if isinstance(error, KeyboardInterrupt) else "failed", str(error))
        raise
    return meter.throughput()


def _slices(total: int, first: int, options: InterventionOptions) -> Iterator[Rows]:
    """Positions of each batch, from `first` on; none crosses a shard."""
    start = first
    while start < total:
        shard_end = (start // options.shard_size + 1) * options.shard_size
        stop = min(start + options.batch_size, shard_end, total)
        yield np.arange(start, stop)
        start = stop


def pixels_of(batch: Batch, source: ImageSource) -> torch.Tensor:
    """All images of a batch; SourceError where one could not be read."""
    if batch.errors or batch.pixels is None:
        index, sentence = batch.errors[0]
        raise SourceError(f"{source.path(index)} was recorded and can not be read any more ({sentence}).")
    return batch.pixels


class _Meter:
    """Rate and time left of one run, told to the caller and to progress.json after every batch."""

    def __init__(self, writer: OutcomesWriter, total: int, on_progress: OnProgress | None) -> None:
        self._writer, self._total, self._on_progress = writer, total, on_progress
        self._first = self._done = writer.consumed
        self._began = self._told = time.monotonic()

    def tick(self, images: int) -> None:
        self._done += images
        if self._on_progress:
            self._on_progress(self._progress())
        if time.monotonic() - self._told > 1:
            self.tell("running")

    def _progress(self) -> InterventionProgress:
        done, seconds = self._done - self._first, time.monotonic() - self._began
        rate = done / max(seconds, 1e-9) if done else math.nan
        return InterventionProgress(
            "interventions", self._done, self._total, rate, (self._total - self._done) / rate if done else math.nan
        )

    def tell(self, state: str, message: str = "") -> None:
        tree = {key: None if value != value else value for key, value in self._progress()._asdict().items()}
        write_progress(self._writer.folder, state, {**tree, "errors": 0}, message=message)
        self._told = time.monotonic()

    def throughput(self) -> Mapping[str, float]:
        self.tell("finished")
        seconds, done = time.monotonic() - self._began, self._done - self._first
        return {"images": done, "seconds": round(seconds, 3), "images_per_second": round(done / max(seconds, 1e-9), 2)}
