"""Histograms of a gate per class, counted from kept gates."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

CLASS_BINS = 32
_CHUNK_BYTES = 1 << 26


def count_per_class(
    gates: NDArray[np.float16],
    labels: NDArray[np.int32],
    n_classes: int,
    value_range: tuple[float, float],
) -> NDArray[np.uint32]:
    """How many images of each class have their gate in each of 32 equal bins over the gate's range.

    Args:
        gates: (N, C) kept gates of one block; values at a bound are counted in the first or last bin.
        labels: (N,) class indices; unlabelled images (−1) are left out.
        n_classes: K.
        value_range: lower and upper bound of the gate.

    Returns:
        (K, C, 32) counts.
    """
    lower, upper = value_range
    labelled = labels >= 0
    values, classes = gates[labelled], labels[labelled].astype(np.int64)
    width = values.shape[1]
    counts = np.zeros((n_classes, width, CLASS_BINS), dtype=np.uint32)
    step = max(1, _CHUNK_BYTES // (8 * CLASS_BINS * max(n_classes, 1)))
    for start in range(0, width, step):
        part = values[:, start : start + step].astype(np.float32)
        codes = ((part - np.float32(lower)) * np.float32(CLASS_BINS / (upper - lower))).astype(np.int64)
        codes = np.clip(codes, 0, CLASS_BINS - 1)
        size = part.shape[1]
        codes += (classes[:, None] * size + np.arange(size)) * CLASS_BINS
        found = np.bincount(codes.ravel(), minlength=n_classes * size * CLASS_BINS)
        counts[:, start : start + size] = found.reshape(n_classes, size, CLASS_BINS)
    return counts


def histogram_column(counts: NDArray[np.uint32]) -> pa.Array:
    """A row per class of C·32 counts, in the smallest of uint8, uint16 and uint32 that holds them."""
    largest = int(counts.max(initial=0))
    kind = next(k for k in (np.uint8, np.uint16, np.uint32) if largest <= np.iinfo(k).max)
    flat = np.ascontiguousarray(counts, dtype=kind).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), counts.shape[1] * CLASS_BINS)


def counts_of_column(column: pa.ChunkedArray, channels: int) -> NDArray[np.uint32]:
    """The inverse of `histogram_column`, (K, C, 32)."""
    flat = flat_values(column.chunks)
    return flat.astype(np.uint32).reshape(-1, channels, CLASS_BINS)


def flat_values(chunks: Sequence[pa.FixedSizeListArray]) -> NDArray[np.generic]:
    """All elements of a column of fixed-size lists, one after the other."""
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in chunks]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint8)
