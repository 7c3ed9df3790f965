"""The classes and the kept images in which one channel's gate is highest and lowest."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from senet_viz.errors import ArgumentError
from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording
from senet_viz.schema import UNLABELLED, Gate, label_classes

EXTREME_CLASSES = 8
EXTREME_IMAGES = 6
LEVEL = 0.95
NO_CLASS = "no label"


@dataclass(frozen=True)
class ClassGate:
    """One class's mean gate of one channel.

    Attributes:
        index: of the class.
        label: of the class.
        images: that were averaged.
        mean: in units of s.
        interval: 95 % over images, mean ± t·SD/√n (Student 1908); NaN twice where the class has one image.
    """

    index: int
    label: str
    images: int
    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class ExtremeClasses:
    """The classes with the highest and the lowest mean gate of one channel.

    The extremes of many classes lie far out by chance too: an interval is of one class, not of the largest of all.

    Attributes:
        block: the gate.
        channel: its number.
        highest: from the highest mean on.
        lowest: from the lowest mean on; no class is in both.
        overall: mean gate over all images.
        classes: that have an image.
        images: of all classes and without a label.
    """

    block: Gate
    channel: int
    highest: tuple[ClassGate, ...]
    lowest: tuple[ClassGate, ...]
    overall: float
    classes: int
    images: int

    @property
    def ordered(self) -> tuple[ClassGate, ...]:
        """All of them, from the highest to the lowest."""
        return (*self.highest, *reversed(self.lowest))

    def table(self) -> pd.DataFrame:
        """A row per class, from the highest to the lowest."""
        return pd.DataFrame(
            [
                {"class": c.label, "images": c.images, "mean gate": c.mean, "95 % from": c.interval[0], "to": c.interval[1]}
                for c in self.ordered
            ],
            columns=["class", "images", "mean gate", "95 % from", "to"],
        )  # fmt: skip


@dataclass(frozen=True)
class KeptImage:
    """One image whose gates are kept.

    Attributes:
        sample_id: its name in the source of the images.
        path: where it was.
        label: its class, or "no label".
        gate: of the channel, in half precision.
        correct: whether the network was right; None where that is not known.
    """

    sample_id: str
    path: str
    label: str
    gate: float
    correct: bool | None

    @property
    def name(self) -> str:
        """The file's own name, without its folders, or the sample's."""
        return short_path(self.path, self.sample_id)


@dataclass(frozen=True)
class ExtremeImages:
    """The kept images with the highest and the lowest gate of one channel.

    Attributes:
        block: the gate.
        channel: its number.
        highest: from the highest gate on; equal ones in the order of the recording.
        lowest: from the lowest gate on; no image is in both.
        tied_high: images that are not shown and have the same gate as the last of `highest`.
        tied_low: likewise of `lowest`.
        known: images whose gates are kept.
        recorded: images in all.
    """

    block: Gate
    channel: int
    highest: tuple[KeptImage, ...]
    lowest: tuple[KeptImage, ...]
    tied_high: int
    tied_low: int
    known: int
    recorded: int

    @property
    def among(self) -> str:
        """Of which images these are the extremes, in words."""
        if self.known == self.recorded:
            return f"all {self.recorded:,} images"
        return f"the {self.known:,} kept of {self.recorded:,} images"

    @property
    def ties(self) -> str:
        """What is as extreme and not shown, in a sentence; empty where nothing is."""
        parts = [
            f"{count:,} more {'has' if count == 1 else 'have'} the {word} gate shown last, {images[-1].gate:.4f}"
            for count, word, images in ((self.tied_high, "high", self.highest), (self.tied_low, "low", self.lowest))
            if count
        ]
        return f"{'; '.join(parts)} (in half precision): of equal ones the first recorded are shown." if parts else ""

    def table(self) -> pd.DataFrame:
        """A row per image, the highest first, then the lowest."""
        return pd.DataFrame(
            [
                {"gate is": side, "image": i.name, "class": i.label, "gate s": i.gate, "correct": i.correct,
                 "sample": i.sample_id, "path": i.path}
                for side, images in (("high", self.highest), ("low", self.lowest))
                for i in images
            ],
            columns=["gate is", "image", "class", "gate s", "correct", "sample", "path"],
        )  # fmt: skip


def find_extreme_classes(
    recording: Recording,
    block: Gate,
    channel: int,
    *,
    how_many: int = EXTREME_CLASSES,
    moments: Moments | None = None,
) -> ExtremeClasses | None:
    """The classes with the highest and the lowest mean gate, with intervals; None for fewer than two classes.

    Args:
        recording: full or slim.
        block: one of its gates.
        channel: its number.
        how_many: on each side; of fewer than twice as many classes each is shown once.
        moments: of the block, where they were read before.

    Raises:
        ArgumentError: no such channel.
        RecordingError: a file is missing or damaged.
    """
    check_channel(block, channel)
    known = recording.moments(block.name) if moments is None else moments
    seen = np.flatnonzero(known.count > 0)
    if len(seen) < 2:
        return None
    order = seen[np.argsort(-known.mean[seen, channel], kind="stable")]
    labels = label_classes(recording.classes)
    high, low = _split(len(order), how_many)
    gates = [_class_gate(known, int(k), labels[k], channel) for k in (*order[:high], *order[len(order) - low :])]
    overall = known.overall()
    return ExtremeClasses(
        block=block,
        channel=channel,
        highest=tuple(gates[:high]),
        lowest=tuple(reversed(gates[high:])),
        overall=float(overall.mean[0, channel]),
        classes=len(seen),
        images=int(overall.count[0]),
    )


def find_extreme_images(
    recording: Recording,
    block: Gate,
    channel: int,
    *,
    how_many: int = EXTREME_IMAGES,
    gates: NDArray[np.float16] | None = None,
) -> ExtremeImages | None:
    """The kept images with the highest and the lowest gate; None where no gates are kept.

    Args:
        recording: full or slim.
        block: one of its gates.
        channel: its number.
        how_many: on each side; of fewer than twice as many images each is shown once.
        gates: of the channel, (N_kept,), where they were read before.

    Raises:
        ArgumentError: no such channel.
        RecordingError: a file is missing or damaged.
    """
    check_channel(block, channel)
    if not recording.n_kept:
        return None
    values = recording.channel_gates(block.name, channel) if gates is None else gates
    high, low = _split(len(values), how_many)
    top = np.argsort(-values, kind="stable")[:high]
    rest = np.setdiff1d(np.arange(len(values)), top)  # ascending: of equal gates the first recorded comes first
    bottom = rest[np.argsort(values[rest], kind="stable")][:low]
    return ExtremeImages(
        block=block,
        channel=channel,
        highest=_describe(recording, values, top),
        lowest=_describe(recording, values, bottom),
        tied_high=_count_tied(values, top, bottom),
        tied_low=_count_tied(values, bottom, top),
        known=len(values),
        recorded=recording.n_images,
    )


def short_path(path: str, sample_id: str) -> str:
    """The last part of a path; of "val.parquet#3 (dog/a.png)" that of the path inside, if it has one."""
    inner = path.removeprefix(f"{sample_id} (").removesuffix(")") if path.startswith(f"{sample_id} (") else path
    return inner.replace("\\", "/").rsplit("/", 1)[-1] or sample_id


def check_channel(block: Gate, channel: int) -> None:
    """Raises ArgumentError where a block has no such channel."""
    if not 0 <= channel < block.channels:
        raise ArgumentError(f"{block.label} has no channel {channel}: channels go from 0 to {block.channels - 1}.")


def _split(count: int, how_many: int) -> tuple[int, int]:
    """How many go to the high and to the low side, none to both."""
    high = min(how_many, (count + 1) // 2)
    return high, min(how_many, count - high)


def _class_gate(moments: Moments, index: int, label: str, channel: int) -> ClassGate:
    count, mean = int(moments.count[index]), float(moments.mean[index, channel])
    half = float("nan")
    if count > 1 and moments.m2 is not None:
        error = np.sqrt(moments.m2[index, channel] / (count - 1) / count)
        half = float(special.stdtrit(count - 1, (1 + LEVEL) / 2) * error)
    return ClassGate(index, label, count, mean, (mean - half, mean + half))


def _describe(recording: Recording, values: NDArray[np.float16], rows: NDArray[np.int64]) -> tuple[KeptImage, ...]:
    labels = label_classes(recording.classes)
    return tuple(
        KeptImage(
            sample_id=sample["sample_id"],
            path=sample["path"],
            label=NO_CLASS if sample["label"] == UNLABELLED else labels[sample["label"]],
            gate=float(values[row]),
            correct=sample["correct"],
        )
        for row, sample in zip(rows, recording.kept_samples.take(rows).to_pylist())
    )


def _count_tied(values: NDArray[np.float16], shown: NDArray[np.int64], others: NDArray[np.int64]) -> int:
    """Images that have the last shown one's gate and are on neither side."""
    if not len(shown):
        return 0
    edge = values[shown[-1]]
    both = np.concatenate([shown, others])
    return int((values == edge).sum() - (values[both] == edge).sum())
