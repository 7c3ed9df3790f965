"""Which block of one network stands beside which of another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.analysis.profiles import label_blocks
from senet_viz.schema import Gate


@dataclass(frozen=True)
class BlockMatch:
    """Blocks of two recordings, one beside the other.

    Attributes:
        by_label: whether both have the same labels in the same order; else blocks are matched by relative depth.
        pairs: positions of blocks of the first and of the second, one pair a block of the first.
    """

    by_label: bool
    pairs: tuple[tuple[int, int], ...]

    @property
    def sentence(self) -> str:
        """How blocks were matched."""
        if self.by_label:
            return "Blocks are matched by their labels, which both recordings share."
        return (
            "The two networks have other blocks, so each block of the first is matched with the one of the second at the "
            "nearest relative depth (0: first block, 1: last)."
        )


def match_blocks(first: Sequence[Gate], second: Sequence[Gate]) -> BlockMatch:
    """By label where both layouts agree, else by relative depth; of two equally near blocks the earlier one."""
    if label_blocks(first) == label_blocks(second):
        return BlockMatch(True, tuple((i, i) for i in range(len(first))))
    theirs = relative_depths(len(second))
    nearest = [int(np.abs(theirs - depth).argmin()) for depth in relative_depths(len(first))]
    return BlockMatch(False, tuple(enumerate(nearest)))


def relative_depths(blocks: int) -> NDArray[np.float64]:
    """From 0 (first block) to 1 (last); 0 for a single block."""
    return np.linspace(0, 1, blocks) if blocks > 1 else np.zeros(blocks)
