"""A block's differences as a few stripes, for figures that have a cell for each image and block."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from senet_viz.analysis.comparison.blocks import BlockComparison
from senet_viz.errors import ArgumentError

MOST_STRIPES = 48
StripeUnit = Literal["s", "sd"]
STRIPE_UNITS: tuple[StripeUnit, ...] = ("s", "sd")


def stripe_differences(
    block: BlockComparison, *, unit: StripeUnit = "s", most: int = MOST_STRIPES
) -> NDArray[np.float64]:
    """Mean difference from the recorded mean over neighbouring channels, in the order of the recorded mean.

    Args:
        block: n images of C channels.
        unit: "s", or "sd" for each channel in units of its own standard deviation over the recorded images; channels
            that are constant there count as 0.
        most: stripes; as many as channels where there are no more.

    Returns:
        (n, min(C, most)); stripes are of equal numbers of channels, up to one.

    Raises:
        ArgumentError: another unit.
    """
    if unit not in STRIPE_UNITS:
        raise ArgumentError(f"Stripes have no unit {unit!r}: use one of {', '.join(STRIPE_UNITS)}.")
    differences = block.differences
    if unit == "sd":
        differences = np.divide(differences, block.sd, out=np.zeros_like(differences), where=block.sd > 0)
    ordered = differences[:, block.order]
    parts = np.array_split(ordered, min(most, ordered.shape[1]), axis=1)
    return np.stack([part.mean(axis=1) for part in parts], axis=1)
