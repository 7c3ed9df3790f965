"""What a search will take, settled before it starts."""

from typing import NamedTuple

from senet_viz.workflows.interventions.estimating import Rehearsal


class FreezeEstimate(NamedTuple):
    """What a search will take from here on.

    Attributes:
        blocks: of the network, B.
        choosing: images that choose, N₀; a few less where classes have no output or images can not be read.
        confirming: images that confirm, N₁.
        forwards: of an image: N₀·Σ (candidates + 1) over the steps that remain, and N₁·(B + 1).
        whole_forwards: the same work in whole forwards; less where prefixes are remembered.
        seconds: of the search, and of the recording before it where that is made.
    """

    blocks: int
    choosing: int
    confirming: int
    forwards: int
    whole_forwards: float
    seconds: float


def count_forwards(blocks: int, halves: tuple[int, int], *, done: int = 0) -> int:
    """Forwards of an image that remain after so many steps: each step runs what is frozen so far, and every candidate."""
    choosing = sum(1 + blocks - step for step in range(done, blocks))
    return halves[0] * choosing + halves[1] * (1 + blocks)


def estimate_freezing(
    rehearsal: Rehearsal, blocks: int, halves: tuple[int, int], *, done: int, recorded: int
) -> FreezeEstimate:
    """Time of a search.

    Args:
        rehearsal: of the network on some of its images.
        blocks: B.
        halves: images that choose and images that confirm.
        done: steps of an earlier run.
        recorded: images that are recorded before.
    """
    share = _share(rehearsal)
    choosing = sum(1 + (blocks - step) * share for step in range(done, blocks))
    whole = halves[0] * choosing + halves[1] * (
        1 + blocks
    )  # which gate comes first is not known: as if it were the first
    passes = halves[0] * (blocks - done) + halves[1]
    seconds = passes * rehearsal.decoding + whole * rehearsal.running
    return FreezeEstimate(
        blocks=blocks,
        choosing=halves[0],
        confirming=halves[1],
        forwards=count_forwards(blocks, halves, done=done),
        whole_forwards=whole,
        seconds=seconds + recorded * (rehearsal.decoding + rehearsal.running),
    )


def _share(rehearsal: Rehearsal) -> float:
    """Of a forward that a candidate computes, the mean over all blocks."""
    memory = rehearsal.memory
    if memory.mode == "none":
        return 1.0
    shares = [prefix.after_shared for prefix in memory.prefixes.values()]
    return sum(shares) / len(shares)
