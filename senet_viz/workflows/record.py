"""The whole way from images and a network to a recording on disk."""

import contextlib
import dataclasses
import itertools
import math
import uuid
from collections.abc import Generator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc
import torch
from torch import Tensor

from senet_viz.errors import ArgumentError, SourceError
from senet_viz.gates.hooks import evaluating
from senet_viz.gates.recorder import GateRecorder
from senet_viz.images.decoding import DECODER
from senet_viz.images.loading import Batch, load_batches
from senet_viz.images.source import OUTPUT_INDICES, ImageSource
from senet_viz.models.environment import describe_environment
from senet_viz.models.fast import fold_batch_norms
from senet_viz.models.forward import forward, observing, output_labels, read_logits, to_arrays
from senet_viz.models.memory import keep_freed_memory, run_what_fits
from senet_viz.models.weights import refuse_nonfinite_weights
from senet_viz.models.zoo import Model, with_calibrated_batch_norm
from senet_viz.paths import expand_home, explain_refusal
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.rows import RecordedBatch
from senet_viz.recording.writer import RecordingWriter, stored_manifest
from senet_viz.schema import Gate, Manifest, are_same_gates
from senet_viz.workflows.engine import LOCAL, Engine, Rows, Runner, describe_shortage, describe_workers, writing_behind
from senet_viz.workflows.job import JobEstimate, Meter, OnEstimate, OnProgress, Pace
from senet_viz.workflows.nonfinite import SETTLED_AFTER, advise, check_any_left, check_share_finite, describe_nonfinite
from senet_viz.workflows.plan import (
    RecordPlan,
    check_room,
    map_to_outputs,
    open_source,
    settle_batch_size,
    size_recording,
)


def record(
    model: Model,
    images: ImageSource | str | Path,
    folder: str | Path,
    *,
    options: RecordOptions | None = None,
    keep: str = "all",
    precision: str = "fp32",
    allow_nonfinite: bool = False,
    on_estimate: OnEstimate | None = None,
    on_progress: OnProgress | None = None,
    engine: Engine = LOCAL,
) -> Recording:
    """Records the gates of every block for every image of a source.

    The same call on the same folder resumes what was interrupted and ends with the same bits.

    Args:
        model: from `load_model`.
        images: a source, or what `open_images` takes.
        folder: of the recording.
        options: every choice; the next three are ignored when it is given.
        keep: as in `RecordOptions`.
        precision: as in `RecordOptions`.
        allow_nonfinite: as in `RecordOptions`.
        on_estimate: called once, when the first two batches (of Ray, two for each worker) have shown how long one takes.
        on_progress: called after every batch.
        engine: who runs the batches; it changes no bit on like machines.

    Returns:
        The finished recording. Images that could not be read, and those for which the network computes values that are not
        finite, are left out and listed in its errors.

    Raises:
        ArgumentError: unusable options.
        SourceError: no images, or none that could be read.
        RecordingError: the folder is another recording's, locked, or can not be written; or what is computed for more
            than 1 % of the images is not finite.
        ModelError: weights are not finite.
        GateError: the network's gates can not be observed.
        EngineError: workers that can not do the batches.
    """
    keep_freed_memory()
    options = options or RecordOptions(keep=keep, precision=precision, allow_nonfinite=allow_nonfinite)
    source, folder = open_source(images, **options.columns()), expand_home(folder)
    options = settle_batch_size(options, model, folder)
    plan = RecordPlan.make(source, options)
    draft = _draft(model, source, options, plan, folder)
    estimate = size_recording(model, source, plan, options, folder)
    check_room(estimate, draft.classes)
    with RecordingWriter(folder, draft, keep_squeeze=options.squeeze, commit_seconds=options.commit_seconds) as writer:
        if not writer.complete:
            outputs = writer.draft.mapping.outputs
            running = fold_batch_norms(model) if options.fast else model
            work = ObserveGates(running, source, plan, outputs, options.precision)
            exact = ObserveGates(model, source, plan, outputs, "fp32")
            with engine.start(work, source, plan.indices, workers=options.workers) as runner:
                _fill(writer, (work, exact), runner, source, options, plan, _Told(estimate, on_estimate, on_progress))
    return open_recording(folder)


class _Told(NamedTuple):
    """What a person is told while it runs; the estimate lacks its seconds."""

    estimate: JobEstimate
    on_estimate: OnEstimate | None
    on_progress: OnProgress | None


def _draft(model: Model, source: ImageSource, options: RecordOptions, plan: RecordPlan, folder: Path) -> Manifest:
    mapping, classes = map_to_outputs(model, source, options.label_map)
    refuse_nonfinite_weights(model.module, model.name)  # which may have changed since it was loaded
    now = datetime.now(UTC).isoformat(timespec="seconds")
    short = Path(source.name).name or source.name
    return Manifest(
        id=uuid.uuid4().hex,
        model={
            "name": Path(model.name).name if model.source == "checkpoint" else model.name,
            "source": model.source,
            "weights": model.weights,
            "seed": model.seed,
            "sha256": model.sha256,
            "outputs": model.outputs,
            "output_names": list(model.classes.names),
            "output_wnids": list(model.classes.wnids),
            **({"logits": model.logits} if model.logits else {}),
            **({"weights_key": model.weights_key} if model.weights_key else {}),
        },
        data={
            "name": options.data_name or short,
            "kind": source.kind,
            "digest": source.digest,
            "images": len(plan.indices),
            "labels": OUTPUT_INDICES if mapping.method == "output index" else source.label_kind,
            **options.columns(),
        },
        gates=_settle_histograms(model, source, plan, options, folder),
        classes=classes,
        mapping=mapping,
        preprocessing={**model.preprocess.to_json(), "decoder": DECODER},
        options=options.for_manifest(),
        environment={**describe_environment(model.device), "started": now},
        notes=(*model.notes, *_left_out(model), *source.notes, *([mapping.note] if mapping.note else [])),
    )


def _settle_histograms(
    model: Model, source: ImageSource, plan: RecordPlan, options: RecordOptions, folder: Path
) -> tuple[Gate, ...]:
    """The network's gates; those without finite bounds with an interval for their histogram, from the first usable batch.

    It reaches a quarter of the spread beyond what was seen, to two digits. A recording that is resumed keeps its own.
    """
    if all(np.isfinite(gate.range).all() for gate in model.gates):
        return model.gates
    stored = stored_manifest(folder) if explain_refusal(folder) is None and folder.is_dir() else None
    if stored is not None and are_same_gates(stored.gates, model.gates):
        return stored.gates
    work = ObserveGates(model, source, plan, (), options.precision)
    seen = work.observe_first(options)
    if seen is None:
        unbounded = next(gate.name for gate in model.gates if not np.isfinite(gate.range).all())
        raise SourceError(
            f"Block {unbounded} has gates without bounds, whose histogram needs an image, and none of the first "
            f"{min(len(plan.indices), SETTLED_AFTER):,} of {source.name} could be read and gave finite values: check the images. "
            f"{advise(options.precision)}"
        )
    return tuple(
        gate if np.isfinite(gate.range).all() else _with_histogram(gate, seen[gate.name]) for gate in model.gates
    )


def _with_histogram(gate: Gate, values: Tensor) -> Gate:
    low, high = float(values.min()), float(values.max())
    margin = (high - low) / 4 or 1.0
    step = 10.0 ** (math.floor(math.log10(max(high - low, margin))) - 1)
    ends = math.floor((low - margin) / step) * step, math.ceil((high + margin) / step) * step
    kept = [bound if math.isfinite(bound) else float(f"{end:.6g}") for bound, end in zip(gate.range, ends)]
    return dataclasses.replace(gate, histogram=(kept[0], kept[1]))


def _left_out(model: Model) -> tuple[str, ...]:
    if not model.refused:
        return ()
    first, more = model.refused[0], len(model.refused) - 1
    others = f" and {more} more" if more else ""
    return (f"Not recorded, because it is no channel gate: {first.name} ({first.kind}: {first.reason}){others}.",)


def _fill(
    writer: RecordingWriter,
    works: "tuple[ObserveGates, ObserveGates]",
    runner: Runner[[], RecordedBatch],
    source: ImageSource,
    options: RecordOptions,
    plan: RecordPlan,
    told: _Told,
) -> None:
    total = len(plan.indices)
    meter = Meter(writer.folder, "recording", total, told.on_progress, done=writer.consumed, errors=writer.errors)
    meter.watch(runner)
    reason = ""

    def write(found: RecordedBatch) -> None:
        writer.add_notes(describe_shortage(runner.report()))
        writer.append(found)
        if found.nonfinite:
            check_share_finite(writer, options)

    with meter:
        check_share_finite(writer, options)
        if (options.fast or options.precision != "fp32") and writer.draft.precision_difference is None:
            difference = measure_difference(*works, options)
            if difference is not None:
                writer.set_precision_difference(difference)
        left = total - writer.consumed
        with (
            contextlib.closing(runner.run(plan.batches(options, writer.consumed))) as observed,
            writing_behind(write) as hand_in,
        ):
            pace = Pace(2 * runner.parallel)
            for place, found in observed:
                hand_in(found)
                reason = reason or next((sentence for _, sentence in found.errors), "")
                meter.tick(len(place), found.left_out)
                if told.on_estimate and pace.settles(len(place), left):
                    told.on_estimate(told.estimate._replace(seconds=pace.seconds(left)))
        check_any_left(writer, source.name)
        if writer.errors == total:
            raise SourceError(
                f"None of the {total:,} images of {source.name} could be read (see {writer.folder / 'errors'}*); the first: "
                f"{reason or 'it stands there.'}"
            )
        notes = [describe_nonfinite(writer.read_errors(), total)] if writer.nonfinite else []
        throughput = meter.throughput()
        writer.finish(throughput=throughput, notes=[*notes, *describe_workers(throughput)])


_COMPARED = 16


class ObserveGates:
    """The function of a batch when gates are recorded: one forward, and what it adds to the recording."""

    def __init__(
        self, model: Model, source: ImageSource, plan: RecordPlan, outputs: tuple[int | None, ...], precision: str
    ) -> None:
        self.model, self.precision = model, precision
        self._source, self._plan, self._outputs = source, plan, outputs
        self._recorder = GateRecorder(model.module, bound=model.bound_gates)

    def watching(self) -> contextlib.AbstractContextManager[object]:
        """The recorder's hooks."""
        return self._recorder

    def __call__(self, place: Rows, batch: Batch) -> RecordedBatch:
        """The gates of a batch with what the network said of its images."""
        source = self._source
        errors = [(source.path(index), message) for index, message in batch.errors]
        if batch.pixels is None:
            return RecordedBatch.unreadable(errors, len(place))
        outputs = output_labels(source.labels[batch.loaded], self._outputs)
        said = read_logits(forward(self.model, batch.pixels), outputs)
        gates, squeezes = self._recorder.take(), self._recorder.take("squeeze")
        return RecordedBatch(
            sample_ids=[source.sample_id(int(i)) for i in batch.loaded],
            paths=[source.path(int(i)) for i in batch.loaded],
            labels=source.labels[batch.loaded],
            output_labels=outputs,
            predictions=said.prediction,
            confidences=said.confidence,
            losses=said.loss,
            kept=self._plan.keeps(batch.loaded),
            gates=to_arrays(gates),
            squeezes=to_arrays(squeezes),
            errors=errors,
            consumed=len(place),
        ).without_nonfinite(judged=self.model.outputs > 0)

    def _first_batches(self, options: RecordOptions) -> Generator[Tensor, None, None]:
        """Pixels of the first batches with a readable image, in which one with finite values is looked for."""
        places = itertools.takewhile(lambda place: place[0] < SETTLED_AFTER, self._plan.batches(options, 0))
        loaded = load_batches(self._source, (self._plan.indices[p] for p in places), self.model.preprocess)
        with contextlib.closing(loaded):
            yield from (batch.pixels for batch in loaded if batch.pixels is not None)

    @contextlib.contextmanager
    def watching_first(self, options: RecordOptions) -> Iterator[Iterator[Tensor]]:
        """The first batches, to be run one by one while the recorder watches."""
        closing = contextlib.closing(self._first_batches(options))
        with closing as batches, observing(self.model, self.precision), self._recorder:
            yield batches

    def run_alone(self, pixels: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Gates of a batch, and which of its images have finite gates and logits, (n,) bool."""
        logits = forward(self.model, pixels)
        gates = {name: value for name, value in self._recorder.take().items() if value is not None}
        finite = torch.stack([value.isfinite().all(dim=1) for value in (logits, *gates.values())]).all(dim=0)
        return gates, finite

    def observe_first(self, options: RecordOptions) -> dict[str, Tensor] | None:
        """The finite gates of the first batch that has any; None where the first batches have none."""
        with self.watching_first(options) as batches:
            for pixels in batches:
                gates, finite = run_what_fits(self.run_alone, pixels)
                if bool(finite.any()):
                    return {name: value[finite] for name, value in gates.items()}
        return None


def measure_difference(work: ObserveGates, exact: ObserveGates, options: RecordOptions) -> Mapping[str, float] | None:
    """Largest and RMS difference of gates from the unchanged network's in fp32; None without a usable image.

    It is of up to 16 images of the first batch that has one whose gates and logits are finite in both.
    """
    with work.watching_first(options) as batches:
        for pixels in batches:
            some = pixels[:_COMPARED]
            found, finite = work.run_alone(some)
            no_autocast = torch.autocast(work.model.device.type, enabled=False)
            with evaluating(exact.model.module), no_autocast, exact.watching():
                expected, finite_too = exact.run_alone(some)
            both = finite & finite_too
            if bool(both.any()):
                differences = (_side_by_side(found) - _side_by_side(expected))[both]
                return {"largest": float(differences.abs().max()), "rms": float(differences.square().mean().sqrt())}
    return None


def _side_by_side(gates: Mapping[str, Tensor]) -> Tensor:
    """Every gate in one row per image, float64."""
    return torch.cat(list(gates.values()), dim=1).double()


def calibrate_on(
    model: Model, source: ImageSource, *, images: int = 2000, seed: int = 0, batch_size: int = 100
) -> Model:
    """Batch-norm statistics of a random network from a seeded choice of images; their labels are not used.

    Raises:
        ArgumentError: a trained network, or fewer than two images asked for.
        SourceError: fewer than two images could be read.
    """
    if model.weights != "random":
        raise ArgumentError(
            f"{model.name} has trained batch-norm statistics, which --calibrate would overwrite: use it with random weights."
        )
    if images < 2:
        raise ArgumentError(f"Batch-norm statistics of {images} images were asked for: they need at least two.")
    chosen = np.random.default_rng(seed).choice(len(source), size=min(images, len(source)), replace=False)
    parts = np.array_split(np.sort(chosen), max(1, len(chosen) // batch_size))
    batches = (batch.pixels for batch in load_batches(source, parts, model.preprocess) if batch.pixels is not None)
    return with_calibrated_batch_norm(model, batches, Path(source.name).name)


def summarize(recording: Recording) -> dict[str, Any]:
    """What a person wants to know of a recording that was just made, with documented keys.

    Keys: recording (folder), id, images, kept, classes, classes_seen (those of which an image was read), blocks, errors (images left out), error_list ({path, error}, and of
    images that are not finite kind: "nonfinite" and, but for the logits, block), nonfinite (how many of these), judged
    (images whose class has an output), correct, top1 (null where none was judged), throughput, precision_difference,
    notes, complete.
    """
    correct = recording.samples["correct"].drop_null()
    judged, right = len(correct), int(pc.sum(correct).as_py() or 0)
    manifest = recording.manifest
    return {
        "recording": str(recording.path),
        "id": recording.id,
        "images": recording.samples.num_rows,
        "kept": recording.n_kept,
        "classes": len(recording.classes),
        "classes_seen": recording.classes_seen,
        "blocks": len(recording.blocks),
        "errors": len(recording.errors),
        "error_list": list(recording.errors),
        "nonfinite": manifest.progress.get("nonfinite", 0),
        "judged": judged,
        "correct": right,
        "top1": right / judged if judged else None,
        "throughput": [dict(run) for run in manifest.throughput],
        "precision_difference": manifest.precision_difference,
        "notes": list(manifest.notes),
        "complete": recording.complete,
    }
