"""What a recording knows of one block's gates over all its images, or over one class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.analysis.comparison.bounds import SquaredDistance, bound_fourth_moments
from senet_viz.analysis.comparison.kept import KeptGates
from senet_viz.analysis.profiles import label_classes
from senet_viz.errors import ArgumentError
from senet_viz.recording import Recording
from senet_viz.recording.moments import Moments
from senet_viz.schema import HISTOGRAM_BINS, Gate

MOST_BYTES = 1 << 30  # of one block's kept gates that are read for a placement
Floats = NDArray[np.float64]
Edges = tuple[Floats, Floats]
_UNREAD = "gates of single images were not read"
_FEW = "too few gates of single images are kept"
_ACCURACY = 1e-6  # to which a gate is repeated in another batch, relative to its range


@dataclass(frozen=True, eq=False)
class Reference:
    """The recorded images that others are placed among.

    Attributes:
        name: "all images", or the class's label.
        images: how many were recorded.
        centre: recorded mean over all images, (C,).
        kept: kept gates of these images; None where there are none, or where they are not to be read.
        keeps_all: whether these are all images.
        counts: of these images per bin, (C, T); None where there is no histogram of them.
        edges: lower and upper edge of each bin, (T,) each; equal for bins of one value.
        missing: why there is neither.
        unread: why single images have no part, as a clause after "since".
        second: E[(s_c − centre_c)²] over these images, (C,).
        reach: bounds of the largest |s_c − centre_c|, (C,).
        rounding: how far a value may lie outside of its bin, in units of s.
        accuracy: to which gates and moments are known, in units of s.
    """

    name: str
    images: int
    centre: Floats
    kept: KeptGates | None
    keeps_all: bool
    counts: NDArray[np.int64] | None
    edges: Edges
    missing: str
    unread: str
    second: Floats
    reach: Floats
    rounding: float
    accuracy: float

    @property
    def spread(self) -> Floats:
        """Root mean square difference of the set's gates from the centre, (C,), in units of s."""
        return np.sqrt(np.maximum(0, self.second))

    @property
    def step(self) -> Floats:
        """Distance between half-precision numbers near the centre, (C,)."""
        return np.spacing(np.abs(self.centre).astype(np.float16)).astype(np.float64)

    def squared_distance(self) -> SquaredDistance:
        """Mean and a bound of the SD of the squared distance from the centre."""
        lower, upper = self.edges
        exact = lower == upper
        wider = (lower - np.where(exact, 0, self.rounding), upper + np.where(exact, 0, self.rounding))
        fourth = bound_fourth_moments(self.counts, wider, self.centre, self.second, self.reach)
        return SquaredDistance.from_moments(self.second, fourth, self.accuracy)


def read_reference(
    recording: Recording, block: Gate, class_index: int | None, *, single_images: bool = True
) -> Reference:
    """Reads one block's moments; its kept gates are read by those who look through them.

    Args:
        recording: full or slim.
        block: one of its gates.
        class_index: of a class; all images where None.
        single_images: else kept gates are left alone.

    Raises:
        ArgumentError: no such class.
        RecordingError: a file is missing or damaged.
    """
    if class_index is not None and not 0 <= class_index < len(recording.classes):
        raise ArgumentError(f"There is no class {class_index}: classes go from 0 to {len(recording.classes) - 1}.")
    moments = recording.moments(block.name)
    overall = moments.overall()
    rows, row = (overall, 0) if class_index is None else (moments, class_index)
    images = int(rows.count[row])
    kept = _kept_gates(recording, block, class_index) if images and single_images else None
    counts, edges = _histogram(recording, block, overall, class_index) if images else (None, _edges(block, 1))
    rounding = _half_ulp(block) if recording.form == "slim" else 0.0
    accuracy = _ACCURACY * (block.range[1] - block.range[0])
    second, reach = _spread(rows, row, overall.mean[0], rounding)
    return Reference(
        name="all images" if class_index is None else label_classes(recording.classes)[class_index],
        images=images,
        centre=overall.mean[0],
        kept=kept,
        keeps_all=kept is not None and kept.images == images,
        counts=counts,
        edges=edges,
        missing=_missing(recording, block, single_images=single_images),
        unread=_UNREAD if recording.n_kept and not single_images else _FEW,
        second=second,
        reach=reach,
        rounding=rounding + accuracy,
        accuracy=accuracy,
    )


def _kept_gates(recording: Recording, block: Gate, class_index: int | None) -> KeptGates | None:
    if not recording.n_kept or _too_large(recording, block):
        return None
    return KeptGates.of(recording, block, class_index)


def _too_large(recording: Recording, block: Gate) -> bool:
    return 2 * recording.n_kept * block.channels > MOST_BYTES


def _missing(recording: Recording, block: Gate, *, single_images: bool) -> str:
    if recording.n_kept and not single_images:
        return f"Not known yet: {_UNREAD}, and the recording holds no histograms per class."
    if _too_large(recording, block):
        return (
            f"The kept gates of {block.label} are larger than 1 GiB, and the recording holds no histograms per class."
        )
    return "The recording keeps the gates of some images only and holds no histograms per class."


def _histogram(
    recording: Recording, block: Gate, overall: Moments, class_index: int | None
) -> tuple[NDArray[np.int64] | None, Edges]:
    """Counts (C, T) and the edges of the bins; no counts where there are none of this class."""
    if class_index is None:
        lower, upper = _edges(block, HISTOGRAM_BINS)
        bounds = np.array(block.range)
        return overall.histogram, (np.append(lower, bounds), np.append(upper, bounds))
    if not any(file.role == "histograms" for file in recording.manifest.files):
        return None, _edges(block, 1)
    counts = recording.class_histogram(block.name)[class_index].astype(np.int64)
    return counts, _edges(block, counts.shape[1])


def _edges(block: Gate, bins: int) -> Edges:
    edges = np.linspace(*block.range, bins + 1)
    return edges[:-1], edges[1:]


def _half_ulp(block: Gate) -> float:
    """Largest error of rounding a gate to half precision."""
    return float(np.spacing(np.float16(max(abs(bound) for bound in block.range)))) / 2


def _spread(moments: Moments, row: int, centre: Floats, rounding: float) -> tuple[Floats, Floats]:
    """E[(s − centre)²] and a bound of the largest |s − centre|, each (C,), over the images of one row.

    E[(s − centre)²] = m2/n + (mean − centre)².
    """
    assert moments.m2 is not None and moments.min is not None and moments.max is not None  # noqa: PT018
    count = max(1, int(moments.count[row]))
    second = moments.m2[row] / count + (moments.mean[row] - centre) ** 2
    reach = np.maximum(moments.max[row] - centre, centre - moments.min[row]) + rounding
    return second, np.asarray(reach, dtype=np.float64)
