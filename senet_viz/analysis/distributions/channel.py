"""How the images of a class spread over one channel's gate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.distributions.extremes import check_channel
from senet_viz.analysis.distributions.panels import ShownClass
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats, Gate, label_classes

Source = Literal["gates", "histograms"]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_VALUES = 1_000


@dataclass(frozen=True)
class ClassDistribution:
    """Gates of one channel over the images of one class.

    Attributes:
        name: of the class; "all" is the whole set.
        index: of the class; None for the whole set.
        images: whose gates are known here.
        recorded: images of the class that were recorded.
        values: ascending gates; of more than a thousand, evenly spaced order statistics.
        quantiles: 5, 25, 50, 75 and 95 %, of all known gates.
    """

    name: str
    index: int | None
    images: int
    recorded: int
    values: Floats
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class ChannelDistribution:
    """One channel's gate per class.

    Attributes:
        block: the gate.
        channel: its number.
        spreads: the whole set first, then the classes.
        source: "gates" (of kept images) or "histograms" (of all images, in bins).
        bin_width: in units of s: values are known to this; 0 for gates.
    """

    block: Gate
    channel: int
    spreads: tuple[ClassDistribution, ...]
    source: Source
    bin_width: float

    @property
    def note(self) -> str:
        """Where the numbers come from, in a sentence."""
        known, recorded = self.spreads[0].images, self.spreads[0].recorded
        if self.source == "histograms":
            return (
                f"From histograms of all {known:,} labelled images: each gate is known to {self.bin_width:.3f}, and gates in one bin "
                "are spread evenly over it."
            )
        if known < recorded:
            return f"From the gates that were kept: {known:,} of {recorded:,} images."
        return f"From the gates of all {recorded:,} images."

    def table(self) -> pd.DataFrame:
        """A row per class: images and quantiles."""
        return pd.DataFrame(
            [
                {
                    "class": s.name,
                    "images known": s.images,
                    "images recorded": s.recorded,
                    **{f"{100 * q:.0f} %": value for q, value in zip(QUANTILES, s.quantiles)},
                }
                for s in self.spreads
            ]
        )


def distribute_channel(
    recording: Recording,
    block: Gate,
    channel: int,
    classes: Sequence[int],
    *,
    gates: NDArray[np.float16] | None = None,
) -> ChannelDistribution | None:
    """Gates of one channel over the images of each class, from what the recording holds.

    The gates of all images if they are kept; else, in a slim recording, the histograms of all images; else the kept
    gates. None where there is nothing of the three.

    Raises:
        ArgumentError: no such channel.
        RecordingError: a file is missing or damaged.
    """
    check_channel(block, channel)
    count, total = recording.class_counts, recording.n_images
    labels = label_classes(recording.classes)
    shown = [ShownClass(k, labels[k], int(count[k])) for k in classes]
    if recording.form == "slim" and not recording.keeps_all:
        counts = _histogram(recording, block, channel)
        if counts is not None:
            return _from_counts(block, channel, counts, shown, total)
    if not recording.n_kept:
        return None
    values = (recording.channel_gates(block.name, channel) if gates is None else gates).astype(np.float64)
    kept = recording.kept_samples["label"].to_numpy()
    parts = [_spread("all", None, values, total)]
    parts += [_spread(c.label, c.index, values[kept == c.index], c.images) for c in shown]
    return ChannelDistribution(block, channel, tuple(parts), "gates", 0.0)


def _histogram(recording: Recording, block: Gate, channel: int) -> NDArray[np.int64] | None:
    """(K, bins) of one channel; None where the recording holds no histograms per class."""
    if not any(file.role == "histograms" for file in recording.manifest.files):
        return None
    return np.asarray(recording.class_histogram(block.name)[:, channel], dtype=np.int64)


def _from_counts(
    block: Gate, channel: int, counts: NDArray[np.int64], shown: Sequence[ShownClass], total: int
) -> ChannelDistribution:
    edges = np.linspace(*block.range, counts.shape[1] + 1)
    parts = [_spread("all", None, unroll_histogram(counts.sum(axis=0), edges), total)]
    parts += [_spread(c.label, c.index, unroll_histogram(counts[c.index], edges), c.images) for c in shown]
    return ChannelDistribution(block, channel, tuple(parts), "histograms", float(edges[1] - edges[0]))


def unroll_histogram(counts: NDArray[np.int64], edges: Floats) -> Floats:
    """As many ascending values as were counted, those of one bin spread evenly over it.

    Args:
        counts: (bins,).
        edges: (bins + 1,).
    """
    width = np.diff(edges)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(
        np.repeat(edges[:-1], counts) + (place + 0.5) / np.repeat(counts, counts) * np.repeat(width, counts)
    )


def _spread(name: str, index: int | None, values: Floats, recorded: int) -> ClassDistribution:
    ordered = np.sort(values)
    quantiles = tuple(np.quantile(ordered, QUANTILES).tolist()) if len(ordered) else (float("nan"),) * len(QUANTILES)
    if len(ordered) > _MOST_VALUES:
        ordered = ordered[np.linspace(0, len(ordered) - 1, _MOST_VALUES).round().astype(np.int64)]
    return ClassDistribution(name, index, len(values), recorded, ordered, quantiles)
