"""Many visitors at once: sessions that click through all pages and upload photos, and the memory of the server meanwhile.

    python benchmarks/load.py                                        # 20 sessions, 10 minutes, then 1,000 uploads in one session
    python benchmarks/load.py --minutes 2 --uploads 100              # a short form

The visitors are threads of this process that speak with a real server as a browser does, one click at a time, a second apart. A click is timed from its
sending until the page's script has ended: pages that run a network wait for each other's forward passes, so they are told apart from those that do not.
Memory is the server's resident set, every two seconds; its slope is by least squares over the second half of the minutes, after the caches have filled,
with an interval from the residuals of one sample in ten, since neighbours are alike.
"""

import argparse
import io
import json
import os
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]
import torch
from app_server import serving
from PIL import Image
from scipy.stats import linregress, t
from visitor import Visitor

from senet_viz.models.environment import describe_environment

PAGES = (
    "claim",
    "distributions",
    "blocks",
    "classes",
    "two",
    "compare",
    "lab",
    "how",
    "design",
    "experiments",
    "record",
    "export",
)
WITH_NETWORK = ("compare", "lab", "how")
BLOCKS = ("SE_2_1", "SE_3_2", "SE_4_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_2_3", "SE_3_4")
PAUSE = 1.0  # seconds between clicks
SAMPLED = 2.0  # seconds


@dataclass
class Load:
    """What was measured: seconds of clicks by page, errors, and (seconds, bytes) of memory."""

    clicks: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def make_photo(generator: np.random.Generator, side: int = 320) -> bytes:
    """A JPEG like no other: a smooth random picture."""
    small = generator.integers(0, 256, size=(8, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(file, "JPEG")
    return file.getvalue()


def visit(port: int, seed: int, until: float, load: Load) -> None:
    """One session's clicks until a moment."""
    choices, pixels = random.Random(seed), np.random.default_rng(seed)
    try:
        with Visitor(port, keep=False) as visitor:
            while time.monotonic() < until:
                page = choices.choice(PAGES)
                query = f"recording=bundled&map_block={choices.choice(BLOCKS)}"
                if page in WITH_NETWORK:
                    query += "&images=" + choices.choice(("Samples", "Files"))
                took = {page: visitor.open(page, query)}
                if query.endswith("Files") and visitor.has(
                    "upload_files"
                ):  # what was chosen on another page may hold instead
                    took[f"{page}: a photo"] = visitor.give("upload_files", f"{seed}.jpg", make_photo(pixels))
                with load.lock:
                    load.errors += visitor.errors
                    visitor.errors.clear()
                    for name, seconds in took.items():
                        load.clicks.setdefault(name, []).append(seconds)
                time.sleep(PAUSE)
    except Exception as error:
        with load.lock:
            load.errors.append(f"session {seed}: {type(error).__name__}: {error}")


def watch(process: psutil.Process, load: Load, ended: threading.Event) -> None:
    """Samples memory."""
    began = time.monotonic()
    while not ended.wait(SAMPLED):
        load.memory.append((time.monotonic() - began, process.memory_info().rss))


def fit_slope(memory: list[tuple[float, int]]) -> dict[str, float]:
    """MB a minute over the second half, with its 95 % interval."""
    half = np.array(memory[len(memory) // 2 :])
    found = linregress(half[:, 0] / 60, half[:, 1] / 1e6)
    apart = max(3, len(half) // 10)
    reach = float(found.stderr * np.sqrt(len(half) / apart) * t.ppf(0.975, apart - 2))
    slope = float(found.slope)
    return {"mb_per_minute": slope, "low": slope - reach, "high": slope + reach, "samples": len(half)}


def summarize(seconds: list[float]) -> dict[str, float]:
    """Count, median, 95th percentile and the slowest."""
    low, high = np.quantile(seconds, [0.5, 0.95])
    return {
        "clicks": len(seconds),
        "p50": round(float(low), 3),
        "p95": round(float(high), 3),
        "most": round(max(seconds), 3),
    }


def upload_many(port: int, count: int, process: psutil.Process) -> dict[str, Any]:
    """So many photos in one session, each alone in the uploader of Compare images."""
    pixels, memory, took = np.random.default_rng(99), [], []
    with Visitor(port, keep=False) as visitor:
        visitor.open("compare", "recording=bundled&images=Files")
        for at in range(count):
            took.append(visitor.give("upload_files", f"{at}.jpg", make_photo(pixels)))
            if at % max(1, count // 20) == 0:
                memory.append(round(process.memory_info().rss / 1e6, 1))
        return {"uploads": count, "errors": visitor.errors, "memory_mb": memory, "seconds": summarize(took)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--uploads", type=int, default=1000)
    parser.add_argument(
        "--forgotten", type=float, default=150, help="seconds: Streamlit keeps a session that went away for 120"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "load.json")
    args = parser.parse_args()
    load, ended = Load(), threading.Event()
    with serving() as address:
        port = int(address.rpartition(":")[2])
        process = next(p for p in psutil.Process().children(recursive=True) if f"{port}" in p.cmdline())
        first = Visitor(port, keep=False)
        for page in PAGES:  # what is loaded once is loaded now
            first.open(page, "recording=bundled&images=Samples")
        first.close()
        before, busy = process.memory_info().rss, os.getloadavg()[0]
        watcher = threading.Thread(target=watch, args=(process, load, ended))
        watcher.start()
        until = time.monotonic() + 60 * args.minutes
        visitors = [threading.Thread(target=visit, args=(port, seed, until, load)) for seed in range(args.sessions)]
        for each in visitors:
            each.start()
        for each in visitors:
            each.join()
        ended.set()
        watcher.join()
        full = process.memory_info().rss
        time.sleep(args.forgotten)
        closed = process.memory_info().rss
        uploads = upload_many(port, args.uploads, process) if args.uploads else {}
        time.sleep(args.forgotten if args.uploads else 0)
        last = process.memory_info().rss
    plain = [s for name, all_of in load.clicks.items() if name.split(":")[0] not in WITH_NETWORK for s in all_of]
    network = [s for name, all_of in load.clicks.items() if name.split(":")[0] in WITH_NETWORK for s in all_of]
    result = {
        "sessions": args.sessions, "minutes": args.minutes, "errors": load.errors,
        "without_network": summarize(plain), "with_network": summarize(network),
        "by_page": {name: summarize(load.clicks[name]) for name in sorted(load.clicks)},
        "memory_mb": {"before": before / 1e6, "at_the_end": full / 1e6, "sessions_closed": closed / 1e6, "uploads_closed": last / 1e6},
        "slope": fit_slope(load.memory), "uploads": uploads,
        "load_average": [busy, os.getloadavg()[0]], "environment": describe_environment(torch.device("cpu")),
    }  # fmt: skip
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(
        json.dumps(
            {
                name: result[name]
                for name in ("errors", "without_network", "with_network", "memory_mb", "slope", "uploads")
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
