"""What a recording will consist of and take, settled before it starts."""

import math
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError, SourceError
from senet_viz.images.labels import map_labels, name_classes
from senet_viz.images.loading import load_batches
from senet_viz.images.source import ImageSource, choose_indices, choose_kept
from senet_viz.models.forward import PRECISIONS, forward, observing
from senet_viz.models.zoo import Model
from senet_viz.paths import expand_home, tell_refusal
from senet_viz.recording.writer import stored_manifest
from senet_viz.schema import HISTOGRAM_BINS, ClassTable

MAX_MOMENT_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class RecordOptions:
    """What a recording is made with; all but `workers` and `commit_seconds` is part of its identity.

    Attributes:
        keep: whose gates are kept per image: "all", "none", or a number, at most so many per class.
        precision: "fp32", "bf16" or "fp16" (autocast).
        batch_size: images a forward.
        shard_size: images a file.
        limit: at most so many images, stratified by class and seeded; None for all.
        seed: of the choice of images and of kept ones.
        squeeze: z is kept per image too (its class moments are always taken).
        label_map: file that maps classes to outputs.
        data_name: name of the data in the manifest; the last part of its path by default.
        workers: threads that decode.
        commit_seconds: what a kill can lose at most; also after every 5,000 images.
    """

    keep: str = "all"
    precision: str = "fp32"
    batch_size: int = 64
    shard_size: int = 5000
    limit: int | None = None
    seed: int = 0
    squeeze: bool = False
    label_map: Path | None = None
    data_name: str | None = None
    workers: int = 2
    commit_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ArgumentError(f"precision is {self.precision!r}; it is one of {', '.join(PRECISIONS)}.")
        for name in ("batch_size", "shard_size", "workers"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name} is {getattr(self, name)}; it is at least 1.")
        if self.seed < 0:
            raise ArgumentError(f"seed is {self.seed}; it is at least 0.")
        if self.limit is not None and self.limit < 1:
            raise ArgumentError(f"limit is {self.limit}; it is at least 1, or left out for all images.")
        if self.keep not in ("all", "none") and not (self.keep.isdecimal() and int(self.keep) > 0):
            raise ArgumentError(f"keep is {self.keep!r}; it is 'all', 'none' or a number of images per class.")


class RecordingEstimate(NamedTuple):
    """What a recording will take: images, kept images, bytes on disk and in memory, seconds (NaN: not measured).

    `present_bytes` are in the folder already, of a run that is to be resumed.
    """

    images: int
    kept: int
    moment_bytes: int
    disk_bytes: int
    present_bytes: int
    free_bytes: int
    memory_bytes: int
    seconds: float


def estimate_recording(model: Model, source: ImageSource, options: RecordOptions, folder: Path) -> RecordingEstimate:
    """Disk, memory and time of a recording; time from decoding and two forwards of up to 16 images."""
    plan = RecordPlan.make(source, options)
    channels = sum(gate.channels for gate in model.gates)
    classes = len(source.classes) + 1
    per_channel = 40 * classes + 2 * 8 * (HISTOGRAM_BINS + 2)
    moments = channels * per_channel
    kept_bytes = int(plan.kept.sum()) * channels * 2 * (2 if options.squeeze else 1)
    batch_bytes = options.batch_size * (3 * model.preprocess.size**2 + 2 * channels) * 4
    open_shard = min(kept_bytes, options.shard_size * channels * 2 * (2 if options.squeeze else 1))
    return RecordingEstimate(
        images=len(plan.indices),
        kept=int(plan.kept.sum()),
        moment_bytes=moments,
        disk_bytes=moments + kept_bytes + 120 * len(plan.indices),
        present_bytes=_bytes_in(folder),
        free_bytes=shutil.disk_usage(_existing_parent(folder)).free,
        memory_bytes=2 * moments + 6 * batch_bytes + 2 * open_shard + 16 * len(source),
        seconds=_time_sample(model, source, options, plan) * len(plan.indices),
    )


class RecordPlan(NamedTuple):
    indices: NDArray[np.int64]
    kept: NDArray[np.bool_]

    @classmethod
    def make(cls, source: ImageSource, options: RecordOptions) -> "RecordPlan":
        indices = choose_indices(source.labels, limit=options.limit, seed=options.seed)
        return cls(indices, choose_kept(source.labels[indices], keep=options.keep, seed=options.seed))

    def batches(self, options: RecordOptions, consumed: int) -> Iterator[NDArray[np.int64]]:
        """Source indices of each batch, from the `consumed`-th image on; no batch crosses a shard."""
        start, total = consumed, len(self.indices)
        while start < total:
            shard_end = (start // options.shard_size + 1) * options.shard_size
            stop = min(start + options.batch_size, shard_end, total)
            yield self.indices[start:stop]
            start = stop

    def keeps(self, chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these source indices have their gates kept."""
        return self.kept[np.searchsorted(self.indices, chosen)]


def check_room(estimate: RecordingEstimate, classes: ClassTable) -> None:
    if estimate.moment_bytes > MAX_MOMENT_BYTES:
        raise RecordingError(
            f"The class moments of {len(classes)} classes would take {estimate.moment_bytes / 1e9:.1f} GB, over the "
            f"limit of {MAX_MOMENT_BYTES / 1e9:.1f} GB: group the labels into fewer classes (a CSV of path,label)."
        )
    needed = estimate.disk_bytes - estimate.present_bytes
    if needed > estimate.free_bytes:
        raise RecordingError(
            f"The recording would take {needed / 1e9:.2f} GB more and {estimate.free_bytes / 1e9:.2f} GB are free: "
            "use --keep none or a number per class, --limit, or another disk."
        )


def _check_place(folder: Path) -> None:
    place = _existing_parent(folder)
    if not place.is_dir():
        raise RecordingError(f"{place} is a file: give a folder.")
    if tell_refusal(folder) or not os.access(place, os.W_OK | os.X_OK):
        raise RecordingError(f"{folder} can not be written (no permission in {place}): give a folder that can be.")


def plan_recording(model: Model, source: ImageSource, folder: Path, options: RecordOptions) -> dict[str, Any]:
    """What `record --plan` prints: a recording's estimate and how classes map to outputs; nothing is written.

    Keys: model, data, images, kept, blocks, seconds (null where no image of the sample could be read), disk_bytes,
    present_bytes, free_bytes, memory_bytes, problem (why the recording would be refused; null where it would not),
    mapping ({method, note}), classes ({name, key, images, output}; output is an index or null, key what a label map calls
    the class, null where no name is its own), outputs ({name, key}; name is null where it is not known), notes.

    Raises:
        SourceError: no images, or a label map that can not be used.
        GateError: the network's gates can not be observed.
    """
    if not len(source):
        raise SourceError(f"{source.name} holds no image: give a folder, Parquet or CSV with images.")
    mapping = map_labels(
        source.classes, source.label_kind, model.classes or None, model.outputs, label_map=options.label_map
    )
    estimate = estimate_recording(model, source, options, expand_home(folder))
    labels = source.labels[RecordPlan.make(source, options).indices]
    counts = np.bincount(labels[labels >= 0], minlength=len(source.classes))
    classes = name_classes(source.classes, source.label_kind, model.classes or None)
    problem = None
    try:
        _check_place(expand_home(folder))
        check_room(estimate, classes)
    except RecordingError as error:
        problem = str(error)
    told = ("images", "kept", "disk_bytes", "present_bytes", "free_bytes", "memory_bytes")
    return {
        "model": model.name,
        "data": options.data_name or Path(source.name).name or source.name,
        "blocks": len(model.gates),
        **{name: getattr(estimate, name) for name in told},
        "seconds": estimate.seconds if math.isfinite(estimate.seconds) else None,
        "problem": problem,
        "mapping": {"method": mapping.method, "note": mapping.note},
        "classes": [
            {"name": name, "key": key, "images": int(count), "output": output}
            for name, key, count, output in zip(classes.names, _keys(source.classes), counts, mapping.outputs)
        ],
        "outputs": _tell_outputs(model),
        "notes": [*model.notes, *source.notes],
    }


def _tell_outputs(model: Model) -> list[dict[str, str | None]]:
    if not model.classes:
        return [{"name": None, "key": str(index)} for index in range(model.outputs)]
    return [{"name": name, "key": key} for name, key in zip(model.classes.names, _keys(model.classes))]


def _keys(table: ClassTable) -> list[str | None]:
    """What a label map finds each class by: its wnid, else its name, else its index; None where others bear all three."""
    wnids = [wnid.casefold() for wnid in table.wnids] or [""] * len(table)
    names = [name.strip().casefold() for name in table.names]
    shorts = {table.short_name(index).casefold() for index in range(len(table))}
    of_wnid, of_name = Counter(wnids), Counter(names)
    found: list[str | None] = []
    for index, (wnid, name) in enumerate(zip(wnids, names)):
        if wnid and of_wnid[wnid] == 1:
            found.append(table.wnids[index])
        elif name and of_name[name] == 1 and name not in of_wnid:
            found.append(table.names[index])
        else:
            taken = str(index) in of_wnid or str(index) in of_name or str(index) in shorts
            found.append(None if taken else str(index))
    return found


def _bytes_in(folder: Path) -> int:
    """What the recording in a folder takes already; 0 where there is none."""
    stored = stored_manifest(folder) if tell_refusal(folder) is None and folder.is_dir() else None
    return sum(entry.bytes for entry in stored.files) if stored else 0


def _existing_parent(folder: Path) -> Path:
    return next(
        place
        for place in (folder.absolute(), *folder.absolute().parents)
        if tell_refusal(place) is None and place.exists()
    )


def _time_sample(model: Model, source: ImageSource, options: RecordOptions, plan: RecordPlan) -> float:
    """Seconds an image: decoding, and the second of two forwards."""
    positions = plan.indices[: min(16, options.batch_size)]
    began = time.perf_counter()
    batch = next(load_batches(source, [positions], model.preprocess, workers=options.workers))
    decoding = (time.perf_counter() - began) / len(positions)
    if batch.pixels is None:
        return math.nan
    with observing(model, options.precision):
        for _ in range(2):
            began = time.perf_counter()
            forward(model, batch.pixels)
            if model.device.type == "cuda":
                torch.cuda.synchronize(model.device)
            running = (time.perf_counter() - began) / len(batch.pixels)
    return decoding + running  # on shared cores the two do not overlap
