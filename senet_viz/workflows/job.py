"""A job over images: a plan of fixed batches → a function of a batch → one writer that commits in order.

Record, intervene and freeze are this act. Which images make a batch depends on the list of images and the options alone, and
the function of a batch writes nothing, so it does not matter who runs it, or how often: an `Engine` does.
"""

import contextlib
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from senet_viz.errors import RecordingError
from senet_viz.images.loading import FEW_THREADS, load_batches
from senet_viz.images.source import ImageSource
from senet_viz.models.forward import forward, observing
from senet_viz.models.zoo import Model
from senet_viz.paths import explain_refusal
from senet_viz.recording.folder import write_progress
from senet_viz.recording.writer import stored_manifest
from senet_viz.workflows.engine import NO_WORKERS, Rows, Runner

_SAMPLE = 16


def cut(places: Rows, *, batch_size: int, shard_size: int | None = None, first: int = 0) -> Iterator[Rows]:
    """Places from the `first` on, in the batches that all places make; none crosses the end of a shard of so many places.

    Where a run ended amid a batch the first one is the rest of it.
    """
    start, total = first, len(places)
    while start < total:
        shard = 0 if shard_size is None else start // shard_size * shard_size
        shard_end = total if shard_size is None else shard + shard_size
        stop = min(shard + ((start - shard) // batch_size + 1) * batch_size, shard_end, total)
        yield places[start:stop]
        start = stop


class JobProgress(NamedTuple):
    """How far a job is.

    Attributes:
        stage: "recording", "interventions", "choosing" or "confirming".
        step: of a search, blocks frozen so far; 0 elsewhere.
        consumed: images done (forwards of an image in a search), those of earlier runs among them.
        total: of them.
        errors: images that could not be read or are not finite.
        rate: done in this run, a second; NaN before the first batch.
        seconds_left: of this stage.
        workers: images a second of each of Ray's workers, by its name; empty where this process does all.
        replaced: workers that died and were replaced.
    """

    stage: str
    step: int
    consumed: int
    total: int
    errors: int
    rate: float
    seconds_left: float
    workers: Mapping[str, float] = NO_WORKERS.rates
    replaced: int = 0


OnProgress = Callable[[JobProgress], None]


class Meter:
    """Tells how far a job is: the caller after every batch, `progress.json` every second and how it ended.

    Entered by `with` around the work; leaving it tells "finished", "cancelled" or "failed".
    """

    def __init__(
        self, folder: Path, stage: str, total: int, on_progress: OnProgress | None, *, done: int = 0, errors: int = 0
    ) -> None:
        """A job of `total` of which `done` are of an earlier run."""
        self._folder, self._total, self._on_progress = folder, total, on_progress
        self._stage, self._step = stage, 0
        self._first, self._done, self._errors = done, done, errors
        self._began = self._told = time.monotonic()
        self._runner: Runner[..., Any] | None = None

    def watch(self, runner: Runner[..., Any]) -> None:
        """Whose workers are told of from now on."""
        self._runner = runner

    def enter(self, stage: str, step: int) -> None:
        """What is done from now on."""
        self._stage, self._step = stage, step

    def tick(self, done: int, errors: int = 0) -> None:
        """So many more are done, with so many errors among them."""
        self._done, self._errors = self._done + done, self._errors + errors
        if self._on_progress:
            self._on_progress(self._progress())
        if time.monotonic() - self._told > 1:
            self._tell("running")

    def throughput(self) -> Mapping[str, Any]:
        """images, seconds and images_per_second of this run, and of Ray's engine, replaced and workers."""
        done, seconds = self._done - self._first, time.monotonic() - self._began
        speed = {"images": done, "seconds": round(seconds, 3), "images_per_second": round(done / max(seconds, 1e-9), 2)}
        return {**speed, **(self._runner.report() if self._runner else {})}

    def _progress(self) -> JobProgress:
        done, seconds = self._done - self._first, time.monotonic() - self._began
        rate = done / max(seconds, 1e-9) if done else math.nan
        left = (self._total - self._done) / rate if done else math.nan
        rates, replaced = self._runner.workers() if self._runner else NO_WORKERS
        return JobProgress(self._stage, self._step, self._done, self._total, self._errors, rate, left, rates, replaced)

    def _tell(self, state: str, message: str = "") -> None:
        tree = {name: None if value != value else value for name, value in self._progress()._asdict().items()}
        write_progress(self._folder, state, tree, message=message)
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._tell("finished")
            return
        with contextlib.suppress(RecordingError):  # a full disk must not hide what went wrong
            self._tell("cancelled" if isinstance(error, KeyboardInterrupt) else "failed", str(error))


class JobEstimate(NamedTuple):
    """What a job will take, told before it starts; what does not apply to it is 0.

    Attributes:
        images: of the plan.
        seconds: NaN where no image of the sample could be read.
        disk_bytes: of all that is written, scratch files among it.
        free_bytes: on the disk.
        present_bytes: in the folder already, of a run that is to be resumed.
        memory_bytes: beside the network's.
        kept: images whose gates are kept.
        moment_bytes: of the class moments.
        forwards: of an image.
        whole_forwards: the same work in whole forwards of the network; less where prefixes are remembered.
        variants: interventions on each image.
        blocks: B, of a search.
        choosing: images that choose; a few less where classes have no output or images cannot be read.
        confirming: images that confirm.
    """

    images: int
    seconds: float
    disk_bytes: int
    free_bytes: int
    present_bytes: int = 0
    memory_bytes: int = 0
    kept: int = 0
    moment_bytes: int = 0
    forwards: int = 0
    whole_forwards: float = 0.0
    variants: int = 0
    blocks: int = 0
    choosing: int = 0
    confirming: int = 0

    def check_room(self, what: str, advice: str) -> None:
        """Refuses a disk that is too small (RecordingError).

        Args:
            what: is written, e.g. "The recording".
            advice: what to do.
        """
        needed = self.disk_bytes - self.present_bytes
        if needed > self.free_bytes:
            more = " more" if self.present_bytes else ""
            raise RecordingError(
                f"{what} would take {needed / 1e9:.2f} GB{more} and {self.free_bytes / 1e9:.2f} GB are free: {advice}"
            )


OnEstimate = Callable[[JobEstimate], None]


class Pace:
    """How fast a job goes, from its first batches.

    The first of a process also loads kernels, so where there are more, time counts from its end.
    """

    def __init__(self, batches: int) -> None:
        """It settles after so many batches, or at the end."""
        self._wanted, self._seen, self._done, self._first = batches, 0, 0, 0
        self._began = self._warm = time.monotonic()
        self._settled = False

    def settles(self, images: int, total: int) -> bool:
        """After one more batch of so many images: whether it is now that the pace is known; once only."""
        self._seen, self._done = self._seen + 1, self._done + images
        if self._seen == 1:
            self._warm, self._first = time.monotonic(), images
        now_known = not self._settled and (self._seen >= self._wanted or self._done >= total)
        self._settled = self._settled or now_known
        return now_known

    def seconds(self, images: int) -> float:
        """Of so many images."""
        now = time.monotonic()
        if self._done > self._first:
            return images * (now - self._warm) / (self._done - self._first)
        return images * (now - self._began) / self._done


def existing_parent(folder: Path) -> Path:
    """The folder, or the nearest above it that is there and may be looked at."""
    places = (folder.absolute(), *folder.absolute().parents)
    return next(place for place in places if explain_refusal(place) is None and place.exists())


def free_bytes(folder: Path) -> int:
    """On the disk where a folder is or will be."""
    return shutil.disk_usage(existing_parent(folder)).free


def recorded_bytes(folder: Path) -> int:
    """What a recording in a folder takes already; 0 where there is none."""
    stored = stored_manifest(folder) if explain_refusal(folder) is None and folder.is_dir() else None
    return sum(entry.bytes for entry in stored.files) if stored else 0


class WarmUp(NamedTuple):
    """What a few images took.

    Attributes:
        pixels: of those that could be read, up to 16; None where none of them could.
        decoding: seconds an image.
        running: seconds an image and forward; NaN where none could be read.
    """

    pixels: Tensor | None
    decoding: float
    running: float


def warm_up(
    model: Model, source: ImageSource, indices: Rows, *, batch_size: int, workers: int | None, precision: str = "fp32"
) -> WarmUp:
    """Times decoding, and the second of two forwards, of the first images that can be read."""
    parts = cut(indices, batch_size=min(_SAMPLE, batch_size))
    began, decoding = time.perf_counter(), math.nan
    with contextlib.closing(
        load_batches(source, parts, model.preprocess, workers=workers or FEW_THREADS, prefetch=1)
    ) as batches:
        for batch in batches:
            decoding = (time.perf_counter() - began) / len(batch.indices)
            if batch.pixels is not None:
                with observing(model, precision):
                    running = time_second(forward_of(model, batch.pixels), model.device)
                return WarmUp(batch.pixels, decoding, running / len(batch.pixels))
            began = time.perf_counter()
    return WarmUp(None, decoding, math.nan)


def forward_of(model: Model, pixels: Tensor) -> Callable[[], Tensor]:
    """A forward of the same batch each time it is called; the pixels are moved to the device once."""
    there = pixels.to(model.device, memory_format=torch.channels_last)
    return lambda: forward(model, there)


def time_second(run: Callable[[], object], device: torch.device) -> float:
    """Seconds of the second of two calls: the first one of a process also loads kernels."""
    run()
    return clock(run, device)


def clock(run: Callable[[], object], device: torch.device) -> float:
    """Seconds of a call, with what it leaves to the device."""
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda _device: None
    synchronize(device)
    began = time.perf_counter()
    run()
    synchronize(device)
    return time.perf_counter() - began
