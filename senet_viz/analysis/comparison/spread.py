"""How far two images of one class lie apart in each block, from moments alone: the measuring rod of stability."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.analysis.profiles import label_classes
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording import Recording
from senet_viz.schema import Gate

Floats = NDArray[np.float64]
FORMULA = "√2 · SD within the class, SD² the mean over channels of the sample variance"


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
    counts = recording.moments(recording.blocks[0].name).count
    labelled = int(counts.sum())
    if class_index is not None:
        among, images = label_classes(recording.classes)[class_index], int(counts[class_index])
        freedom = images - 1
    elif labelled:
        among, images, freedom = "one class, all pooled", labelled, labelled - int((counts > 0).sum())
    else:
        among, images = "all images", int(recording.moments(recording.blocks[0].name).overall().count[0])
        freedom = images - 1
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
