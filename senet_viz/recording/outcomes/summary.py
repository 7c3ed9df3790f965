"""What interventions did to accuracy, in plain numbers: the point estimates, without intervals."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording.outcomes.reader import Outcome, Outcomes


def summarize_outcomes(outcomes: Outcomes) -> dict[str, Any]:
    """What a person wants to know of interventions that were just made, with documented keys.

    Keys: outcomes (folder), id, images, judged (images whose class has an output), complete, clean (top1, top5, loss),
    variants: a list of target, kind, blocks, baseline, repeat, strength, top1, top5, loss (each intervened − clean; top1
    and top5 in points) and changed (share of all predictions); baselines and notes of the manifest, throughput. Numbers
    are null where no image was judged.
    """
    manifest, clean, judged = outcomes.manifest, outcomes.clean, outcomes.judged
    rows = []
    for variant in outcomes.variants:
        moved = outcomes.outcome(variant)
        rows.append(
            {
                "target": variant.target,
                "kind": variant.kind,
                "blocks": list(variant.blocks),
                "baseline": variant.baseline,
                "repeat": variant.repeat,
                "strength": variant.strength,
                **_differences(moved, clean, judged),
                "changed": float((moved.prediction != clean.prediction).mean()),
            }
        )
    return {
        "outcomes": str(outcomes.path),
        "id": outcomes.id,
        "images": outcomes.samples.num_rows,
        "judged": int(judged.sum()),
        "complete": outcomes.complete,
        "clean": {
            "top1": _mean(clean.correct[judged]),
            "top5": _mean(clean.correct5[judged]),
            "loss": _mean(clean.loss[judged]),
        },
        "variants": rows,
        "baselines": dict(manifest.baselines),
        "throughput": [dict(run) for run in manifest.throughput],
        "notes": list(manifest.notes),
    }


def describe_outcomes(summary: dict[str, Any]) -> str:
    """The same for people: Δ top-1 in points, a row a target and a column a baseline, repeats averaged."""
    lines = [
        f"{summary['outcomes']}: {summary['images']:,} images, {len(summary['variants']):,} interventions, clean top-1 "
        + ("unknown: no class has an output" if summary["clean"]["top1"] is None else f"{summary['clean']['top1']:.2%}")
    ]
    cells: dict[str, dict[str, list[float]]] = {}
    for row in summary["variants"]:
        value = math.nan if row["top1"] is None else row["top1"]
        cells.setdefault(row["target"], {}).setdefault(row["baseline"], []).append(value)
    baselines = list(dict.fromkeys(row["baseline"] for row in summary["variants"]))
    width = max([len(target) for target in cells] + [len("Δ top-1, points")]) + 2
    lines.append("Δ top-1, points".ljust(width) + "".join(name.rjust(_width(name)) for name in baselines))
    for target, found in cells.items():
        texts = (f"{np.mean(found[name]):+.2f}".rjust(_width(name)) for name in baselines)
        lines.append(target.ljust(width) + "".join(texts))
    return "\n".join([*lines, *(f"note: {note}" for note in summary["notes"])])


def _width(name: str) -> int:
    return max(len(name), len("-100.00")) + 2


def _differences(moved: Outcome, clean: Outcome, judged: NDArray[np.bool_]) -> dict[str, float | None]:
    def differ(intervened: NDArray[Any], untouched: NDArray[Any], unit: float) -> float | None:
        return _mean(unit * (intervened[judged].astype(np.float64) - untouched[judged].astype(np.float64)))

    return {
        "top1": differ(moved.correct, clean.correct, 100),
        "top5": differ(moved.correct5, clean.correct5, 100),
        "loss": differ(moved.loss, clean.loss, 1),
    }


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean(dtype=np.float64)) if len(values) else None
