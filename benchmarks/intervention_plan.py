"""What the plan's loop order and remembered prefixes cost, against running the whole network for each intervention.

    python benchmarks/intervention_plan.py --data val.parquet

Three ways to make the same interventions on the same images, in slices that take turns, so that a machine that slows
down slows all three: *plain* goes through the images once for each intervention, decodes them anew and runs the whole
network; *in one pass* decodes once and runs the whole network; *the plan* decodes once and computes only what an
intervention can change. The outcomes must be the same bits.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from senet_viz import load_model, open_images
from senet_viz.gates.activation_cache import ActivationCache, build_activation_cache
from senet_viz.gates.intervention import patching
from senet_viz.images.loading import load_batches
from senet_viz.models.environment import describe_environment
from senet_viz.models.forward import observing
from senet_viz.models.memory import keep_freed_memory
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.outcomes import Outcome
from senet_viz.workflows.engine import Rows
from senet_viz.workflows.interventions.making import make_work, prepare
from senet_viz.workflows.interventions.request import InterventionOptions, Request
from senet_viz.workflows.interventions.running import InterventionWork, judge
from senet_viz.workflows.job import forward_of
from senet_viz.workflows.record import record


def run_plain(work: InterventionWork, request: Request, images: Rows, clean: Outcome) -> list[Outcome]:
    """An intervention after the other, each with images of its own."""
    found = []
    for variant in work.variants:
        batches = load_batches(request.source, [request.indices[images]], request.model.preprocess)
        for batch in batches:
            assert batch.pixels is not None
            with patching(request.model.module, work.patches(variant, images, clean.prediction)):
                found.append(judge(forward_of(request.model, batch.pixels)(), work.outputs[images]))
    return found


def run_pass(work: InterventionWork, request: Request, images: Rows) -> list[Outcome]:
    """The plan's loop: images decoded once; what is remembered is the work's matter."""
    (batch,) = load_batches(request.source, [request.indices[images]], request.model.preprocess)
    return work(images, batch)


def same(left: Sequence[Outcome], right: Sequence[Outcome]) -> bool:
    """Whether two runs said the same, bit by bit."""
    return len(left) == len(right) and all(
        np.array_equal(a.prediction, b.prediction)
        and np.array_equal(a.loss, b.loss, equal_nan=True)
        and np.array_equal(a.correct5, b.correct5)
        for a, b in zip(left, right)
    )


def measure(request: Request, folder: Path) -> dict[str, object]:
    """Seconds of the three ways, and whether they agree."""
    options = request.options
    recording = record(request.model, request.source, folder / "clean", options=RecordOptions(limit=options.limit))
    prepared = prepare(request, recording)
    (folder / "scratch").mkdir()
    whole = make_work(request, prepared, ActivationCache({}, "none"), folder / "scratch")
    total = len(prepared.chosen.rows)
    seconds = {"plain": 0.0, "one_pass": 0.0, "plan": 0.0}
    mode, identical = "", True
    with observing(request.model, "fp32"):
        for start in range(0, total, options.batch_size):
            images = np.arange(start, min(start + options.batch_size, total))
            if not mode:
                (batch,) = load_batches(request.source, [request.indices[images]], request.model.preprocess)
                assert batch.pixels is not None
                memory = build_activation_cache(
                    request.model.module, request.gates, forward_of(request.model, batch.pixels)
                )
                mode, plan = memory.mode, InterventionWork(**{**vars(whole), "memory": memory})
            marks = [time.perf_counter()]
            one_pass = run_pass(whole, request, images)
            marks.append(time.perf_counter())
            planned = run_pass(plan, request, images)
            marks.append(time.perf_counter())
            plain = run_plain(whole, request, images, planned[0])
            marks.append(time.perf_counter())
            for way, passed in zip(("one_pass", "plan", "plain"), np.diff(marks)):
                seconds[way] += float(passed)
            identical &= same(one_pass, planned) and same(plain, planned[1:])
            done = {way: round(value, 1) for way, value in seconds.items()}
            print(
                f"{images[-1] + 1} of {total} images: {done}, plan / plain {seconds['plan'] / seconds['plain']:.3f}",
                flush=True,
            )
    return {
        "images": total,
        "interventions": len(request.variants),
        "prefixes": mode,
        "identical": identical,
        "seconds": {way: round(value, 2) for way, value in seconds.items()},
        "ratio_plan_to_plain": round(seconds["plan"] / seconds["plain"], 3),
        "ratio_one_pass_to_plain": round(seconds["one_pass"] / seconds["plain"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--baselines", default="one,mean,predicted_class_mean,within,between")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "intervention_plan.json")
    arguments = parser.parse_args()
    keep_freed_memory()
    model, source = load_model(arguments.model, device=arguments.device), open_images(arguments.data)
    options = InterventionOptions(
        baselines=tuple(arguments.baselines.split(",")), repeats=arguments.repeats, limit=arguments.images,
        batch_size=arguments.batch_size,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Request(model, source, Path(folder), options, None), Path(folder))
    result = {
        "benchmark": "intervention_plan",
        "model": arguments.model,
        "batch_size": arguments.batch_size,
        "environment": describe_environment(model.device),
        **found,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: found[key] for key in ("ratio_plan_to_plain", "ratio_one_pass_to_plain", "identical")}))


if __name__ == "__main__":
    main()
