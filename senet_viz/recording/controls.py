"""Controls: what networks without training do with the same images, kept in a slim recording."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording.layout import Quantity
from senet_viz.recording.moments import Moments
from senet_viz.recording.tensors import MomentFiles


@dataclass(frozen=True, slots=True)
class Control:
    """Class means and within-class sums of squares of another network on the same images.

    Attributes:
        name: of the network, e.g. "seresnet50 with random weights".
        seed: of its weights; None where it has none.
        id: of the full recording that it was taken from.
        blocks: names of its blocks, the same as the recording's.
        files: where the numbers are.
    """

    name: str
    seed: int | None
    id: str
    blocks: tuple[str, ...]
    files: MomentFiles

    def moments(self, name: str, quantity: Quantity = "gate") -> Moments:
        """One block's count (K,), mean (K, C) and ssw (C,); `m2`, `min`, `max` and `histogram` are None.

        Raises:
            RecordingError: no such block, or no z of it.
        """
        return self.files.read(quantity, name)

    def means(self, name: str, quantity: Quantity = "gate") -> NDArray[np.float64]:
        """Class means of a block, (K, C), NaN where a class has no image."""
        return self.moments(name, quantity).mean

    def ssw(self, name: str, quantity: Quantity = "gate") -> NDArray[np.float64]:
        """Sum of squares within classes of a block, (C,)."""
        return self.moments(name, quantity).ssw
