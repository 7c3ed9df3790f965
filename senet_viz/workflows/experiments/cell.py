"""One network of an experiment: trained, judged image by image, and its gates' class shares along the depth."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from senet_viz.analysis.experiments import BlockShare, Cell, Condition, Experiment
from senet_viz.claims.assessment import assess_blocks
from senet_viz.errors import GateError
from senet_viz.images import ImageSource
from senet_viz.models.environment import describe_environment
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.weights import save_weights
from senet_viz.models.zoo import Model, load_model
from senet_viz.recording import Recording
from senet_viz.workflows.evaluate import judge_images
from senet_viz.workflows.experiments.networks import build_network, network_arguments
from senet_viz.workflows.model_building import write_config
from senet_viz.workflows.record import record
from senet_viz.workflows.train import ImageTensors, TrainConfig, TrainProgress, train

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
        predictions=judged.predictions,
        losses=judged.losses,
        top5=float(judged.in_five.mean()),
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
