"""What a recording knows of one block's gates over all its images or over one class, looked through some rows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording
from senet_viz.schema import HISTOGRAM_BINS, Floats, Gate, check_class, label_classes


def bound_shares(distance: Floats, second: Floats, fourth: Floats, accuracy: float) -> tuple[Floats, Floats]:
    """Bounds of the share of images nearer than `distance`, half of those at exactly that distance included.

    With D = mean over channels of x_c², x_c = s_c − m_c, over the images: E[D] is the mean of E[x_c²] over the channels.
    Whatever the correlation of the channels, SD(D) ≤ mean over channels of SD(x_c²): the triangle inequality of the L²
    norm (Minkowski 1896), applied to the centred x_c². SD(x_c²)² = E[x_c⁴] − E[x_c²]².

    With λ = |D₀ − E[D]|, D₀ the squared distance: P(D ≥ E[D] + λ) and P(D ≤ E[D] − λ) are each at most
    SD²/(SD² + λ²) (Cantelli 1928), and P(D ≥ D₀) ≤ E[D]/D₀ (Markov). λ and D₀ are first brought nearer to
    E[D] by what the accuracy leaves open: an error ε of gates or mean moves D by at most 2ε√D + ε².

    Args:
        distance: (n,) RMS distances, in units of s.
        second: E[x_c²], (C,).
        fourth: upper bounds of E[x_c⁴], (C,).
        accuracy: to which gates and moments are known, in units of s.

    Returns:
        Lower and upper bounds, each (n,) in [0, 1].
    """
    mean = float(second.mean())
    variance = float(np.sqrt(np.maximum(0, fourth - second**2)).mean()) ** 2
    squared = distance**2
    slack = 2 * accuracy * (distance + np.sqrt(mean)) + 2 * accuracy**2 + 1e-6 * mean
    step = np.maximum(0, np.abs(squared - mean) - slack)
    with np.errstate(invalid="ignore", divide="ignore"):
        tail = np.where(step > 0, variance / (variance + step**2), 1.0)
        markov = np.where(squared > 0, np.minimum(1, (mean + slack) / squared), 1.0)
    far = squared > mean
    return np.where(far, 1 - np.minimum(tail, markov), 0.0), np.where(far, 1.0, tail)


def bound_fourth_moments(
    counts: NDArray[np.integer] | None, edges: tuple[Floats, Floats], centre: Floats, second: Floats, reach: Floats
) -> Floats:
    """Upper bounds of E[(s_c − m_c)⁴] in every channel: the smaller of two.

    Each image's value counts with the farther edge of its bin; and x⁴ ≤ M²·x² with M the largest |x| (which gives the
    inequality of Bhatia and Davis 2000 for the variance of x²).

    Args:
        counts: of the images in each bin, (C, T); None where there is no histogram.
        edges: lower and upper edge of each bin, each (T,); equal where a bin is one value.
        centre: m, (C,).
        second: E[(s_c − m_c)²], (C,).
        reach: M, the largest |s_c − m_c| of any image, or a bound of it, (C,).
    """
    bound = reach**2 * second
    if counts is None:
        return bound
    lower, upper = (np.abs(edge - centre[:, None]) for edge in edges)
    farther = np.maximum(lower, upper) ** 4
    return np.asarray(np.minimum(bound, (counts * farther).sum(axis=1) / counts.sum(axis=1)))


_ROWS_AT_ONCE = 256
_COUNTED_AT_ONCE = 255  # rows whose hits fit into a byte


@dataclass(frozen=True, eq=False)
class KeptGates:
    """Of the images of a set, N_kept of them, in one block of C channels.

    Attributes:
        recording: whose they are.
        block: the gate.
        rows: which of the recording's kept images are in the set, (all kept,); all of them where None.
        images: N_kept.
    """

    recording: Recording
    block: Gate
    rows: NDArray[np.bool_] | None
    images: int

    def parts(self) -> Iterator[NDArray[np.float16]]:
        """Some rows after the other, (n, C)."""
        start = 0
        for part in self.recording.gates_by_parts(self.block.name):
            yield part if self.rows is None else part[self.rows[start : start + len(part)]]
            start += len(part)


@dataclass(frozen=True, eq=False)
class Survey:
    """n images among the kept ones.

    Attributes:
        shares: of kept gates below each image's gate plus half of those that equal it, (n, C).
        distances: RMS distance of every kept image from the centre, ascending, (N_kept,).
    """

    shares: Floats
    distances: Floats


def look_through(kept: KeptGates, gates: NDArray[np.float16], centre: Floats) -> Survey:
    """Reads the kept gates once.

    Args:
        kept: at least one image's.
        gates: of the n images, (n, C), rounded as the kept ones are.
        centre: what distances are from, (C,).
    """
    below, most = np.zeros((2, *gates.shape), dtype=np.int64)
    distances = []
    for part in kept.parts():
        fewer, up_to = count_up_to(part, gates)
        below += fewer
        most += up_to
        distances.append(distances_from(part, centre))
    return Survey((below + most) / (2 * kept.images), np.sort(np.concatenate(distances)))


def distances_from(gates: NDArray[np.floating], centre: Floats) -> Floats:
    """RMS distance of every row from a point, (n,): √(mean over channels of (s_c − centre_c)²)."""
    parts = [
        np.sqrt(((gates[start : start + _ROWS_AT_ONCE].astype(np.float64) - centre) ** 2).mean(axis=1))
        for start in range(0, len(gates), _ROWS_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def count_up_to(known: NDArray[np.float16], gates: NDArray[np.float16]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many known gates are below each gate, and how many below or equal, (n, C) each.

    Args:
        known: (N, C), finite.
        gates: (n, C), finite.
    """
    below, most = np.zeros((2, *gates.shape), dtype=np.int64)
    values = _order(gates)
    for start in range(0, len(known), _COUNTED_AT_ONCE):
        rows = _order(known[start : start + _COUNTED_AT_ONCE])
        for at, value in enumerate(values):
            below[at] += _count(rows < value)
            most[at] += _count(rows <= value)
    return below, most


def _count(hits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Of at most 255 rows, per column: in bytes it is ten times as fast as in words."""
    return np.asarray(np.add.reduce(hits.view(np.uint8), axis=0, dtype=np.uint8))


def _order(gates: NDArray[np.float16]) -> NDArray[np.int16]:
    """Integers in the order of half-precision numbers, −0 as 0: processors compare these many at once."""
    bits = np.ascontiguousarray(gates).view(np.int16)
    ordered = np.asarray(bits ^ ((bits >> 15) & 0x7FFF), dtype=np.int16)
    ordered[ordered == -1] = 0
    return ordered


MOST_BYTES = 1 << 30  # of one block's kept gates that are read for a placement
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

    def share_below(self, distance: Floats) -> tuple[Floats, Floats]:
        """Bounds of the share of the set's images that lie nearer to the centre, (n,) each; see `bound_shares`."""
        lower, upper = self.edges
        exact = lower == upper
        wider = (lower - np.where(exact, 0, self.rounding), upper + np.where(exact, 0, self.rounding))
        fourth = bound_fourth_moments(self.counts, wider, self.centre, self.second, self.reach)
        return bound_shares(distance, self.second, fourth, self.accuracy)


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
    if class_index is not None:
        check_class(recording.classes, class_index)
    moments = recording.moments(block.name)
    overall = moments.overall()
    rows, row = (overall, 0) if class_index is None else (moments, class_index)
    images = int(rows.count[row])
    kept = None
    if images and single_images and recording.n_kept and not _too_large(recording, block):
        mine = None if class_index is None else np.equal(recording.kept_samples["label"].to_numpy(), class_index)
        kept = KeptGates(recording, block, mine, recording.n_kept if mine is None else int(mine.sum()))
    counts, edges = _histogram(recording, block, overall, class_index) if images else (None, _edges(block, 1))
    half_step = float(np.spacing(np.float16(max(abs(bound) for bound in block.extent)))) / 2
    rounding = half_step if recording.form == "slim" else 0.0  # a slim form keeps extremes in half precision
    accuracy = _ACCURACY * (block.extent[1] - block.extent[0])
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
        bounds = np.array(block.extent)
        return overall.histogram, (np.append(lower, bounds), np.append(upper, bounds))
    if not any(file.role == "histograms" for file in recording.manifest.files):
        return None, _edges(block, 1)
    counts = recording.class_histogram(block.name)[class_index].astype(np.int64)
    return counts, _edges(block, counts.shape[1])


def _edges(block: Gate, bins: int) -> Edges:
    edges = np.linspace(*block.extent, bins + 1)
    return edges[:-1], edges[1:]


def _spread(moments: Moments, row: int, centre: Floats, rounding: float) -> tuple[Floats, Floats]:
    """E[(s − centre)²] and a bound of the largest |s − centre|, each (C,), over the images of one row.

    E[(s − centre)²] = m2/n + (mean − centre)².
    """
    assert moments.m2 is not None and moments.min is not None and moments.max is not None  # noqa: PT018
    count = max(1, int(moments.count[row]))
    second = moments.m2[row] / count + (moments.mean[row] - centre) ** 2
    reach = np.maximum(moments.max[row] - centre, centre - moments.min[row]) + rounding
    return second, np.asarray(reach, dtype=np.float64)
