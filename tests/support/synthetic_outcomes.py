"""Outcomes of interventions made by hand or with planted effects, in memory and on disk."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planted_effects import PlantedOutcomes, make_outcomes_manifest, tabulate
from senet_viz.recording.outcomes import Outcome, Outcomes, Variant, open_outcomes
from senet_viz.recording.outcomes_writer import OutcomesWriter
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate
from tests.support.synthetic import PAPER_BLOCKS, make_gates

DRAWN = ("within", "between")


def make_outcome(correct: Sequence[int], *, loss: Sequence[float] | None = None, wrong: int = -5) -> Outcome:
    """What the network said, by whether it was right; a wrong answer is the output `wrong`."""
    right = np.array(correct, dtype=bool)
    prediction = np.where(right, 0, wrong).astype(np.int32)
    losses = np.where(right, 0.5, 2.0) if loss is None else np.array(loss)
    return Outcome(prediction, losses.astype(np.float32), right, right | (np.arange(len(right)) % 2 == 0))


def make_variant(
    target: str, baseline: str, *, repeat: int = 0, strength: float = 1.0, gates: tuple[Gate, ...] = ()
) -> Variant:
    """Of blocks by label, joined with "+", or "stage 5", or "all"."""
    gates = gates or make_gates(PAPER_BLOCKS)
    if target.startswith("stage "):
        return Variant(
            target, "stage", tuple(g.name for g in gates if g.stage == int(target[6:])), baseline, repeat, strength
        )
    if target == "all":
        return Variant("all blocks", "all", tuple(g.name for g in gates), baseline, repeat, strength)
    names = tuple(next(g.name for g in gates if g.label == label) for label in target.split("+"))
    return Variant(target.replace("+", " + "), "block" if len(names) == 1 else "set", names, baseline, repeat, strength)


def make_outcomes(
    labels: Sequence[int],
    said: Mapping[Variant | None, Outcome],
    *,
    classes: int,
    gates: tuple[Gate, ...] = (),
    **changed: Any,
) -> PlantedOutcomes:
    """By hand; what the untouched network says is under None. Further arguments replace fields of the manifest."""
    variants = tuple(variant for variant in said if variant is not None)
    manifest = make_outcomes_manifest(gates or make_gates(PAPER_BLOCKS), classes, len(labels), variants)
    samples = tabulate(np.array(labels), np.arange(len(labels)) % 5)
    return PlantedOutcomes(
        dataclasses.replace(manifest, **changed), samples, [said[None], *(said[v] for v in variants)]
    )


def planted_said(
    labels: np.ndarray, costs: Mapping[tuple[str, str], float], *, repeats: int = 2, seed: int = 0, right: float = 0.7
) -> dict[Variant | None, Outcome]:
    """Outcomes in which (target, baseline) costs so many points of accuracy; a share is right without one."""
    generator = np.random.default_rng(seed)
    place = generator.uniform(size=len(labels))
    said: dict[Variant | None, Outcome] = {None: make_outcome(place < right)}
    for (target, baseline), cost in costs.items():
        for repeat in range(repeats if baseline in DRAWN else 1):
            moved = place + generator.normal(0, 0.02, size=len(labels))
            said[make_variant(target, baseline, repeat=repeat)] = make_outcome(moved < right - cost / 100)
    return said


PAPER_COSTS = {
    ("stage 2", "within"): 1.0, ("stage 2", "between"): 1.0, ("SE_2_3", "within"): 1.0, ("SE_2_3", "between"): 1.0,
    ("SE_5_1", "within"): 1.0, ("SE_5_1", "between"): 12.0, ("SE_5_2", "one"): 0.0, ("SE_4_6", "one"): 12.0,
    ("stage 5", "one"): 30.0, ("SE_5_1", "one"): 28.0, ("SE_5_2+SE_5_3", "one"): 2.0,
    ("all", "predicted_class_mean"): 10.0, ("all", "mean"): 30.0,
    **{(label, "mean"): cost for label, cost in zip(PAPER_BLOCKS, (12.0, 12.0, 14.0, 16.0, 0.0, 0.0))},
}  # fmt: skip


def write_outcomes_of(
    recording: Recording, folder: Path, costs: Mapping[tuple[str, str], float], *, right: float = 0.7, **changed: Any
) -> Outcomes:
    """A complete folder of interventions with planted costs on a recording's network and images."""
    labels = recording.samples["label"].to_numpy()
    made = make_outcomes(
        labels.tolist(),
        planted_said(labels, costs, right=right),
        classes=len(recording.classes),
        gates=recording.blocks,
    )
    theirs = recording.manifest
    fields = {
        "model": theirs.model, "data": theirs.data, "classes": theirs.classes, "mapping": theirs.mapping,
        "preprocessing": theirs.preprocessing, "options": {"shard_size": len(labels)}, "complete": False,
    } | changed  # fmt: skip
    draft = dataclasses.replace(made.manifest, **fields)
    with OutcomesWriter(folder) as writer:
        writer.begin(draft, made.samples)
        writer.append(made.said)
        writer.finish(throughput={"images": len(labels), "seconds": 1.0, "images_per_second": 1.0}, baselines={})
    return open_outcomes(folder)
