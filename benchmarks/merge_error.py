"""Beyond one writer, on paper: what merging 10,000 shards' moments changes, and what a manifest of 10,000 shards costs.

    python benchmarks/merge_error.py

Images of one class are drawn for a few kinds of channels, among them nearly saturated ones, whose variance is 1e-8 of the
squared mean. Their moments are taken in one Welford pass as the writer does, and by merging (Chan) those of shards of 64 images: in
list order, in another order, and in pairs. Both are compared with each other and with the value in exact arithmetic (sums of
whole numbers; gates are single-precision numbers). A manifest is written, read, validated against the files' sizes, and its
folder looked through, by the code that recordings use.
"""

import argparse
import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from make_big_recording import NETWORK, make_manifest
from numpy.typing import NDArray

from senet_viz import load_model
from senet_viz.models.environment import describe_environment
from senet_viz.recording.files import replace_json, size_problem
from senet_viz.recording.moments import Channels, ClassMoments
from senet_viz.recording.writer import stored_manifest
from senet_viz.schema import FileEntry

SHARD_IMAGES = 64
MEANS = (0.5, 0.5, 0.05, 0.9, 0.999)
SPREADS = (0.1, 0.001, 0.02, 0.05, 0.0001)
RESULTS = Path(__file__).parent / "results" / "merge_error.json"
Values = NDArray[np.float32]
Value = TypeVar("Value")


def draw(shard: int, channels: Channels) -> Values:
    """A shard's gates, (64, C)."""
    noise = np.random.default_rng([7, shard]).standard_normal((SHARD_IMAGES, channels.total), dtype=np.float32)
    center, spread = (np.repeat(np.asarray(of, np.float32), channels.sizes) for of in (MEANS, SPREADS))
    return np.asarray((center + spread * noise).clip(0, 1))


def fold(values: Iterable[Values], channels: Channels) -> ClassMoments:
    """One Welford pass over the images of one class."""
    moments = ClassMoments.empty(1, channels)
    for part in values:
        moments.update(part, np.zeros(len(part), dtype=np.int32))
    return moments


def merge_in_pairs(parts: list[ClassMoments]) -> ClassMoments:
    while len(parts) > 1:
        pairs = [a.merge(b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[len(pairs) * 2 :]
    return parts[0]


def exact(shards: int, channels: Channels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and m2 of every channel, rounded once: gates are whole multiples of 2⁻⁶⁰ here, whose sums Python holds exactly."""
    unit, first, second = 2**60, [0] * channels.total, [0] * channels.total
    for shard in range(shards):
        whole = np.round(draw(shard, channels).astype(np.float64) * unit).astype(np.int64)
        for column in range(channels.total):
            numbers = whole[:, column].tolist()
            first[column] += sum(numbers)
            second[column] += sum(number * number for number in numbers)
    count = shards * SHARD_IMAGES
    means = np.array([float(Fraction(a, count * unit)) for a in first])
    m2 = np.array([float(Fraction(count * b - a * a, count * unit * unit)) for a, b in zip(first, second)])
    return means, m2


def differences(one: ClassMoments, other: ClassMoments) -> dict[str, dict[str, float]]:
    return {key: spread_of(getattr(one, key)[0], getattr(other, key)[0]) for key in ("mean", "m2")}


def spread_of(one: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, float]:
    """Of relative differences over the channels: median and largest, and the share of channels that are equal."""
    relative = np.abs(one - other) / np.abs(other)
    found = {
        "median": float(np.median(relative)),
        "largest": float(relative.max()),
        "equal": float((one == other).mean()),
    }
    return {key: float(f"{value:.2g}") for key, value in found.items()}


def measure_merge(shards: int, width: int) -> dict[str, Any]:
    kinds = tuple(f"{mean} ± {spread}" for mean, spread in zip(MEANS, SPREADS, strict=True))
    channels = Channels(kinds, (width,) * len(kinds), ((0.0, 1.0),) * len(kinds))
    one_pass = fold((draw(shard, channels) for shard in range(shards)), channels)
    parts = [fold([draw(shard, channels)], channels) for shard in range(shards)]
    began = time.process_time()
    merged = reduce(ClassMoments.merge, parts)
    seconds = time.process_time() - began
    shuffled = reduce(ClassMoments.merge, [parts[i] for i in np.random.default_rng(3).permutation(shards)])
    paired = merge_in_pairs(parts)
    mean, m2 = exact(shards, channels)
    against = {
        name: {"mean": spread_of(found.mean[0], mean), "m2": spread_of(found.m2[0], m2)}
        for name, found in (("one pass", one_pass), ("list order", merged), ("in pairs", paired))
    }
    whole = all(
        np.array_equal(one_pass.arrays()[key][0], other.arrays()[key][0])
        for other in (merged, shuffled, paired)
        for key in ("count", "min", "max", "histogram")
    )
    return {
        "shards": shards,
        "images": shards * SHARD_IMAGES,
        "channels": dict.fromkeys(kinds, width),
        "list_order_against_one_pass": differences(merged, one_pass),
        "in_pairs_against_one_pass": differences(paired, one_pass),
        "another_order_against_list_order": differences(shuffled, merged),
        "against_exact": against,
        "counts_extremes_histograms_equal": bool(whole),
        "merge_processor_seconds": round(seconds, 2),
    }


def measure_manifest(shards: int) -> dict[str, Any]:
    """A shard has samples, gates and, where workers fold, moments of its own."""
    roles = {"samples": "parquet", "gates": "parquet", "moments": "safetensors"}
    files = tuple(
        FileEntry(f"{role}-{shard:05d}.{ending}", role, 5000, 1, f"{shard:064x}")
        for role, ending in roles.items()
        for shard in range(shards)
    )
    draft = make_manifest(load_model(NETWORK, weights="random", seed=0, device="cpu"), 1000, 5000 * shards, 0)
    manifest = dataclasses.replace(draft, files=files)
    found: dict[str, Any] = {"shards": shards, "files": len(files)}

    def timed(name: str, run: Callable[[], Value]) -> Value:
        began, busy = time.perf_counter(), time.process_time()
        value = run()
        found[name] = [round(time.perf_counter() - began, 3), round(time.process_time() - busy, 3)]
        return value

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for entry in files:
            (folder / entry.name).write_bytes(b"x")
        timed("write_seconds", lambda: replace_json(folder, "manifest.json", manifest.to_json()))
        found["bytes"] = (folder / "manifest.json").stat().st_size
        read = timed("read_seconds", lambda: stored_manifest(folder))
        assert read == manifest
        problems = timed("sizes_seconds", lambda: [size_problem(folder, entry) for entry in manifest.files])
        assert not any(problems)
        timed("listing_seconds", lambda: sum(1 for _ in folder.iterdir()))
    found["seconds_are"] = "clock, processor"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=8, help="channels of each kind")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    result = {
        "benchmark": "merge_error",
        "environment": describe_environment(torch.device("cpu")),
        "merge": measure_merge(arguments.shards, arguments.width),
        "manifest": measure_manifest(arguments.shards),
        "load": round(os.getloadavg()[0], 1),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({key: result[key] for key in ("merge", "manifest")}, ensure_ascii=False))


if __name__ == "__main__":
    main()
