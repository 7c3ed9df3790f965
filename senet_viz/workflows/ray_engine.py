"""Batches of a job on Ray's workers, on this machine or a cluster: the same results in the same order as here.

Each worker holds the network and does whole batches; what it returns is handed on in the plan's order. A worker that dies is
replaced and its batches are done again, which changes nothing since they are pure. What survives the death of this
process is the job's own folder: Ray keeps nothing.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar

import torch

from senet_viz.images.loading import load_batches
from senet_viz.images.source import ImageSource
from senet_viz.models.environment import count_cores
from senet_viz.models.forward import observing
from senet_viz.workflows.engine import BatchWork, Rows, Runner
from senet_viz.workflows.ray_crew import PATIENCE, Crew, CrewWorker, Labour, Places, attached

Told = ParamSpec("Told")
Found = TypeVar("Found", covariant=True)
Item = TypeVar("Item")
Done = TypeVar("Done")


class BatchWorker(CrewWorker, Generic[Told, Found]):
    """The network, the images and the plan, and batches as they are asked for."""

    def __init__(self, payload: tuple[BatchWork[Told, Found], ImageSource, Rows], device: str, threads: int) -> None:
        """As `Engine.start` was given it, from Ray's store, where it lies once for all workers of a machine."""
        super().__init__(threads)
        self._work, self._source, self._indices = payload
        self._work.model.move_to(torch.device(device))
        self._turn = threading.Lock()

    def observe(self, place: Rows, *told: Told.args, **kwargs: Told.kwargs) -> Found:
        """What becomes of a batch; the next one is decoded meanwhile in another thread."""
        work = self._work
        wanted = [self._indices[place]]
        with contextlib.closing(load_batches(self._source, wanted, work.model.preprocess, workers=2)) as loaded:
            batch = next(loaded)
        with self._turn:
            torch.set_num_threads(self.threads)  # Ray's threads begin with the machine's
            with observing(work.model, work.precision), work.watching():
                return work(place, batch, *told, **kwargs)


class ItemWorker(CrewWorker):
    """Does whole items."""

    def __init__(self, function: Callable[[Any], Any], threads: int) -> None:
        super().__init__(threads)
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
        self, work: BatchWork[Told, Found], source: ImageSource, indices: Rows, *, workers: int
    ) -> Iterator[Runner[Told, Found]]:
        """As `Engine.start`; workers and a Ray that was started for this job end with it.

        Raises:
            ArgumentError: Ray is not installed.
            EngineError: there is no such cluster.
        """
        places = self._places(workers, gpus=int(work.model.device.type == "cuda"))
        with attached(self.address, workers * places.threads) as ray, contextlib.ExitStack() as stack:
            with work.model.on_cpu():
                payload = ray.put((work, source, indices))
            arguments = payload, "cuda" if places.gpus else "cpu", places.threads
            crew = Crew(ray, Labour(BatchWorker, arguments, _name_batch, len), places, self.patience)
            stack.callback(crew.close)
            yield crew

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
                (ray.put(function), places.threads),
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
