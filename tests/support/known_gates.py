"""Networks with hand-made gates, whose every output is known in closed form, and images that are plain colours.

An image is one colour (r, g, b) in [0, 1].
"""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

CHANNELS = 4
SHARP = 40.0


class KnownUnit(nn.Module):
    """s = σ(W₂·relu(W₁·z + c₁) + c₂) of the pooled z; returns s·x."""

    def __init__(self, channels: int = CHANNELS) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels, 1)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv2d(channels, channels, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.sigmoid(self.fc2(self.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class KnownNetwork(nn.Module):
    """x = (r, g, b, 1); two units one after the other; logits are linear in the pooled result, K of them."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.num_classes = classes
        self.pretrained_cfg = {"input_size": (3, 4, 4), "crop_pct": 1.0, "mean": (0.0,) * 3, "std": (1.0,) * 3}
        self.widen = nn.Conv2d(3, CHANNELS, 1)
        self.first = KnownUnit()
        self.second = KnownUnit()
        self.head = nn.Linear(CHANNELS, classes)
        with torch.no_grad():
            self.widen.weight.copy_(torch.eye(CHANNELS, 3)[:, :, None, None])
            self.widen.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 1.0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(self.widen(x))).mean((2, 3)))

    def predict(self, colours: NDArray[np.float64], *moved: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Logits (N, K) in float64 by the closed form; `moved` replaces the first and the second gate, (N, C)."""
        z = np.concatenate([colours, np.ones((len(colours), 1))], axis=1)
        for unit, s in zip((self.first, self.second), [*moved, None, None]):
            z = z * (self.gate(unit, z) if s is None else s)
        return z @ _array(self.head.weight).T + _array(self.head.bias)

    def gate(self, unit: KnownUnit, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """s (N, C) of a unit in float64."""
        hidden = np.maximum(z @ _array(unit.fc1.weight)[:, :, 0, 0].T + _array(unit.fc1.bias), 0)
        return 1 / (1 + np.exp(-(hidden @ _array(unit.fc2.weight)[:, :, 0, 0].T + _array(unit.fc2.bias))))


def _array(parameter: Tensor) -> NDArray[np.float64]:
    return parameter.detach().double().numpy()


def known_network() -> KnownNetwork:
    """`tests.support.known_gates:known_network`: seeded weights, gates that vary."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = KnownNetwork()
    with torch.no_grad():
        for unit in (network.first, network.second):
            unit.fc1.weight.mul_(4)
            unit.fc2.weight.mul_(4)
        network.head.weight.mul_(4)
    return network.eval()


def _silent(classes: int) -> KnownNetwork:
    """All gates ½ whatever the image, all logits 0."""
    network = KnownNetwork(classes)
    with torch.no_grad():
        for unit in (network.first, network.second):
            for layer in (unit.fc1, unit.fc2):
                layer.weight.zero_()
                layer.bias.zero_()
        network.head.weight.zero_()
        network.head.bias.zero_()
    return network.eval()


def _carry(unit: KnownUnit, colour: int, channel: int) -> None:
    """Makes the gate of a channel near 0 where a colour is 0, near 1 where it is 1."""
    unit.fc1.weight[colour, colour] = 1.0
    unit.fc2.weight[channel, colour] = SHARP
    unit.fc2.bias[channel] = -SHARP / 2


def class_gates() -> KnownNetwork:
    """Two classes, told by r; only a gate of the first unit carries it to the logits."""
    network = _silent(2)
    with torch.no_grad():
        _carry(network.first, 0, 3)
        network.head.weight[1, 3] = 4.0
        network.head.bias[1] = -1.2  # 2·s₃ against 1.2: the mean gate ½ says class 0
    return network


def coin_gates() -> KnownNetwork:
    """Two classes, y = r xor g; the first unit's gates carry the coin g, which tells no class alone."""
    network = _silent(2)
    with torch.no_grad():
        network.widen.weight[2].zero_()
        network.widen.weight[2, 0] = 1.0  # x = (r, g, r, 1), gates (g, ½, ½, g)
        _carry(network.first, 1, 0)
        _carry(network.first, 1, 3)
        network.head.weight[1] = torch.tensor([-8.0, 0.0, 8.0, 4.0])  # 2·(r + g − 2·r·g)
        network.head.bias[1] = -0.8  # the mean gate ½ gives 1: class 1 whatever the image
    return network


def constant_gates() -> KnownNetwork:
    """Two classes, told by r past gates that are ½ for every image."""
    network = _silent(2)
    with torch.no_grad():
        network.head.weight[1, 0] = 8.0
        network.head.bias[1] = -1.0
    return network


def write_colours(path: Path, colours: NDArray[np.uint8], labels: NDArray[np.integer]) -> Path:
    """A Parquet of 4 × 4 px images of one colour each, (N, 3) in bytes, whose labels are meant as output indices."""
    structs = []
    for index, colour in enumerate(colours):
        buffer = io.BytesIO()
        Image.fromarray(np.broadcast_to(colour, (4, 4, 3)).copy()).save(buffer, format="PNG", compress_level=1)
        structs.append({"bytes": buffer.getvalue(), "path": f"{index}.png"})
    schema = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())])
    pq.write_table(pa.table({"image": structs, "label": labels.astype(np.int64)}, schema=schema), path)
    return path
