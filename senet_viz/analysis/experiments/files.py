"""`result.json` and `outcomes.parquet` of an experiment: replaced whole whenever a network has been trained."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from senet_viz.analysis.experiments.answers import answer_questions
from senet_viz.analysis.experiments.declaration import Experiment, read_experiment
from senet_viz.analysis.experiments.result import BlockShare, Cell, ExperimentResult, NetworkCost, NetworkTiming, Speed
from senet_viz.errors import ArgumentError, ExperimentError
from senet_viz.paths import expand_home, repository
from senet_viz.recording.files import replace_json

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
    try:
        tree = json.loads(file.read_bytes())
        if tree["version"] != VERSION:
            raise ExperimentError(f"{file} has version {tree['version']}; this program reads {VERSION}: update it.")
        return _from_json(tree, pq.read_table(folder / OUTCOMES))
    except FileNotFoundError as error:
        if not file.exists():
            return None
        raise ExperimentError(f"{folder / OUTCOMES} is missing beside {RESULT}: copy both.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ExperimentError(
            f"{file} or {OUTCOMES} beside it could not be read ({error}): copy them again, or run the experiment again."
        ) from error


def to_json(result: ExperimentResult) -> dict[str, Any]:
    """The result without its per-image outcomes; docs/json.md has the keys."""
    return {
        "version": VERSION,
        "experiment": result.experiment.to_json(),
        "data": {name: dict(values) for name, values in result.data.items()},
        "networks": [asdict(cost) for cost in result.costs],
        "cells": [_cell_tree(result, cell) for cell in result.cells],
        "accuracies": {name: asdict(found) for name, found in (result.accuracies or {}).items()},
        "answers": [asdict(found) for found in result.answers],
        "timing": None if result.timing is None else asdict(result.timing),
    }


def _cell_tree(result: ExperimentResult, cell: Cell) -> dict[str, Any]:
    return {
        "condition": cell.condition,
        "seed": cell.seed,
        "identity": cell.identity,
        "top1": float(result.correct(cell).mean()),
        "top5": cell.top5,
        "loss": float(cell.losses.mean(dtype=np.float64)),
        "seconds": cell.seconds,
        "environment": dict(cell.environment),
        "blocks": [asdict(block) for block in cell.blocks],
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


def _from_json(tree: Mapping[str, Any], outcomes: pa.Table) -> ExperimentResult:
    result = ExperimentResult(
        experiment=Experiment.from_json(tree["experiment"]),
        data=tree["data"],
        labels=outcomes[_LABEL].to_numpy().astype(np.int32),
        costs=tuple(NetworkCost(**cost) for cost in tree["networks"]),
        cells=tuple(_cell(cell, outcomes) for cell in tree["cells"]),
        timing=None if tree["timing"] is None else _timing(tree["timing"]),
    )
    return answer_questions(result)


def _cell(tree: Mapping[str, Any], outcomes: pa.Table) -> Cell:
    prediction, loss = _columns(tree["condition"], tree["seed"])
    return Cell(
        condition=tree["condition"],
        seed=tree["seed"],
        identity=tree["identity"],
        predictions=outcomes[prediction].to_numpy().astype(np.int32),
        losses=outcomes[loss].to_numpy().astype(np.float32),
        top5=tree["top5"],
        seconds=tree["seconds"],
        environment=tree["environment"],
        blocks=tuple(_block(block) for block in tree["blocks"]),
        reason=tree["reason"],
    )


def _block(tree: Mapping[str, Any]) -> BlockShare:
    numbers = {key: math.nan if tree[key] is None else float(tree[key]) for key in ("omega_squared", "low", "high")}
    return BlockShare(str(tree["label"]), int(tree["stage"]), int(tree["channels"]), **numbers)


def _timing(tree: Mapping[str, Any]) -> NetworkTiming:
    speeds = tuple(
        Speed(speed["condition"], tuple(speed["inference"]), tuple(speed["training"])) for speed in tree["speeds"]
    )
    return NetworkTiming(tree["batch_size"], tree["rounds"], tree["device"], speeds)
