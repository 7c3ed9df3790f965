"""An experiment from its declaration to its result, network by network; what is interrupted goes on with the same call."""

import dataclasses
import itertools
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch

from senet_viz.analysis.experiments.answers import answer_questions
from senet_viz.analysis.experiments.declaration import Condition, Experiment, read_experiment
from senet_viz.analysis.experiments.files import DECLARATION, read_result, write_result
from senet_viz.analysis.experiments.result import BlockShare, Cell, ExperimentResult
from senet_viz.claims.assess_blocks import assess_blocks
from senet_viz.errors import ArgumentError, ExperimentError, GateError
from senet_viz.images.source import ImageSource, take_classes
from senet_viz.models.environment import describe_environment
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.weights import save_weights
from senet_viz.models.zoo import Model, choose_device, load_model
from senet_viz.paths import expand_home
from senet_viz.recording.folder import FolderLock
from senet_viz.workflows.engine import LOCAL, Engine
from senet_viz.workflows.evaluate import judge_images
from senet_viz.workflows.experiment_networks import (
    build_network,
    check_networks,
    count_costs,
    network_arguments,
    time_networks,
)
from senet_viz.workflows.model_building import open_both, write_config
from senet_viz.workflows.record import record
from senet_viz.workflows.train import ImageTensors, TrainConfig, TrainProgress, load_tensors, train

CELLS = "cells"
_NO_UNITS = "The network has no SE units."


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


@dataclass(frozen=True)
class _Run:
    """What was asked for, opened: the declaration, folder of the result, images of the same classes, and the recipe."""

    request: ExperimentRequest
    experiment: Experiment
    folder: Path
    train: ImageSource
    validation: ImageSource
    config: TrainConfig

    @property
    def outputs(self) -> int:
        return len(self.validation.classes)

    @property
    def side(self) -> int:
        """Of the images at the end, px."""
        return self.config.phases[-1][1]

    @cached_property
    def device(self) -> torch.device:
        return choose_device(self.request.device)

    @cached_property
    def data(self) -> dict[str, dict[str, Any]]:
        """What the result says of the images."""
        both = {"train": self.train, "validation": self.validation}
        return {
            name: {
                "name": self.request.data_name or Path(source.name).name, "file": Path(source.name).name, "digest": source.digest,
                "images": len(source), "classes": len(source.classes),
            }
            for name, source in both.items()
        }  # fmt: skip

    def identify(self, condition: Condition, seed: int) -> str:
        """What a network with its results belongs to."""
        digests = {name: str(values["digest"]) for name, values in self.data.items()}
        return self.experiment.identity(condition, seed, digests)


def _make_cell(
    run: _Run,
    condition: Condition,
    seed: int,
    images: ImageTensors,
    *,
    stop_after: float,
    report: Callable[[TrainProgress], None],
) -> Cell | None:
    """Trains, or goes on to train, a condition with a seed, and measures what came of it; None when stopped before the end."""
    experiment, config = run.experiment, dataclasses.replace(run.config, seed=seed)
    folder = run.folder / CELLS / f"{condition.id}-{seed}"  # for the resumable state, the network and its recording
    folder.mkdir(parents=True, exist_ok=True)
    arguments = network_arguments(experiment, condition, run.outputs)
    trained = train(
        lambda: build_network(experiment, condition, run.outputs), images, config, folder / "training.pt",
        network=json.dumps([experiment.network, arguments], sort_keys=True), device=str(run.device), report=report,
        stop_after=stop_after,
    )  # fmt: skip
    if trained is None:
        return None
    network, seconds = trained
    save_weights(network, folder / "model.safetensors", half=False)
    write_config(
        folder,
        (experiment.network, arguments),
        Preprocessing(size=run.side, resize=run.side, interpolation="bilinear", source="the experiment's declaration"),
        run.validation.classes,
        {"experiment": experiment.name, "condition": condition.id, "recipe": config.to_json()},
    )
    model = load_model(folder, device=str(run.device))
    judged = judge_images(model, run.validation)
    has_units = experiment.arguments_of(condition).get("placement") != "none"
    blocks, reason = _measure_depth(model, run.validation, folder) if has_units else ((), _NO_UNITS)
    cell = Cell(
        condition=condition.id,
        seed=seed,
        identity=run.identify(condition, seed),
        predictions=judged.prediction,
        losses=judged.loss,
        top5=float(judged.correct5.mean()),
        seconds=round(seconds, 1),
        environment=describe_environment(run.device),
        blocks=blocks,
        reason=reason,
    )
    (folder / "training.pt").unlink()
    if not run.request.keep_networks:
        shutil.rmtree(folder)
    return cell


def _measure_depth(model: Model, validation: ImageSource, folder: Path) -> tuple[tuple[BlockShare, ...], str]:
    """Shares of variance by depth, from a recording in the folder; or why there are none."""
    try:
        found = assess_blocks(record(model, validation, folder / "recording"))
    except GateError as error:
        return (), str(error)
    low, high = found.band("omega_squared")
    shares = (
        BlockShare(gate.label, gate.stage, gate.channels, float(value), float(lower), float(upper))
        for gate, value, lower, upper in zip(found.gates, found.curve("omega_squared"), low, high, strict=True)
    )
    return tuple(shares), ""


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
    engine: Engine = LOCAL,
    workers: int = 1,
) -> ExperimentResult:
    """Trains what is not trained yet, seed by seed, and writes the result after each network.

    Networks of one seed see the same images in the same order with the same crops and flips; that pairs them.

    Args:
        request: what and where.
        say: called with sentences about what is done.
        report: called after every training step that this process takes.
        engine: who trains; the workers of Ray find the folder under the same path.
        workers: networks that are trained at the same time, by Ray's workers.

    Returns:
        What is found so far; unfinished where `stop_after` or a choice of conditions or seeds left networks out.

    Raises:
        ArgumentError: a declaration or a choice that can not be run.
        SourceError: images that can not be read, or training and validation images of different classes.
        ExperimentError: the folder holds results of another declaration or of other images.
        RecordingError: another process runs in the folder.
        EngineError: workers that can not train them.
    """
    file = expand_home(request.file)
    experiment = read_experiment(file)
    folder = file.parent if request.folder is None else expand_home(request.folder)
    train, validation = (take_classes(s, experiment.classes) for s in open_both(request.data, request.validation))
    run = _Run(request, experiment, folder, train, validation, _recipe(experiment))
    check_networks(experiment, run.outputs)
    chosen = _choose(request, experiment)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    lock.acquire()
    try:
        if (folder / DECLARATION).resolve() != file.resolve():
            shutil.copyfile(file, folder / DECLARATION)
        result = _train_all(run, _begin(run), chosen, say, report, engine, workers)
        if len(result.cells) == result.planned and result.timing is None:
            say("timing the networks in turn")
            size = run.config.batch_size
            timing = time_networks(experiment, run.outputs, run.side, batch_size=size, device=run.device)
            result = dataclasses.replace(result, timing=timing)
            write_result(folder, result)
    finally:
        lock.release()
    return result


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


def _begin(run: _Run) -> ExperimentResult:
    """What was found before, in the same folder, and what the networks cost."""
    experiment, before = run.experiment, read_result(run.folder)
    known = {condition.id: condition for condition in experiment.conditions}
    for cell in () if before is None else before.cells:
        condition = known.get(cell.condition)
        if condition is None or cell.identity != run.identify(condition, cell.seed):
            raise ExperimentError(
                f"{run.folder} holds {cell.condition} with seed {cell.seed}, trained by another declaration or on other images: "
                "give another folder, or delete result.json and outcomes.parquet to begin again."
            )
    return ExperimentResult(
        experiment=experiment,
        data=run.data,
        labels=run.validation.labels,
        costs=count_costs(experiment, run.outputs, run.side),
        cells=() if before is None else before.cells,
        timing=None if before is None or before.experiment.conditions != experiment.conditions else before.timing,
    )


class _Task(NamedTuple):
    """A network that is to be trained, for at most so many seconds now."""

    number: int
    condition: Condition
    seed: int
    seconds: float


@dataclass(frozen=True)
class _TrainOne:
    """The function of a network; another process that it is pickled for reports nothing."""

    run: _Run
    images: ImageTensors
    networks: int
    report: Callable[[ExperimentProgress], None]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "report": _report_nothing}

    def __call__(self, task: _Task) -> Cell | None:
        def tell(progress: TrainProgress) -> None:
            self.report(ExperimentProgress(task.number, self.networks, task.condition.id, task.seed, progress))

        return _make_cell(self.run, task.condition, task.seed, self.images, stop_after=task.seconds, report=tell)


def _report_nothing(_progress: ExperimentProgress) -> None:
    pass


def _train_all(
    run: _Run,
    result: ExperimentResult,
    chosen: list[tuple[Condition, int]],
    say: Callable[[str], None],
    report: Callable[[ExperimentProgress], None],
    engine: Engine,
    workers: int,
) -> ExperimentResult:
    began = time.monotonic()
    done = {(cell.condition, cell.seed) for cell in result.cells}
    pending = [(condition, seed) for condition, seed in chosen if (condition.id, seed) not in done]
    if not pending:
        return answer_questions(result)
    say(f"decoding {len(run.train):,} images")
    images, stop_after = load_tensors(run.train, run.experiment.decode), run.request.stop_after

    def tasks() -> Iterator[_Task]:
        for number, (condition, seed) in enumerate(pending, start=1):
            left = math.inf if stop_after is None else stop_after - (time.monotonic() - began)
            if number > 1 and left <= 0:
                return
            yield _Task(number, condition, seed, left)

    train_one = _TrainOne(run, images, len(pending), report)
    gpus = int(run.device.type == "cuda")
    declared = itertools.product(run.experiment.seeds, run.experiment.conditions)
    places = {(condition.id, seed): place for place, (seed, condition) in enumerate(declared)}
    with engine.each(train_one, tasks(), name=_name_task, workers=workers, gpus=gpus) as trained:
        for task, cell in trained:
            if cell is None:
                say(f"stopped in {_name_task(task)}; the same command goes on there")
                continue
            cells = sorted((*result.cells, cell), key=lambda each: places[each.condition, each.seed])
            result = answer_questions(dataclasses.replace(result, cells=tuple(cells)))
            write_result(run.folder, result)
            right = float(result.correct(cell).mean())
            say(f"{task.condition.id}, seed {task.seed}: top-1 {right:.2%} of {len(result.labels):,} images")
    return result


def _name_task(task: _Task) -> str:
    return f"{task.condition.id} with seed {task.seed}"
