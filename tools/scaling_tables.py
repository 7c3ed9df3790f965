"""The tables of docs/scaling.md, from the results of benchmarks/scaling.py and benchmarks/merge_error.py.

    python -m tools.scaling_tables benchmarks/results --write docs/scaling.md

What is measured is quoted; what is computed from it says so in the page.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.pages import run

COUNTS = {
    "50,000 (ImageNet val)": 50_000,
    "1.28 million (ImageNet train)": 1_281_167,
    "14 million": 14_000_000,
    "10⁹": 10**9,
}
WORKERS = (1, 8, 64)
CORES = 4  # of a CPU worker in the example
GPU_IMAGES, GPU_DOLLARS = 1000, 2.0  # assumed, not measured
COMMIT_SECONDS = 30  # `commit_seconds`
Found = Mapping[str, Any]


def make_parts(folder: Path) -> dict[str, str]:
    """The parts by the name of their marks: "costs", "limits", "ray", "plan" and "merging"."""
    scaling, merging = (json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("scaling", "merge_error"))
    return {
        "costs": _costs(scaling),
        "limits": _limits(scaling),
        "ray": _ray(scaling["ray"]),
        "plan": _plan(scaling),
        "merging": _merging(merging["merge"], merging["manifest"]),
    }


def _table(*lines: tuple[str, ...]) -> str:
    head, *rows = lines
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows))


def kept_bytes(scaling: Found, *, squeeze: bool = False) -> float:
    """Of an image on disk: its kept gates, and z where it is kept too."""
    sizes = scaling["sizes"]
    per_channel = sizes["kept_bytes_per_gate"] + (sizes["kept_bytes_per_squeeze"] if squeeze else 0)
    return float(sizes["channels"] * per_channel)


def writer_rate(scaling: Found, kept: str) -> float:
    """Images a second of one writer, with the seconds of a commit after every 30 taken off."""
    share = COMMIT_SECONDS / (COMMIT_SECONDS + scaling["commit"]["moments_seconds"][0])
    return float(scaling["writer"][kept]["images_per_processor_second"]) * share


def cpu_rate(scaling: Found) -> float:
    """Images a second of one core that decodes and computes."""
    milliseconds = scaling["forward"]["threads_1"]["processor_ms"] + scaling["decode"]["decode_and_preprocess_ms"]
    return float(1000 / milliseconds)


def _costs(scaling: Found) -> str:
    sizes, forward, decode = scaling["sizes"], scaling["forward"]["threads_1"], scaling["decode"]
    fold = 1000 / scaling["writer"]["keep_none"]["images_per_processor_second"]
    rows = 1000 / scaling["writer"]["keep_all"]["images_per_processor_second"] - fold
    commit = scaling["commit"]
    return _table(
        ("what", "where", "an image"),
        ("decode a JPEG of 500×375, 107 kB", "worker", f"{decode['decode_ms']:.1f} ms of a core"),
        (
            "decode, resize and crop it, make a tensor",
            "worker",
            f"{decode['decode_and_preprocess_ms']:.1f} ms of a core",
        ),
        ("forward, fp32, batches of 32", "worker", f"{forward['processor_ms']:.0f} ms of a core"),
        ("result sent: s and z in single precision", "worker → writer", f"{sizes['sent_bytes'] / 1000:.0f} kB"),
        ("fold s and z into the class moments", "writer", f"{fold:.2f} ms of a core"),
        ("round, collect and write the kept s", "writer", f"{rows:.2f} ms of a core"),
        ("kept s (2 bytes a value, compressed)", "disk", f"{kept_bytes(scaling) / 1000:.0f} kB"),
        ("kept s and z", "disk", f"{kept_bytes(scaling, squeeze=True) / 1000:.0f} kB"),
        ("its line in the samples", "disk", f"{sizes['sample_bytes']:.0f} bytes"),
        (
            "a commit (every 30 s): the moments",
            "writer",
            f"{commit['moments_bytes'] / 1e6:.0f} MB and {commit['moments_seconds'][0]:.1f} s in all, however many images",
        ),
        (
            f"a commit: the manifest of {commit['shards']} shards",
            "writer",
            f"{commit['manifest_bytes'] / 1000:.0f} kB and {commit['manifest_seconds'][0]:.2f} s in all",
        ),
    )


def _limits(scaling: Found) -> str:
    writer = scaling["writer"]
    named = {
        "keep_none": "`--keep none`",
        "keep_all": "`--keep all`",
        "keep_all_squeeze": "`--keep all --keep-squeeze`",
    }
    rows = []
    for key, name in named.items():
        rate = writer_rate(scaling, key)
        rows.append(
            (
                name,
                f"{writer[key]['images_per_processor_second']:,.0f}",
                f"{rate:,.0f}",
                f"{writer[key]['peak_megabytes'] / 1000:.1f} GB",
                f"{rate / GPU_IMAGES:.1f}",
                f"{rate / (CORES * cpu_rate(scaling)):.0f}",
            )
        )
    return _table(
        (
            "",
            "images a second of a free core",
            "with commits",
            "memory of its process",
            f"GPUs at an assumed F = {GPU_IMAGES:,}",
            f"CPU workers of {CORES} cores",
        ),
        *rows,
    )


def _ray(ray: Found) -> str:
    cases = {
        "local_1_thread": "this process, 1 thread", "ray_1_worker": "Ray, 1 worker of 1 thread",
        "local_2_threads": "this process, 2 threads", "ray_2_workers": "Ray, 2 workers of 1 thread",
    }  # fmt: skip
    ratios = [
        ray[there]["processor_ms_per_image_started"] / ray[here]["processor_ms_per_image_started"]
        for here, there in (("local_1_thread", "ray_1_worker"), ("local_2_threads", "ray_2_workers"))
    ]
    table = _table(
        ("", "start, s", "images/s, start included", "images/s once started", "processor ms an image once started"),
        *(
            (
                name,
                f"{ray[key]['start_seconds']:.0f}",
                f"{ray[key]['images_per_second']:.1f}",
                f"{ray[key]['images_per_second_started']:.1f}",
                f"{ray[key]['processor_ms_per_image_started']:.0f}",
            )
            for key, name in cases.items()
        ),
    )
    return (
        f"{table}\n\nOnce started, Ray took {ratios[0]:.2f} times the processor time per image with one worker and {ratios[1]:.2f} times with two "
        "(its own processes included, and results copied through its store)."
    )


def duration(seconds: float) -> str:
    """Two digits in the largest unit that fits."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{_two_digits(seconds / size)} {unit}"
    return f"{_two_digits(seconds)} s"


def _two_digits(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{float(f'{value:.2g}'):,.0f}"


def size(count: float) -> str:
    """Bytes, two digits."""
    for unit, each in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= each:
            return f"{_two_digits(count / each)} {unit}"
    return f"{_two_digits(count / 1000)} kB"


def _plan(scaling: Found) -> str:
    core, sizes = cpu_rate(scaling), scaling["sizes"]
    lines: list[tuple[str, ...]] = [
        (
            "images", "on disk, `--keep none`", "on disk, `--keep all`",
            *(f"{count} CPU worker{'s' if count > 1 else ''}" for count in WORKERS),
            *(f"{count} GPU{'s' if count > 1 else ''}, assumed" for count in WORKERS),
        )
    ]  # fmt: skip
    for name, images in COUNTS.items():
        moments = scaling["commit"]["moments_bytes"]
        cells = [
            name,
            size(moments + images * sizes["sample_bytes"]),
            size(moments + images * (sizes["sample_bytes"] + kept_bytes(scaling))),
        ]
        for rate, price in ((CORES * core, None), (GPU_IMAGES, GPU_DOLLARS)):
            for workers in WORKERS:
                seconds = images / min(workers * rate, writer_rate(scaling, "keep_all"))
                money = "" if price is None else f", {_money(workers * price * seconds / 3600)}"
                cells.append(duration(seconds) + money)
        lines.append(tuple(cells))
    without = writer_rate(scaling, "keep_none")
    times = ", ".join(f"{name}: {duration(images / without)}" for name, images in COUNTS.items())
    return (
        f"{_table(*lines)}\n\nThe same with `--keep none`, on {math.ceil(without / GPU_IMAGES)} assumed GPUs or more, where the writer takes "
        f"{without:,.0f} images a second: {times}."
    )


def _money(dollars: float) -> str:
    return f"{dollars:,.2f} $" if dollars < 10 else f"{float(f'{dollars:.2g}'):,.0f} $"


def _merging(merge: Found, manifest: Found) -> str:
    exact = merge["against_exact"]
    pairs = {
        "merged in list order, against one pass": merge["list_order_against_one_pass"],
        "merged in another order, against list order": merge["another_order_against_list_order"],
        "one pass, against exact": exact["one pass"],
        "merged in list order, against exact": exact["list order"],
        "merged in pairs, against exact": exact["in pairs"],
    }
    table = _table(
        ("relative difference", "mean: median", "mean: largest", "m2: median", "m2: largest"),
        *(
            (
                name,
                *(
                    f"{found[key][what]:.0e}" if found[key][what] else "0"
                    for key in ("mean", "m2")
                    for what in ("median", "largest")
                ),
            )
            for name, found in pairs.items()
        ),
    )
    return (
        f"{table}\n\n{merge['shards']:,} shards, {merge['images']:,} images of one class, {sum(merge['channels'].values())} channels of "
        f"{len(merge['channels'])} kinds. A manifest of {manifest['shards']:,} shards lists {manifest['files']:,} files in "
        f"{manifest['bytes'] / 1e6:.1f} MB; to write it took {manifest['write_seconds'][1]:.1f} s of a core, to read and check its fields "
        f"{manifest['read_seconds'][1]:.1f} s, to compare every file's size {manifest['sizes_seconds'][1]:.1f} s."
    )


if __name__ == "__main__":
    run(__doc__, make_parts)
