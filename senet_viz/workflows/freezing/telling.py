"""How far a search is, told to the caller and to progress.json."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from senet_viz.recording import write_progress


class FreezeProgress(NamedTuple):
    """How far a search is.

    Attributes:
        stage: "recording" (of the untouched gates, in images), "choosing" or "confirming".
        step: blocks frozen so far.
        consumed: forwards of an image done, those of earlier runs among them.
        total: forwards in all.
        rate: a second in this run, NaN before the first batch.
        seconds_left: of this stage, or of choosing and confirming together.
    """

    stage: str
    step: int
    consumed: int
    total: int
    rate: float
    seconds_left: float


OnProgress = Callable[[FreezeProgress], None]


class Meter:
    """Rate and time left of one run."""

    def __init__(self, folder: Path, *, done: int, total: int, on_progress: OnProgress | None) -> None:
        self._folder, self._total, self._on_progress = folder, total, on_progress
        self._first = self._done = done
        self._stage, self._step = "choosing", 0
        self._began = self._told = time.monotonic()

    def enter(self, stage: str, step: int) -> None:
        """What is done from now on."""
        self._stage, self._step = stage, step

    def tick(self, forwards: int) -> None:
        """So many more are done."""
        self._done += forwards
        if self._on_progress:
            self._on_progress(self._progress())
        if time.monotonic() - self._told > 1:
            self.tell("running")

    def tell(self, state: str, message: str = "") -> None:
        """Writes progress.json."""
        tree = {key: None if value != value else value for key, value in self._progress()._asdict().items()}
        write_progress(self._folder, state, {**tree, "errors": 0}, message=message)
        self._told = time.monotonic()

    def _progress(self) -> FreezeProgress:
        done = self._done - self._first
        rate = done / max(time.monotonic() - self._began, 1e-9) if done else math.nan
        left = (self._total - self._done) / rate if done else math.nan
        return FreezeProgress(self._stage, self._step, self._done, self._total, rate, left)
