"""The channels of a block in which images differ most."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.comparison.blocks import BlockComparison
from senet_viz.errors import ArgumentError
from senet_viz.schema import Gate

Floats = NDArray[np.float64]
Measure = Literal["spread", "deviation"]


@dataclass(frozen=True, eq=False)
class DifferingChannels:
    """Channels of one block from the largest difference on.

    Attributes:
        block: the gate.
        measure: "spread" (largest minus smallest gate over the images, in units of s) for several images;
            "deviation" (|gate − recorded mean| in units of the recorded SD) for a single one.
        channels: channel numbers, (m,).
        values: of the measure, (m,); a deviation is NaN, and comes last, where the recorded SD is 0 or not known.
        gates: of these channels, (n, m).
        mean: recorded mean of these channels, (m,).
        sd: recorded standard deviation, (m,).
        names: of the images, n of them.
    """

    block: Gate
    measure: Measure
    channels: NDArray[np.int64]
    values: Floats
    gates: NDArray[np.float32]
    mean: Floats
    sd: Floats
    names: tuple[str, ...]

    @property
    def statement(self) -> str:
        """What the channels are ordered by, in words."""
        if self.measure == "spread":
            return "largest minus smallest gate over the images, in units of s"
        return "distance of the gate from the recorded mean, in units of the recorded standard deviation"

    def table(self) -> pd.DataFrame:
        """A row per channel: the measure, recorded mean and SD, and the gate of each image."""
        head = {
            "block": self.block.label,
            "channel": self.channels,
            self.measure: self.values,
            "recorded mean": self.mean,
            "recorded SD": self.sd,
        }
        gates = {f"{at}. {name}": self.gates[at - 1] for at, name in enumerate(self.names, start=1)}
        return pd.DataFrame(head | gates)


def rank_differences(block: BlockComparison, names: tuple[str, ...], *, how_many: int) -> DifferingChannels:
    """The channels with the largest spread over the images; for a single image, farthest from the recorded mean.

    Args:
        block: of a comparison with at least one image.
        names: of its images.
        how_many: channels; all where there are fewer.

    Raises:
        ArgumentError: no image, or fewer than one channel asked for.
    """
    if how_many < 1 or not names:
        raise ArgumentError(f"{how_many} channels of {len(names)} images were asked for: both are at least 1.")
    several = len(names) > 1
    distance = np.abs(block.differences).max(axis=0)
    if several:
        values = np.ptp(block.gates.astype(np.float64), axis=0)
    else:
        values = np.full(len(distance), np.nan)
        np.divide(distance, block.sd, out=values, where=block.sd > 0)
    leading = np.lexsort((-distance, -np.nan_to_num(values, nan=-1.0)))[:how_many]
    return DifferingChannels(
        block=block.block,
        measure="spread" if several else "deviation",
        channels=leading,
        values=values[leading],
        gates=block.gates[:, leading],
        mean=block.mean[leading],
        sd=block.sd[leading],
        names=names,
    )
