"""Gates of the same images by every tool that people take for it, and by the loop that they write themselves.

    python benchmarks/peers.py --data val.parquet

One interleaved run: in every round each contender of `peer_contenders.py` has its turn, in another order, in a process of
its own, so that start-up and peak memory are its own. Ratios are taken within a round. The images are made once: Tiny
ImageNet's, enlarged to 500 × 375 px as ImageNet's are. All gates must agree with ours.
"""

import argparse
import importlib.metadata
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from peer_contenders import CONTENDERS, Gates
from PIL import Image

from senet_viz import open_recording
from senet_viz.models.environment import describe_environment
from senet_viz.models.zoo import choose_device

CLASSES = 100
TOLERANCE = 1e-5
HALF_STEP = 2.0**-12  # of half precision below 1
EXACT = ("ours, keep all", "ours, keep none")
OURS = (*EXACT, "ours, keep none, fast")
SCRIPT = Path(__file__).with_name("peer_contenders.py")


def make_images(parquet: str, folder: Path, count: int) -> None:
    """The first images of each of 100 classes in turn, 500 × 375 px, in a folder per class."""
    table = pq.read_table(parquet)
    labels = table.column("label").to_numpy()
    order = np.argsort(labels, kind="stable")
    rank = np.empty(len(labels), dtype=np.int64)
    rank[order] = np.concatenate([np.arange(n) for n in np.unique_counts(labels).counts])
    chosen = np.flatnonzero(labels < CLASSES)
    chosen = chosen[np.lexsort((labels[chosen], rank[chosen]))][:count]
    if len(chosen) < count:
        raise SystemExit(f"{parquet} has {len(chosen)} images of {CLASSES} classes, {count} were asked for.")
    for at, value in zip(chosen.tolist(), table.column("image").take(chosen).to_pylist()):
        place = folder / f"{labels[at]:03d}" / f"{at:06d}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        image = Image.open(io.BytesIO(value["bytes"])).convert("RGB")
        image.resize((500, 375), Image.Resampling.BICUBIC).save(place, quality=95)


class Turn(NamedTuple):
    """What one process took.

    Attributes:
        seconds: by the clock, start included.
        processor_seconds: of all its threads and workers.
        peak_memory: bytes, of the process with its workers.
        disk: bytes written.
    """

    seconds: float
    processor_seconds: float
    peak_memory: int
    disk: int


def take_turn(name: str, images: Path, out: Path) -> Turn:
    """Runs a contender in a process of its own."""
    began = time.perf_counter()
    with out.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen([sys.executable, SCRIPT, name, images, out], stdout=log, stderr=log)
        peak = 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            peak = max(peak, tree_bytes(process.pid))
            time.sleep(0.1)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name} failed:\n{out.with_suffix('.log').read_text(errors='replace')[-3000:]}")
    disk = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    return Turn(seconds, usage.ru_utime + usage.ru_stime, max(peak, usage.ru_maxrss * 1024), disk)


def tree_bytes(pid: int) -> int:
    """Resident memory of a process, and what its children have for themselves."""
    try:
        mine = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        children = [c for task in Path(f"/proc/{pid}/task").iterdir() for c in (task / "children").read_text().split()]
    except (OSError, IndexError):  # it has just ended
        return 0
    return mine + sum(private_bytes(int(child)) for child in children)


def private_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private"))


def compare(ours: Path, gates: Gates) -> dict[str, float]:
    """Largest difference of every channel's mean, minimum and maximum from our recording's, and of kept single gates.

    Moments are of the fp32 gates; kept ones are rounded to half precision, half a step of it away at most.
    """
    recording = open_recording(ours)
    of_channels = of_kept = 0.0
    for block in recording.blocks:
        theirs = next(value for name, value in gates.items() if name.startswith(f"{block.name}."))
        whole = recording.moments(block.name).overall()
        assert whole.min is not None
        assert whole.max is not None
        exact = theirs.astype(np.float64)
        for found, mine in ((exact.mean(0), whole.mean), (exact.min(0), whole.min), (exact.max(0), whole.max)):
            of_channels = max(of_channels, float(np.abs(found - mine[0]).max()))
        if recording.n_kept:
            of_kept = max(of_kept, float(np.abs(exact - recording.gates(block.name)).max()))
    return {"of_channels": of_channels, "of_kept": of_kept}


def check_agreement(outs: Mapping[str, Path]) -> dict[str, dict[str, float]]:
    """Largest differences of each contender's gates from each of our recordings (SystemExit where they are too large)."""
    found = {}
    for mine in (name for name in EXACT if name in outs):
        for name, out in outs.items():
            read = CONTENDERS[name].read
            if read is None:
                continue
            found[f"{name} against {mine}"] = differences = compare(outs[mine], read(out))
            if differences["of_channels"] > TOLERANCE or differences["of_kept"] > HALF_STEP + TOLERANCE:
                raise SystemExit(f"Gates of {name} are not those of {mine}: they differ by {differences}.")
    for name in OURS:
        if name in outs and (stored := open_recording(outs[name]).manifest.precision_difference):
            found[f"{name} against the unchanged network"] = dict(stored)
    return found


def run_rounds(names: Sequence[str], images: Path, rounds: int) -> tuple[dict[str, list[Turn]], dict[str, Any]]:
    """Every contender's turns, and how far gates of the last round are apart."""
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    agreement: dict[str, Any] = {}
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as scratch:
            outs = {name: Path(scratch) / str(at) for at, name in enumerate(names)}
            for name in (*names[number % len(names) :], *names[: number % len(names)]):
                turns[name].append(turn := take_turn(name, images, outs[name]))
                print(
                    f"round {number + 1}, {name}: {turn.seconds:.1f} s, {turn.processor_seconds:.1f} s of processors, "
                    f"{turn.peak_memory / 1e9:.2f} GB",
                    flush=True,
                )
            agreement = check_agreement(outs)
    return turns, agreement


def describe_spread(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Median and range."""
    found = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: round(value, digits) for name, value in found.items()}


def describe_ratios(turns: Mapping[str, list[Turn]], name: str, other: str) -> dict[str, Any]:
    """How much faster than another one, and how much more of memory and processor time, within rounds."""
    pairs = list(zip(turns[name], turns[other], strict=True))
    return {
        "of": other,
        "speed": describe_spread([theirs.seconds / mine.seconds for mine, theirs in pairs]),
        "processor_seconds": describe_spread(
            [mine.processor_seconds / theirs.processor_seconds for mine, theirs in pairs]
        ),
        "peak_memory": describe_spread([mine.peak_memory / theirs.peak_memory for mine, theirs in pairs]),
    }


def report(turns: Mapping[str, list[Turn]], images: int) -> dict[str, Any]:
    """The table, and ours beside the best loop of these rounds and beside each other tool."""
    table: dict[str, dict[str, Any]] = {
        name: {
            "images_per_second": describe_spread([images / turn.seconds for turn in mine], 2),
            "processor_seconds": describe_spread([turn.processor_seconds for turn in mine], 1),
            "peak_memory_gb": describe_spread([turn.peak_memory / 1e9 for turn in mine], 2),
            "disk_mb": round(mine[-1].disk / 1e6, 1),
            "lines_of_code": CONTENDERS[name].lines,
            "lost_on_a_kill": CONTENDERS[name].lost,
            "seconds": [round(turn.seconds, 2) for turn in mine],
        }
        for name, mine in turns.items()
    }
    loops = [name for name in turns if name.startswith("loop")]
    best = [max(loops, key=lambda name: table[name]["images_per_second"]["median"])] if loops else []
    others = [*best, *(name for name in turns if name not in (*loops, *OURS))]
    ratios = {name: [describe_ratios(turns, name, other) for other in others] for name in OURS if name in turns}
    return {"table": table, "best_loop": best[0] if best else None, "ratios": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="Parquet of images of Tiny ImageNet")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="names of contenders, parted by semicolons; all by default")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "peers.json")
    arguments = parser.parse_args()
    names = []
    for name in arguments.only.split(";") if arguments.only else CONTENDERS:
        if CONTENDERS[name].missing:
            print(f"{name} is left out: {CONTENDERS[name].needs} is not installed (benchmarks/README.md says how).")
        else:
            names.append(name)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder)
        make_images(arguments.data, images, arguments.images)
        file_bytes = sum(file.stat().st_size for file in images.rglob("*.jpg")) / arguments.images
        turns, agreement = run_rounds(names, images, arguments.rounds)
    run = {
        "images": arguments.images,
        "classes": CLASSES,
        "bytes_of_a_jpeg": round(file_bytes),
        "rounds": arguments.rounds,
        "load_average_at_start": round(load, 2),
        "cores": os.cpu_count(),
        "environment": describe_environment(choose_device("cpu")),
        "versions": {p: importlib.metadata.version(p) for p in ("torchlens", "thingsvision") if p in names},
        **report(turns, arguments.images),
        "largest_differences_of_gates": agreement,
    }
    stored = (
        json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.is_file() else {"benchmark": "peers"}
    )
    stored[f"{arguments.images} images"] = run
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: row["images_per_second"]["median"] for name, row in run["table"].items()}))
    print(json.dumps(run["ratios"]))


if __name__ == "__main__":
    main()
