"""The networks of an experiment: built, counted, timed."""

import statistics
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from senet_viz.analysis.experiments.declaration import Condition, Experiment
from senet_viz.analysis.experiments.result import NetworkCost, NetworkTiming, Speed
from senet_viz.errors import ArgumentError
from senet_viz.models.environment import describe_device
from senet_viz.models.networks.architectures import build_architecture
from senet_viz.workflows.inspect import multiply_adds
from senet_viz.workflows.job import clock
from senet_viz.workflows.train import memory_layout

ROUNDS = 7


def check_networks(experiment: Experiment, outputs: int) -> None:
    """Refuses a declaration of which a network can not be built, before anything is trained.

    Raises:
        ArgumentError: it names the condition.
    """
    for condition in experiment.conditions:
        try:
            with torch.device("meta"):
                build_network(experiment, condition, outputs)
        except ArgumentError as error:
            raise ArgumentError(f"Condition {condition.id} of {experiment.name}: {error}") from error


def network_arguments(experiment: Experiment, condition: Condition, outputs: int) -> dict[str, Any]:
    """Arguments of a condition's network."""
    return {**experiment.arguments_of(condition), "num_classes": outputs}


def build_network(experiment: Experiment, condition: Condition, outputs: int) -> nn.Module:
    """A condition's network, untrained."""
    return build_architecture(experiment.network, network_arguments(experiment, condition, outputs))


def count_costs(experiment: Experiment, outputs: int, side: int) -> tuple[NetworkCost, ...]:
    """Parameters and multiply-adds of every condition; SE units have what the network without them has not."""
    bare = {**experiment.arguments, "num_classes": outputs, "placement": "none"}
    without = _count(build_architecture(experiment.network, bare), side)
    costs = []
    for condition in experiment.conditions:
        parameters, macs = _count(build_network(experiment, condition, outputs), side)
        costs.append(NetworkCost(condition.id, parameters, parameters - without[0], without[1], macs - without[1]))
    return tuple(costs)


def _count(network: nn.Module, side: int) -> tuple[int, int]:
    return sum(p.numel() for p in network.parameters()), multiply_adds(network, side)


def time_networks(
    experiment: Experiment, outputs: int, side: int, *, batch_size: int, device: torch.device, rounds: int = ROUNDS
) -> NetworkTiming:
    """Times every condition in turn, round by round, so that what else the machine does falls on all of them.

    Args:
        experiment: its conditions are timed; ratios are to the first.
        outputs: of the networks.
        side: px of the images.
        batch_size: images a forward.
        device: where.
        rounds: a ratio each; the first, uncounted one warms up.
    """
    layout = memory_layout(build_network(experiment, experiment.conditions[0], outputs))
    pixels = torch.rand(batch_size, 3, side, side, device=device).contiguous(memory_format=layout)
    labels = torch.arange(batch_size, device=device) % outputs
    networks = {
        condition.id: build_network(experiment, condition, outputs).to(device).to(memory_format=layout)
        for condition in experiment.conditions
    }
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in networks}
    for _ in range(rounds + 1):
        for name, network in networks.items():
            forward, step = partial(_run_forward, network, pixels), partial(_run_step, network, pixels, labels)
            seconds[name].append((clock(forward, device), clock(step, device)))
    return NetworkTiming(batch_size, rounds, describe_device(device), _ratios(seconds))


def _ratios(seconds: Mapping[str, list[tuple[float, float]]]) -> tuple[Speed, ...]:
    first = next(iter(seconds))
    speeds = []
    for name, times in seconds.items():
        pairs = list(zip(times[1:], seconds[first][1:], strict=True))
        inference, training = ([mine[at] / theirs[at] for mine, theirs in pairs] for at in (0, 1))
        speeds.append(Speed(name, _summary(inference), _summary(training)))
    return tuple(speeds)


def _summary(ratios: list[float]) -> tuple[float, float, float]:
    return statistics.median(ratios), min(ratios), max(ratios)


def _run_forward(network: nn.Module, pixels: Tensor) -> None:
    network.eval()
    with torch.inference_mode():
        network(pixels)


def _run_step(network: nn.Module, pixels: Tensor, labels: Tensor) -> None:
    network.train()
    network.zero_grad(set_to_none=True)
    torch.autograd.backward(F.cross_entropy(network(pixels), labels))
