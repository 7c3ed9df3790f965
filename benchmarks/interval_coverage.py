"""Do the intervals cover? Bias of ω², coverage and width of its intervals, uniformity of permutation p-values.

    python benchmarks/interval_coverage.py [--cells REGEX] [--runs 1000] [--out FILE]

Cells: class shares 0, .05, .3, .9 × K 4, 20, 200 × n 5, 50 × C 64, 2048 × equal and unequal n, each with independent
normal channels of equal variance; and cells in which both class profiles and noise have three factors (rank-3), the
noise differs between classes (heteroscedastic), or gates saturate. Unequal means 5, 7, 9 images by turns for n = 5
(under 5 no interval is given) and 23, 50, 77 for n = 50. Class means are drawn once a cell and stay: *these classes*.

The first 96 cells draw the cells' sums of squares from their exact distribution instead of single images (`draw_sums`;
a test compares it with images); the other cells draw images and go through `resample_images` as assess does.
Finished cells are kept in the file, so that the command goes on where it was stopped.
"""

import argparse
import json
import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from interval_cells import all_cells, run_intervals, run_permutations, verdict

from senet_viz.models.environment import describe_environment

RESULT = Path(__file__).parent / "results" / "interval_coverage.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="", help="only cells whose name matches this regular expression")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "interval_coverage", "cells": {}}
    if arguments.out.exists():
        result = json.loads(arguments.out.read_text(encoding="utf-8"))
    result["environment"] = describe_environment(torch.device("cpu"))
    for number, cell in enumerate(all_cells()):
        if (
            not re.search(arguments.cells, cell.name)
            or result["cells"].get(cell.name, {}).get("runs", 0) >= arguments.runs
        ):
            continue
        began = time.perf_counter()
        run = run_permutations if cell.permutations else run_intervals
        row = {**asdict(cell), "runs": arguments.runs, **run(cell, arguments.runs, 1000 * arguments.seed + number)}
        row |= {"verdict": verdict(cell, row), "seconds": round(time.perf_counter() - began, 1)}
        result["cells"][cell.name] = row
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        shown = {k: round(v, 4) for k, v in row.items() if k in ("bias", "coverage_95", "mean_width_95", "ks_p")}
        print(f"{cell.name}: {shown} {row['verdict']} ({row['seconds']} s)", flush=True)


if __name__ == "__main__":
    main()
