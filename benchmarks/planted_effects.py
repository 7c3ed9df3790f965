"""Networks made of numbers whose gates carry class information, instance information, both or none, with known effects.

An image of class k has a margin z = μ_k + ε, ε standard normal; it is right where z > 0, among the first five where
z > −1, and its loss is log(1 + exp(−z)). An intervention keeps the margin's distribution but mixes it anew,
μ_k + ρ·ε + √(1 − ρ²)·η, and takes away what it costs to have the wrong gate:
mean: half of both costs; within: instance cost × (1 + ν/2), ν standard normal; between: that, and class cost × γ of
the two classes, γ uniform from .5 to 1.5. A donor's class is drawn as in facts.md: a derangement per fold and repeat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from senet_viz.recording.outcomes import Outcome, Outcomes, OutcomesManifest, Variant
from senet_viz.schema import ClassTable, Gate, LabelMapping
from senet_viz.stats.effect_measuring import measure_effects
from senet_viz.stats.effect_parts import COMPONENTS, ComponentName, decompose
from senet_viz.stats.effects import Change, EffectTable, Measure, judge_equivalence
from senet_viz.stats.estimates import EQUIVALENCE_LEVEL, Estimate

Floats = NDArray[np.float64]
FOLDS = 5
KEPT = 0.9
MIDDLE, SPREAD = 0.8, 0.5
DISTANCES = (0.5, 1.5)
JUDGED: tuple[Measure, Measure] = ("top1", "loss")
Truth = dict[tuple[ComponentName, Measure], float]
BLOCK = Gate("layer4.0.se", "SE_5_1", 5, 0, 64, 4, "planted", "sigmoid")
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)


@dataclass(frozen=True)
class World:
    """What the gates carry, in units of the margin's standard deviation.

    Attributes:
        class_cost: of a gate of another class, on average.
        instance_cost: of a gate of another image.
    """

    class_cost: float
    instance_cost: float


WORLDS = {
    "class only": World(0.4, 0.0),
    "instance only": World(0.0, 0.3),
    "neither": World(0.0, 0.0),
    "both": World(0.4, 0.3),
}


@dataclass(frozen=True, eq=False)
class Classes:
    """K classes.

    Attributes:
        middle: mean margins, (K,).
        distance: γ of each pair, (K, K).
    """

    middle: Floats
    distance: Floats


def draw_classes(count: int, generator: np.random.Generator) -> Classes:
    """Mean margins around .8 with SD .5; distances from .5 to 1.5."""
    return Classes(generator.normal(MIDDLE, SPREAD, count), generator.uniform(*DISTANCES, (count, count)))


def true_components(world: World, classes: Classes) -> Truth:
    """Expected dynamic, instance and class effects on top-1 (points) and loss (nats) of these classes."""
    others = ~np.eye(len(classes.middle), dtype=bool)
    middle = np.broadcast_to(classes.middle[:, None], others.shape)[others]
    return _components(world, middle, classes.distance[others], 1.0)


def expected_components(world: World) -> Truth:
    """The same of the population that `draw_classes` draws from: margins are normal there too."""
    distance = np.linspace(*DISTANCES, 401)[1::2]  # midpoints
    return _components(world, np.full(len(distance), MIDDLE), distance, 1 + SPREAD**2)


def _components(world: World, middle: Floats, distance: Floats, variance: float) -> Truth:
    half = (world.class_cost + world.instance_cost) / 2
    wider = variance + (world.instance_cost / 2) ** 2
    donor = middle - world.instance_cost
    found: Truth = {}
    for measure in JUDGED:
        clean, within = _expect(measure, middle, variance), _expect(measure, donor, wider)
        dynamic = _expect(measure, middle - half, variance) - clean
        between = _expect(measure, donor - world.class_cost * distance, wider)
        parts = (dynamic, within - clean, between - within)
        found |= {(name, measure): part for name, part in zip(COMPONENTS, parts)}
    return found


def _expect(measure: Measure, middle: Floats, variance: float) -> float:
    """Mean over normal margins of these means and this variance."""
    if measure == "top1":
        return float(100 * stats.norm.cdf(middle / np.sqrt(variance)).mean())
    losses = np.logaddexp(0, -(middle[:, None] + np.sqrt(variance) * _NODES))
    return float((losses @ _WEIGHTS).mean() / _WEIGHTS.sum())


class PlantedOutcomes(Outcomes):
    """Outcomes in memory."""

    def __init__(self, manifest: OutcomesManifest, samples: pa.Table, said: Sequence[Outcome]) -> None:
        super().__init__(Path("planted"), manifest)
        vars(self).update(samples=samples, clean=said[0])  # in the place of what would be read
        self.said = tuple(said)

    def outcome(self, variant: Variant) -> Outcome:
        """As of a folder."""
        return self.said[1 + self.variants.index(variant)]


def draw_outcomes(
    world: World, classes: Classes, per_class: int, generator: np.random.Generator, *, repeats: int = 3
) -> PlantedOutcomes:
    """One block's outcomes under `mean`, `within` and `between` on new images of these classes."""
    count = len(classes.middle)
    labels = np.repeat(np.arange(count), per_class)
    folds = np.tile(np.arange(per_class) % FOLDS, count)
    noise = generator.normal(size=len(labels))
    said = [_say(classes.middle[labels] + noise, labels, count)]
    variants = [Variant(BLOCK.label, "block", (BLOCK.name,), "mean", 0, 1.0)]
    for kind in ("within", "between"):
        variants += [Variant(BLOCK.label, "block", (BLOCK.name,), kind, r, 1.0) for r in range(repeats)]
    for variant in variants:
        fresh, donor = generator.normal(size=(2, len(labels)))
        cost = world.instance_cost * (1 + donor / 2)
        if variant.baseline == "mean":
            cost = np.full(len(labels), (world.class_cost + world.instance_cost) / 2)
        if variant.baseline == "between":
            turned = np.stack([derange(count, generator) for _ in range(FOLDS)])
            cost = cost + world.class_cost * classes.distance[labels, turned[folds, labels]]
        mixed = classes.middle[labels] + KEPT * noise + np.sqrt(1 - KEPT**2) * fresh
        said.append(_say(mixed - cost, labels, count))
    return PlantedOutcomes(
        make_outcomes_manifest((BLOCK,), count, len(labels), tuple(variants)), tabulate(labels, folds), said
    )


def derange(count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """A permutation without a fixed point: one cycle through all classes, so that every other class is as likely."""
    order = generator.permutation(count)
    turned = np.empty(count, dtype=np.int64)
    turned[order] = np.roll(order, 1)
    return turned


def tabulate(labels: NDArray[np.integer], folds: NDArray[np.integer]) -> pa.Table:
    """The rows of `Outcomes.samples`; images without a label have −1 and no output."""
    names = [f"image-{i:06d}" for i in range(len(labels))]
    output = pa.array(labels.astype(np.int32), mask=labels < 0)
    return pa.table(
        {
            "sample_id": names, "path": [f"{name}.jpg" for name in names], "label": labels.astype(np.int32),
            "output_label": output, "fold": folds.astype(np.int8), "half": (np.arange(len(labels)) % 2).astype(np.int8),
        }
    )  # fmt: skip


def make_outcomes_manifest(
    gates: tuple[Gate, ...], classes: int, images: int, variants: tuple[Variant, ...]
) -> OutcomesManifest:
    """A complete one."""
    names = tuple(f"class {k}" for k in range(classes))
    return OutcomesManifest(
        id="ab" * 16,
        model={"name": "planted", "sha256": "0" * 64},
        data={"name": "planted", "digest": f"{classes}x{images}", "images": images},
        gates=gates,
        classes=ClassTable(names),
        mapping=LabelMapping(tuple(range(classes)), "name"),
        preprocessing={},
        options={},
        environment={},
        complete=True,
        variants=variants,
    )


def _say(margins: Floats, labels: NDArray[np.int64], classes: int) -> Outcome:
    right = margins > 0
    return Outcome(
        prediction=np.where(right, labels, (labels + 1) % classes).astype(np.int32),
        loss=np.logaddexp(0, -margins).astype(np.float32),
        correct=right,
        correct5=margins > -1,
    )


def run_world(world: World, *, runs: int, classes: int, per_class: int, seed: int = 0) -> list[dict[str, Any]]:
    """Bias, coverage and decisions of every component and measure, with fixed and with drawn classes."""
    fixed = draw_classes(classes, np.random.default_rng([seed, 1]))
    truths = {"fixed": true_components(world, fixed), "drawn": expected_components(world)}
    rows = []
    for which, truth in truths.items():
        found: dict[tuple[ComponentName, Measure], list[Change]] = {key: [] for key in truth}
        told: list[float] = []
        for run in range(runs):
            generator = np.random.default_rng([seed, 3, run])
            these = fixed if which == "fixed" else draw_classes(classes, generator)
            table = measure_effects(draw_outcomes(world, these, per_class, generator), seed=run)
            told.append(_told_classes(table))
            for component in decompose(table):
                for measure in JUDGED:
                    found[component.name, measure].append(component.changes[measure])
        for (name, measure), changes in found.items():
            estimates = [c.images if which == "fixed" else c.classes for c in changes]
            row = {"classes": which, "component": name, "measure": measure, "truth": truth[name, measure]}
            rows.append(row | _summarize(estimates, truth[name, measure]) | {"told_classes": float(np.mean(told))})
    return rows


def _told_classes(table: EffectTable) -> float:
    return float(table.find(BLOCK.label, "between").tests.found.mean())


def _summarize(estimates: list[Estimate], truth: float) -> dict[str, float]:
    values = np.array([e.value for e in estimates])
    wide = [e.interval() for e in estimates]
    narrow = [e.interval(EQUIVALENCE_LEVEL) for e in estimates]
    verdicts = [judge_equivalence(e, 1.0).verdict for e in estimates]
    shares = {
        "coverage_95": [i.low <= truth <= i.high for i in wide],
        "coverage_90": [i.low <= truth <= i.high for i in narrow],
        "told": [i.low > 0 or i.high < 0 for i in wide],
        "equivalent": [verdict == "equivalent" for verdict in verdicts],
    }
    rates = {name: float(np.mean(share)) for name, share in shares.items()}
    error = float(np.mean([e.error for e in estimates]))
    return {"bias": float(values.mean() - truth), "sd": float(values.std()), "mean_error": error} | rates
