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
    has_histograms = any(file.role == "histograms" for file in recording.manifest.files)
    if recording.form == "slim" and not recording.keeps_all and has_histograms:
        counts = np.asarray(recording.class_histogram(block.name)[:, channel], dtype=np.int64)
        edges = np.linspace(*block.extent, counts.shape[1] + 1)
        every = unroll_histogram(counts.sum(axis=0), edges)
        of_class = [unroll_histogram(counts[c.index], edges) for c in shown]
        source: Source = "histograms"
        width = float(edges[1] - edges[0])
    elif recording.n_kept:
        every = (recording.channel_gates(block.name, channel) if gates is None else gates).astype(np.float64)
        kept = recording.kept_samples["label"].to_numpy()
        of_class = [every[kept == c.index] for c in shown]
        source, width = "gates", 0.0
    else:
        return None
    parts = [_spread(c.label, c.index, values, c.images) for c, values in zip(shown, of_class)]
    return ChannelDistribution(block, channel, (_spread("all", None, every, total), *parts), source, width)


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
