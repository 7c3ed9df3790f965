"""The plan at work: an estimate first, images decoded once, and every intervention made on each batch."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from senet_viz.errors import SourceError
from senet_viz.gates.activation_cache import ActivationCache, build_activation_cache
from senet_viz.gates.discovery import BoundGate
from senet_viz.gates.intervention import GatePatch, patching
from senet_viz.images.loading import Batch
from senet_viz.images.source import ImageSource
from senet_viz.models.forward import observing, read_logits
from senet_viz.models.zoo import Model
from senet_viz.recording.outcomes import CLEAN_FOLDER, Outcome, Variant
from senet_viz.recording.outcomes_writer import OutcomesWriter
from senet_viz.workflows.engine import Rows, Runner, describe_shortage
from senet_viz.workflows.interventions.donors import Baselines
from senet_viz.workflows.interventions.request import InterventionOptions, Request
from senet_viz.workflows.job import JobEstimate, Meter, cut, forward_of, free_bytes, recorded_bytes, warm_up


def judge(logits: Tensor, outputs: NDArray[np.int32]) -> Outcome:
    """What the network says of a batch; arguments as in `read_logits`."""
    said = read_logits(logits, outputs)
    return Outcome(said.prediction, said.loss, said.correct, said.correct5)


_ROW_BYTES = 4  # what an image takes on disk, an intervention


class CachedWarmUp(NamedTuple):
    """What was learned on a few images.

    Attributes:
        memory: what interventions need not compute again.
        decoding: seconds an image.
        running: seconds an image and forward.
    """

    memory: ActivationCache
    decoding: float
    running: float


def warm_up_with_cache(request: Request) -> CachedWarmUp:
    """Times decoding and a forward of up to 16 images, and finds out on them what can be remembered.

    Raises:
        SourceError: none of the images could be read.
    """
    model, source, options = request.model, request.source, request.options
    warm = warm_up(model, source, request.indices, batch_size=options.batch_size, workers=options.workers)
    if warm.pixels is None:
        raise SourceError(f"None of the {len(request.indices):,} images of {source.name} could be read.")
    memory = ActivationCache({}, "none")
    if options.reuse:
        with observing(model, "fp32"):
            memory = build_activation_cache(model.module, request.gates, forward_of(model, warm.pixels))
    return CachedWarmUp(memory, warm.decoding, warm.running)


def estimate_interventions(request: Request, warm: CachedWarmUp) -> JobEstimate:
    """Time and disk of a run, from what the network did on some of its images."""
    variants, images = request.variants, len(request.indices)
    work = 1 + sum(_shares(warm.memory, variants))
    seconds = images * (warm.decoding + work * warm.running)
    return JobEstimate(
        images=images,
        variants=len(variants),
        forwards=images * (len(variants) + 1),
        whole_forwards=images * work,
        seconds=seconds + request.recorded * (warm.decoding + warm.running),
        disk_bytes=_ROW_BYTES * images * (len(variants) + 1) + request.bytes_beside,
        free_bytes=free_bytes(request.folder),
        present_bytes=recorded_bytes(request.folder / CLEAN_FOLDER),
    )


def _shares(memory: ActivationCache, variants: Sequence[Variant]) -> list[float]:
    """Share of a forward that each intervention computes; the first of a gate also computes what is its own."""
    if memory.mode == "none":
        return [1.0] * len(variants)
    seen: set[str] = set()
    shares = []
    for gate in (variant.blocks[0] for variant in variants):
        prefix = memory.prefixes[gate]
        shares.append(prefix.after if gate in seen else prefix.after_shared)
        seen.add(gate)
    return shares


@dataclass(frozen=True, eq=False)
class InterventionWork:
    """The function of a batch when gates are moved: every intervention on it.

    Attributes:
        model: the network.
        source: of images.
        gates: all of its gates, bound.
        variants: the plan.
        baselines: what gates are moved to.
        memory: what need not be computed again.
        outputs: (N,) output of each image's class, −1 where it has none.
    """

    model: Model
    source: ImageSource
    gates: Mapping[str, BoundGate]
    variants: Sequence[Variant]
    baselines: Baselines
    memory: ActivationCache
    outputs: NDArray[np.int32]

    precision = "fp32"

    def watching(self) -> contextlib.AbstractContextManager[object]:
        """Nothing: each intervention has hooks of its own."""
        return contextlib.nullcontext()

    def __call__(self, place: Rows, batch: Batch) -> list[Outcome]:
        """Clean, then every variant of the plan, on a batch.

        Raises:
            SourceError: an image that was recorded cannot be read any more.
        """
        run, outputs = forward_of(self.model, pixels_of(batch, self.source)), self.outputs[place]
        found: dict[Variant, Outcome] = {}
        try:
            clean = judge(self.memory.run_clean(run), outputs)
            for variant in sorted(
                self.variants, key=self._depth
            ):  # the same first gate: they share what lies before it
                with patching(self.model.module, self.patches(variant, place, clean.prediction)):
                    found[variant] = judge(self.memory.run_from(variant.blocks[0], run), outputs)
        finally:
            self.memory.forget()
        return [clean, *(found[variant] for variant in self.variants)]

    def _depth(self, variant: Variant) -> int:
        return self.gates[variant.blocks[0]].gate.depth

    def patches(self, variant: Variant, images: Rows, predictions: NDArray[np.int32]) -> list[GatePatch]:
        """What an intervention does to a batch's gates; `predictions` are the clean ones."""
        find = self.baselines.find
        vectors = {block: find(variant, block, images, predictions) for block in variant.blocks}
        return [GatePatch(self.gates[block], torch.from_numpy(b), variant.strength) for block, b in vectors.items()]


def run_plan(
    runner: Runner[[], list[Outcome]], images: int, writer: OutcomesWriter, options: InterventionOptions, meter: Meter
) -> None:
    """Makes every intervention on the images that are not done yet.

    Args:
        runner: of `InterventionWork`.
        images: that are judged, N.
        writer: begun.
        options: batches and shards.
        meter: is told of every batch.

    Raises:
        SourceError: an image that was recorded cannot be read any more.
        EngineError: workers that can not do the batches.
    """
    shard = options.shard_size
    places = cut(np.arange(images), batch_size=options.batch_size, shard_size=shard, first=writer.consumed)
    waiting: list[list[Outcome]] = []
    with contextlib.closing(runner.run(places)) as batches:
        for place, outcomes in batches:
            waiting.append(outcomes)
            if (place[-1] + 1) % shard == 0 or place[-1] + 1 == images:
                writer.add_notes(describe_shortage(runner.report()))
                writer.append([Outcome.join(parts) for parts in zip(*waiting)])
                waiting = []
            meter.tick(len(place))


def pixels_of(batch: Batch, source: ImageSource) -> torch.Tensor:
    """All images of a batch; SourceError where one could not be read."""
    if batch.errors or batch.pixels is None:
        index, sentence = batch.errors[0]
        raise SourceError(f"{source.path(index)} was recorded and cannot be read any more ({sentence}).")
    return batch.pixels
