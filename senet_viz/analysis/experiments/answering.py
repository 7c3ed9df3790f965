"""From trained networks to answers: paired by seed, over the same images."""

import dataclasses

import numpy as np

from senet_viz.analysis.experiments.declaration import Question
from senet_viz.analysis.experiments.effects import LEVEL, CrossedMean, answer, mean_over_both, mean_over_seeds
from senet_viz.analysis.experiments.result import ExperimentResult, QuestionAnswer, StageDifference


def answer_questions(result: ExperimentResult) -> ExperimentResult:
    """The result with accuracies and answers computed anew from its trained networks."""
    return dataclasses.replace(
        result,
        answers=tuple(_answer(result, question) for question in result.experiment.questions),
        accuracies={
            condition.id: found
            for condition in result.experiment.conditions
            if (found := _accuracy(result, condition.id)) is not None
        },
    )


def _accuracy(result: ExperimentResult, condition: str) -> CrossedMean | None:
    cells = result.cells_of(condition)
    return mean_over_both(np.stack([result.correct(cell) for cell in cells.values()])) if cells else None


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
        _stage_differences(result, question, seeds),
    )


def _stage_differences(
    result: ExperimentResult, question: Question, seeds: tuple[int, ...]
) -> tuple[StageDifference, ...]:
    ours, theirs = result.cells_of(question.condition), result.cells_of(question.against)
    pairs = [(ours[seed].stages(), theirs[seed].stages()) for seed in seeds]
    stages = sorted(set.intersection(*(set(mine) & set(other) for mine, other in pairs)))
    values = {stage: np.array([mine[stage] - other[stage] for mine, other in pairs]) for stage in stages}
    values = {stage: found for stage, found in values.items() if np.isfinite(found).all()}
    level = 1 - (1 - LEVEL) / max(1, len(values))  # Bonferroni over the stages
    found = []
    for stage, differences in values.items():
        value, interval = mean_over_seeds(differences, level)
        found.append(StageDifference(stage, value, *interval, answer(interval, result.experiment.depth_bound)))
    return tuple(found)
