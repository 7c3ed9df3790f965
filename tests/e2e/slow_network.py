"""A network that takes its time whatever the machine, until it is told to hurry: it can be cancelled while it records."""

import os
import time
from pathlib import Path

from torch import Tensor, nn

from tests.support.tiny import TinySE

HURRY = "TESTS_HURRY"


class SlowSE(TinySE):
    """Sleeps over a second each forward: a minute for the digits, in which pages and servers open on a busy machine.

    Where the file exists that the environment's `HURRY` names, it does not sleep.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not Path(os.environ.get(HURRY, "/")).is_file():
            time.sleep(1.2)
        return super().forward(x)


def slow_se() -> nn.Module:
    """`tests.e2e.slow_network:slow_se` on the page Record; resumed with the same weights."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(7)
        return SlowSE()
