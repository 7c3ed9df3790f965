"""How the app carries a recording of ImageNet's size: opening, a change of block, memory, and what a figure sends.

    python benchmarks/make_big_recording.py --out runs/big && senet-viz assess runs/big
    python benchmarks/big_recording.py --recording runs/big
    python benchmarks/big_recording.py --recording runs/train --out benchmarks/results/big_recording_train.json

Every page that reads a recording is opened in a process of its own that has loaded what the server loads before its first
session. Timed is the run of the page's script, as the server makes it, without the browser's drawing:

- "open": the first one, with nothing cached (the system may hold the files);
- "filled": until nothing is read beside the page any more, with the runs in between;
- "again": the first run of a second session of the same server;
- "change": the run after a change of block, each to a block that was not shown before, and until it is filled.

Seconds are told twice: of the clock, and of the processor, which other work on the machine moves less; the latter are of
the whole process, with what it reads beside the page. Memory is the largest that the process has held. Of every figure
the size of its JSON is told, as it is sent. "server" is one process that shows all pages in turn, with their changes of block.
The limits are 3 s for opening, 0.5 s for a change of block, 1.5 GB for a page alone, 2 GB for the server and 3 MB.

Pages that run a network are given this program's samples. What `assess` wrote beside the recording is shown; a copy
without it, of links to the files, is the second of Two recordings, and Blocks is measured on it too.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from senet_viz.recording.layout import ASSESSMENT, EFFECTS, MEASURES

ROOT = Path(__file__).parents[1]
PAGES = "senet_viz/dashboard/pages"
LIMITS = {"open_seconds": 3.0, "change_seconds": 0.5, "memory_bytes": 1.5e9, "server_bytes": 2e9, "figure_bytes": 3e6}
READING = ":material/hourglass:"
OFTEN = 1.0  # seconds: each look runs the whole page here, in a browser one part of it
ROUNDS = 6
SERVER = "server"


@dataclass(frozen=True)
class Visit:
    """A page as it is opened: its file, what its address selects, which widget changes the block, whether assessed."""

    page: str
    control: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    assessed: bool = True


VISITS = {
    "Claim": Visit("claim", "claim_block"),
    "Distributions": Visit("distributions", "map_block"),
    "Blocks": Visit("blocks", "map_block"),
    "Blocks, not assessed": Visit("blocks", "map_block", assessed=False),
    "Classes": Visit("classes", "map_block"),
    "Two recordings": Visit("pair"),
    "Compare images": Visit("compare"),
    "Compare images, with samples": Visit("compare", "compare_block", {"images": "Samples"}),
    "Gate lab": Visit("lab"),
    "Gate lab, with samples": Visit("lab", "try_block", {"images": "Samples"}),
    "How SE works": Visit("how", "how_block"),
    "Export": Visit("export", "map_block", {"figure": "Class × channel map"}),
}


@dataclass
class Seconds:
    """Of the clock and of the processor."""

    clock: float = 0.0
    processor: float = 0.0

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.clock + other.clock, self.processor + other.processor)


def measure_visit(visit: Visit, recording: Path) -> dict[str, Any]:
    """One page in this process."""
    from senet_viz.dashboard.serving import preload

    preload()
    keep_scripts_compiled()
    app = start_session(visit, recording)
    opened = time_run(app)
    filled = opened + time_filling(app)
    figures = weigh_figures(app)
    again = time_run(start_session(visit, recording))
    changes = time_changes(app, visit.control, figures)
    return {
        "open": told(opened),
        "filled": told(filled),
        "again": told(again),
        "change": [told(change) for change, _ in changes],
        "change_filled": [told(until) for _, until in changes],
        "memory_bytes": peak_memory(),
        "figure_bytes": figures,
    }


def measure_server(recording: Path) -> dict[str, Any]:
    """All pages of an assessed recording, one session after the other in this process: what their caches come to."""
    from senet_viz.dashboard.serving import preload

    preload()
    keep_scripts_compiled()
    held = {}
    for name, visit in VISITS.items():
        if visit.assessed:
            app = start_session(visit, recording)
            time_run(app)
            time_filling(app)
            time_changes(app, visit.control, {})
            held[name] = peak_memory()
    return {"memory_bytes": peak_memory(), "memory_bytes_after": held}


def keep_scripts_compiled() -> None:
    """As a server does for all sessions: streamlit's tests compile the page for every run."""
    from streamlit.runtime.scriptrunner.script_cache import ScriptCache
    from streamlit.testing.v1 import app_test, local_script_runner

    compiled = ScriptCache()
    for module in (app_test, local_script_runner):  # the app's own script, and its pages'
        vars(module)["ScriptCache"] = lambda: compiled


def start_session(visit: Visit, recording: Path) -> Any:
    """A session that has not run yet."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300)
    for key, value in {"recording": str(recording), **visit.query}.items():
        app.query_params[key] = value
    return app.switch_page(f"{PAGES}/{visit.page}.py")


def time_run(app: Any) -> Seconds:
    """One run."""
    clock, processor = time.perf_counter(), time.process_time()
    app.run()
    seconds = Seconds(time.perf_counter() - clock, time.process_time() - processor)
    if app.exception:
        raise SystemExit(f"The page failed: {app.exception[0].value}")
    return seconds


def time_filling(app: Any) -> Seconds:
    """Until nothing is read beside the page any more, its last run included."""
    clock, processor = time.perf_counter(), time.process_time()
    while any(info.icon == READING for info in app.info):
        time.sleep(OFTEN)
        time_run(app)
    return Seconds(time.perf_counter() - clock, time.process_time() - processor)


def time_changes(app: Any, control: str | None, figures: dict[str, int]) -> list[tuple[Seconds, Seconds]]:
    """The run after each change of block, and until it is filled; the figures' largest sizes are kept in `figures`."""
    found = (
        [] if control is None else [w for kind in (app.selectbox, app.multiselect) for w in kind if w.key == control]
    )
    if not found:
        return []
    several, now, options = isinstance(found[0].value, list), found[0].value, found[0].options
    others = [label for label in options if label not in (now if several else [now])]
    seconds = []
    for label in others[-ROUNDS:]:
        widget = app.multiselect(key=control) if several else app.selectbox(key=control)
        widget.set_value([label] if several else label)
        change = time_run(app)
        seconds.append((change, change + time_filling(app)))
        for name, size in weigh_figures(app).items():
            figures[name] = max(size, figures.get(name, 0))
    return seconds


def weigh_figures(app: Any) -> dict[str, int]:
    """Bytes of each figure's JSON by its key."""
    return {str(f.key): len(f.proto.spec.encode()) for f in app.get("plotly_chart")}


def told(seconds: Seconds) -> dict[str, float]:
    """For the JSON."""
    return {"seconds": round(seconds.clock, 3), "cpu_seconds": round(seconds.processor, 3)}


def peak_memory() -> int:
    """Bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run_visit(name: str, recording: Path, bare: Path) -> dict[str, Any]:
    """The same in a process of its own, summarised."""
    first, second = (recording, bare) if VISITS[name].assessed else (bare, recording)
    found = run_alone(name, first, second)
    for key in ("change", "change_filled"):
        found[key] = summarize(found[key])
    return {**found, "largest_figure_bytes": max(found["figure_bytes"].values(), default=0)}


def run_alone(name: str, first: Path, second: Path) -> dict[str, Any]:
    """What a process of its own measures, which is given two recordings."""
    command = [sys.executable, __file__, "--recording", str(first), "--visit", name]
    environment = {**os.environ, "SENET_VIZ_RECORDINGS": os.pathsep.join((str(first), str(second)))}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        raise SystemExit(f"{name}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def summarize(changes: list[dict[str, float]]) -> dict[str, Any] | None:
    """Median and largest of each kind of seconds."""
    if not changes:
        return None
    columns = {kind: [change[kind] for change in changes] for kind in changes[0]}
    return {
        kind: {"median": round(statistics.median(s), 3), "largest": max(s), "n": len(s)} for kind, s in columns.items()
    }


def judge(pages: dict[str, dict[str, Any]]) -> list[str]:
    """What is beyond a limit by the clock, a sentence each."""
    found = []
    for page, measured in pages.items():
        numbers = (
            {"server_bytes": measured["memory_bytes"]}
            if page == SERVER
            else {
                "open_seconds": measured["open"]["seconds"],
                "change_seconds": measured["change"]["seconds"]["median"] if measured["change"] else 0.0,
                "memory_bytes": measured["memory_bytes"],
                "figure_bytes": measured["largest_figure_bytes"],
            }
        )
        found += [f"{page}: {k} is {v:g}, the limit {LIMITS[k]:g}" for k, v in numbers.items() if v > LIMITS[k]]
    return found


def link_bare(recording: Path, folder: Path) -> Path:
    """The recording without its assessment, its files linked."""
    bare = folder / "not-assessed"
    bare.mkdir()
    for file in recording.iterdir():
        if file.name not in (ASSESSMENT, MEASURES, EFFECTS):
            (bare / file.name).hardlink_to(file)
    return bare


def describe(recording: Path) -> dict[str, Any]:
    """Size of the recording."""
    from senet_viz.recording.reader import open_recording

    opened = open_recording(recording)
    return {
        "images": opened.n_images,
        "kept": opened.n_kept,
        "classes": len(opened.classes),
        "blocks": len(opened.blocks),
        "channels": sum(gate.channels for gate in opened.blocks),
        "assessed": (recording / ASSESSMENT).is_file(),
    }


def measure_all(recording: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """Every visit, one after the other."""
    pages = {}
    with tempfile.TemporaryDirectory(dir=recording.parent) as folder:  # a link does not cross disks
        bare = link_bare(recording, Path(folder))
        for name in names:
            print(name, file=sys.stderr, flush=True)
            pages[name] = run_alone(name, recording, bare) if name == SERVER else run_visit(name, recording, bare)
    return pages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, required=True)
    parser.add_argument(
        "--visit", choices=[*VISITS, SERVER], help="measure this one alone, in this process, and print it"
    )
    parser.add_argument("--only", choices=[*VISITS, SERVER], nargs="*", default=[*VISITS, SERVER], help="of the visits")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "big_recording.json")
    arguments = parser.parse_args()
    recording = arguments.recording.absolute()
    if arguments.visit:
        found = (
            measure_server(recording)
            if arguments.visit == SERVER
            else measure_visit(VISITS[arguments.visit], recording)
        )
        print(json.dumps(found))
        return
    load = os.getloadavg()[0]
    pages = measure_all(recording, arguments.only)
    import torch  # now: a process's largest memory counts from that of the process that starts it

    from senet_viz.models.environment import describe_environment

    result = {
        "benchmark": "big_recording",
        "recording": describe(recording),
        "environment": {**describe_environment(torch.device("cpu")), "load_before": round(load, 2)},
        "limits": LIMITS,
        "pages": pages,
        "beyond": judge(pages),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({"pages": pages, "beyond": result["beyond"]}, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
