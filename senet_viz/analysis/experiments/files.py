"""`result.json` and `outcomes.parquet` of an experiment: replaced whole whenever a network has been trained."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from senet_viz.analysis.experiments.answers import answer_questions
from senet_viz.analysis.experiments.declaration import Experiment, read_experiment
from senet_viz.analysis.experiments.result import Cell, ExperimentResult
from senet_viz.errors import ExperimentError
from senet_viz.paths import expand_home, repository
from senet_viz.recording.files import read_json, replace_json
from senet_viz.schema import Layout, from_tree, to_tree

DECLARATION, RESULT, OUTCOMES = "experiment.toml", "result.json", "outcomes.parquet"
VERSION = 1
_LABEL = "label"


def experiments_folder() -> Path:
    """Folder of the experiments that come with the code, or SENET_VIZ_EXPERIMENTS."""
    chosen = os.environ.get("SENET_VIZ_EXPERIMENTS")
    return expand_home(chosen) if chosen else repository() / "experiments"


def list_experiments(folder: Path) -> dict[str, Path]:
    """Folders with a declaration in a folder, by name, sorted."""
    return {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{DECLARATION}"))}


def write_result(folder: Path, result: ExperimentResult) -> None:
    """Replaces both files; the outcomes first, and the result names their columns.

    Raises:
        ExperimentError: the folder can not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace_outcomes(folder, result)
        replace_json(folder, RESULT, to_json(result))
    except OSError as error:
        raise ExperimentError(
            f"{folder} can not be written ({error.strerror}): give a folder that can be written."
        ) from error


def open_experiment(folder: Path) -> tuple[Experiment, ExperimentResult | None]:
    """The declaration in a folder and what was found, if anything was.

    Raises:
        ArgumentError: the declaration can not be read.
        ExperimentError: the result can not be read, or is of another declaration.
    """
    experiment = read_experiment(folder / DECLARATION)
    result = read_result(folder)
    if result is not None and result.experiment != experiment:
        raise ExperimentError(
            f"{folder / RESULT} is of another declaration than {DECLARATION} beside it: run the experiment again."
        )
    return experiment, result


def read_result(folder: Path) -> ExperimentResult | None:
    """What was found so far, with answers; None where nothing was.

    Raises:
        ExperimentError: a file is missing beside the other, or damaged.
    """
    file = folder / RESULT
    advice = "copy it again, or run the experiment again"
    tree = read_json(file, advice, error=ExperimentError)
    if tree is None:
        return None
    if tree.get("version") != VERSION:
        raise ExperimentError(f"{file} has version {tree.get('version')}; this program reads {VERSION}: update it.")
    try:
        outcomes = pq.read_table(folder / OUTCOMES)
        labels = outcomes[_LABEL].to_numpy().astype(np.int32)
    except FileNotFoundError as error:
        raise ExperimentError(f"{folder / OUTCOMES} is missing beside {RESULT}: copy both.") from error
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise ExperimentError(f"{folder / OUTCOMES} could not be read ({error}): {advice}.") from error

    def cell(stored: Mapping[str, Any]) -> Mapping[str, Any]:
        prediction, loss = _columns(stored["condition"], stored["seed"])
        predictions, losses = outcomes[prediction].to_numpy(), outcomes[loss].to_numpy()
        return {**stored, "predictions": predictions.astype(np.int32), "losses": losses.astype(np.float32)}

    def whole(stored: Mapping[str, Any]) -> Mapping[str, Any]:
        same = {name: stored[name] for name in ("experiment", "data", "cells", "timing")}  # answers are made anew
        return {**same, "labels": labels, "costs": stored["networks"]}

    layouts: Mapping[type, Layout] = {ExperimentResult: whole, Cell: cell}
    renamed = {"costs[": "networks["}
    return answer_questions(
        from_tree(ExperimentResult, tree, str(file), advice, layouts=layouts, renamed=renamed, error=ExperimentError)
    )


def to_json(result: ExperimentResult) -> dict[str, Any]:
    """The result without its per-image outcomes; docs/json.md has the keys."""
    tree: dict[str, Any] = to_tree(
        {
            "version": VERSION,
            "experiment": result.experiment,
            "data": result.data,
            "networks": result.costs,
            "cells": [_cell_tree(result, cell) for cell in result.cells],
            "accuracies": result.accuracies or {},
            "answers": result.answers,
            "timing": result.timing,
        }
    )
    return tree


def _cell_tree(result: ExperimentResult, cell: Cell) -> dict[str, Any]:
    return {
        "condition": cell.condition,
        "seed": cell.seed,
        "identity": cell.identity,
        "top1": result.correct(cell).mean(),
        "top5": cell.top5,
        "loss": cell.losses.mean(dtype=np.float64),
        "seconds": cell.seconds,
        "environment": cell.environment,
        "blocks": cell.blocks,
        "reason": cell.reason,
    }


def _replace_outcomes(folder: Path, result: ExperimentResult) -> None:
    columns: dict[str, Any] = {_LABEL: result.labels}
    for cell in result.cells:
        prediction, loss = _columns(cell.condition, cell.seed)
        columns |= {prediction: cell.predictions, loss: cell.losses}
    temporary = folder / (OUTCOMES + ".tmp")
    pq.write_table(pa.table(columns), temporary, compression="zstd")
    temporary.replace(folder / OUTCOMES)


def _columns(condition: str, seed: int) -> tuple[str, str]:
    return f"prediction:{condition}:{seed}", f"loss:{condition}:{seed}"
