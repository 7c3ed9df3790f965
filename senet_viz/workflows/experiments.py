"""An experiment from its declaration to its result, network by network; what is interrupted goes on with the same call."""

import dataclasses
import json
import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from senet_viz.analysis.experiments.answers import answer_questions
from senet_viz.analysis.experiments.declaration import Condition, Experiment, read_experiment
from senet_viz.analysis.experiments.files import DECLARATION, read_result, write_result
from senet_viz.analysis.experiments.result import BlockShare, Cell, ExperimentResult
from senet_viz.claims.assess_blocks import assess_blocks
from senet_viz.errors import ArgumentError, ExperimentError, GateError, SourceError
from senet_viz.images.opening import open_images
from senet_viz.images.source import ImageSource, take_classes
from senet_viz.models.environment import describe_environment
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.weights import save_weights
from senet_viz.models.zoo import Model, choose_device, load_model
from senet_viz.paths import expand_home
from senet_viz.recording.folder import FolderLock
from senet_viz.recording.reader import Recording
from senet_viz.workflows.evaluate import judge_images
from senet_viz.workflows.experiment_networks import (
    build_network,
    check_networks,
    count_costs,
    network_arguments,
    time_networks,
)
from senet_viz.workflows.model_building import write_config
from senet_viz.workflows.record import record
from senet_viz.workflows.train import ImageTensors, TrainConfig, TrainProgress, load_tensors, train

_NO_UNITS = "The network has no SE units."


@dataclass(frozen=True)
class CellPlan:
    """What a cell is made from.

    Attributes:
        experiment, condition, seed: which.
        identity: of `Experiment.identity`.
        config: the recipe with the seed.
        folder: for the resumable state, the trained network and its recording.
        device: torch device.
        keep_network: whether network and recording stay in `folder` afterwards.
    """

    experiment: Experiment
    condition: Condition
    seed: int
    identity: str
    config: TrainConfig
    folder: Path
    device: torch.device
    keep_network: bool


def make_cell(
    plan: CellPlan,
    images: ImageTensors,
    validation: ImageSource,
    *,
    stop_after: float,
    report: Callable[[TrainProgress], None],
) -> Cell | None:
    """Trains, or goes on to train, a condition with a seed, and measures what came of it; None when stopped before the end."""
    outputs = len(validation.classes)
    plan.folder.mkdir(parents=True, exist_ok=True)
    arguments = network_arguments(plan.experiment, plan.condition, outputs)
    trained = train(
        lambda: build_network(plan.experiment, plan.condition, outputs), images, plan.config, plan.folder / "training.pt",
        network=json.dumps([plan.experiment.network, arguments], sort_keys=True), device=str(plan.device), report=report,
        stop_after=stop_after,
    )  # fmt: skip
    if trained is None:
        return None
    network, seconds = trained
    side = plan.config.phases[-1][1]
    save_weights(network, plan.folder / "model.safetensors", half=False)
    write_config(
        plan.folder,
        (plan.experiment.network, arguments),
        Preprocessing(size=side, resize=side, interpolation="bilinear", source="the experiment's declaration"),
        validation.classes,
        {"experiment": plan.experiment.name, "condition": plan.condition.id, "recipe": plan.config.to_json()},
    )
    model = load_model(plan.folder, device=str(plan.device))
    judged = judge_images(model, validation)
    blocks, reason = _measure_depth(model, validation, plan)
    cell = Cell(
        condition=plan.condition.id,
        seed=plan.seed,
        identity=plan.identity,
        predictions=judged.prediction,
        losses=judged.loss,
        top5=float(judged.correct5.mean()),
        seconds=round(seconds, 1),
        environment=describe_environment(plan.device),
        blocks=blocks,
        reason=reason,
    )
    (plan.folder / "training.pt").unlink()
    if not plan.keep_network:
        shutil.rmtree(plan.folder)
    return cell


def _measure_depth(model: Model, validation: ImageSource, plan: CellPlan) -> tuple[tuple[BlockShare, ...], str]:
    if plan.experiment.arguments_of(plan.condition).get("placement") == "none":
        return (), _NO_UNITS
    try:
        gates = model.gates
    except GateError as error:
        return (), str(error)
    if unbounded := [gate for gate in gates if not np.isfinite(gate.range).all()]:
        return (), f"{unbounded[0].activation} gates have no finite bounds and are not recorded."
    return _shares(record(model, validation, plan.folder / "recording")), ""


def _shares(recording: Recording) -> tuple[BlockShare, ...]:
    found = assess_blocks(recording)
    low, high = found.band("omega_squared")
    return tuple(
        BlockShare(gate.label, gate.stage, gate.channels, float(value), float(lower), float(upper))
        for gate, value, lower, upper in zip(found.gates, found.curve("omega_squared"), low, high, strict=True)
    )


CELLS = "cells"


@dataclass(frozen=True)
class ExperimentRequest:
    """What to run and where.

    Attributes:
        file: of the declaration, a TOML.
        data, validation: what `open_images` takes, of the same named classes.
        folder: of the result; the declaration's own by default. Unfinished networks are kept in `cells` there.
        data_name: name of the data in the result.
        conditions, seeds: only these; all by default.
        device: "auto" or a torch device.
        stop_after: seconds after which to stop for now.
        keep_networks: trained networks and their recordings stay in `cells`, to be opened in the app.
    """

    file: Path
    data: str
    validation: str
    folder: Path | None = None
    data_name: str | None = None
    conditions: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    device: str = "auto"
    stop_after: float | None = None
    keep_networks: bool = False


class ExperimentProgress(NamedTuple):
    """Which network of how many is being trained, and how far it is."""

    number: int
    networks: int
    condition: str
    seed: int
    training: TrainProgress


def run_experiment(
    request: ExperimentRequest,
    *,
    say: Callable[[str], None],
    report: Callable[[ExperimentProgress], None],
) -> ExperimentResult:
    """Trains what is not trained yet, seed by seed, and writes the result after each network.

    Networks of one seed see the same images in the same order with the same crops and flips; that pairs them.

    Args:
        request: what and where.
        say: called with sentences about what is done.
        report: called after every training step.

    Returns:
        What is found so far; unfinished where `stop_after` or a choice of conditions or seeds left networks out.

    Raises:
        ArgumentError: a declaration or a choice that can not be run.
        SourceError: images that can not be read, or training and validation images of different classes.
        ExperimentError: the folder holds results of another declaration or of other images.
        RecordingError: another process runs in the folder.
    """
    file = expand_home(request.file)
    experiment = read_experiment(file)
    folder = file.parent if request.folder is None else expand_home(request.folder)
    train, validation = _open(request, experiment)
    config = _recipe(experiment)
    check_networks(experiment, len(validation.classes))
    chosen = _choose(request, experiment)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    lock.acquire()
    try:
        if (folder / DECLARATION).resolve() != file.resolve():
            shutil.copyfile(file, folder / DECLARATION)
        result = _begin(experiment, folder, train, validation, request, config)
        result = _train_all(result, chosen, request, folder, train, validation, config, say, report)
        if len(result.cells) == result.planned and result.timing is None:
            say("timing the networks in turn")
            device = choose_device(request.device)
            timing = time_networks(
                experiment, len(validation.classes), config.phases[-1][1], batch_size=config.batch_size, device=device
            )
            result = dataclasses.replace(result, timing=timing)
            write_result(folder, result)
    finally:
        lock.release()
    return result


def _open(request: ExperimentRequest, experiment: Experiment) -> tuple[ImageSource, ImageSource]:
    whole = open_images(request.data), open_images(request.validation)
    if not len(whole[0].classes) or whole[0].classes != whole[1].classes:
        raise SourceError(
            f"{request.data} and {request.validation} do not have the same named classes: put one classes.csv beside both."
        )
    return take_classes(whole[0], experiment.classes), take_classes(whole[1], experiment.classes)


def _recipe(experiment: Experiment) -> TrainConfig:
    recipe = dict(experiment.recipe)
    try:
        if "phases" in recipe:
            recipe["phases"] = tuple((int(epochs), int(side)) for epochs, side in recipe["phases"])
        if "crop_area" in recipe:
            recipe["crop_area"] = tuple(float(share) for share in recipe["crop_area"])
        if "seed" in recipe:
            raise ArgumentError("seed is none of the recipe's keys: seeds are declared beside it.")
        return TrainConfig(**recipe)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"The recipe of {experiment.name} can not be followed ({error}).") from error


def _choose(request: ExperimentRequest, experiment: Experiment) -> list[tuple[Condition, int]]:
    conditions = [experiment.condition(c) for c in request.conditions or [c.id for c in experiment.conditions]]
    seeds = experiment.seeds if request.seeds is None else request.seeds
    if unknown := set(seeds) - set(experiment.seeds):
        raise ArgumentError(
            f"Seed {min(unknown)} is not declared by {experiment.name}: choose from {', '.join(map(str, experiment.seeds))}."
        )
    return [(condition, seed) for seed in seeds for condition in conditions]


def _begin(
    experiment: Experiment,
    folder: Path,
    train: ImageSource,
    validation: ImageSource,
    request: ExperimentRequest,
    config: TrainConfig,
) -> ExperimentResult:
    data = {
        "train": _describe(train, request.data, request.data_name),
        "validation": _describe(validation, request.validation, request.data_name),
    }
    digests = _digests(data)
    before = read_result(folder)
    for cell in () if before is None else before.cells:
        known = {condition.id: condition for condition in experiment.conditions}
        condition = known.get(cell.condition)
        if condition is None or cell.identity != experiment.identity(condition, cell.seed, digests):
            raise ExperimentError(
                f"{folder} holds {cell.condition} with seed {cell.seed}, trained by another declaration or on other images: "
                "give another folder, or delete result.json and outcomes.parquet to begin again."
            )
    side = config.phases[-1][1]
    return ExperimentResult(
        experiment=experiment,
        data=data,
        labels=validation.labels,
        costs=count_costs(experiment, len(validation.classes), side),
        cells=() if before is None else before.cells,
        timing=None if before is None or before.experiment.conditions != experiment.conditions else before.timing,
    )


def _describe(source: ImageSource, given: str, name: str | None) -> dict[str, Any]:
    return {
        "name": name or Path(given).name, "file": Path(given).name, "digest": source.digest, "images": len(source),
        "classes": len(source.classes),
    }  # fmt: skip


def _digests(data: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: str(values["digest"]) for name, values in data.items()}


def _train_all(
    result: ExperimentResult,
    chosen: list[tuple[Condition, int]],
    request: ExperimentRequest,
    folder: Path,
    train: ImageSource,
    validation: ImageSource,
    config: TrainConfig,
    say: Callable[[str], None],
    report: Callable[[ExperimentProgress], None],
) -> ExperimentResult:
    began = time.monotonic()
    done = {(cell.condition, cell.seed) for cell in result.cells}
    pending = [(condition, seed) for condition, seed in chosen if (condition.id, seed) not in done]
    if not pending:
        return answer_questions(result)
    say(f"decoding {len(train):,} images")
    images: ImageTensors = load_tensors(train, result.experiment.decode)
    device: torch.device = choose_device(request.device)
    for number, (condition, seed) in enumerate(pending, start=1):
        plan = CellPlan(
            result.experiment, condition, seed, result.experiment.identity(condition, seed, _digests(result.data)),
            dataclasses.replace(config, seed=seed), folder / CELLS / f"{condition.id}-{seed}", device, request.keep_networks,
        )  # fmt: skip

        def tell(progress: TrainProgress, at: int = number, what: str = condition.id, of: int = seed) -> None:
            report(ExperimentProgress(at, len(pending), what, of, progress))

        left = math.inf if request.stop_after is None else request.stop_after - (time.monotonic() - began)
        cell = make_cell(plan, images, validation, stop_after=left, report=tell)
        if cell is None:
            say(f"stopped in {condition.id} with seed {seed}; the same command goes on there")
            break
        result = answer_questions(dataclasses.replace(result, cells=(*result.cells, cell)))
        write_result(folder, result)
        right = float(result.correct(cell).mean())
        say(f"{condition.id}, seed {seed}: top-1 {right:.2%} of {len(result.labels):,} images")
        if request.stop_after is not None and time.monotonic() - began >= request.stop_after:
            break
    return result
