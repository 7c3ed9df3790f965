"""Writes a synthetic recording of ImageNet's size: what `assess` must carry.

    python benchmarks/make_big_recording.py --out runs/big

50,000 images of 1,000 classes and the 16 blocks of SE-ResNet-50 (15,104 channels): class profiles that take a larger part
of a gate's variance with depth, but for the last two blocks, and noise within classes. Written batch by batch through the
recording's own writer, so that memory holds its moments and one batch; about 1.5 GB on disk.
"""

import argparse
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording import RecordedBatch, RecordingWriter
from senet_viz.schema import ClassTable, Gate, LabelMapping, Manifest

BLOCKS_OF_STAGES, WIDTHS = (3, 4, 6, 3), (256, 512, 1024, 2048)
BATCH, SHARD = 250, 5000
WITHIN_SD = 0.05
Arrays = dict[str, NDArray[np.float32]]


def make_gates() -> tuple[Gate, ...]:
    """The gates of SE-ResNet-50."""
    places = [(stage, block) for stage, blocks in enumerate(BLOCKS_OF_STAGES) for block in range(blocks)]
    return tuple(
        Gate(
            name=f"layer{stage + 1}.{block}.se",
            label=f"SE_{stage + 2}_{block + 1}",
            stage=stage + 2,
            depth=depth,
            channels=WIDTHS[stage],
            reduced_channels=WIDTHS[stage] // 16,
            family="synthetic",
            activation="sigmoid",
        )
        for depth, (stage, block) in enumerate(places)
    )


def make_manifest(gates: tuple[Gate, ...], classes: int, images: int, seed: int) -> Manifest:
    """A draft as recording makes it."""
    return Manifest(
        id=uuid.UUID(int=seed + 1).hex,
        model={"name": "synthetic", "source": "synthetic", "sha256": "0" * 64, "outputs": classes},
        data={"name": "synthetic", "kind": "synthetic", "digest": f"{classes}x{images}", "images": images},
        gates=gates,
        classes=ClassTable(tuple(f"class {k}" for k in range(classes)), tuple(f"n{k:08d}" for k in range(classes))),
        mapping=LabelMapping(tuple(range(classes)), "name"),
        preprocessing={"input_size": [3, 224, 224]},
        options={
            "batch_size": BATCH, "precision": "fp32", "limit": None, "keep": "all", "shard_size": SHARD, "seed": seed,
            "squeeze": False,
        },
        environment={"device": "cpu", "threads": 1},
    )  # fmt: skip


def plant_profiles(gates: tuple[Gate, ...], classes: int, generator: np.random.Generator) -> Arrays:
    """Each block's deviations of the class means from the mean, (K, C), in units of s."""
    profiles = {}
    for gate in gates:
        share = 0.05 if gate.depth >= len(gates) - 2 else 0.05 + 0.4 * gate.depth / len(gates)
        spread = WITHIN_SD * np.sqrt(share / (1 - share))
        profiles[gate.name] = spread * generator.standard_normal((classes, gate.channels), dtype=np.float32)
    return profiles


def make_batches(
    labels: NDArray[np.int32], profiles: Arrays, generator: np.random.Generator
) -> Iterator[RecordedBatch]:
    """Every image once; a third of them are misclassified."""
    for start in range(0, len(labels), BATCH):
        truth = labels[start : start + BATCH]
        gates = {
            name: np.clip(
                0.5 + profile[truth] + WITHIN_SD * generator.standard_normal((len(truth), profile.shape[1]), np.float32),
                0, 1,
            )
            for name, profile in profiles.items()
        }  # fmt: skip
        wrong = generator.random(len(truth)) < 1 / 3
        yield RecordedBatch(
            sample_ids=[f"image-{i:06d}" for i in range(start, start + len(truth))],
            paths=[f"image-{i:06d}.jpg" for i in range(start, start + len(truth))],
            labels=truth,
            output_labels=truth,
            predictions=np.where(wrong, (truth + 1) % len(np.unique(labels)), truth).astype(np.int32),
            confidences=np.full(len(truth), 0.5, dtype=np.float32),
            losses=np.ones(len(truth), dtype=np.float32),
            kept=np.ones(len(truth), dtype=bool),
            gates=gates,
            squeezes={name: 4 * values for name, values in gates.items()},
            errors=[],
            consumed=len(truth),
        )


def write_recording(folder: Path, *, classes: int, per_class: int, seed: int) -> None:
    """A complete recording, all gates kept."""
    generator = np.random.default_rng(seed)
    gates = make_gates()
    labels = generator.permutation(np.repeat(np.arange(classes, dtype=np.int32), per_class))
    profiles = plant_profiles(gates, classes, generator)
    with RecordingWriter(folder, make_manifest(gates, classes, len(labels), seed)) as writer:
        for number, batch in enumerate(make_batches(labels, profiles, generator), start=1):
            writer.append(batch)
            if number * BATCH % SHARD == 0:
                print(f"{number * BATCH:,} of {len(labels):,} images", file=sys.stderr, flush=True)
        writer.finish(throughput={"images": len(labels), "seconds": 1.0, "images_per_second": float(len(labels))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the recording")
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--per-class", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write_recording(arguments.out, classes=arguments.classes, per_class=arguments.per_class, seed=arguments.seed)


if __name__ == "__main__":
    main()
