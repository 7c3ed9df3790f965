"""What a first visit shows: which blocks, classes and channels, each by a rule that can be told in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.schema import ClassTable, Gate

ChannelOrder = Literal["channel", "mean", "class share"]
CHANNEL_ORDERS: tuple[ChannelOrder, ...] = ("channel", "mean", "class share")
PAPER_CHANNELS = 50
PAPER_CLASSES = 4
MOST_BLOCKS = 6


@dataclass(frozen=True)
class _Role:
    """One of the paper's four classes and what stands in for it where it does not exist."""

    name: str
    wnids: tuple[str, ...]
    stand_ins: tuple[tuple[str, str], ...] = ()


_ROLES = (
    _Role("goldfish", ("n01443537",)),
    _Role("pug", ("n02110958",), (("n02085620", "the nearest of the toy dogs"), ("n02099601", "a dog"))),
    _Role("plane", ("n02690373", "n04552348"), (("n02917067", "a streamlined vehicle"), ("n04146614", "a vehicle"))),
    _Role("cliff", ("n09246464",)),
)


@dataclass(frozen=True)
class ChosenClass:
    """A class that a first visit shows: its index and the reason, e.g. "in the paper's Fig. 6"."""

    index: int
    reason: str


def choose_blocks(blocks: Sequence[Gate]) -> tuple[Gate, ...]:
    """The blocks of the paper's Fig. 6 by their role: the last of each stage, and all of the last stage.

    In a 3-4-6-3 network these are SE_2_3, SE_3_4, SE_4_6, SE_5_1, SE_5_2 and SE_5_3. Of a last stage with more than
    three blocks the first, the second and the last are taken; of more than six blocks six, evenly over the depth.
    """
    stages = sorted({gate.stage for gate in blocks})
    if not stages:
        return ()
    groups = [[gate for gate in blocks if gate.stage == stage] for stage in stages]
    last = groups[-1] if len(groups[-1]) <= 3 else [*groups[-1][:2], groups[-1][-1]]
    chosen = sorted([group[-1] for group in groups[:-1]] + last, key=lambda gate: gate.depth)
    if len(chosen) > MOST_BLOCKS:
        chosen = [chosen[i] for i in _spread(len(chosen), MOST_BLOCKS)]
    return tuple(chosen)


def choose_classes(
    table: ClassTable, counts: NDArray[np.int64], *, how_many: int = PAPER_CLASSES
) -> tuple[ChosenClass, ...]:
    """The paper's classes, or what stands in for them; the rest spread evenly over the list of classes.

    Args:
        table: the data's classes.
        counts: images of each class, (K,); classes without an image are not chosen.
        how_many: at most so many.
    """
    index = {wnid: k for k, wnid in enumerate(table.wnids) if counts[k] > 0}
    chosen: list[ChosenClass] = []
    for role in _ROLES:
        found = _fill(role, index)
        if found is not None:
            chosen.append(found)
    taken = {c.index for c in chosen}
    rest = [k for k in range(len(table)) if counts[k] > 0 and k not in taken]
    missing = min(max(0, how_many - len(chosen)), len(rest))
    chosen += [ChosenClass(rest[i], "spread evenly over the list of classes") for i in _spread(len(rest), missing)]
    return tuple(chosen[:how_many])


def choose_channels(
    channels: int, *, how_many: int = PAPER_CHANNELS, seed: int = 0, depth: int = 0
) -> NDArray[np.int64]:
    """Channels drawn uniformly without replacement, ascending; all of them where there are no more.

    Args:
        channels: C.
        how_many: to draw.
        seed: of the draw; together with `depth`, so that blocks of the same C differ.
        depth: of the block.
    """
    if channels <= how_many:
        return np.arange(channels)
    return np.sort(np.random.default_rng([seed, depth]).choice(channels, size=how_many, replace=False))


def order_channels(
    channels: NDArray[np.int64], order: ChannelOrder, *, mean: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The same channels in another order; the figure's choice of channels never depends on what they show.

    Args:
        channels: to order.
        order: "channel" (by number), "mean" (all-class mean, ascending) or "class share" (descending).
        mean: all-class mean of every channel of the block, (C,).
        share: class share of every channel of the block, (C,); NaN comes last.

    Raises:
        ArgumentError: another order.
    """
    if order not in CHANNEL_ORDERS:
        raise ArgumentError(f"Channels can not be ordered by {order!r}: use one of {', '.join(CHANNEL_ORDERS)}.")
    if order == "channel":
        return np.sort(channels)
    key = mean[channels] if order == "mean" else -share[channels]
    return channels[np.argsort(key, kind="stable")]


def _fill(role: _Role, index: dict[str, int]) -> ChosenClass | None:
    for wnid in role.wnids:
        if wnid in index:
            return ChosenClass(index[wnid], "in the paper's Fig. 6")
    for wnid, why in role.stand_ins:
        if wnid in index:
            return ChosenClass(index[wnid], f"{why}, in place of the paper's {role.name}, which this data has not")
    return None


def _spread(size: int, how_many: int) -> list[int]:
    """Positions of so many of `size` items, evenly spaced with both ends."""
    return [] if how_many < 1 else np.linspace(0, size - 1, how_many).round().astype(int).tolist()
