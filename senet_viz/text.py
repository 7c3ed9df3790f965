"""What a person at a terminal reads while something runs; on stderr, so that stdout holds results alone."""

import math
import sys
import time
from types import TracebackType
from typing import Self


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


class ProgressLine:
    """One line that is rewritten on a terminal, and a new line every ten seconds elsewhere."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._began = time.monotonic()
        self._told = 0.0
        self._open = False
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def say(self, sentence: str) -> None:
        """A line of its own."""
        self._close()
        sys.stderr.write(sentence + "\n")
        sys.stderr.flush()

    def update(self, done: int, total: int, rate: float, seconds_left: float, detail: str = "") -> None:
        """Progress; `rate` in images a second. Told five times a second at most."""
        self._tell(done, total, f"{rate:,.0f} images/s, {seconds_text(seconds_left)} left", detail)

    def update_parts(self, done: int, total: int, detail: str = "") -> None:
        """Progress of parts that take unequal times: how long it has taken so far, no guess at the rest."""
        self._tell(done, total, f"{seconds_text(time.monotonic() - self._began)} so far", detail)

    def _tell(self, done: int, total: int, speed: str, detail: str) -> None:
        now = time.monotonic()
        if now - self._told < (0.2 if self._live else 10.0) and done < total:
            return
        self._told = now
        text = f"{done:,} of {total:,} {self._unit} ({done / total:.0%}), {speed}"
        text += f", {detail}" if detail else ""
        sys.stderr.write(f"\r{text}\x1b[K" if self._live else text + "\n")
        sys.stderr.flush()
        self._open = self._live

    def _close(self) -> None:
        if self._open:
            sys.stderr.write("\n")
            self._open = False
