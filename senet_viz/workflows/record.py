"""The whole way from images and a network to a recording on disk."""

import contextlib
import math
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from senet_viz.errors import ArgumentError, RecordingError, SourceError
from senet_viz.gates.recorder import GateRecorder
from senet_viz.images.decoding import DECODER
from senet_viz.images.labels import map_labels, name_classes
from senet_viz.images.loading import Batch, load_batches
from senet_viz.images.opening import open_images
from senet_viz.images.source import ImageSource
from senet_viz.models.environment import describe_environment
from senet_viz.models.forward import forward, observing, output_labels
from senet_viz.models.memory import keep_freed_memory
from senet_viz.models.zoo import Model, with_calibrated_batch_norm
from senet_viz.paths import expand_home
from senet_viz.recording.folder import write_progress
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.rows import RecordedBatch
from senet_viz.recording.writer import RecordingWriter
from senet_viz.schema import Manifest
from senet_viz.workflows.plan import RecordingEstimate, RecordOptions, RecordPlan, check_room, estimate_recording


class RecordProgress(NamedTuple):
    """Images consumed of a total, unreadable ones among them, images a second in this run, seconds left."""

    consumed: int
    total: int
    errors: int
    rate: float
    seconds_left: float


def record(
    model: Model,
    images: ImageSource | str | Path,
    folder: str | Path,
    *,
    options: RecordOptions | None = None,
    keep: str = "all",
    precision: str = "fp32",
    on_estimate: Callable[[RecordingEstimate], None] | None = None,
    on_progress: Callable[[RecordProgress], None] | None = None,
) -> Recording:
    """Records the gates of every block for every image of a source.

    The same call on the same folder resumes what was interrupted and ends with the same bits.

    Args:
        model: from `load_model`.
        images: a source, or what `open_images` takes.
        folder: of the recording.
        options: every choice; `keep` and `precision` are ignored when it is given.
        keep: as in `RecordOptions`.
        precision: as in `RecordOptions`.
        on_estimate: called once before the work starts.
        on_progress: called after every batch.

    Returns:
        The finished recording. Images that could not be read are left out and listed in its errors.

    Raises:
        ArgumentError: unusable options.
        SourceError: no images, or none that could be read.
        RecordingError: the folder is another recording's, locked, or can not be written.
        GateError: the network's gates can not be observed.
    """
    keep_freed_memory()
    options = options or RecordOptions(keep=keep, precision=precision)
    source = open_images(images) if isinstance(images, (str, Path)) else images
    folder = expand_home(folder)
    if not len(source):
        raise SourceError(f"{source.name} holds no image: give a folder, Parquet or CSV with images.")
    plan = RecordPlan.make(source, options)
    draft = _draft(model, source, options, plan)
    estimate = estimate_recording(model, source, options, folder)
    if on_estimate:
        on_estimate(estimate)
    check_room(estimate, draft.classes)
    with RecordingWriter(folder, draft, keep_squeeze=options.squeeze, commit_seconds=options.commit_seconds) as writer:
        if not writer.complete:
            _fill(writer, model, source, options, plan, on_progress)
    return open_recording(folder)


def _draft(model: Model, source: ImageSource, options: RecordOptions, plan: RecordPlan) -> Manifest:
    mapping = map_labels(
        source.classes, source.label_kind, model.classes or None, model.outputs, label_map=options.label_map
    )
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
        },
        data={
            "name": options.data_name or short,
            "kind": source.kind,
            "digest": source.digest,
            "images": len(plan.indices),
            "labels": source.label_kind,
        },
        gates=model.gates,
        classes=name_classes(source.classes, source.label_kind, model.classes or None),
        mapping=mapping,
        preprocessing={**model.preprocess.to_json(), "decoder": DECODER},
        options={
            "batch_size": options.batch_size,
            "precision": options.precision,
            "limit": options.limit,
            "keep": options.keep,
            "shard_size": options.shard_size,
            "seed": options.seed,
            "squeeze": options.squeeze,
        },
        environment={**describe_environment(model.device), "started": now},
        notes=(*model.notes, *_left_out(model), *source.notes, *([mapping.note] if mapping.note else [])),
    )


def _left_out(model: Model) -> tuple[str, ...]:
    if not model.refused:
        return ()
    first, more = model.refused[0], len(model.refused) - 1
    others = f" and {more} more" if more else ""
    return (f"Not recorded, because it is no channel gate: {first.name} ({first.kind}: {first.reason}){others}.",)


def _fill(
    writer: RecordingWriter,
    model: Model,
    source: ImageSource,
    options: RecordOptions,
    plan: RecordPlan,
    on_progress: Callable[[RecordProgress], None] | None,
) -> None:
    total, first = len(plan.indices), writer.consumed
    batches = load_batches(source, plan.batches(options, first), model.preprocess, workers=options.workers)
    meter = _Meter(writer, total, on_progress)
    try:
        recorder = GateRecorder(model.module, bound=model.bound_gates)
        with contextlib.closing(batches), observing(model, options.precision), recorder:
            for batch in batches:
                observed = _observe(model, recorder, source, batch, plan, writer.draft)
                if (
                    options.precision != "fp32"
                    and writer.draft.precision_difference is None
                    and batch.pixels is not None
                ):
                    writer.set_precision_difference(_difference(model, recorder, batch.pixels))
                writer.append(observed)
                meter.tick()
        if writer.errors == total:
            raise SourceError(
                f"None of the {total:,} images of {source.name} could be read; see {writer.folder / 'errors'}*."
            )
        writer.finish(throughput=meter.throughput())
    except BaseException as error:
        with contextlib.suppress(RecordingError):  # a full disk must not hide what went wrong
            meter.tell("cancelled" if isinstance(error, KeyboardInterrupt) else "failed", str(error))
        raise
    meter.tell("finished")


class _Meter:
    """Rate and time left of one run, told to the caller after every batch and to progress.json every second."""

    def __init__(
        self, writer: RecordingWriter, total: int, on_progress: Callable[[RecordProgress], None] | None
    ) -> None:
        self._writer, self._total, self._on_progress = writer, total, on_progress
        self._first = writer.consumed
        self._began = self._told = time.monotonic()

    def tick(self) -> None:
        if self._on_progress:
            self._on_progress(self.progress())
        if time.monotonic() - self._told > 1:
            self.tell("running")

    def progress(self) -> RecordProgress:
        done, seconds = self._writer.appended - self._first, time.monotonic() - self._began
        rate = done / seconds if done else math.nan
        left = (self._total - self._writer.appended) / rate if done else math.nan
        return RecordProgress(self._writer.appended, self._total, self._writer.errors, rate, left)

    def tell(self, state: str, message: str = "") -> None:
        write_progress(self._writer.folder, state, self.progress()._asdict(), message=message)
        self._told = time.monotonic()

    def throughput(self) -> Mapping[str, float]:
        seconds = time.monotonic() - self._began
        done = self._writer.appended - self._first
        return {"images": done, "seconds": round(seconds, 3), "images_per_second": round(done / max(seconds, 1e-9), 1)}


def _observe(
    model: Model, recorder: GateRecorder, source: ImageSource, batch: Batch, plan: RecordPlan, draft: Manifest
) -> RecordedBatch:
    """One forward: the gates of a batch beside what the network said of its images."""
    errors = [(source.path(index), message) for index, message in batch.errors]
    consumed = len(batch.indices)
    if batch.pixels is None:
        return RecordedBatch.unreadable(errors, consumed)
    logits = forward(model, batch.pixels)
    gates, squeezes = recorder.take(), recorder.take("squeeze")
    labels = source.labels[batch.loaded]
    outputs = output_labels(labels, draft.mapping.outputs)
    confidences, predictions = logits.softmax(dim=1).max(dim=1)
    losses = F.cross_entropy(
        logits, torch.from_numpy(outputs).to(logits.device).long(), reduction="none", ignore_index=-1
    )
    return RecordedBatch(
        sample_ids=[source.sample_id(int(i)) for i in batch.loaded],
        paths=[source.path(int(i)) for i in batch.loaded],
        labels=labels,
        output_labels=outputs,
        predictions=predictions.cpu().numpy().astype(np.int32),
        confidences=confidences.cpu().numpy(),
        losses=np.where(outputs >= 0, losses.cpu().numpy(), np.nan).astype(np.float32),
        kept=plan.keeps(batch.loaded),
        gates={name: _array(value) for name, value in gates.items() if value is not None},
        squeezes={name: _array(value) for name, value in squeezes.items() if value is not None},
        errors=errors,
        consumed=consumed,
    )


def _array(value: Tensor) -> NDArray[np.float32]:
    return value.cpu().numpy()


def _difference(model: Model, recorder: GateRecorder, pixels: Tensor) -> Mapping[str, float]:
    """Largest and RMS difference of the last forward's gates from a forward in fp32."""
    lower = _all_gates(recorder)
    with torch.autocast(model.device.type, enabled=False):
        forward(model, pixels)
    differences = lower - _all_gates(recorder)
    return {"largest": float(differences.abs().max()), "rms": float(differences.square().mean().sqrt())}


def _all_gates(recorder: GateRecorder) -> Tensor:
    """Every gate of the last forward in one row per image, float64."""
    return torch.cat([s for s in recorder.take().values() if s is not None], dim=1).double()


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

    Keys: recording (folder), id, images, kept, classes, blocks, errors, error_list ({path, error}), judged
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
        "blocks": len(recording.blocks),
        "errors": len(recording.errors),
        "error_list": list(recording.errors),
        "judged": judged,
        "correct": right,
        "top1": right / judged if judged else None,
        "throughput": [dict(run) for run in manifest.throughput],
        "precision_difference": manifest.precision_difference,
        "notes": list(manifest.notes),
        "complete": recording.complete,
    }
