"""Class profiles of a few channels in several blocks: what the paper's Fig. 6 and 7 show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.profiles.choices import (
    PAPER_CHANNELS,
    ChannelOrder,
    choose_channels,
    label_classes,
    order_channels,
)
from senet_viz.errors import ArgumentError
from senet_viz.recording import Recording
from senet_viz.recording.moments import Moments
from senet_viz.schema import Gate
from senet_viz.stats.measures import class_shares

Floats = NDArray[np.float64]


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
        return min(p.block.range[0] for p in self.panels), max(p.block.range[1] for p in self.panels)

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
        if not 0 <= index < len(recording.classes):
            raise ArgumentError(f"There is no class {index}: classes go from 0 to {len(recording.classes) - 1}.")
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
