"""Paths of frozen gates made by hand, and networks in which it is known what freezing a gate costs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from senet_viz.analysis.freezing import Candidate, Cost, FreezePath, FreezeStep, Timing
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate
from senet_viz.stats.estimates import Estimate
from tests.support.known_gates import CHANNELS, SHARP, KnownUnit
from tests.support.synthetic import PAPER_BLOCKS, make_gates

GROUPS = 10


def make_cost(top1: float, reach: float, *, images: int = 100_000, loss: float = 0.0) -> Cost:
    """Δ top-1 whose 90 % interval reaches so far to either side; without replicates where `reach` is NaN."""
    if np.isnan(reach):
        return Cost(Estimate(top1, np.zeros(0)), loss, images)
    signs = np.where(np.arange(GROUPS) % 2, 1.0, -1.0)
    unit = Estimate(0.0, signs).interval(0.9).high
    return Cost(Estimate(top1, top1 + signs * reach / unit), loss, images)


def make_path(
    choosing: Sequence[Cost], confirming: Sequence[Cost], *, gates: tuple[Gate, ...] = (), **changed: Any
) -> FreezePath:
    """Gates are frozen from the last to the first, as many as there are costs."""
    gates = gates or make_gates(PAPER_BLOCKS)
    names = [gate.name for gate in gates][::-1][: len(choosing)]
    steps = [
        FreezeStep(name, (Candidate(name, first.top1.value, first.loss),), first, second)
        for name, first, second in zip(names, choosing, confirming)
    ]
    ratios = 1 - 0.02 * np.outer(np.arange(1, len(steps) + 1), [0.5, 1.0, 2.0])
    fields = {
        "id": "f" * 32, "identity": {"model": {}, "data": {}}, "environment": {}, "gates": gates, "parameters": 10_000,
        "images": (choosing[0].images, confirming[0].images), "clean": (70.0, 70.5), "steps": tuple(steps),
        "timing": Timing(ratios, 0.25, 16, "a processor", 2), "complete": True,
    } | changed  # fmt: skip
    return FreezePath(**fields)


def path_of(recording: Recording, choosing: Sequence[Cost], confirming: Sequence[Cost], **changed: Any) -> FreezePath:
    """A path of a recording's network and images."""
    about = recording.manifest
    identity = {
        "model": dict(about.model), "data": dict(about.data), "preprocessing": dict(about.preprocessing),
        "outputs": list(about.mapping.outputs), "options": {}, "recording": about.id,
    }  # fmt: skip
    return make_path(choosing, confirming, gates=recording.blocks, identity=identity, **changed)


class Chain(nn.Module):
    """x = (r, g, b, 1) through four units, two of them in a container; logits are linear in the pooled result."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.num_classes = classes
        self.pretrained_cfg = {"input_size": (3, 4, 4), "crop_pct": 1.0, "mean": (0.0,) * 3, "std": (1.0,) * 3}
        self.widen = nn.Conv2d(3, CHANNELS, 1)
        self.units = nn.Sequential(KnownUnit(), KnownUnit())
        self.third = KnownUnit()
        self.fourth = KnownUnit()
        self.head = nn.Linear(CHANNELS, classes)
        with torch.no_grad():
            self.widen.weight.copy_(torch.eye(CHANNELS, 3)[:, :, None, None])
            self.widen.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 1.0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.fourth(self.third(self.units(self.widen(x)))).mean((2, 3)))


def chain_gates() -> Chain:
    """`tests.support.frozen:chain_gates`: class 2·r + g. The first gates carry r, the second g, the others are ½ for every image.

    Frozen to their mean, gates that carry a coin say for all images what most of them have.
    """
    network = Chain()
    with torch.no_grad():
        for unit in (*network.units, network.third, network.fourth):
            for layer in (unit.fc1, unit.fc2):
                layer.weight.zero_()
                layer.bias.zero_()
        for unit, colour, channel, scale in ((network.units[0], 0, 3, 1.0), (network.units[1], 1, 2, 2.0)):
            unit.fc1.weight[colour, colour] = scale  # colours are halved by each unit that leaves them alone
            unit.fc2.weight[channel, colour] = SHARP
            unit.fc2.bias[channel] = -SHARP / 2
        for k in range(4):
            r, g = 2 * (k // 2) - 1, 2 * (k % 2) - 1
            network.head.weight[k] = torch.tensor([0.0, 0.0, 8.0 * g, 8.0 * r])  # of s/8 each
            network.head.bias[k] = -(r + g) / 2
    return network.eval()


def random_chain() -> Chain:
    """`tests.support.frozen:random_chain`: seeded weights, gates that vary, many near ties."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        network = Chain()
    with torch.no_grad():
        for unit in (*network.units, network.third, network.fourth):
            unit.fc1.weight.mul_(4)
            unit.fc2.weight.mul_(6)
        network.head.weight.mul_(40)
    return network.eval()


def draw_coins(images: int, *, often: float = 0.9) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Colours (images, 3) with r = 1 in a share of them and g = 1 in half, b = 1, and their classes 2·r + g."""
    r = (np.arange(images) % 10 < round(10 * often)).astype(np.int64)
    g = np.arange(images) // 10 % 2
    return np.stack([255 * r, 255 * g, np.full(images, 255)], axis=1).astype(np.uint8), 2 * r + g


def shared_chain() -> Chain:
    """`tests.support.frozen:shared_chain`: as `random_chain`, its last two gates calls of one unit."""
    network = random_chain()
    network.fourth = network.third
    return network
