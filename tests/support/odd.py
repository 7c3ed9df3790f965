"""A network whose gates are computed in every way but by a module of their own, and whose logits lie among other results."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class InlineBlock(nn.Module):
    """Squeezes, excites and scales in its own forward, by a given function of the excitation's logits and x."""

    def __init__(self, channels: int, form: str) -> None:
        super().__init__()
        self.before = nn.Conv2d(channels, channels, 3, padding=1)
        self.reduce, self.expand = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)
        self.form = form

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.before(x))
        h = self.expand(F.relu(self.reduce(F.adaptive_avg_pool2d(x, 1))))
        if self.form == "added":
            return x + torch.sigmoid(h) * x
        return x * (F.relu(h) if self.form == "unbounded" else torch.sigmoid(h))


class SharedGate(nn.Module):
    """One gate on both branches: it fires twice in a forward."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=k, dilation=k) for k in (1, 2))
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, 4, 1), nn.ReLU(), nn.Conv2d(4, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        maps = [branch(x) for branch in self.branches]
        return torch.stack([self.gate(each) * each for each in maps]).sum(0)


class OddNetwork(nn.Module):
    """Of 32 px and ten classes; returns features beside the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.pretrained_cfg = {"input_size": (3, 32, 32), "mean": (0.5,) * 3, "std": (0.25,) * 3}
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.inline, self.shared = InlineBlock(8, "scaled"), SharedGate(8)
        self.widen = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.unbounded, self.added = InlineBlock(16, "unbounded"), InlineBlock(16, "added")
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.shared(self.inline(self.stem(x)))
        x = self.added(self.unbounded(F.relu(self.widen(x))))
        features = x.mean((2, 3))
        return {"features": features, "logits": self.head(features)}


def odd_network() -> nn.Module:
    """The same weights whenever it is called."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return OddNetwork()
