"""Numbers, durations and sizes in words."""

import math

import numpy as np
from numpy.typing import ArrayLike


def seconds_text(seconds: float) -> str:
    """A duration in words, e.g. 45 s, 12 min, 3.2 h; said to be unknown for NaN."""
    if not math.isfinite(seconds):
        return "an unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def bytes_text(count: float) -> str:
    """A size in words, e.g. 512 B, 3.4 MB, 1.2 GB (powers of 1000)."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


_LEAST, _MOST = 3, 6


def count_decimals(values: ArrayLike) -> int:
    """So many that the largest number has two significant digits: three, and up to six where all are small.

    Gates of a network with random weights differ by less than .001, which three digits would show as 0.

    Args:
        values: any shape; what is not finite does not count.
    """
    sizes = np.abs(np.asarray(values, dtype=np.float64))
    largest = float(sizes[np.isfinite(sizes)].max(initial=0))
    if largest == 0:
        return _LEAST
    return min(max(_LEAST, 1 - math.floor(math.log10(largest))), _MOST)
