"""Experiments on the design of SE units: declarations, results, paired differences and what they allow one to say."""

from senet_viz.analysis.experiments.answering import answer_questions
from senet_viz.analysis.experiments.declaration import Condition, Experiment, Question, read_experiment
from senet_viz.analysis.experiments.effects import CrossedMean, answer, mean_over_both, mean_over_seeds
from senet_viz.analysis.experiments.result import (
    BlockShare,
    Cell,
    ExperimentResult,
    NetworkCost,
    QuestionAnswer,
    Speed,
    StageDifference,
    Timing,
)
from senet_viz.analysis.experiments.sentences import (
    accuracy_text,
    answer_question,
    bound_text,
    describe_stages,
    describe_state,
    interval_text,
    points,
)
from senet_viz.analysis.experiments.storing import (
    experiments_folder,
    list_experiments,
    open_experiment,
    read_result,
    write_result,
)

__all__ = [
    "BlockShare",
    "Cell",
    "Condition",
    "CrossedMean",
    "Experiment",
    "ExperimentResult",
    "NetworkCost",
    "Question",
    "QuestionAnswer",
    "Speed",
    "StageDifference",
    "Timing",
    "accuracy_text",
    "answer",
    "answer_question",
    "answer_questions",
    "bound_text",
    "describe_stages",
    "describe_state",
    "experiments_folder",
    "interval_text",
    "list_experiments",
    "mean_over_both",
    "mean_over_seeds",
    "open_experiment",
    "points",
    "read_experiment",
    "read_result",
    "write_result",
]
