"""What a recording will consist of and take, settled before it starts."""

import dataclasses
import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import RecordingError, SourceError
from senet_viz.images.labels import map_labels, name_classes
from senet_viz.images.opening import open_images
from senet_viz.images.source import ImageSource, choose_indices, choose_kept
from senet_viz.models.zoo import Model
from senet_viz.paths import expand_home, explain_refusal
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.writer import stored_manifest
from senet_viz.schema import HISTOGRAM_BINS, ClassTable, LabelMapping
from senet_viz.workflows.engine import Rows
from senet_viz.workflows.job import JobEstimate, cut, existing_parent, free_bytes, recorded_bytes, warm_up

BATCH_SIZES = {False: 16, True: 64}  # on a GPU?
MAX_MOMENT_BYTES = 2 * 1024**3


def settle_batch_size(options: RecordOptions, model: Model, folder: Path) -> RecordOptions:
    """Options with a batch size: what was given, or what the recording in the folder was begun with, or what suits the device.

    On a CPU the feature maps of 64 large images are so large that getting memory for them takes longer than what more images
    a forward save (`benchmarks/peers.py` has the loop with either); on a GPU more images keep it busy.
    """
    if options.batch_size is not None:
        return options
    stored = stored_manifest(folder) if explain_refusal(folder) is None and folder.is_dir() else None
    begun_with = stored.options.get("batch_size") if stored else None
    size = int(begun_with) if begun_with else BATCH_SIZES[model.device.type == "cuda"]
    return dataclasses.replace(options, batch_size=size)


def open_source(images: ImageSource | str | Path, **columns: str) -> ImageSource:
    """A source with at least one image; columns as for `open_images`.

    Raises:
        SourceError: it holds none, or can not be read.
    """
    source = open_images(images, **columns) if isinstance(images, (str, Path)) else images
    if not len(source):
        raise SourceError(f"{source.name} holds no image: give a folder, Parquet, tar or CSV with images.")
    return source


def map_to_outputs(model: Model, source: ImageSource, label_map: Path | None = None) -> tuple[LabelMapping, ClassTable]:
    """Which output of the network each class of a source is, and the classes' names for people; raises as `map_labels`."""
    outputs = model.classes or None
    mapping = map_labels(source.classes, source.label_kind, outputs, model.outputs, label_map=label_map)
    return mapping, name_classes(source.classes, mapping, outputs)


def estimate_recording(model: Model, source: ImageSource, options: RecordOptions, folder: Path) -> JobEstimate:
    """Disk, memory and time of a recording; time from decoding and two forwards of up to 16 images."""
    plan = RecordPlan.make(source, options)
    warm = warm_up(
        model, source, plan.indices[:16], batch_size=options.settled_batch_size, workers=options.workers,
        precision=options.precision,
    )  # fmt: skip
    seconds = (warm.decoding + warm.running) * len(plan.indices)  # on shared cores the two do not overlap
    return size_recording(model, source, plan, options, folder)._replace(seconds=seconds)


def size_recording(
    model: Model, source: ImageSource, plan: "RecordPlan", options: RecordOptions, folder: Path
) -> JobEstimate:
    """Disk and memory of a recording; its seconds are not known yet, NaN."""
    channels = sum(gate.channels for gate in model.gates)
    classes = len(source.classes) + 1
    per_channel = 40 * classes + 2 * 8 * (HISTOGRAM_BINS + 2)
    moments = channels * per_channel
    kept_bytes = int(plan.kept.sum()) * channels * 2 * (2 if options.squeeze else 1)
    batch_bytes = options.settled_batch_size * (math.prod(model.preprocess.shape) + 2 * channels) * 4
    open_shard = min(kept_bytes, options.shard_size * channels * 2 * (2 if options.squeeze else 1))
    return JobEstimate(
        images=len(plan.indices),
        kept=int(plan.kept.sum()),
        moment_bytes=moments,
        disk_bytes=moments + kept_bytes + 120 * len(plan.indices),
        present_bytes=recorded_bytes(folder),
        free_bytes=free_bytes(folder),
        memory_bytes=2 * moments + 6 * batch_bytes + 2 * open_shard + 16 * len(source),
        forwards=len(plan.indices),
        whole_forwards=float(len(plan.indices)),
        seconds=math.nan,
    )


class RecordPlan(NamedTuple):
    indices: NDArray[np.int64]
    kept: NDArray[np.bool_]

    @classmethod
    def make(cls, source: ImageSource, options: RecordOptions) -> "RecordPlan":
        indices = choose_indices(source.labels, limit=options.limit, seed=options.seed)
        return cls(indices, choose_kept(source.labels[indices], keep=options.keep, seed=options.seed))

    def batches(self, options: RecordOptions, consumed: int) -> Iterator[Rows]:
        """Positions of each batch in the plan, from the `consumed`-th image on."""
        places = np.arange(len(self.indices))
        return cut(places, batch_size=options.settled_batch_size, shard_size=options.shard_size, first=consumed)

    def keeps(self, chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these source indices have their gates kept."""
        return self.kept[np.searchsorted(self.indices, chosen)]


def check_room(estimate: JobEstimate, classes: ClassTable) -> None:
    """Refuses moments that are too many, and a disk that is too small (RecordingError)."""
    if estimate.moment_bytes > MAX_MOMENT_BYTES:
        raise RecordingError(
            f"The class moments of {len(classes)} classes would take {estimate.moment_bytes / 1e9:.1f} GB, over the "
            f"limit of {MAX_MOMENT_BYTES / 1e9:.1f} GB: group the labels into fewer classes (a CSV of path,label)."
        )
    estimate.check_room("The recording", "use --keep none or a number per class, --limit, or another disk.")


def _check_place(folder: Path) -> None:
    place = existing_parent(folder)
    if not place.is_dir():
        raise RecordingError(f"{place} is a file: give a folder.")
    if explain_refusal(folder) or not os.access(place, os.W_OK | os.X_OK):
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
    mapping, classes = map_to_outputs(model, open_source(source), options.label_map)
    options = settle_batch_size(options, model, expand_home(folder))
    estimate = estimate_recording(model, source, options, expand_home(folder))
    labels = source.labels[RecordPlan.make(source, options).indices]
    counts = np.bincount(labels[labels >= 0], minlength=len(source.classes))
    problem: str | None = None
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
        "outputs": [{"name": name, "key": key} for name, key in zip(model.classes.names, _keys(model.classes))]
        or [{"name": None, "key": str(index)} for index in range(model.outputs)],
        "notes": [*model.notes, *source.notes],
    }


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
