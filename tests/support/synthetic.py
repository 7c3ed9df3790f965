"""Seeded recordings with planted effects, written through the public writer, for the tests of all floors."""

import dataclasses
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.rows import RecordedBatch
from senet_viz.recording.writer import RecordingWriter
from senet_viz.schema import ClassTable, Gate, LabelMapping, Manifest

PAPER_BLOCKS: Mapping[str, int] = {"SE_2_3": 8, "SE_3_4": 8, "SE_4_6": 12, "SE_5_1": 16, "SE_5_2": 16, "SE_5_3": 16}
TOTAL_SD = 0.05


def make_gates(blocks: Mapping[str, int] | Sequence[int]) -> tuple[Gate, ...]:
    """Gates of given labels and channels, or of given channels alone (labelled SE_2_1, SE_2_2, …)."""
    if not isinstance(blocks, Mapping):
        blocks = {f"SE_2_{i + 1}": channels for i, channels in enumerate(blocks)}
    return tuple(
        Gate(
            name=f"layer{int(label.split('_')[1]) - 1}.{int(label.split('_')[2]) - 1}.se",
            label=label,
            stage=int(label.split("_")[1]),
            depth=depth,
            channels=channels,
            reduced_channels=max(1, channels // 16),
            family="synthetic",
            activation="sigmoid",
        )
        for depth, (label, channels) in enumerate(blocks.items())
    )


def make_manifest(
    gates: tuple[Gate, ...],
    *,
    n_classes: int,
    images: int,
    keep: str = "all",
    seed: int = 0,
    shard_size: int = 64,
    model: Mapping[str, Any] | None = None,
) -> Manifest:
    """A draft as the pipeline makes it."""
    names = tuple(f"class {k}" for k in range(n_classes))
    wnids = tuple(f"n{k:08d}" for k in range(n_classes))
    return Manifest(
        id=uuid.UUID(int=seed + 1).hex,
        model={"name": "synthetic", "source": "synthetic", "sha256": "0" * 64, "outputs": n_classes, **(model or {})},
        data={"name": "synthetic", "kind": "synthetic", "digest": f"{n_classes}x{images}", "images": images},
        gates=gates,
        classes=ClassTable(names, wnids),
        mapping=LabelMapping(tuple(range(n_classes)), "name"),
        preprocessing={"input_size": [3, 64, 64]},
        options={
            "batch_size": 16,
            "precision": "fp32",
            "limit": None,
            "keep": keep,
            "shard_size": shard_size,
            "seed": seed,
            "squeeze": False,
        },
        environment={"device": "cpu", "threads": 1},
    )


def planted_values(
    labels: NDArray[np.int32], channels: int, share: float, n_classes: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """(N, C) float32 in [0, 1] around .5 whose variance lies between classes by the given share.

    Class profiles are standardised over the classes, so that the share is exact in the population of K classes.
    """
    profiles = generator.normal(size=(n_classes, channels))
    if n_classes > 1:
        profiles = (profiles - profiles.mean(axis=0)) / profiles.std(axis=0)
    noise = generator.normal(size=(len(labels), channels))
    between = np.where(labels[:, None] >= 0, profiles[np.maximum(labels, 0)], 0.0) * np.sqrt(share)
    return np.clip(0.5 + TOTAL_SD * (between + np.sqrt(1 - share) * noise), 0, 1).astype(np.float32)


def synthetic_values(
    gates: tuple[Gate, ...], labels: NDArray[np.int32], *, n_classes: int, shares: Mapping[str, float], seed: int
) -> dict[str, NDArray[np.float32]]:
    """Gates of every block by name; blocks without a share in `shares` have .3."""
    generator = np.random.default_rng(seed)
    return {g.name: planted_values(labels, g.channels, shares.get(g.label, 0.3), n_classes, generator) for g in gates}


def make_batches(
    labels: NDArray[np.int32],
    values: Mapping[str, NDArray[np.float32]],
    kept: NDArray[np.bool_],
    *,
    batch_size: int = 16,
    shard_size: int = 64,
    first: int = 0,
    unreadable: Sequence[int] = (),
) -> Iterator[RecordedBatch]:
    """Batches from `first` on that end where shards end; some inputs can be unreadable."""
    start = first
    while start < len(labels):
        stop = min(start + batch_size, len(labels), (start // shard_size + 1) * shard_size)
        read = np.array([i for i in range(start, stop) if i not in unreadable], dtype=np.int64)
        truth = labels[read]
        yield RecordedBatch(
            sample_ids=[f"image-{i:06d}" for i in read],
            paths=[f"folder/image-{i:06d}.jpg" for i in read],
            labels=truth,
            output_labels=truth,
            predictions=np.where(read % 4 == 0, 0, np.maximum(truth, 0)).astype(np.int32),
            confidences=np.full(len(read), 0.5, dtype=np.float32),
            losses=np.where(truth >= 0, 1.0, np.nan).astype(np.float32),
            kept=kept[read],
            gates={name: array[read] for name, array in values.items()},
            squeezes={name: 4 * array[read] for name, array in values.items()},
            errors=[(f"folder/image-{i:06d}.jpg", "truncated") for i in range(start, stop) if i in unreadable],
            consumed=stop - start,
        )
        start = stop


def choose_keep(labels: NDArray[np.int32], keep: str) -> NDArray[np.bool_]:
    """ "all", "none" or the first N images of each class."""
    if keep in ("all", "none"):
        return np.full(len(labels), keep == "all")
    order = np.array([np.sum(labels[:i] == label) for i, label in enumerate(labels)])
    return order < int(keep)


def synthetic_recording(
    folder: Path,
    *,
    classes: int = 4,
    per_class: int = 20,
    blocks: Mapping[str, int] | Sequence[int] = PAPER_BLOCKS,
    keep: str = "all",
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
    unlabelled: int = 0,
    unreadable: Sequence[int] = (),
    keep_squeeze: bool = False,
    model: Mapping[str, Any] | None = None,
) -> Recording:
    """Write and open a complete recording with planted between-class shares.

    Args:
        folder: new.
        classes, per_class: K and images per class, in a shuffled order.
        blocks: channels by label, or channels alone.
        keep: whose gates are kept: "all", "none" or so many per class.
        shares: between-class share of variance by label; .3 where none is given.
        seed: of everything.
        unlabelled: further images without a label.
        unreadable: positions of inputs that could not be read.
        keep_squeeze: keep z (four times the gate) of kept images.
        model: entries of the manifest's model to replace, e.g. {"seed": 1}.
    """
    gates = make_gates(blocks)
    labels = np.repeat(np.arange(classes, dtype=np.int32), per_class)
    labels = np.concatenate([labels, np.full(unlabelled, -1, dtype=np.int32)])
    labels = np.random.default_rng(1000).permutation(labels)
    values = synthetic_values(gates, labels, n_classes=classes, shares=shares or {}, seed=seed)
    draft = make_manifest(gates, n_classes=classes, images=len(labels), keep=keep, seed=seed, model=model)
    draft = dataclasses.replace(draft, options={**draft.options, "squeeze": keep_squeeze})
    with RecordingWriter(folder, draft, keep_squeeze=keep_squeeze) as writer:
        for batch in make_batches(labels, values, choose_keep(labels, keep), unreadable=unreadable):
            writer.append(batch)
        writer.finish(throughput={"images": len(labels), "seconds": 1.0, "images_per_second": float(len(labels))})
    return open_recording(folder)


def unlabelled_recording(folder: Path, *, images: int = 12, channels: int = 3) -> Recording:
    """A complete recording of images without labels, all gates kept: no class at all."""
    gates = make_gates([channels])
    labels = np.full(images, -1, dtype=np.int32)
    values = {gates[0].name: np.random.default_rng(0).uniform(size=(images, channels)).astype(np.float32)}
    with RecordingWriter(folder, make_manifest(gates, n_classes=0, images=images)) as writer:
        for batch in make_batches(labels, values, choose_keep(labels, "all")):
            writer.append(batch)
        writer.finish(throughput={"images": images, "seconds": 1.0, "images_per_second": float(images)})
    return open_recording(folder)
