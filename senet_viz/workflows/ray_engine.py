"""Batches of a job on Ray's workers, on this machine or a cluster: the same results in the same order as here.

Each worker holds the network and does whole batches; what it returns is handed on in the plan's order. A worker that dies is
replaced and its batches are done again, which changes nothing since they are pure. What survives the death of this
process is the job's own folder: Ray keeps nothing.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

import torch
from PIL import Image

from senet_viz.errors import ImageError, SourceError
from senet_viz.images.loading import load_batches
from senet_viz.images.source import ImageSource
from senet_viz.models.environment import count_cores
from senet_viz.models.forward import observing
from senet_viz.workflows.engine import BatchWork, Halving, Rows, Runner, Workers, describe_parts
from senet_viz.workflows.ray_crew import PATIENCE, Crew, CrewWorker, Labour, Places, attached

Told = ParamSpec("Told")
Found = TypeVar("Found", covariant=True)
Item = TypeVar("Item")
Done = TypeVar("Done")

_DECODING = 2  # threads at least
_WORKERS = 2  # where no number was given
_LOOKED_AT = 16  # images of which one should be readable


class Seen(NamedTuple):
    """An image as the driver reads it: its place in the source, and the digest of its pixels."""

    at: int
    digest: str


def first_seen(source: ImageSource, indices: Rows) -> Seen | None:
    """The first readable image of a plan; None where the first few are none."""
    for index in indices[:_LOOKED_AT].tolist():
        with contextlib.suppress(ImageError):
            return Seen(index, _digest(source.load(index)))
    return None


def _digest(image: Image.Image) -> str:
    return hashlib.sha256(repr(image.size).encode() + image.tobytes()).hexdigest()


class BatchWorker(CrewWorker, Generic[Told, Found]):
    """The network, the images and the plan, and batches as they are asked for."""

    def __init__(
        self,
        payload: tuple[BatchWork[Told, Found], ImageSource, Rows, Seen | None],
        device: str,
        threads: int,
        folder: str,
    ) -> None:
        """As `Engine.start` was given it, from Ray's store, where it lies once for all workers of a machine."""
        super().__init__(threads, folder)
        self._work, self._source, self._indices, self._seen = payload
        self._work.model.move_to(torch.device(device))
        self._turn, self._halving = threading.Lock(), Halving(self._work)

    def describe(self) -> dict[str, Any]:
        """As `CrewWorker.describe`.

        Raises:
            SourceError: this machine does not have the driver's images, or decodes them otherwise: else all of its
                images would be listed as unreadable, or differ in their last bits.
        """
        if self._seen is not None:
            path = self._source.path(self._seen.at)
            try:
                digest = _digest(self._source.load(self._seen.at))
            except ImageError as error:
                raise SourceError(
                    f"A worker (on {self.where}) cannot read {path}, which this process can ({error}). Images must be under the same "
                    "path on every machine, as on a shared disk; a relative path begins in the folder where the command is called."
                ) from error
            if digest != self._seen.digest:
                raise SourceError(
                    f"A worker (on {self.where}) reads other pixels from {path} than this process: install the same pillow on every "
                    "machine, and give all of them the same files."
                )
        return super().describe()

    def observe(self, place: Rows, *told: Told.args, **kwargs: Told.kwargs) -> list[tuple[Rows, Found]]:
        """What becomes of a batch, or of its parts; the next one is decoded meanwhile in other threads."""
        work = self._work
        wanted = [self._indices[place]]
        decoding = max(_DECODING, self.threads)  # a GPU waits for the decoder sooner than for anything else
        with contextlib.closing(load_batches(self._source, wanted, work.model.preprocess, workers=decoding)) as loaded:
            batch = next(loaded)
        with self._turn:
            torch.set_num_threads(self.threads)  # Ray's threads begin with the machine's
            with observing(work.model, work.precision), work.watching():
                return list(self._halving.run(place, batch, *told, **kwargs))


class RayRunner(Runner[Told, Found]):
    """A crew that has been given its work."""

    def __init__(self, crew: Crew[Rows]) -> None:
        self._crew, self._least = crew, 0

    @property
    def parallel(self) -> int:
        return self._crew.parallel

    def run(
        self, batches: Iterable[Rows], /, *told: Told.args, **kwargs: Told.kwargs
    ) -> Generator[tuple[Rows, Found], None, None]:
        with contextlib.closing(self._crew.run(batches, *told, **kwargs)) as done:
            for _, parts in done:
                if len(parts) > 1:
                    least = min(len(place) for place, _ in parts)
                    self._least = min(self._least or least, least)
                yield from parts

    def workers(self) -> Workers:
        return self._crew.workers()

    def report(self) -> Mapping[str, Any]:
        return {**self._crew.report(), **describe_parts(self._least)}


class ItemWorker(CrewWorker):
    """Does whole items."""

    def __init__(self, function: Callable[[Any], Any], threads: int, folder: str) -> None:
        super().__init__(threads, folder)
        self._function = function

    def observe(self, item: Any) -> Any:
        """What becomes of an item."""
        torch.set_num_threads(self.threads)
        return self._function(item)


@dataclass(frozen=True)
class RayEngine:
    """Ray's workers, each with the network in memory.

    Attributes:
        address: as in `EngineOptions`.
        threads_per_worker: as in `EngineOptions`.
        gpus_per_worker: as in `EngineOptions`.
        patience: seconds after which a job of which nothing moves ends with an error.
    """

    address: str | None = None
    threads_per_worker: int | None = None
    gpus_per_worker: float | None = None
    patience: float = PATIENCE

    @contextlib.contextmanager
    def start(
        self, work: BatchWork[Told, Found], source: ImageSource, indices: Rows, *, workers: int | None
    ) -> Iterator[Runner[Told, Found]]:
        """As `Engine.start`; workers and a Ray that was started for this job end with it.

        Raises:
            ArgumentError: Ray is not installed.
            EngineError: there is no such cluster.
            SourceError: a worker does not have the images (when it begins, so from `Runner.run`).
        """
        places = self._places(workers or _WORKERS, gpus=int(work.model.device.type == "cuda"))
        with attached(self.address, places.workers * places.threads) as ray, contextlib.ExitStack() as stack:
            with work.model.on_cpu():
                payload = ray.put((work, source, indices, first_seen(source, indices)))
            arguments = payload, "cuda" if places.gpus else "cpu", places.threads, str(Path.cwd())
            crew = Crew(ray, Labour(BatchWorker, arguments, _name_batch, len), places, self.patience)
            stack.callback(crew.close)
            yield RayRunner(crew)

    @contextlib.contextmanager
    def each(
        self,
        function: Callable[[Item], Done],
        items: Iterable[Item],
        *,
        name: Callable[[Item], str],
        workers: int,
        gpus: int,
    ) -> Iterator[Iterator[tuple[Item, Done]]]:
        """As `Engine.each`; raises as `start`."""
        places = self._places(workers, gpus=gpus)
        with attached(self.address, workers * places.threads) as ray, contextlib.ExitStack() as stack:
            labour: Labour[Item] = Labour(
                ItemWorker,
                (ray.put(function), places.threads, str(Path.cwd())),
                lambda _, item: name(item),
                lambda _: 1,
                1,
                in_order=False,
            )
            crew = Crew(ray, labour, places, self.patience)
            stack.callback(crew.close)
            yield stack.enter_context(contextlib.closing(crew.run(items)))

    def _places(self, workers: int, *, gpus: float) -> Places:
        threads = self.threads_per_worker or max(1, count_cores() // workers)
        return Places(workers, threads, gpus if self.gpus_per_worker is None else self.gpus_per_worker)


def _name_batch(number: int, place: Rows) -> str:
    return f"batch {number + 1} of this run (images {place[0] + 1:,} to {place[-1] + 1:,} of the plan)"
