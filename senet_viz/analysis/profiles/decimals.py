"""How many digits stand behind the point, where numbers may be small."""

import math

import numpy as np
from numpy.typing import ArrayLike

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
