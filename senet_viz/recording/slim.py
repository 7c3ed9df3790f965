"""The slim form: one small recording for sharing, made from a full one."""

import contextlib
import dataclasses
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.paths import expand_home, name_beside
from senet_viz.recording.files import (
    as_recording_errors,
    replace_json,
    sync_folder,
    write_lines,
    write_table,
    write_tensors,
)
from senet_viz.recording.layout import MANIFEST, Quantity, gates_schema, shard_name
from senet_viz.recording.moments import Channels, Moments
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.tensors import CLASS_BINS, UNLABELLED_M2, describe, histogram_column, named_rows
from senet_viz.recording.writer import stored_manifest
from senet_viz.schema import FileEntry, Gate, Manifest

FILE_LIMIT = 60_000_000
_AIM = 50_000_000
_DENSE = 9  # zstd: a fifth smaller than level 1 and still a second or two
_SAMPLES_PER_FILE = 200_000


def slim_recording(
    recording: Recording,
    out: str | Path,
    *,
    controls: Sequence[Recording] = (),
    per_class: int = 5,
    seed: int = 0,
) -> Recording:
    """Make the small form of a full recording.

    Kept: all samples; s as mean and m2 in float32, min and max in float16, exact counts and block histograms;
    histograms per class of 32 bins, where the gates of all images are kept; the gates of a few images per class;
    z and the controls as class means in float16 and SSW in float32.

    Args:
        recording: complete and full.
        out: a new or empty folder.
        controls: recordings of the same images by other networks of the same blocks, e.g. with random weights.
        per_class: at most so many images of each class keep their gates, chosen at random.
        seed: of that choice.

    Raises:
        ArgumentError: not a complete full recording, or controls of other images or blocks.
        RecordingError: `out` is not empty or can not be written, or a file would exceed 60 MB.
    """
    folder = expand_home(out)
    _check(recording, controls, per_class)
    with as_recording_errors(f"Writing {folder}", "Give a folder that can be written."):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            taken = "exists and is not empty"
            with contextlib.suppress(RecordingError):
                made = stored_manifest(folder) if folder.is_dir() else None
                if made is not None and _say_source(recording.id, per_class) in made.notes:
                    taken = "holds a slim form of this recording already"
            raise RecordingError(f"{folder} {taken}: give another folder.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = name_beside(folder)
        building.mkdir()
        try:
            _write(recording, building, controls, per_class, seed)
            if folder.exists():
                folder.rmdir()
            building.rename(folder)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        sync_folder(folder.parent)
    return open_recording(folder)


def _write(recording: Recording, folder: Path, controls: Sequence[Recording], per_class: int, seed: int) -> None:
    kept = choose_rows(recording.kept_samples["label"].to_numpy(), per_class, seed)
    files = [
        *_write_samples(recording, folder),
        *_write_gates(recording, folder, kept),
        *_write_moments(recording, folder),
        *_write_histograms(recording, folder),
    ]
    for index, control in enumerate(controls):
        files += _write_control(control, folder, index)
    for entry in files:
        if entry.bytes > FILE_LIMIT:
            raise RecordingError(
                f"{entry.name} would have {entry.bytes / 1e6:.0f} MB, at most {FILE_LIMIT / 1e6:.0f} MB are meant to be "
                "shared: keep fewer images or group the classes."
            )
    replace_json(folder, MANIFEST, _manifest(recording, files, len(kept), per_class).to_json(), sealed=True)


def _check(recording: Recording, controls: Sequence[Recording], per_class: int) -> None:
    if recording.form != "full" or not recording.complete:
        raise ArgumentError(f"{recording.path} is not a complete full recording: finish it, or take the full one.")
    if per_class < 0:
        raise ArgumentError(f"{per_class} images per class can not be kept: give 0 or more.")
    blocks = [(g.name, g.channels) for g in recording.blocks]
    for control in controls:
        if not control.complete or control.form != "full":
            raise ArgumentError(f"The control {control.path} is not a complete full recording: finish it first.")
        same_source = control.manifest.data.get("digest") == recording.manifest.data.get("digest")
        if not same_source or not control.samples["sample_id"].equals(recording.samples["sample_id"]):
            raise ArgumentError(
                f"The control {control.path} is of other images than {recording.path}: record it on them."
            )
        if [(g.name, g.channels) for g in control.blocks] != blocks or control.classes.keys != recording.classes.keys:
            raise ArgumentError(f"The control {control.path} has other blocks or classes than {recording.path}.")


def choose_rows(labels: NDArray[np.int32], per_class: int, seed: int) -> NDArray[np.int64]:
    """At most `per_class` rows of each class, and of the unlabelled, sorted."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    chosen = [order[labels[order] == label][:per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *chosen]))


def _say_source(name: str, per_class: int) -> str:
    return f"Slim form of the recording {name}: gates of at most {per_class} images per class are kept."


def _manifest(recording: Recording, files: Sequence[FileEntry], kept: int, per_class: int) -> Manifest:
    source = recording.manifest
    notes = [*source.notes, _say_source(source.id, per_class)]
    if not recording.keeps_all:
        notes.append("Histograms per class are left out, because the full recording did not keep all gates.")
    return dataclasses.replace(
        source,
        id=uuid.uuid4().hex,
        form="slim",
        files=tuple(files),
        options={**source.options, "keep": str(per_class), "squeeze": False},
        progress={**source.progress, "kept": kept},
        notes=tuple(notes),
    )


def _write_samples(recording: Recording, folder: Path) -> Iterator[FileEntry]:
    table = recording.samples
    for index, start in enumerate(range(0, table.num_rows, _SAMPLES_PER_FILE)):
        name = shard_name("samples", index, "parquet")
        yield write_table(folder, name, "samples", table.slice(start, _SAMPLES_PER_FILE))
    if recording.errors:
        yield write_lines(folder, shard_name("errors", 0, "jsonl"), "errors", list(recording.errors))


def _write_gates(recording: Recording, folder: Path, rows: NDArray[np.int64]) -> Iterator[FileEntry]:
    """Files of so many rows that none becomes too large."""
    if not len(rows):
        return
    ids = recording.kept_samples["sample_id"].take(pa.array(rows)).combine_chunks()
    kept = {g.name: recording.gates(g.name)[rows] for g in recording.blocks}
    schema = gates_schema(recording.blocks, squeeze=False)
    step = max(1, _AIM // (2 * sum(g.channels for g in recording.blocks)))
    for index, start in enumerate(range(0, len(rows), step)):
        part = slice(start, start + step)
        columns = {"sample_id": ids[part]}
        for name, values in kept.items():
            flat = pa.array(np.ascontiguousarray(values[part]).reshape(-1), pa.float16())
            columns[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
        yield write_table(folder, shard_name("gates", index, "parquet"), "gates", pa.table(columns, schema=schema))


def _groups(gates: Sequence[Gate], bytes_per_channel: int) -> Iterator[list[Gate]]:
    """Consecutive blocks that fit a file together."""
    group: list[Gate] = []
    size = 0
    for gate in gates:
        added = gate.channels * bytes_per_channel
        if group and size + added > _AIM:
            yield group
            group, size = [], 0
        group.append(gate)
        size += added
    if group:
        yield group


def _write_moments(recording: Recording, folder: Path) -> Iterator[FileEntry]:
    bytes_per_channel = 14 * (len(recording.classes) + 1) + 8 * 66
    for index, group in enumerate(_groups(recording.blocks, bytes_per_channel)):
        tensors, about = _gather(recording, group, _wide)
        yield write_tensors(folder, f"moments-{index:05d}.safetensors", "moments", tensors, about)


def _write_control(control: Recording, folder: Path, index: int) -> Iterator[FileEntry]:
    model = control.manifest.model
    seed = model.get("seed")
    about = {"name": str(model.get("name", "")), "seed": "" if seed is None else str(seed), "id": control.id}
    for number, group in enumerate(_groups(control.blocks, 4 * (len(control.classes) + 1))):
        tensors, blocks = _gather(control, group, _narrow)
        name = f"control-{index:05d}-{number:05d}.safetensors"
        yield write_tensors(folder, name, "control", tensors, {**blocks, **about})


Arrays = dict[str, NDArray[Any]]


def _gather(
    recording: Recording, group: Sequence[Gate], keep: Callable[[Moments], Arrays]
) -> tuple[Arrays, dict[str, str]]:
    """Tensors of some blocks' gates, as `keep` has them, and of their z; and the metadata that says which they are."""
    tensors = named_rows("gate", _side_by_side([keep(recording.moments(g.name)) for g in group]))
    channels: dict[Quantity, Channels] = {"gate": Channels.of_gates(group)}
    if having := [g for g in group if g.squeeze_missing is None]:
        squeezes = [_narrow(recording.moments(g.name, "squeeze")) for g in having]
        tensors |= named_rows("squeeze", _side_by_side(squeezes))
        channels["squeeze"] = Channels.of_squeezes(group)
    return tensors, describe(channels)


def _wide(moments: Moments) -> Arrays:
    """Gates of the recording itself: all statistics, K + 1 rows."""
    rest = moments.unlabelled
    width = moments.mean.shape[1]
    arrays: Arrays = {"count": _append(moments.count, rest.count if rest else np.zeros(1))}
    for key, kind in (("mean", np.float32), ("m2", np.float32), ("min", np.float16), ("max", np.float16)):
        last = getattr(rest, key) if rest else np.zeros((1, width))
        arrays[key] = _append(np.nan_to_num(getattr(moments, key)), last).astype(kind)
    largest = np.iinfo(np.int32).max
    histogram = np.asarray(moments.histogram)
    arrays["histogram"] = histogram if histogram.max(initial=0) > largest else histogram.astype(np.int32)
    return arrays


def _narrow(moments: Moments) -> Arrays:
    """z and controls: class means in half precision and SSW; m2 of the unlabelled images alone."""
    rest = moments.unlabelled
    nothing = np.zeros((1, moments.mean.shape[1]))
    means = _append(np.nan_to_num(moments.mean), rest.mean if rest else nothing)
    if np.abs(means).max(initial=0) > np.finfo(np.float16).max:
        raise RecordingError(
            "Class means of the squeeze exceed half precision (65504): they can not be kept in a slim form."
        )
    return {
        "count": _append(moments.count, rest.count if rest else np.zeros(1)),
        "mean": means.astype(np.float16),
        UNLABELLED_M2: np.asarray(rest.m2 if rest else nothing).astype(np.float32),
        "within": moments.ssw.astype(np.float32),
    }


def _append(rows: NDArray[Any], last: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([rows, last.astype(rows.dtype)])


def _side_by_side(parts: Sequence[Arrays]) -> Arrays:
    axes = {key: 0 if key in ("histogram", "within") else 1 for key in parts[0] if key != "count"}
    joined = {key: np.concatenate([part[key] for part in parts], axis=axis) for key, axis in axes.items()}
    return {"count": parts[0]["count"], **joined}


def _write_histograms(recording: Recording, folder: Path) -> Iterator[FileEntry]:
    if not recording.keeps_all or not len(recording.classes):
        return
    for index, group in enumerate(_groups(recording.blocks, CLASS_BINS * len(recording.classes))):
        columns = {g.name: histogram_column(recording.class_histogram(g.name)) for g in group}
        yield write_table(
            folder, shard_name("histograms", index, "parquet"), "histograms", pa.table(columns), level=_DENSE
        )
