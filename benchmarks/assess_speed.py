"""Time and memory of `assess`, recording by recording.

    python benchmarks/assess_speed.py --recording runs/val --control runs/random-0 --control runs/random-1 \
        --control runs/random-2 --interventions checkpoints/seresnet50-w050-64px/interventions
    python benchmarks/make_big_recording.py --out runs/big && python benchmarks/assess_speed.py --recording runs/big

Each recording is assessed in a process of its own, whose peak memory is that of the operating system's account; seconds of
every kind of part come from its progress. The result is written after each recording, beside what is there of others.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from senet_viz.claims.assess import assess
from senet_viz.recording.layout import ASSESSMENT, EFFECTS, MEASURES
from senet_viz.recording.reader import Recording, open_recording

RESULT = Path(__file__).parent / "results" / "assess_speed.json"


WRITTEN = (ASSESSMENT, MEASURES, EFFECTS)
_KINDS = {"estimates": "estimates", "s": "measures of s", "z": "measures of z", "effects": "effects"}


def assess_here(folder: Path, controls: list[Path], interventions: Path | None) -> dict[str, Any]:
    """Assess in this process: seconds in all and by kind of part, and peak memory."""
    recording = open_recording(folder)
    beside = [open_recording(control) for control in controls]
    load = os.getloadavg()[0]  # of others: what the seconds must be read with
    marks: list[tuple[float, str]] = []
    began = time.perf_counter()
    assess(
        recording,
        control=beside,
        interventions=interventions,
        on_progress=lambda _done, _total, what: marks.append((time.perf_counter(), what)),
    )
    parts: dict[str, float] = {}
    for (start, what), (end, _) in itertools.pairwise(marks):
        kind = _KINDS.get(what.split(" ", 1)[0], what)
        parts[kind] = parts.get(kind, 0.0) + end - start
    return {
        **describe(recording),
        "squeeze_kept": bool(recording.manifest.options.get("squeeze")),
        "controls": len(controls),
        "interventions": interventions is not None,
        "seconds": round(time.perf_counter() - began, 1),
        "load_before": round(load, 1),
        "cpu_seconds": round(time.process_time(), 1),
        "seconds_by_part": {kind: round(seconds, 1) for kind, seconds in parts.items()},
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2),
        "written_mb": round(
            sum((folder / name).stat().st_size for name in WRITTEN if (folder / name).exists()) / 1e6, 1
        ),
    }


def describe(recording: Recording) -> dict[str, Any]:
    """What was assessed."""
    return {
        "model": recording.manifest.model["name"],
        "images": recording.samples.num_rows,
        "kept": recording.n_kept,
        "classes": len(recording.classes),
        "blocks": len(recording.blocks),
        "channels": sum(gate.channels for gate in recording.blocks),
    }


def store(found: dict[str, Any], out: Path) -> None:
    """Replace the entry of a recording of the same model and size."""
    import torch

    from senet_viz.models.environment import describe_environment

    known = json.loads(out.read_text("utf-8"))["recordings"] if out.exists() else []
    same = ("model", "images", "classes", "channels")
    others = [entry for entry in known if any(entry[key] != found[key] for key in same)]
    found["environment"] = describe_environment(torch.device("cpu"))
    out.parent.mkdir(parents=True, exist_ok=True)
    tree = {"benchmark": "assess_speed", "recordings": sorted([*others, found], key=lambda entry: entry["images"])}
    out.write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, action="append", required=True, help="may be repeated")
    parser.add_argument("--control", type=Path, action="append", default=[], help="of every recording; may be repeated")
    parser.add_argument("--interventions", type=Path)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--here", action="store_true", help="assess in this process and print the numbers")
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(assess_here(arguments.recording[0], arguments.control, arguments.interventions)))
        return
    for folder in arguments.recording:
        command = [sys.executable, __file__, "--recording", str(folder), "--here"]
        command += [word for control in arguments.control for word in ("--control", str(control))]
        command += ["--interventions", str(arguments.interventions)] if arguments.interventions else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout)
        store(found, arguments.out)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
