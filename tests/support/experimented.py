"""A small experiment: declared, and with outcomes drawn by chance around known accuracies; no network is trained for it."""

from pathlib import Path

import numpy as np

from senet_viz.analysis.experiments.answers import answer_questions
from senet_viz.analysis.experiments.declaration import Condition, Experiment, Question
from senet_viz.analysis.experiments.result import BlockShare, Cell, ExperimentResult, NetworkCost, NetworkTiming, Speed

DECLARATION = """
name = "small"
title = "A small one"
seeds = [0, 1]
classes = 5
decode = 16

[recipe]
phases = [[1, 16]]
batch_size = 64
peak_rate = 0.1
precision = "fp32"

[network]
name = "se_resnet18"
width = 0.125
side = 32

[[conditions]]
id = "r16"
title = "SE, r = 16"

[[conditions]]
id = "none"
title = "no SE"
placement = "none"

[[conditions]]
id = "relu"
title = "ReLU gates"
gate = "relu"

[[questions]]
ask = "Does SE do better than no SE?"
condition = "r16"
against = "none"
"""
DRAWN = """
name = "drawn"
title = "Drawn by chance"
seeds = [0, 1, 2]
classes = 10
recipe = {phases = [[1, 32]]}
network = {name = "se_resnet18", width = 0.125, side = 32}
conditions = [
    {id = "r16", title = "SE, r = 16"},
    {id = "none", title = "no SE", placement = "none"},
    {id = "per_conv", title = "one SE per convolution", placement = "per_conv"},
]
questions = [
    {ask = "Does SE do better than no SE?", condition = "r16", against = "none"},
    {ask = "Would one SE unit per convolution do better?", condition = "per_conv", against = "r16"},
]
"""
LABELS = ("SE_2_1", "SE_3_1", "SE_4_1", "SE_5_1")


def write_declaration(folder: Path, text: str = DECLARATION) -> Path:
    """The declaration as a file in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.toml").write_text(text, encoding="utf-8")
    return folder / "experiment.toml"


def drawn_experiment(seeds: int = 3) -> Experiment:
    """The declaration that `drawn_result` is of; `DRAWN` is its text for three seeds."""
    return Experiment(
        name="drawn",
        title="Drawn by chance",
        network="se_resnet18",
        arguments={"width": 0.125, "side": 32},
        conditions=(
            Condition("r16", "SE, r = 16", {}),
            Condition("none", "no SE", {"placement": "none"}),
            Condition("per_conv", "one SE per convolution", {"placement": "per_conv"}),
        ),
        questions=(
            Question("Does SE do better than no SE?", "r16", "none"),
            Question("Would one SE unit per convolution do better?", "per_conv", "r16"),
        ),
        seeds=tuple(range(seeds)),
        classes=10,
        recipe={"phases": [[1, 32]]},
    )


def drawn_result(
    accuracies: dict[str, float], *, seeds: int = 3, images: int = 2000, spread: float = 0.005, seed: int = 0
) -> ExperimentResult:
    """Outcomes of conditions with known accuracies; a training moves its accuracy by `spread` (SD), images differ in ease.

    Args:
        accuracies: of each condition that is trained, on average.
        seeds: trained of each.
        images: N.
        spread: SD over trainings.
        seed: of all draws.
    """
    generator = np.random.default_rng(seed)
    experiment = drawn_experiment(seeds)
    labels = np.arange(images, dtype=np.int32) % 10
    ease = generator.normal(0, 0.1, images)
    cells = []
    for name, accuracy in accuracies.items():
        for number in range(seeds):
            chance = np.clip(accuracy + generator.normal(0, spread) + ease, 0, 1)
            right = generator.random(images) < chance
            cells.append(
                Cell(
                    condition=name,
                    seed=number,
                    identity=experiment.identity(experiment.condition(name), number, {}),
                    predictions=np.where(right, labels, (labels + 1) % 10).astype(np.int32),
                    losses=generator.random(images).astype(np.float32),
                    top5=0.9,
                    seconds=60.0,
                    environment={"device": "drawn"},
                    blocks=() if name == "none" else _blocks(0.1 * (name == "per_conv"), generator),
                    reason="The network has no SE units." if name == "none" else "",
                )
            )
    costs = tuple(
        NetworkCost(condition.id, 50_000 + extra, extra, 1_000_000, extra)
        for condition, extra in zip(experiment.conditions, (500, 0, 1000), strict=True)
    )
    timing = NetworkTiming(
        64, 7, "drawn", tuple(Speed(c.id, (1.0, 0.9, 1.1), (1.0, 0.95, 1.05)) for c in experiment.conditions)
    )
    data = {name: {"name": "drawn", "digest": "0", "images": images} for name in ("train", "validation")}
    return answer_questions(ExperimentResult(experiment, data, labels, costs, tuple(cells), timing=timing))


def _blocks(more: float, generator: np.random.Generator) -> tuple[BlockShare, ...]:
    shares = np.array([0.05, 0.1, 0.3, 0.6]) + more + generator.normal(0, 0.005, 4)
    return tuple(
        BlockShare(label, at + 2, 16, float(share), float(share - 0.01), float(share + 0.01))
        for at, (label, share) in enumerate(zip(LABELS, shares, strict=True))
    )
