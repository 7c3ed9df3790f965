"""The plan at work: images are decoded once, and every intervention is made on each batch."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from senet_viz.errors import RecordingError, SourceError
from senet_viz.gates import BoundGate
from senet_viz.gates.interventions import Move, PrefixMemory, moving
from senet_viz.images import Batch, ImageSource, load_batches
from senet_viz.models.forward import observing
from senet_viz.models.zoo import Model
from senet_viz.recording import write_progress
from senet_viz.recording.outcomes import Outcome, OutcomesWriter, Variant
from senet_viz.workflows.interventions.baselines import Baselines
from senet_viz.workflows.interventions.estimating import forward_of
from senet_viz.workflows.interventions.folds import Rows
from senet_viz.workflows.interventions.judging import join, judge
from senet_viz.workflows.interventions.options import InterventionOptions
from senet_viz.workflows.interventions.plan import first_gate


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
