"""Do effects get the right parts? Bias and coverage of dynamic, instance and class effects with known truth.

    python benchmarks/effect_coverage.py [--runs 500] [--classes 20] [--per-class 50] [--out FILE]

Four worlds (gates that carry class information only, instance information only, neither, both; planted_effects.py).
Fixed classes: drawn once, images, donors and derangements anew in each run; intervals over images must cover the
effect on these classes. Drawn classes: anew in each run; intervals over classes must cover the expected effect.
`told` is the share of runs whose 95 % interval leaves 0 out; `equivalent` of those whose 90 % interval lies within ± 1
point; `told_classes`, the mean share of classes that Benjamini–Hochberg tells from no change under `between`.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from planted_effects import WORLDS, run_world

from senet_viz.models.environment import describe_environment

RESULT = Path(__file__).parent / "results" / "effect_coverage.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--per-class", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    design = {"runs": arguments.runs, "classes": arguments.classes, "per_class": arguments.per_class}
    result: dict[str, Any] = {"benchmark": "effect_coverage", **design, "seed": arguments.seed, "worlds": {}}
    result["environment"] = describe_environment(torch.device("cpu"))
    for name, world in WORLDS.items():
        began = time.perf_counter()
        rows = run_world(world, seed=arguments.seed, **design)
        result["worlds"][name] = {"rows": rows, "seconds": round(time.perf_counter() - began, 1)}
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        covered = [row["coverage_95"] for row in rows]
        print(f"{name}: coverage of 95 % intervals {min(covered):.3f} to {max(covered):.3f}", flush=True)


if __name__ == "__main__":
    main()
