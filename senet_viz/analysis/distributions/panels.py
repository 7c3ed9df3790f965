"""What the paper's Fig. 6 and 7 show: blocks, classes and channels chosen by rules, their class profiles, the answer in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording
from senet_viz.schema import ClassTable, Floats, Gate, check_class, label_classes
from senet_viz.stats.shares import class_shares

ChannelOrder = Literal["channel", "mean", "class share"]
CHANNEL_ORDERS: tuple[ChannelOrder, ...] = ("channel", "mean", "class share")
PAPER_CHANNELS = 50
PAPER_CLASSES = 4
MOST_BLOCKS = 6


_IN_FIGURE = "in the paper's Fig. 6"
_STAND_IN = "{}, in place of the paper's {}, which this data has not"
_ROLES = (  # the paper's four classes, each with what stands in for it where it does not exist
    (("n01443537", _IN_FIGURE),),  # goldfish
    (
        ("n02110958", _IN_FIGURE),
        ("n02085620", _STAND_IN.format("the nearest of the toy dogs", "pug")),
        ("n02099601", _STAND_IN.format("a dog", "pug")),
    ),
    (
        ("n02690373", _IN_FIGURE),
        ("n04552348", _IN_FIGURE),
        ("n02917067", _STAND_IN.format("a streamlined vehicle", "plane")),
        ("n04146614", _STAND_IN.format("a vehicle", "plane")),
    ),
    (("n09246464", _IN_FIGURE),),  # cliff
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
    found = ([ChosenClass(index[wnid], why) for wnid, why in role if wnid in index] for role in _ROLES)
    chosen = [candidates[0] for candidates in found if candidates]
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


def _spread(size: int, how_many: int) -> list[int]:
    """Positions of so many of `size` items, evenly spaced with both ends."""
    return [] if how_many < 1 else np.linspace(0, size - 1, how_many).round().astype(int).tolist()


@dataclass(frozen=True)
class ShownClass:
    """A class in a figure: its index, its label and the images that were averaged."""

    index: int
    label: str
    images: int


@dataclass(frozen=True)
class Panel:
    """One block of Fig. 6.

    Attributes:
        block: the gate.
        channels: channel numbers in the order in which they are drawn, (M,).
        share: class share (ω²) of these channels, (M,).
        overall: mean gate over all images, (M,), in units of s.
        overall_sd: standard deviation over all images, (M,).
        means: class means, (k, M).
        sds: standard deviations over the images of a class, (k, M); NaN where a class has one image.
        distance: mean over **all** C channels of |class mean − all-class mean|, averaged over the classes.
        chance: the distance that as many images drawn at random from the whole set would have.
    """

    block: Gate
    channels: NDArray[np.int64]
    share: Floats
    overall: Floats
    overall_sd: Floats
    means: Floats
    sds: Floats
    distance: float
    chance: float


@dataclass(frozen=True)
class ClassPanels:
    """Several blocks for the same classes.

    Attributes:
        panels: in order of depth.
        classes: the classes, in the order of the rows of `means`.
        n_classes: K of the recording.
        images: in all.
        order: of the channels.
        seed: of their draw.
    """

    panels: tuple[Panel, ...]
    classes: tuple[ShownClass, ...]
    n_classes: int
    images: int
    order: ChannelOrder
    seed: int

    @property
    def range(self) -> tuple[float, float]:
        """What the gates can be, over all panels: the shared axis."""
        return min(p.block.extent[0] for p in self.panels), max(p.block.extent[1] for p in self.panels)

    def table(self) -> pd.DataFrame:
        """A row per block, channel and class (the whole set is the class "all")."""
        return pd.concat([self._panel_table(panel) for panel in self.panels], ignore_index=True)

    def _panel_table(self, panel: Panel) -> pd.DataFrame:
        names = ["all", *(c.label for c in self.classes)]
        rows, width = len(names), len(panel.channels)
        return pd.DataFrame(
            {
                "block": panel.block.label,
                "position": np.repeat(np.arange(1, width + 1), rows),
                "channel": np.repeat(panel.channels, rows),
                "class share": np.repeat(panel.share, rows),
                "class": np.tile(names, width),
                "images": np.tile([self.images, *(c.images for c in self.classes)], width),
                "mean gate": np.vstack([panel.overall, panel.means]).T.ravel(),
                "SD over images": np.vstack([panel.overall_sd, panel.sds]).T.ravel(),
            }
        )


def profile_classes(
    recording: Recording,
    blocks: Sequence[Gate],
    classes: Sequence[int],
    *,
    channels: int = PAPER_CHANNELS,
    order: ChannelOrder = "channel",
    seed: int = 0,
) -> ClassPanels:
    """Mean gate and its standard deviation per class, for some channels of each block.

    Args:
        recording: full or slim.
        blocks: at least one of its gates.
        classes: indices; may be empty, then only the whole set is shown.
        channels: how many are drawn, uniformly.
        order: in which they are shown.
        seed: of the draw.

    Raises:
        ArgumentError: no block, or an index that is no class.
        RecordingError: a file is missing or damaged.
    """
    if not blocks:
        raise ArgumentError("No block was chosen: choose one.")
    for index in classes:
        check_class(recording.classes, index)
    chosen = np.array(classes, dtype=np.int64)
    labels = label_classes(recording.classes)
    ordered = sorted(blocks, key=lambda gate: gate.depth)
    panels = []
    for gate in ordered:  # one block in memory at a time
        moments = recording.moments(gate.name, ranges=False)
        panels.append(_panel(gate, moments, chosen, channels, order, seed))
    count = recording.class_counts
    images = int(count.sum()) + (0 if moments.unlabelled is None else int(moments.unlabelled.count.sum()))
    shown = tuple(ShownClass(int(k), labels[k], int(count[k])) for k in chosen)
    return ClassPanels(tuple(panels), shown, len(recording.classes), images, order, seed)


def _panel(
    gate: Gate, moments: Moments, classes: NDArray[np.int64], how_many: int, order: ChannelOrder, seed: int
) -> Panel:
    overall = moments.overall()
    mean, sd = overall.mean[0], overall.std()[0]
    share = class_shares(moments)
    drawn = choose_channels(gate.channels, how_many=how_many, seed=seed, depth=gate.depth)
    shown = order_channels(drawn, order, mean=mean, share=share)
    means = moments.mean[classes]
    distance, chance = _distances(means, moments.count[classes], mean, sd, int(overall.count[0]))
    return Panel(
        block=gate,
        channels=shown,
        share=share[shown],
        overall=mean[shown],
        overall_sd=sd[shown],
        means=means[:, shown],
        sds=moments.std()[classes][:, shown] if len(classes) else np.zeros((0, len(shown))),
        distance=distance,
        chance=chance,
    )


def _distances(means: Floats, count: NDArray[np.int64], centre: Floats, sd: Floats, images: int) -> tuple[float, float]:
    """Mean absolute distance of the profiles, and what n of N random images would have.

    The mean of n images drawn from N without replacement scatters with SD·√(1/n − 1/N); the mean absolute value of a
    normal variable is √(2/π) of its SD.
    """
    seen = count > 0
    if not seen.any():
        return float("nan"), float("nan")
    spread = np.sqrt(np.maximum(0, 1 / count[seen] - 1 / images))
    distance = np.abs(means[seen] - centre).mean()
    chance = np.sqrt(2 / np.pi) * spread.mean() * np.nan_to_num(sd).mean()
    return float(distance), float(chance)


_MORE = 1.25  # distances closer than this are told as about the same


def describe_distances(panels: ClassPanels) -> str:
    """How far the chosen classes lie from the all-class mean in the first and the last block, and where farthest.

    Distances are mean absolute differences over all channels of a block, in units of s; the distance that as many
    random images would have stands beside them.
    """
    if not panels.n_classes:
        return f"The recording has no labels, so the figure shows the mean gate over all **{panels.images:,} images** only."
    if not panels.classes:
        return "No class is chosen: the figure shows the mean over all images only."
    if not any(c.images for c in panels.classes):
        return "The chosen classes have no image in this recording."
    if all(c.images in (0, panels.images) for c in panels.classes):
        return "All images are of one class, so there is no other class to differ from."
    return _sentence(panels)


def _sentence(panels: ClassPanels) -> str:
    one = len(panels.classes) == 1
    who = "this class's mean gate lies" if one else "a class's mean gate lies"
    first, last = panels.panels[0], panels.panels[-1]
    if first is last:
        return (
            f"In {first.block.label}, {who} **{_number(first.distance)}** from the all-class mean on average over all "
            f"channels; the mean of as many random images would lie {_number(first.chance)} away (units of s)."
        )
    far = max(panels.panels, key=lambda p: p.distance)
    farthest = "" if far in (first, last) else f", farthest in {far.block.label} with **{_number(far.distance)}**"
    return (
        f"**{_verdict(first, last, one=one)}** On average over all channels {who} **{_number(first.distance)}** from the "
        f"all-class mean in {first.block.label} and **{_number(last.distance)}** in {last.block.label}{farthest}. The mean of "
        f"as many random images would lie {_number(first.chance)} and {_number(last.chance)} away (units of s)."
    )


def _verdict(first: Panel, last: Panel, *, one: bool) -> str:
    """Plain words for the comparison; the numbers follow."""
    differs = "This class differs from the rest" if one else "These classes differ from each other"
    if last.distance >= _MORE * first.distance:
        return f"{differs} more in the last of these blocks than in the first."
    if first.distance >= _MORE * last.distance:
        return f"{differs} more in the first of these blocks than in the last."
    return f"{differs} about as much in the first of these blocks as in the last."


def _number(value: float) -> str:
    """Three decimals: a class mean of some fifty gates carries no more."""
    return "less than 0.001" if value < 0.0005 else f"{value:.3f}"
