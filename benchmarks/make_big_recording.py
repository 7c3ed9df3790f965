"""Writes a synthetic recording of ImageNet's size: what `assess` and the pages must carry.

    python benchmarks/make_big_recording.py --out runs/big
    python benchmarks/make_big_recording.py --out runs/train --per-class 1280 --keep 50     as large as the training set

50,000 images of 1,000 classes and the 16 blocks of SE-ResNet-50 (15,104 channels): class profiles that take a larger part
of a gate's variance with depth, but for the last two blocks, and noise within classes. The gates are drawn and no network
is run; the manifest names this package's SE-ResNet-50 with random weights, which has these blocks, so that the pages that
run a network can be opened on it. Written batch by batch through the recording's own writer, so that memory holds its
moments and one batch; about 2.5 GB on disk, with all gates kept or with 50 images of a class.
"""

import argparse
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from senet_viz.images.decoding import DECODER
from senet_viz.images.source import choose_kept
from senet_viz.models.zoo import Model, load_model
from senet_viz.recording.rows import RecordedBatch
from senet_viz.recording.writer import RecordingWriter
from senet_viz.schema import ClassTable, Gate, LabelMapping, Manifest

NETWORK = "senet_viz:se_resnet50"
BATCH, SHARD = 250, 5000
WITHIN_SD = 0.05
MISTAKEN_FOR = 8  # classes that a class is mistaken for, by turns less often
Arrays = dict[str, NDArray[np.float32]]


def make_manifest(model: Model, classes: int, images: int, seed: int, *, keep: str = "all") -> Manifest:
    """A draft as recording makes it."""
    return Manifest(
        id=uuid.UUID(int=seed + 1).hex,
        model={
            "name": model.name, "source": model.source, "weights": model.weights, "seed": model.seed,
            "sha256": model.sha256, "outputs": model.outputs, "output_names": [], "output_wnids": [],
        },
        data={"name": "synthetic", "kind": "synthetic", "digest": f"{classes}x{images}", "images": images},
        gates=model.gates,
        classes=ClassTable(tuple(f"class {k}" for k in range(classes)), tuple(f"n{k:08d}" for k in range(classes))),
        mapping=LabelMapping(tuple(range(classes)), "name"),
        preprocessing={**model.preprocess.to_json(), "decoder": DECODER},
        options={
            "batch_size": BATCH, "precision": "fp32", "limit": None, "keep": keep, "shard_size": SHARD, "seed": seed,
            "squeeze": False,
        },
        environment={"device": "cpu", "threads": 1},
        notes=("Synthetic: the gates were drawn, not computed by the network that is named.",),
    )  # fmt: skip


def plant_profiles(gates: tuple[Gate, ...], classes: int, generator: np.random.Generator) -> Arrays:
    """Each block's deviations of the class means from the mean, (K, C), in units of s."""
    profiles = {}
    for gate in gates:
        share = 0.05 if gate.depth >= len(gates) - 2 else 0.05 + 0.4 * gate.depth / len(gates)
        spread = np.float32(WITHIN_SD * np.sqrt(share / (1 - share)))
        profiles[gate.name] = spread * generator.standard_normal((classes, gate.channels), dtype=np.float32)
    return profiles


def make_batches(
    labels: NDArray[np.int32], profiles: Arrays, generator: np.random.Generator, kept: NDArray[np.bool_] | None = None
) -> Iterator[RecordedBatch]:
    """Every image once, all kept unless told; a third of them are misclassified, as one of the next few classes."""
    mistakes, classes = np.random.default_rng([len(labels), 1]), len(np.unique(labels))
    for start in range(0, len(labels), BATCH):
        truth = labels[start : start + BATCH]
        gates = {
            name: np.clip(
                0.5 + profile[truth] + WITHIN_SD * generator.standard_normal((len(truth), profile.shape[1]), np.float32),
                0, 1,
            )
            for name, profile in profiles.items()
        }  # fmt: skip
        wrong = mistakes.random(len(truth)) < 1 / 3
        steps = np.minimum(mistakes.geometric(1 / 3, len(truth)), min(MISTAKEN_FOR, max(1, classes - 1)))
        yield RecordedBatch(
            sample_ids=[f"image-{i:06d}" for i in range(start, start + len(truth))],
            paths=[f"image-{i:06d}.jpg" for i in range(start, start + len(truth))],
            labels=truth,
            output_labels=truth,
            predictions=np.where(wrong, (truth + steps) % classes, truth).astype(np.int32),
            confidences=np.full(len(truth), 0.5, dtype=np.float32),
            losses=np.ones(len(truth), dtype=np.float32),
            kept=np.ones(len(truth), dtype=bool) if kept is None else kept[start : start + BATCH],
            gates=gates,
            squeezes={name: 4 * values for name, values in gates.items()},
            errors=[],
            consumed=len(truth),
        )


def write_recording(folder: Path, *, classes: int, per_class: int, keep: str, seed: int) -> None:
    """A complete recording."""
    generator = np.random.default_rng(seed)
    model = load_model(NETWORK, weights="random", seed=0, device="cpu")
    if classes > model.outputs:
        raise SystemExit(f"{NETWORK} has {model.outputs} outputs: give as many classes at most.")
    labels = generator.permutation(np.repeat(np.arange(classes, dtype=np.int32), per_class))
    kept = choose_kept(labels, keep=keep, seed=seed)
    profiles = plant_profiles(model.gates, classes, generator)
    draft = make_manifest(model, classes, len(labels), seed, keep=keep)
    with RecordingWriter(folder, draft) as writer:
        for number, batch in enumerate(make_batches(labels, profiles, generator, kept), start=1):
            writer.append(batch)
            if number * BATCH % SHARD == 0:
                print(f"{number * BATCH:,} of {len(labels):,} images", file=sys.stderr, flush=True)
        writer.finish(throughput={"images": len(labels), "seconds": 1.0, "images_per_second": float(len(labels))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the recording")
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--per-class", type=int, default=50)
    parser.add_argument(
        "--keep", default="all", help="whose gates are kept: all, none, or a number of images of each class"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write_recording(
        arguments.out,
        classes=arguments.classes,
        per_class=arguments.per_class,
        keep=arguments.keep,
        seed=arguments.seed,
    )


if __name__ == "__main__":
    main()
