"""Who runs the batches of a job. Any engine gives the same results in the same order: batches are fixed before it begins."""

import contextlib
import itertools
import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, NamedTuple, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import EngineError
from senet_viz.images.loading import Batch, DecodingThreads, load_batches
from senet_viz.images.source import ImageSource
from senet_viz.models.environment import count_cores
from senet_viz.models.forward import observing
from senet_viz.models.memory import give_back_device_memory, is_out_of_memory
from senet_viz.models.zoo import Model

Rows = NDArray[np.int64]
Told = ParamSpec("Told")
Found = TypeVar("Found", covariant=True)
Value = TypeVar("Value")
Item = TypeVar("Item")
Done = TypeVar("Done")


class BatchWork(Protocol[Told, Found]):
    """The function of a batch, with the loaded network and what was settled before the first batch.

    It writes nothing and gives the same for the same batch, so it does not matter who runs it, or how often; an engine may
    pickle it and run it in another process.

    Attributes:
        model: the network; its lock is held, and it is in eval mode, while batches are run.
        precision: of the forwards, as in `observing`.
    """

    @property
    def model(self) -> Model: ...
    @property
    def precision(self) -> str: ...
    def watching(self) -> contextlib.AbstractContextManager[object]:
        """Entered around the batches that a thread runs."""
        ...

    def __call__(self, place: Rows, batch: Batch, /, *told: Told.args, **_: Told.kwargs) -> Found:
        """What becomes of a batch.

        Args:
            place: (n,) positions of the images in the plan.
            batch: the images.
            told: the same for all batches of one call of `run`.
        """
        ...


class Workers(NamedTuple):
    """Who runs a job's batches now.

    Attributes:
        rates: images a second, by name of each worker that has done a batch; empty where this process does all.
        replaced: workers that died and were replaced.
    """

    rates: Mapping[str, float]
    replaced: int


NO_WORKERS = Workers({}, 0)


class Runner(Protocol[Told, Found]):
    """An engine that has been given its work.

    Attributes:
        parallel: batches that are in work at the same time.
    """

    @property
    def parallel(self) -> int: ...
    def run(
        self, batches: Iterable[Rows], /, *told: Told.args, **_: Told.kwargs
    ) -> Generator[tuple[Rows, Found], None, None]:
        """Batches in their order, or parts of one where memory is short, with what became of each; to be closed when left early.

        Args:
            batches: places of each batch; taken a bounded number ahead.
            told: handed to the work with each batch.
        """
        ...

    def workers(self) -> Workers:
        """Who is at work."""
        ...

    def report(self) -> Mapping[str, Any]:
        """What a manifest keeps of who did this run."""
        ...


class Halving(Generic[Told, Found]):
    """Runs batches as a whole, or in halves, quarters and so on where the device's memory is short for more.

    Attributes:
        most: images of the largest part that is still tried; 0 where whole batches fit.
        least: images of the smallest part that was done; 0 where none was.
    """

    def __init__(self, work: BatchWork[Told, Found]) -> None:
        self._work, self.most, self.least = work, 0, 0

    def run(self, place: Rows, batch: Batch, *told: Told.args, **kwargs: Told.kwargs) -> Iterator[tuple[Rows, Found]]:
        """The parts of a batch, one in most cases, with what became of each.

        Raises:
            EngineError: there is no memory for one image alone.
        """
        parts = deque([(place, batch)])
        del batch  # only the parts hold images
        while parts:
            place, part = parts.popleft()
            if self.most and len(place) > self.most:
                first, rest = part.halves()
                del part
                middle = len(first.indices)
                parts.extendleft([(place[middle:], rest), (place[:middle], first)])
                continue
            try:
                found = self._work(place, part, *told, **kwargs)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if len(place) == 1:
                    raise EngineError(
                        f"The memory of {self._work.model.device} does not suffice for one image ({str(error).splitlines()[0]}): end "
                        "what else uses it, or compute on the CPU (--device cpu). What was committed remains, and the same "
                        "command goes on."
                    ) from error
                self.most = (len(place) + 1) // 2
                parts.appendleft((place, part))
            else:
                del part
                if self.most:
                    self.least = min(self.least or len(place), len(place))
                yield place, found
                continue
            give_back_device_memory()  # the error held what was half done


def describe_parts(least: int) -> dict[str, int]:
    """What a manifest keeps of a run of which some batches were done in parts, of so many images at the least; nothing for 0."""
    return {"least_images_a_forward": least} if least else {}


class Engine(Protocol):
    """Runs the function of a batch over a plan."""

    def start(
        self, work: BatchWork[Told, Found], source: ImageSource, indices: Rows, *, workers: int | None
    ) -> contextlib.AbstractContextManager[Runner[Told, Found]]:
        """Gets ready.

        Args:
            work: the function of a batch.
            source: of images.
            indices: (N,) the plan: index of each place's image in the source.
            workers: threads that decode here, for None as many as keep up with the network; or processes that do batches, two
                for None.
        """
        ...

    def each(
        self,
        function: Callable[[Item], Done],
        items: Iterable[Item],
        *,
        name: Callable[[Item], str],
        workers: int,
        gpus: int,
    ) -> contextlib.AbstractContextManager[Iterator[tuple[Item, Done]]]:
        """Does larger things, each of which is whole in itself, as the networks of an experiment.

        Args:
            function: of an item; pickled where another process does it.
            items: taken when somebody is free.
            name: of an item, for people.
            workers: processes, where this one does not do it.
            gpus: that an item takes, where nothing else was said.

        Returns:
            Items with what became of them, as they are done.
        """
        ...


class LocalEngine:
    """This process: batches one after the other, while threads decode ahead."""

    @contextlib.contextmanager
    def start(
        self, work: BatchWork[Told, Found], source: ImageSource, indices: Rows, *, workers: int | None
    ) -> Iterator[Runner[Told, Found]]:
        """As `Engine.start`; nothing is held between two runs."""
        yield _LocalRunner(work, source, indices, workers)

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
        """One after the other, here."""
        del name, workers, gpus
        yield ((item, function(item)) for item in items)


class _LocalRunner(Runner[Told, Found]):
    parallel = 1

    def __init__(self, work: BatchWork[Told, Found], source: ImageSource, indices: Rows, threads: int | None) -> None:
        self._work, self._source, self._indices = work, source, indices
        self._threads = DecodingThreads(threads or 1, threads or count_cores())
        self._halving = Halving(work)

    def run(
        self, batches: Iterable[Rows], /, *told: Told.args, **kwargs: Told.kwargs
    ) -> Generator[tuple[Rows, Found], None, None]:
        work, (ahead, places) = self._work, itertools.tee(batches)
        wanted = (self._indices[place] for place in ahead)
        pinned = work.model.device.type == "cuda"
        loaded = load_batches(self._source, wanted, work.model.preprocess, workers=self._threads, pinned=pinned)
        with contextlib.closing(loaded), observing(work.model, work.precision), work.watching():
            for place in places:
                yield from self._halving.run(place, next(loaded), *told, **kwargs)  # no name here holds a batch

    def workers(self) -> Workers:
        return NO_WORKERS

    def report(self) -> Mapping[str, Any]:
        seconds = {"decoding": self._threads.decoding, "network": self._threads.network}
        measured = {f"{name}_ms": round(1e3 * each, 3) for name, each in seconds.items() if not math.isnan(each)}
        return {"decoding_threads": self._threads.count, **measured, **describe_parts(self._halving.least)}


LOCAL = LocalEngine()


def describe_shortage(report: Mapping[str, Any]) -> list[str]:
    """A sentence where batches were done in parts, as `Runner.report` tells; to be kept with the first result that it is true of."""
    if not report.get("least_images_a_forward"):
        return []
    return [
        "The device's memory was too short for some batches: these were done in parts, so gates may differ in the last bits from those "
        "of whole batches. A smaller --batch-size fits from the start."
    ]


def describe_workers(throughput: Mapping[str, Any]) -> list[str]:
    """A sentence where the batches of a run were done by workers that differ, as `Runner.report` tells them."""
    kinds = throughput.get("workers", [])
    if len(kinds) < 2:
        return []
    said = "; ".join(
        f"{kind['count']} × {kind['device']}, {kind['threads']} threads, torch {kind['torch']}" for kind in kinds
    )
    return [f"Different workers did the batches, so gates may differ between them in the last bits: {said}."]


@contextlib.contextmanager
def writing_behind(write: Callable[[Value], None], *, ahead: int = 2) -> Iterator[Callable[[Value], None]]:
    """Writes in one thread of its own, in order, so that the next forward need not wait for folds and disk.

    Whatever ends the `with`, what was handed in is written first. After an error nothing more is; it is raised at the next
    value that is handed in, or at the end.

    Args:
        write: takes one value after the other.
        ahead: values that wait at most; handing in another one waits for the first of them.

    Yields:
        What a value is handed in by.
    """
    waiting: deque[Future[None]] = deque()
    failed = False

    def write_next(value: Value) -> None:
        nonlocal failed
        if failed:
            return
        try:
            write(value)
        except BaseException:
            failed = True
            raise

    def hand_in(value: Value) -> None:
        waiting.append(pool.submit(write_next, value))
        while len(waiting) > ahead or (waiting and waiting[0].done()):
            waiting.popleft().result()

    with ThreadPoolExecutor(1, thread_name_prefix="senet-viz-writer") as pool:
        try:
            yield hand_in
        finally:
            while waiting:
                waiting.popleft().result()
