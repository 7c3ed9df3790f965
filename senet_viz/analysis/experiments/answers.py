"""From trained networks to answers, paired by seed over the same images, in sentences that go no further than their intervals."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from senet_viz.analysis.experiments.declaration import Experiment, Question
from senet_viz.analysis.experiments.result import (
    LEVEL,
    CrossedMean,
    ExperimentResult,
    QuestionAnswer,
    StageDifference,
    answer,
    mean_over_both,
    mean_over_seeds,
)
from senet_viz.text import limits_text, number_text


def answer_questions(result: ExperimentResult) -> ExperimentResult:
    """The result with accuracies and answers computed anew from its trained networks."""
    trained = {condition.id: result.cells_of(condition.id).values() for condition in result.experiment.conditions}
    return dataclasses.replace(
        result,
        answers=tuple(_answer(result, question) for question in result.experiment.questions),
        accuracies={
            name: mean_over_both(np.stack([result.correct(cell) for cell in cells]))
            for name, cells in trained.items()
            if cells
        },
    )


def _answer(result: ExperimentResult, question: Question) -> QuestionAnswer:
    ours, theirs = result.cells_of(question.condition), result.cells_of(question.against)
    seeds = tuple(sorted(ours.keys() & theirs.keys()))
    if not seeds:
        return QuestionAnswer(question, (), None, "cannot tell", ())
    differences = [result.correct(ours[s]).astype(np.int8) - result.correct(theirs[s]).astype(np.int8) for s in seeds]
    difference = mean_over_both(np.stack(differences))
    return QuestionAnswer(
        question,
        seeds,
        difference,
        answer(difference.both, result.experiment.bound),
        _stage_differences([(ours[s].stages(), theirs[s].stages()) for s in seeds], result.experiment.depth_bound),
    )


def _stage_differences(
    pairs: Sequence[tuple[dict[int, float], dict[int, float]]], bound: float
) -> tuple[StageDifference, ...]:
    """From the mean ω² of the stages, of both conditions with each seed."""
    stages = sorted(set.intersection(*(set(mine) & set(other) for mine, other in pairs)))
    values = {stage: np.array([mine[stage] - other[stage] for mine, other in pairs]) for stage in stages}
    values = {stage: found for stage, found in values.items() if np.isfinite(found).all()}
    level = 1 - (1 - LEVEL) / max(1, len(values))  # Bonferroni over the stages
    found = []
    for stage, differences in values.items():
        value, interval = mean_over_seeds(differences, level)
        found.append(StageDifference(stage, value, *interval, answer(interval, bound)))
    return tuple(found)


_WORDS = {
    "better": "Yes, by more than {bound}",
    "worse": "No: it does worse by more than {bound}",
    "same": "No: the difference is within ±{bound}",
    "cannot tell": "Cannot tell",
}
_DEPTH_WORDS = {"better": "higher", "worse": "lower", "same": "the same within the bound", "cannot tell": "cannot tell"}


def points(share: float) -> str:
    """A share as signed percentage points: "+1.20"."""
    return number_text(100 * share, "+.2f")


def interval_text(interval: tuple[float, float]) -> str:
    """In points: "[−0.30, +1.20]"."""
    return limits_text(100 * interval[0], 100 * interval[1], "+.2f")


def answer_question(result: ExperimentResult, found: QuestionAnswer) -> str:
    """One question's answer: verdict, difference with its three intervals, numbers of seeds and images."""
    experiment = result.experiment
    names = [experiment.condition(name).title for name in (found.question.condition, found.question.against)]
    if found.difference is None:
        return f"Not trained yet: no seed has both {names[0]} and {names[1]}."
    d = found.difference
    verdict = _WORDS[found.answer].format(bound=bound_text(experiment))
    if d.n_seeds == 1:
        return (
            f"Cannot tell from one seed: {names[0]} − {names[1]} is {points(d.value)} points of top-1 accuracy, "
            f"{interval_text(d.images)} over {d.n_images:,} images, and another training could differ by more."
        )
    return (
        f"{verdict}. {names[0][:1].upper()}{names[0][1:]} − {names[1]}: {points(d.value)} points of top-1 accuracy, {interval_text(d.both)} over "
        f"trainings and images together ({d.n_seeds} seeds, {d.n_images:,} images; over seeds alone {interval_text(d.seeds)}, "
        f"over images alone {interval_text(d.images)})."
    )


def describe_stages(result: ExperimentResult, found: QuestionAnswer) -> str:
    """Where the gates' class share differs along the depth, stage by stage; "" where it can not be compared."""
    if not found.stages:
        return ""
    parts = [_stage_text(stage, len(found.seeds)) for stage in found.stages]
    return (
        f"Class share ω² of the gates, {result.experiment.condition(found.question.condition).title} − "
        f"{result.experiment.condition(found.question.against).title}: {'; '.join(parts)}."
    )


def _stage_text(stage: StageDifference, seeds: int) -> str:
    if seeds < 2:
        return f"stage {stage.stage} {number_text(stage.value, '+.3f')}"
    return (
        f"stage {stage.stage} {number_text(stage.value, '+.3f')} {limits_text(stage.low, stage.high, '+.3f')}, "
        f"{_DEPTH_WORDS[stage.answer]}"
    )


def describe_state(experiment: Experiment, result: ExperimentResult | None) -> str:
    """How much of the experiment has been run."""
    done = 0 if result is None else len(result.cells)
    planned = len(experiment.conditions) * len(experiment.seeds)
    seeds = f"{len(experiment.seeds)} seed{'s' if len(experiment.seeds) > 1 else ''}"
    product = f"{len(experiment.conditions)} conditions × {seeds}"
    if done == planned:
        return f"All {planned} networks are trained: {product}."
    return f"{done} of {planned} networks are trained ({product})."


def bound_text(experiment: Experiment) -> str:
    """The bound of accuracy: "1 point"."""
    value = 100 * experiment.bound
    return f"{value:g} point{'' if value == 1 else 's'}"


def accuracy_text(found: CrossedMean) -> str:
    """An accuracy, "34.2% [32.0, 36.4]", over seeds and images; over images alone for one seed."""
    low, high = found.both if found.n_seeds > 1 else found.images
    return f"{found.value:.1%} [{100 * low:.1f}, {100 * high:.1f}]"
