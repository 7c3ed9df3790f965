"""What an image costs on its way to a recording, and how many images a second the one writer takes.

    python benchmarks/scaling.py

Each part runs in a process of its own, and `--only PART` repeats some of them. Processor seconds are given beside the clock,
because other work on the machine slows the clock alone; `load` is the machine's load average before and after a part.

decode: a JPEG of 500×375 pixels and about 110 kB, on one core. forward: SE-ResNet-50 at 224 px. sizes: bytes of an image from a worker
to the writer, and on disk, the latter of real gates too where `--data` names images for the bundled network. writer:
`RecordingWriter.append` alone, fed with drawn gates of 15,104 channels and 1,000 classes. commit: the moments, and a manifest
that lists the shards of 1.28 million images. ray: this process and Ray's workers on the same images, taking turns.
gpu, only where it is asked for: threads that decode for a GPU, and Ray's workers that share it.
"""

import argparse
import dataclasses
import io
import json
import multiprocessing
import os
import pickle
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]
import torch
from make_big_recording import NETWORK, make_batches, make_manifest, plant_profiles
from PIL import Image

from senet_viz import load_model, open_images, record
from senet_viz.models.environment import describe_environment
from senet_viz.models.forward import forward, observing
from senet_viz.models.memory import keep_freed_memory
from senet_viz.models.zoo import Model
from senet_viz.recording.files import replace_json
from senet_viz.recording.moments import Channels, ClassMoments
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.rows import RecordedBatch
from senet_viz.recording.tensors import save_moments
from senet_viz.recording.writer import RecordingWriter
from senet_viz.schema import FileEntry
from senet_viz.workflows.engine import LOCAL, Engine
from senet_viz.workflows.job import JobProgress
from senet_viz.workflows.ray_engine import RayEngine

JPEG_BYTES = 110_000
CLASSES, TRAIN_IMAGES, SHARD = 1000, 1_281_167, 5000
RESULTS = Path(__file__).parent / "results" / "scaling.json"
Found = dict[str, Any]


def draw_jpeg(seed: int) -> bytes:
    """A picture with coarse and fine structure, 500×375, in the quality that comes nearest to 110 kB."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((500, 375))
    noisy = np.asarray(coarse, dtype=np.float32) + 18 * generator.standard_normal((375, 500, 3), dtype=np.float32)
    picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    coded = []
    for quality in range(72, 97, 4):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        coded.append(buffer.getvalue())
    return min(coded, key=lambda data: abs(len(data) - JPEG_BYTES))


def write_images(folder: Path, count: int) -> Path:
    """Pictures of four classes; after the first 256 they repeat."""
    drawn = [draw_jpeg(seed) for seed in range(min(count, 256))]
    for index in range(count):
        place = folder / f"class-{index % 4}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{index:05d}.jpg").write_bytes(drawn[index % len(drawn)])
    return folder


def se_resnet50() -> Model:
    return load_model(NETWORK, weights="random", seed=0, device="cpu")


def clocks(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock and of all processors of a call."""
    began, busy = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - began, time.process_time() - busy


def peak_megabytes() -> float:
    """Of this process."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0)


def measure_decode(arguments: argparse.Namespace) -> Found:
    """Milliseconds of one core for each image: decoded, and decoded and preprocessed; the median of five rounds."""
    del arguments
    torch.set_num_threads(1)
    model, count = se_resnet50(), 64
    with tempfile.TemporaryDirectory() as folder:
        source = open_images(write_images(Path(folder), count))
        size = sum((Path(source.path(i)).stat().st_size) for i in range(count)) / count
        rounds = [
            (
                clocks(lambda: [source.load(i) for i in range(count)])[1] / count,
                clocks(lambda: [model.preprocess(source.load(i)) for i in range(count)])[1] / count,
            )
            for _ in range(6)
        ][1:]
    decoded, prepared = (statistics.median(values) for values in zip(*rounds))
    return {
        "jpeg_bytes": round(size),
        "decode_ms": round(1e3 * decoded, 2),
        "decode_and_preprocess_ms": round(1e3 * prepared, 2),
    }


def measure_forward(arguments: argparse.Namespace) -> Found:
    """Milliseconds for each image, by the clock and of all processors, with one thread and with all."""
    del arguments
    keep_freed_memory()
    model, batch = se_resnet50(), 32
    pixels = torch.rand(batch, *model.preprocess.shape)
    found: Found = {"network": NETWORK, "side": int(pixels.shape[-1]), "batch_size": batch}
    for threads in sorted({1, len(os.sched_getaffinity(0))}):
        torch.set_num_threads(threads)
        with observing(model, "fp32"):
            rounds = [clocks(lambda: forward(model, pixels)) for _ in range(7)][1:]
        clock, busy = (1e3 * min(values) / batch for values in zip(*rounds))
        found[f"threads_{threads}"] = {"clock_ms": round(clock, 1), "processor_ms": round(busy, 1)}
    return found


class Drawn:
    """Batches of drawn gates in the shape of SE-ResNet-50's, the same few over and over."""

    batch_size = 50

    def __init__(self, images: int) -> None:
        self.model, self.images = se_resnet50(), images
        generator = np.random.default_rng(0)
        labels = generator.integers(0, CLASSES, 500, dtype=np.int32)
        labels[:CLASSES] = generator.permutation(CLASSES).astype(np.int32)[: len(labels)]
        profiles = plant_profiles(self.model.gates, CLASSES, generator)
        whole = next(iter(make_batches(labels[:250], profiles, generator)))
        self.few = [_rows(whole, slice(at, at + self.batch_size)) for at in range(0, 250, self.batch_size)]

    def batches(self, *, keep: bool) -> Iterator[RecordedBatch]:
        """As many as there are images, with labels in random order and ids of their own."""
        generator = np.random.default_rng(1)
        for start in range(0, self.images, self.batch_size):
            names = [f"n01234567/n01234567_{i:08d}.JPEG" for i in range(start, start + self.batch_size)]
            labels = generator.integers(0, CLASSES, self.batch_size, dtype=np.int32)
            kept = np.full(self.batch_size, keep)
            few = self.few[start // self.batch_size % len(self.few)]
            yield dataclasses.replace(
                few, sample_ids=names, paths=names, labels=labels, output_labels=labels, kept=kept
            )

    def writer(self, folder: Path, *, squeeze: bool = False) -> RecordingWriter:
        """Of a recording that commits at its end only."""
        draft = make_manifest(self.model, CLASSES, self.images, 0)
        draft = dataclasses.replace(draft, options={**draft.options, "squeeze": squeeze})
        return RecordingWriter(folder, draft, keep_squeeze=squeeze, commit_seconds=1e9, commit_images=10**9)


def _rows(batch: RecordedBatch, rows: slice) -> RecordedBatch:
    """Some images of a batch in which all were read, in single precision as a network's are."""
    return dataclasses.replace(
        batch,
        sample_ids=batch.sample_ids[rows],
        paths=batch.paths[rows],
        labels=batch.labels[rows],
        output_labels=batch.output_labels[rows],
        predictions=batch.predictions[rows],
        confidences=batch.confidences[rows],
        losses=batch.losses[rows],
        kept=batch.kept[rows],
        gates={name: values[rows].astype(np.float32) for name, values in batch.gates.items()},
        squeezes={name: values[rows].astype(np.float32) for name, values in batch.squeezes.items()},
        consumed=len(batch.paths[rows]),
    )


def folder_bytes(folder: Path, role: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(f"{role}-*.parquet"))


def measure_sizes(arguments: argparse.Namespace) -> Found:
    """Bytes of an image from a worker to the writer; in the files, of the bundled network, whose gates are real."""
    drawn = Drawn(SHARD)
    sent = len(pickle.dumps(next(drawn.batches(keep=True)), protocol=5)) / Drawn.batch_size
    found: Found = {"channels": sum(g.channels for g in drawn.model.gates), "sent_bytes": round(sent)}
    if not arguments.data:
        return found
    model, count = load_model("bundled", device="cpu"), 1000
    channels = sum(gate.channels for gate in model.gates)
    sizes: dict[bool, float] = {}
    for squeeze in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            options = RecordOptions(limit=count, squeeze=squeeze)
            place = record(model, arguments.data, Path(folder) / "x", options=options).path
            sizes[squeeze] = folder_bytes(place, "gates") / count
            samples = folder_bytes(place, "samples") / count
    return {
        **found,
        "kept_bytes_per_gate": round(sizes[False] / channels, 3),
        "kept_bytes_per_squeeze": round((sizes[True] - sizes[False]) / channels, 3),
        "sample_bytes": round(samples, 1),
    }


def measure_writer(arguments: argparse.Namespace) -> Found:
    """Images a second of one writer; the closing of shards counts, commits do not (see `commit`)."""
    found: Found = {}
    for name, keep, squeeze in (
        ("keep_none", False, False),
        ("keep_all", True, False),
        ("keep_all_squeeze", True, True),
    ):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            found[name] = pool.submit(_write, arguments.images, keep, squeeze).result()
    return found


def _write(images: int, keep: bool, squeeze: bool) -> Found:
    drawn = Drawn(images)
    with tempfile.TemporaryDirectory() as folder, drawn.writer(Path(folder), squeeze=squeeze) as writer:
        before = peak_megabytes()
        feed = drawn.batches(keep=keep)
        for batch in (next(feed) for _ in range(SHARD // Drawn.batch_size)):  # every class's row has been touched then
            writer.append(batch)
        clock = busy = 0.0
        for batch in feed:
            step = clocks(lambda batch=batch: writer.append(batch))  # type: ignore[misc]
            clock, busy = clock + step[0], busy + step[1]
        writer.finish(throughput={})
    counted = images - SHARD
    return {
        "images": counted,
        "images_per_second": round(counted / clock, 0),
        "images_per_processor_second": round(counted / busy, 0),
        "peak_megabytes": peak_megabytes(),
        "peak_megabytes_before": before,
    }


def measure_commit(arguments: argparse.Namespace) -> Found:
    """Seconds of what a commit writes: the moments of both quantities, and a manifest of 1.28 million images' shards."""
    del arguments
    model = se_resnet50()
    channels = {"gate": Channels.of_gates(model.gates), "squeeze": Channels.of_squeezes(model.gates)}
    states: Any = {name: ClassMoments.empty(CLASSES, each) for name, each in channels.items()}
    shards = -(-TRAIN_IMAGES // SHARD)
    files = tuple(
        FileEntry(f"{role}-{shard:05d}.parquet", role, SHARD, 10**8, f"{shard:064x}")
        for role in ("gates", "samples")
        for shard in range(shards)
    )
    manifest = dataclasses.replace(make_manifest(model, CLASSES, TRAIN_IMAGES, 0), files=files)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        moments = [clocks(lambda: save_moments(folder, "moments-000001.safetensors", states)) for _ in range(4)][1:]
        whole = [clocks(lambda: replace_json(folder, "manifest.json", manifest.to_json())) for _ in range(4)][1:]
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    return {
        "shards": shards,
        "moments_bytes": sizes["moments-000001.safetensors"],
        "moments_seconds": [round(statistics.median(values), 3) for values in zip(*moments)],
        "manifest_bytes": sizes["manifest.json"],
        "manifest_seconds": [round(statistics.median(values), 3) for values in zip(*whole)],
        "seconds_are": "clock, processor",
    }


def measure_ray(arguments: argparse.Namespace) -> Found:
    """Images a second of the same recording by this process and by Ray's workers, in turns."""
    cases: dict[str, tuple[Engine, int]] = {
        "local_1_thread": (LOCAL, 1),
        "ray_1_worker": (RayEngine("local", threads_per_worker=1), 1),
        "local_2_threads": (LOCAL, 2),
        "ray_2_workers": (RayEngine("local", threads_per_worker=1), 2),
    }
    return take_turns(se_resnet50(), cases, arguments.ray_images, batch=8, rounds=arguments.rounds)


def measure_gpu(arguments: argparse.Namespace) -> Found:
    """Images a second of a GPU for which more and more threads decode, and which more and more of Ray's workers share."""
    cores = len(os.sched_getaffinity(0))
    cases: dict[str, tuple[Engine, int]] = {f"local_{n}_decoding": (LOCAL, n) for n in (1, 2, 4, 8, 16) if n <= cores}
    for count in (1, 2, 4):
        engine = RayEngine("local", threads_per_worker=max(1, cores // count), gpus_per_worker=1 / count)
        cases[f"ray_{count}_workers"] = engine, count
    model = load_model(NETWORK, weights="random", seed=0, device="cuda")
    return take_turns(model, cases, arguments.gpu_images, batch=64, rounds=1)


def take_turns(model: Model, cases: Mapping[str, tuple[Engine, int]], count: int, *, batch: int, rounds: int) -> Found:
    """Medians of the cases' rounds, interleaved; in this process a CPU forward has as many threads as decode."""
    found: dict[str, list[Found]] = {name: [] for name in cases}
    with tempfile.TemporaryDirectory() as name:
        images = write_images(Path(name) / "images", count)
        for number in range(rounds):
            for case, (engine, workers) in cases.items():
                if model.device.type == "cpu":
                    torch.set_num_threads(workers if engine is LOCAL else 1)
                found[case].append(run_timed(model, images, Path(name) / f"{case}-{number}", engine, workers, batch))
                print(case, found[case][-1], flush=True)
    keys = ("images_per_second", "images_per_second_started", "start_seconds", "processor_ms_per_image_started")
    medians = {c: {k: round(statistics.median(r[k] for r in each), 2) for k in keys} for c, each in found.items()}
    started = "after each worker's first two batches; processor time is of this process and Ray's"
    return {"images": count, "batch_size": batch, "rounds": rounds, **medians, "started": started}


def run_timed(model: Model, images: Path, folder: Path, engine: Engine, workers: int, batch: int) -> Found:
    """A recording by the clock: as a whole, and without its beginning up to each worker's first two batches."""
    seen: list[tuple[float, int, float]] = []
    me = psutil.Process()
    began, busy = time.perf_counter(), time.process_time()

    def see(progress: JobProgress) -> None:
        children = sum(sum(child.cpu_times()[:2]) for child in me.children(recursive=True))
        seen.append((time.perf_counter(), progress.consumed, time.process_time() - busy + children))

    record(
        model, images, folder, options=RecordOptions(batch_size=batch, workers=workers), engine=engine, on_progress=see
    )
    ended = time.perf_counter()
    total = seen[-1][1]
    first = seen[1 if engine is LOCAL else 2 * workers - 1]
    return {
        "images_per_second": total / (ended - began),
        "images_per_second_started": (total - first[1]) / (seen[-1][0] - first[0]),
        "start_seconds": seen[0][0] - began,
        "processor_ms_per_image_started": 1e3 * (seen[-1][2] - first[2]) / (total - first[1]),
    }


PARTS: Mapping[str, Callable[[argparse.Namespace], Found]] = {
    "decode": measure_decode,
    "forward": measure_forward,
    "sizes": measure_sizes,
    "writer": measure_writer,
    "commit": measure_commit,
    "ray": measure_ray,
    "gpu": measure_gpu,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", action="append", choices=[*PARTS], help="repeat these parts; the others' results stay"
    )
    parser.add_argument("--data", help="images for the bundled network, whose kept gates are weighed")
    parser.add_argument("--images", type=int, default=10_000, help="that the writer is given")
    parser.add_argument("--ray-images", type=int, default=96)
    parser.add_argument("--gpu-images", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    stored = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else {}
    result = {
        "benchmark": "scaling",
        "environment": describe_environment(torch.device("cpu")),
        **{p: stored.get(p) for p in PARTS},
    }
    for part in arguments.only or [name for name in PARTS if name != "gpu"]:
        before = os.getloadavg()[0]
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            found = pool.submit(PARTS[part], arguments).result()
        result[part] = {**found, "load": [round(before, 1), round(os.getloadavg()[0], 1)]}
        print(json.dumps({part: result[part]}), flush=True)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
