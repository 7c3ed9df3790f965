"""Streaming statistics per class: one pass, float64, exact to merge, constant in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.schema import HISTOGRAM_BINS, UNLABELLED, Gate

LOWER_COLUMN = HISTOGRAM_BINS
UPPER_COLUMN = HISTOGRAM_BINS + 1
HISTOGRAM_COLUMNS = HISTOGRAM_BINS + 2
_CHUNK = 512  # channels binned at a time: their counters stay in the processor's cache

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Channels:
    """How the channels of several blocks lie side by side on one axis of ΣC.

    Attributes:
        names: the blocks, in order.
        sizes: C of each.
        ranges: the interval that each block's histogram divides; empty where there is none (z).
        bounds: lower and upper bound of each block's values, which may be infinite; the same intervals by default.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    ranges: tuple[tuple[float, float], ...] = ()
    bounds: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if len(self.names) != len(self.sizes) or (self.ranges and len(self.ranges) != len(self.names)):
            raise ArgumentError(f"{len(self.names)} blocks need as many sizes and as many (or no) ranges.")
        for name, (lower, upper) in zip(self.names, self.ranges):
            if not (np.isfinite(lower) and np.isfinite(upper) and lower < upper):
                raise ArgumentError(
                    f"Block {name} has the range [{lower:g}, {upper:g}]: a histogram needs finite ends; give the gate an "
                    "interval for its histogram."
                )

    @classmethod
    def of_gates(cls, gates: Sequence[Gate]) -> Self:
        """The gates' own values s, with their ranges."""
        extents, bounds = tuple(g.extent for g in gates), tuple(g.range for g in gates)
        return cls(tuple(g.name for g in gates), tuple(g.channels for g in gates), extents, bounds)

    @classmethod
    def of_squeezes(cls, gates: Sequence[Gate]) -> Self:
        """The squeeze vectors z of the blocks that have one; they have no range."""
        having = [g for g in gates if g.squeeze_missing is None]
        return cls(tuple(g.name for g in having), tuple(g.channels for g in having))

    @property
    def total(self) -> int:
        """ΣC."""
        return sum(self.sizes)

    def slice(self, name: str) -> slice:
        """Where one block's channels lie."""
        index = self.names.index(name)
        start = sum(self.sizes[:index])
        return slice(start, start + self.sizes[index])

    def owner(self, channel: int) -> str:
        """The block that a position on the axis belongs to."""
        ends = np.cumsum(self.sizes)
        return self.names[int(np.searchsorted(ends, channel, side="right"))]

    def spread(self, pairs: Sequence[tuple[float, float]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lower and upper ends of every channel, each (ΣC,), from those of every block."""
        table = np.repeat(np.asarray(pairs, dtype=np.float32).reshape(-1, 2), self.sizes, axis=0)
        return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])

    def join(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Put every block's (N, C) side by side as float32 (N, ΣC)."""
        return np.concatenate([np.asarray(values[name], dtype=np.float32) for name in self.names], axis=1)


@dataclass(frozen=True, slots=True)
class Moments:
    """Statistics per class of C channels.

    Attributes:
        count: images of each class, (K,) int64.
        mean: class means, (K, C) float64; NaN where a class has no image.
        m2: sum of squared deviations from the class mean, (K, C) float64; None in a slim recording's z,
            which keeps only `within`.
        min: smallest values, (K, C) float32, NaN where a class has no image; None for z.
        max: largest values, like `min`.
        histogram: counts of all images, labelled or not, (C, 66) int64: 64 equal bins over the gate's range,
            then how many values were exactly the lower and exactly the upper bound. Those two are in none of the
            64 bins, so a row's sum is the number of images. None for z.
        within: SSW where `m2` is None, (C,) float64.
        unlabelled: the same for images without a label, as one row; None where there are none.
    """

    count: NDArray[np.int64]
    mean: Floats
    m2: Floats | None
    min: NDArray[np.float32] | None
    max: NDArray[np.float32] | None
    histogram: NDArray[np.int64] | None
    within: Floats | None = None
    unlabelled: "Moments | None" = None

    @property
    def ssw(self) -> Floats:
        """Sum of squares within classes, Σ_k m2_k, (C,)."""
        if self.within is not None:
            return self.within
        if self.m2 is None:
            raise RecordingError("These moments hold neither m2 nor the sum of squares within classes.")
        return np.asarray(self.m2.sum(axis=0))

    def variance(self, *, ddof: int = 1) -> Floats:
        """m2 / (n − ddof), (K, C); NaN where n ≤ ddof.

        Raises:
            RecordingError: a slim recording's z, which has no m2 per class.
        """
        if self.m2 is None:
            raise RecordingError("A slim recording keeps no variance per class of z, only its sum: use ssw.")
        divisor = np.where(self.count > ddof, self.count - ddof, np.nan)
        return np.asarray(self.m2 / divisor[:, None])

    def std(self, *, ddof: int = 1) -> Floats:
        """Square root of `variance`, (K, C)."""
        return np.sqrt(self.variance(ddof=ddof))

    def overall(self) -> "Moments":
        """All images as one class, labelled or not: arrays of one row.

        SST = SSW + Σ_k n_k (mean_k − mean)² (Chan, Golub, LeVeque 1979).
        """
        parts = [self] if self.unlabelled is None else [self, self.unlabelled]
        count = np.concatenate([p.count for p in parts])
        total = int(count.sum())
        if not total:
            return _without_images(self)
        weights = count.astype(np.float64)
        means = np.concatenate([p.mean for p in parts])
        means[count == 0] = 0.0
        mean = np.einsum("k,kc->c", weights, means) / total
        means -= mean  # in place: a large block's are tens of megabytes
        m2 = sum((p.ssw for p in parts), np.zeros(len(mean))) + np.einsum("k,kc,kc->c", weights, means, means)
        lows = [p.min for p in parts if p.min is not None]
        highs = [p.max for p in parts if p.max is not None]
        return Moments(
            count=np.array([total]),
            mean=mean[None],
            m2=m2[None],
            min=np.fmin.reduce(np.concatenate(lows), axis=0)[None] if lows else None,
            max=np.fmax.reduce(np.concatenate(highs), axis=0)[None] if highs else None,
            histogram=self.histogram,
        )


def _without_images(moments: Moments) -> Moments:
    """One row of no image."""
    width = moments.mean.shape[1]
    nothing = None if moments.min is None else np.full((1, width), np.nan, dtype=np.float32)
    empty = np.full((1, width), np.nan)
    return Moments(np.zeros(1, dtype=np.int64), empty, np.zeros((1, width)), nothing, nothing, moments.histogram)


class ClassMoments:
    """Moments of K classes, folded one image at a time (Welford), so that batching does not change a bit.

    The arrays have K + 1 rows; the last is that of images without a label.

    Attributes:
        channels: the blocks and their places on the axis of ΣC.
        count: (K + 1,) int64.
        mean, m2: (K + 1, ΣC) float64.
        min, max: (K + 1, ΣC) float32, +inf and −inf where a row has no image; None where values have no range.
        histogram: (ΣC, 66) int64; None likewise.
    """

    def __init__(self, channels: Channels, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.channels = channels
        self.count: NDArray[np.int64] = arrays["count"]
        self.mean: Floats = arrays["mean"]
        self.m2: Floats = arrays["m2"]
        self.min: NDArray[np.float32] | None = arrays.get("min")
        self.max: NDArray[np.float32] | None = arrays.get("max")
        self.histogram: NDArray[np.int64] | None = arrays.get("histogram")
        self._ends = channels.spread(channels.ranges) if channels.ranges else None
        self._bounds = channels.spread(channels.bounds or channels.ranges) if channels.ranges else None

    @classmethod
    def empty(cls, n_classes: int, channels: Channels) -> Self:
        """Moments of no image yet; `channels` with ranges are given minima, maxima and histograms too."""
        shape = (n_classes + 1, channels.total)
        arrays: dict[str, NDArray[Any]] = {
            "count": np.zeros(n_classes + 1, dtype=np.int64),
            "mean": np.zeros(shape),
            "m2": np.zeros(shape),
        }
        if channels.ranges:
            arrays["min"] = np.full(shape, np.inf, dtype=np.float32)
            arrays["max"] = np.full(shape, -np.inf, dtype=np.float32)
            arrays["histogram"] = np.zeros((channels.total, HISTOGRAM_COLUMNS), dtype=np.int64)
        return cls(channels, arrays)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The state itself, not a copy; the constructor takes it back."""
        state: dict[str, NDArray[Any]] = {"count": self.count, "mean": self.mean, "m2": self.m2}
        if self.min is not None and self.max is not None and self.histogram is not None:
            state |= {"min": self.min, "max": self.max, "histogram": self.histogram}
        return state

    def check(self, values: NDArray[np.float32], labels: NDArray[np.integer[Any]]) -> None:
        """Raise before anything is folded: wrong shapes, unknown labels, values not finite or out of range.

        Raises:
            ArgumentError: shapes or labels that do not belong here.
            RecordingError: a value that is not finite or outside its block's range, naming the block.
        """
        if values.shape != (len(labels), self.channels.total):
            raise ArgumentError(
                f"Values have the shape {values.shape}, ({len(labels)}, {self.channels.total}) expected."
            )
        if not len(labels):
            return
        if labels.min() < UNLABELLED or labels.max() >= len(self.count) - 1:
            raise ArgumentError(
                f"Labels reach from {labels.min()} to {labels.max()}, −1 to {len(self.count) - 2} expected."
            )
        if self._bounds is None:
            _check_finite(values, self.channels)
        else:
            _check_range(values, self.channels, self._bounds)

    def update(self, values: NDArray[np.float32], labels: NDArray[np.integer[Any]]) -> None:
        """Fold a batch in.

        Args:
            values: (N, ΣC) float32, blocks side by side.
            labels: (N,), class indices; −1 takes part only in the overall statistics.

        Raises:
            ArgumentError, RecordingError: as in `check`; nothing was folded then.
        """
        self.check(values, labels)
        self.fold(values, labels)

    def fold(self, values: NDArray[np.float32], labels: NDArray[np.integer[Any]]) -> None:
        """As `update`, for a batch that `check` has accepted."""
        if not len(labels):
            return
        self._fold_moments(values, labels)
        if self.histogram is not None and self._ends is not None:
            lower, upper = self._ends
            for start in range(0, values.shape[1], _CHUNK):
                part = slice(start, start + _CHUNK)
                codes = bin_codes(values[:, part], lower[part], upper[part])
                codes += np.arange(codes.shape[1]) * HISTOGRAM_COLUMNS
                counts = np.bincount(codes.ravel(), minlength=codes.shape[1] * HISTOGRAM_COLUMNS)
                self.histogram[part] += counts.reshape(-1, HISTOGRAM_COLUMNS)

    def _fold_moments(self, values: NDArray[np.float32], labels: NDArray[np.integer[Any]]) -> None:
        value, delta, step = np.empty((3, self.channels.total))
        for image, label in enumerate(labels.tolist()):  # label −1 is the last row
            self.count[label] += 1
            mean, m2 = self.mean[label], self.m2[label]
            np.copyto(value, values[image])
            np.subtract(value, mean, out=delta)
            np.divide(delta, float(self.count[label]), out=step)
            np.add(mean, step, out=mean)
            np.subtract(value, mean, out=value)
            np.multiply(delta, value, out=delta)
            np.add(m2, delta, out=m2)
            if self.min is not None and self.max is not None:
                np.minimum(self.min[label], values[image], out=self.min[label])
                np.maximum(self.max[label], values[image], out=self.max[label])

    def merge(self, other: "ClassMoments") -> "ClassMoments":
        """Both sets of images together, exactly (Chan, Golub, LeVeque 1979); neither operand is changed.

        m2 = m2_a + m2_b + δ²·n_a·n_b/n with δ = mean_b − mean_a. Counts are of images, so a shard of one counts as one.

        Raises:
            ArgumentError: other channels or another number of classes.
        """
        if self.channels != other.channels or len(self.count) != len(other.count):
            raise ArgumentError("Only moments of the same blocks and the same number of classes can be merged.")
        count = self.count + other.count
        share = (other.count / np.maximum(count, 1))[:, None]
        delta = other.mean - self.mean
        arrays: dict[str, NDArray[Any]] = {
            "count": count,
            "mean": np.where(self.count[:, None] == 0, other.mean, self.mean + delta * share),
            "m2": self.m2 + other.m2 + delta**2 * (share * self.count[:, None]),
        }
        if self.min is not None and self.max is not None and self.histogram is not None:
            mine, theirs = self.arrays(), other.arrays()
            arrays["min"] = np.minimum(mine["min"], theirs["min"])
            arrays["max"] = np.maximum(mine["max"], theirs["max"])
            arrays["histogram"] = mine["histogram"] + theirs["histogram"]
        return ClassMoments(self.channels, arrays)

    def finish(self) -> Moments:
        """The statistics of what was folded in so far, as copies: (K, ΣC) over all blocks side by side."""
        return moments_of(self.arrays())


def moments_of(state: Mapping[str, NDArray[Any]], *, within: NDArray[Any] | None = None, copy: bool = True) -> Moments:
    """Build `Moments` from arrays of K + 1 rows, the last of them the unlabelled images.

    Args:
        state: count, mean, m2 and, where there are any, min, max, histogram; beside `within`, m2 has the last row only.
        within: SSW, (C,), where m2 per class is not known.
        copy: else the arrays may become those of the result, and are written to.
    """
    histogram = state.get("histogram")
    m2 = state["m2"].astype(np.float64, copy=copy)
    labelled = _rows(state, slice(None, -1), None if within is not None else m2[:-1], copy)
    unlabelled = _rows(state, slice(-1, None), m2[-1:], copy) if state["count"][-1] else None
    return Moments(
        *labelled,
        histogram=None if histogram is None else histogram.astype(np.int64),
        within=None if within is None else within.astype(np.float64),
        unlabelled=None if unlabelled is None else Moments(*unlabelled, histogram=None),
    )


def _rows(
    state: Mapping[str, NDArray[Any]], rows: slice, m2: Floats | None, copy: bool
) -> tuple[NDArray[np.int64], Floats, Floats | None, NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Count, mean, m2, min and max of some rows, NaN where there was no image."""
    count = state["count"][rows].astype(np.int64)
    without = count == 0
    mean = state["mean"][rows].astype(np.float64, copy=copy)
    mean[without] = np.nan
    if "min" not in state:
        return count, mean, m2, None, None
    low, high = state["min"][rows].astype(np.float32), state["max"][rows].astype(np.float32)
    low[without] = high[without] = np.nan
    return count, mean, m2, low, high


def bin_codes(values: NDArray[np.float32], lower: NDArray[np.float32], upper: NDArray[np.float32]) -> NDArray[np.int64]:
    """Column of the histogram for every value.

    Args:
        values: (N, C), finite.
        lower: (C,) lower ends.
        upper: (C,) upper ends.

    Returns:
        (N, C): 0 to 63 by value, 64 for the lower end and, of gates without a bound, below; 65 for the upper end and above.
    """
    scaled = (values - lower) * (HISTOGRAM_BINS / (upper - lower))
    codes = np.minimum(scaled.astype(np.int64), HISTOGRAM_BINS - 1)
    for beyond, column in ((values <= lower, LOWER_COLUMN), (values >= upper, UPPER_COLUMN)):
        if beyond.any():
            codes[beyond] = column
    return codes


def _check_finite(values: NDArray[np.float32], channels: Channels) -> None:
    finite = np.isfinite(values).all(axis=0)
    if not finite.all():
        name = channels.owner(int(np.argmin(finite)))
        raise RecordingError(f"Block {name} has a squeeze that is not finite: check the weights and the precision.")


def _check_range(
    values: NDArray[np.float32], channels: Channels, bounds: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> None:
    low, high = values.min(axis=0), values.max(axis=0)
    good = (low >= bounds[0]) & (high <= bounds[1]) & np.isfinite(low) & np.isfinite(high)
    if good.all():
        return
    worst = int(np.argmin(good))
    name = channels.owner(worst)
    lower, upper = (channels.bounds or channels.ranges)[channels.names.index(name)]
    if not (np.isfinite(low[worst]) and np.isfinite(high[worst])):
        raise RecordingError(f"Block {name} has a gate that is not finite: check the weights and the precision.")
    raise RecordingError(
        f"Block {name} has gates from {low[worst]:g} to {high[worst]:g}, outside its declared range "
        f"[{lower:g}, {upper:g}]: the adapter that found it names a wrong range."
    )
