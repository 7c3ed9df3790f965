"""Numbers, durations and sizes in words."""

import math
import re
from collections.abc import Sequence

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


def number_text(value: float, form: str, *, unknown: str | None = None) -> str:
    """A number by a format such as "z.3f" (z: no minus before 0) or "+.2f", with a real minus; `unknown` for NaN."""
    return unknown if unknown is not None and math.isnan(value) else f"{value:{form}}".replace("-", "−")


def limits_text(low: float, high: float, form: str, *, unknown: str | None = None) -> str:
    """Both ends of an interval: "[−0.80, −0.04]"."""
    return f"[{number_text(low, form, unknown=unknown)}, {number_text(high, form, unknown=unknown)}]"


def join_words(words: Sequence[str]) -> str:
    """One after the other: "a", "a and b", "a, b and c"; "" for none."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


_SPACES = (
    " \t\n\v\f\r\x1c-\x1f\x85\xa0\u1680\u180e\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"  # to any library
)
FORMULA = rf"'*(?:[{_SPACES}]*[=+\-@＝＋－＠]|[\t\r\n])"
"""How a text begins that a spreadsheet takes for a formula, or that one apostrophe more has kept from it."""


def defuse(text: str) -> str:
    """A text as a cell of a CSV: with an apostrophe before it where a spreadsheet would run it as a formula (OWASP)."""
    return f"'{text}" if re.match(FORMULA, text) else text


def undo_defuse(cell: str) -> str:
    """The text that `defuse` made a cell of: a cell of a CSV that begins so has one apostrophe more than the name."""
    return cell[1:] if cell.startswith("'") and re.match(FORMULA, cell) else cell


def finite_or_none(value: float) -> float | None:
    """For JSON, which knows no NaN: None for what is not finite."""
    return float(value) if math.isfinite(value) else None


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
