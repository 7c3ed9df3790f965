"""How the app carries a recording of ImageNet's size: opening, a change of block, memory, and what a figure sends.

    python benchmarks/make_big_recording.py --out runs/big
    python benchmarks/big_recording.py --recording runs/big

Every page is opened in a process of its own that has loaded what the server loads before its first session. Timed is the
run of the page's script, as the server makes it, without the browser's drawing: the first one, with nothing cached (the
system may hold the files), and those after a change of block, each to a block that was not shown before. Memory is the
largest that the process has held. Of every figure the size of its JSON is told, as it is sent. What a page reads beside
its run is timed until it is there ("filled"). The limits are 3 s, 1.5 GB, 0.5 s and 3 MB.

An assessment is not made: where `assess` has written one beside the recording, it is shown.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = "senet_viz/dashboard/pages"
QUERIES: dict[str, dict[str, str]] = {"export": {"figure": "Class × channel map"}}
BLOCK_CONTROLS = ("map_block", "claim_block")
LIMITS = {"open_seconds": 3.0, "change_seconds": 0.5, "memory_bytes": 1.5e9, "figure_bytes": 3e6}
READING = ":material/hourglass:"
ROUNDS = 6


def measure_page(page: str, recording: Path) -> dict[str, Any]:
    """One page in this process."""
    from streamlit.testing.v1 import AppTest

    from senet_viz.dashboard.serving import preload

    preload()
    os.environ["SENET_VIZ_RECORDINGS"] = str(recording)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300)
    app.query_params["recording"] = str(recording)
    for key, value in QUERIES.get(page, {}).items():
        app.query_params[key] = value
    app.switch_page(f"{PAGES}/{page}.py")
    opened = time_run(app)
    filled = time_filling(app)
    figures = weigh_figures(app)
    changes = time_changes(app, figures)
    return {
        "open_seconds": round(opened, 3),
        "filled_seconds": round(opened + filled, 3),
        "change_seconds": changes,
        "memory_bytes": peak_memory(),
        "figure_bytes": figures,
    }


def time_run(app: Any) -> float:
    """Seconds of one run."""
    began = time.perf_counter()
    app.run()
    seconds = time.perf_counter() - began
    if app.exception:
        raise SystemExit(f"The page failed: {app.exception[0].value}")
    return seconds


def time_filling(app: Any) -> float:
    """Seconds until nothing is read beside the page any more, its last run included."""
    began = time.perf_counter()
    while any(info.icon == READING for info in app.info):
        time.sleep(0.3)  # as often as a browser asks
        app.run()
    return time.perf_counter() - began


def time_changes(app: Any, figures: dict[str, int]) -> list[float]:
    """Seconds of the run after each change of block; the figures' largest sizes are kept in `figures`."""
    control = next((app.selectbox(key=key) for key in BLOCK_CONTROLS if has_control(app, key)), None)
    if control is None:
        return []
    others = [label for label in control.options if label != control.value]
    key = control.key
    seconds = []
    for label in others[-ROUNDS:]:
        app.selectbox(key=key).set_value(label)
        seconds.append(round(time_run(app), 3))
        time_filling(app)
        for name, size in weigh_figures(app).items():
            figures[name] = max(size, figures.get(name, 0))
    return seconds


def has_control(app: Any, key: str) -> bool:
    """Whether the page has such a selectbox."""
    return any(box.key == key for box in app.selectbox)


def weigh_figures(app: Any) -> dict[str, int]:
    """Bytes of each figure's JSON by its key."""
    return {str(f.key): len(f.proto.spec.encode()) for f in app.get("plotly_chart")}


def peak_memory() -> int:
    """Bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run_page(page: str, recording: Path) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--recording", str(recording), "--page", page]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{page}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def judge(pages: dict[str, dict[str, Any]]) -> list[str]:
    """What is beyond a limit, a sentence each."""
    found = []
    for page, measured in pages.items():
        largest = {
            "open_seconds": measured["open_seconds"],
            "change_seconds": statistics.median(measured["change_seconds"]) if measured["change_seconds"] else 0.0,
            "memory_bytes": measured["memory_bytes"],
            "figure_bytes": max(measured["figure_bytes"].values(), default=0),
        }
        found += [f"{page}: {k} is {v:g}, the limit {LIMITS[k]:g}" for k, v in largest.items() if v > LIMITS[k]]
    return found


def describe(recording: Path) -> dict[str, Any]:
    """Size of the recording."""
    from senet_viz.recording import open_recording

    opened = open_recording(recording)
    return {
        "images": opened.n_images,
        "kept": opened.n_kept,
        "classes": len(opened.classes),
        "blocks": len(opened.blocks),
        "channels": sum(gate.channels for gate in opened.blocks),
        "assessed": (recording / "assessment.json").is_file(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, required=True)
    parser.add_argument("--page", help="measure this page alone, in this process, and print it")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "big_recording.json")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    recording = arguments.recording.absolute()
    if arguments.page:
        print(json.dumps(measure_page(arguments.page, recording)))
        return
    from app import PAGES as ALL

    pages = {page: run_page(page, recording) for page, *_ in ALL}
    import torch  # now: a process's largest memory counts from that of the process that starts it

    from senet_viz.environment import describe_environment

    result = {
        "benchmark": "big_recording",
        "recording": describe(recording),
        "environment": describe_environment(torch.device("cpu")),
        "limits": LIMITS,
        "pages": pages,
        "beyond": judge(pages),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({"pages": pages, "beyond": result["beyond"]}, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
