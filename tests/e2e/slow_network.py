"""A network that takes its time whatever the machine: long enough to be cancelled while it records."""

import time

from torch import Tensor, nn

from tests.tiny import TinySE


class SlowSE(TinySE):
    """Sleeps over half a second each forward: half a minute for the digits, in which two pages open on a busy machine."""

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(0.6)
        return super().forward(x)


def slow_se() -> nn.Module:
    """`tests.e2e.slow_network:slow_se` on the page Record; resumed with the same weights."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(7)
        return SlowSE()
