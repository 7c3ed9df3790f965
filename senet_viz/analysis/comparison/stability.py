"""How stable the gates of one image are under changes of it, against the spread of images of one class."""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.comparison.result import Prediction
from senet_viz.analysis.comparison.summary import key_blocks
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats, Gate, label_blocks, label_classes
from senet_viz.text import finite_or_none


@dataclass(frozen=True, eq=False)
class ClassSpread:
    """The RMS distance that two images drawn from one class have.

    Of two independent images i, j of a class E[(s_ic − s_jc)²] = 2σ_c², so that the root of the mean over channels is
    √2·SD with SD² = mean over channels of σ_c², estimated by the sample variance m2/(n − 1).

    Attributes:
        among: what the images have in common: a class's label, "one class, all pooled", or "all images".
        images: n that the variances are from.
        freedom: their degrees of freedom, n − 1, or N − K where classes are pooled.
        rms: of every block, (B,), in units of s; NaN where `reason` says why.
        reason: why there is none; empty where there is one.
    """

    among: str
    images: int
    freedom: int
    rms: Floats
    reason: str = ""

    @property
    def uncertainty(self) -> float:
        """Half of a 95 % interval of `rms`, as a share of it, at most: 1.96/√(2·freedom), for normally distributed gates.

        The bound is reached where all channels move together; the more independent they are, the narrower it is.
        """
        return 1.96 / math.sqrt(2 * self.freedom) if self.freedom > 0 else math.nan


def measure_spread(recording: Recording, class_index: int | None) -> ClassSpread:
    """The spread within a class, or within all classes pooled.

    Args:
        recording: full or slim.
        class_index: of its classes; None for all of them together, or for all images where none has a label.

    Raises:
        ArgumentError: no such class.
        RecordingError: a file is missing or damaged.
    """
    if class_index is not None and not 0 <= class_index < len(recording.classes):
        raise ArgumentError(f"There is no class {class_index}: the recording has 0 to {len(recording.classes) - 1}.")
    moments = recording.moments(recording.blocks[0].name)
    labelled, means = int(moments.count.sum()), 1
    if class_index is not None:
        among, images = label_classes(recording.classes)[class_index], int(moments.count[class_index])
    elif labelled:
        among, images, means = "one class, all pooled", labelled, int((moments.count > 0).sum())
    else:
        among, images = "all images", int(moments.overall().count[0])
    freedom = images - means
    if freedom < 1:
        reason = f"{among}: {images} image{'s' if images != 1 else ''} recorded, too few for a spread."
        return ClassSpread(among, images, 0, np.full(len(recording.blocks), np.nan), reason)
    rms = [math.sqrt(2 * _squares(recording, gate, class_index, labelled) / freedom) for gate in recording.blocks]
    return ClassSpread(among, images, freedom, np.array(rms))


def _squares(recording: Recording, gate: Gate, class_index: int | None, labelled: int) -> float:
    """Sum of squared deviations, mean over channels."""
    moments = recording.moments(gate.name)
    if class_index is None:
        return float((moments.ssw if labelled else moments.overall().ssw).mean())
    if moments.m2 is None:
        raise RecordingError(f"{recording.path} holds no variance per class of {gate.name}: record again.")
    return float(moments.m2[class_index].mean())


Kind = Literal["crop", "mirror left-right", "mirror up-down", "rotation", "blur", "noise"]
KINDS: tuple[Kind, ...] = ("crop", "mirror left-right", "mirror up-down", "rotation", "blur", "noise")
LEVELS = ("mild", "medium", "strong")


class Variation(NamedTuple):
    """One changed copy of an image: what was done, how strongly (index of `LEVELS`), in words, and which draw it is."""

    kind: Kind
    level: int
    words: str
    draw: int


@dataclass(frozen=True, eq=False)
class VariedGates:
    """Gates of V changed copies of one image against its own.

    Attributes:
        recording_id: of the recording whose network it is.
        image: its name.
        seed: of the draws.
        blocks: in order of depth, B of them.
        variations: what was changed, V of them.
        distances: RMS over channels of the copy's gates − the image's, (V, B), in units of s.
        original: what the network says of the image itself; None of a network without class outputs.
        predicted: index of that class; None where it is no single class of the recording.
        predictions: what it says of each copy, V or none.
        views: what the network saw of each copy, (H, W, 3) uint8.
    """

    recording_id: str
    image: str
    seed: int
    blocks: tuple[Gate, ...]
    variations: tuple[Variation, ...]
    distances: Floats
    original: Prediction | None
    predicted: int | None
    predictions: tuple[Prediction, ...]
    views: tuple[NDArray[np.uint8], ...]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Whether the prediction stays, (V,); never where there is none."""
        if self.original is None:
            return np.zeros(len(self.variations), dtype=bool)
        return np.array([p.output == self.original.output for p in self.predictions], dtype=bool)

    def say_prediction(self, variation: int) -> tuple[str, float, bool | None]:
        """Name and probability of what the network says of a copy, and whether that stayed; "", NaN and None without outputs."""
        if self.original is None:
            return "", math.nan, None
        said = self.predictions[variation]
        return said.name, said.probability, bool(self.kept[variation])


class Line(NamedTuple):
    """One kind at one level over the depth: mean, smallest and largest over its draws, each (B,)."""

    kind: Kind
    words: str
    draws: int
    kept: int
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class Stability:
    """Varied gates measured by the spread within a class.

    Attributes:
        varied: the copies.
        spread: how far two images of the class lie apart.
    """

    varied: VariedGates
    spread: ClassSpread

    @property
    def measured(self) -> bool:
        """Whether distances can be told as multiples of the spread."""
        return not self.spread.reason

    @property
    def ratios(self) -> Floats:
        """Distance of each copy divided by the spread, (V, B): 1 is as far as two images of the class; NaN without a spread."""
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = self.varied.distances / self.spread.rms
        return np.where(self.spread.rms > 0, ratios, np.nan)

    def lines(self, level: int) -> tuple[Line, ...]:
        """A line a kind at one level; kinds of a single level take part in all. In units of s without a spread."""
        values = self.ratios if self.measured else self.varied.distances
        found = []
        for kind in dict.fromkeys(v.kind for v in self.varied.variations):
            levels = sorted({v.level for v in self.varied.variations if v.kind == kind})
            wanted = level if level in levels else levels[0]
            rows = [i for i, v in enumerate(self.varied.variations) if (v.kind, v.level) == (kind, wanted)]
            chosen = values[rows]
            kept = int(self.varied.kept[rows].sum())
            words = self.varied.variations[rows[0]].words
            found.append(
                Line(kind, words, len(rows), kept, chosen.mean(axis=0), chosen.min(axis=0), chosen.max(axis=0))
            )
        return tuple(found)

    def answer(self, level: int) -> str:
        """Which change moves gates most and where, which least, and how often the prediction stays."""
        lines = self.lines(level)
        peaks = [float(np.nanmax(line.mean)) if np.isfinite(line.mean).any() else math.nan for line in lines]
        told = "The network returns no class outputs, so there is no prediction that could change."
        if (original := self.varied.original) is not None:
            told = f"The prediction ({original.name}) stays in {int(self.varied.kept.sum())} of {len(self.varied.variations)} changed copies."
        if not np.isfinite(peaks).any():
            return told
        most, least = int(np.nanargmax(peaks)), int(np.nanargmin(peaks))
        at = label_blocks(self.varied.blocks)[int(np.nanargmax(lines[most].mean))]
        unit = f"times as far as two images of {self.spread.among} lie apart" if self.measured else "in units of s"
        words = lines[most].words[0].upper() + lines[most].words[1:]
        by = "" if self.measured else "by "
        sentence = f"{words} moves this image's gates most: in {at} {by}**{peaks[most]:.2g}** {unit}"
        if len(lines) > 1:
            sentence += f"; {lines[least].words} least, {peaks[least]:.2g} at most"
        return f"{sentence}. {told}"

    def table(self) -> pd.DataFrame:
        """A row per copy and block."""
        varied, ratios = self.varied, self.ratios
        labels = label_blocks(varied.blocks)
        rows = [
            (v.kind, LEVELS[v.level], v.words, v.draw, labels[b], gate.name, varied.distances[i, b], self.spread.rms[b],
             ratios[i, b], *varied.say_prediction(i))
            for i, v in enumerate(varied.variations)
            for b, gate in enumerate(varied.blocks)
        ]  # fmt: skip
        columns = ["change", "level", "in words", "draw", "block", "module", "RMS distance", "within-class RMS distance",
                   "ratio", "prediction", "probability", "prediction kept"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    def to_json(self) -> dict[str, Any]:
        """Keys: name, seed, prediction, among, among_images, spread (by block), copies; see docs/json.md."""
        varied, keys = self.varied, key_blocks(self.varied.blocks)
        return {
            "name": varied.image,
            "seed": varied.seed,
            "prediction": None if varied.original is None else varied.original._asdict(),
            "among": self.spread.among,
            "among_images": self.spread.images,
            "spread": dict(zip(keys, map(finite_or_none, self.spread.rms.tolist()))),
            "copies": [
                {
                    "change": v.kind,
                    "level": LEVELS[v.level],
                    "words": v.words,
                    "draw": v.draw,
                    "prediction": None if varied.original is None else varied.predictions[i]._asdict(),
                    "kept": varied.say_prediction(i)[2],
                    "rms": dict(zip(keys, varied.distances[i].tolist())),
                    "ratio": dict(zip(keys, map(finite_or_none, self.ratios[i].tolist()))),
                }
                for i, v in enumerate(varied.variations)
            ],
        }


def describe_stability(stability: Stability, *, level: int = 1) -> str:
    """For a terminal: the answer, and a row a block with a column a change."""
    lines, labels = stability.lines(level), label_blocks(stability.varied.blocks)
    width = max(len("block"), *map(len, labels))
    what = f"multiples of the RMS distance of two images of {stability.spread.among} (n = {stability.spread.images:,})"
    rows = [
        f"stability of {stability.varied.image}: {stability.answer(level).replace('**', '')}",
        what if stability.measured else f"RMS distances in units of s. {stability.spread.reason}",
        f"   {'block':<{width}}" + "".join(f"{line.kind:>20}" for line in lines),
        *(
            f"   {label:<{width}}" + "".join(f"{line.mean[b]:>20.3g}" for line in lines)
            for b, label in enumerate(labels)
        ),
    ]
    if stability.varied.original is not None:
        rows.append(f"   {'kept':<{width}}" + "".join(f"{f'{line.kept} of {line.draws}':>20}" for line in lines))
    return "\n".join(rows)
