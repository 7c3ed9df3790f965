"""Ray's workers, looked after: items given out, each done once and handed on, the dead replaced, a standstill explained."""

import contextlib
import logging
import os
import platform
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from senet_viz.errors import ArgumentError, EngineError
from senet_viz.models.environment import describe_device, installed_version
from senet_viz.models.memory import keep_freed_memory
from senet_viz.workflows.engine import Workers

Item = TypeVar("Item")

IN_FLIGHT = 2  # items of a worker: it reads one while it computes the other
AHEAD = 3  # items for each worker that may be given out or wait for their turn
PATIENCE = 120.0  # seconds without any progress
_DEATHS = 3  # of workers with the same item, or one after the other before they have begun
_POLL = 2.0
_COMPUTED = 0.1  # seconds of a processor between two looks that count as progress


@contextlib.contextmanager
def attached(address: str | None, cpus: int) -> Iterator[Any]:
    """The module `ray`, attached to a cluster; one that was started here is ended here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as Ray will have it; it warns of its old default
    try:
        import ray
    except ImportError as error:
        raise ArgumentError(
            "Ray is not installed, which --engine ray needs: pip install 'senet-viz[cluster]' (or ray), or leave --engine out."
        ) from error
    if ray.is_initialized():
        yield ray
        return
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    own: dict[str, Any] = {"num_cpus": cpus} if where == "local" else {}
    try:
        ray.init(
            where, include_dashboard=False if own else None, log_to_driver=False, logging_level=logging.ERROR, **own
        )
    except Exception as error:
        if "AuthenticationError" in f"{error!r} {error.__cause__}":
            raise EngineError(
                f"The Ray at {where} asks for its token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to the file with the "
                "token where that is not ~/.ray/auth_token."
            ) from error
        raise EngineError(
            f"No Ray answers at {where} ({_first_line(error)}): start one there with `ray start --head`, or leave --address out "
            "for one of this job's own."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")


def _last_line(error: BaseException) -> str:
    """Where Ray puts what a worker raised when it was made; where it was short of memory it puts advice there."""
    if "low on memory" in str(error) or "out of memory" in str(error):
        return "Ray ended them because their machine was short of memory"
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip().rstrip(".:")


@dataclass(frozen=True)
class Places:
    """How many workers are wanted, and what each of them takes."""

    workers: int
    threads: int
    gpus: float

    def describe(self) -> str:
        gpus = f" and {self.gpus:g} GPUs" if self.gpus else ""
        return f"{self.threads} CPU{'s' if self.threads > 1 else ''}{gpus}"


@dataclass(eq=False)
class _Worker:
    """A worker as it is seen from here; until it tells `about` itself it waits for a place, or loads."""

    name: str
    actor: Any
    ready: Any
    about: Mapping[str, Any] | None = None
    given: set[Any] = field(default_factory=set)
    alone: bool = False  # with its batch, since a worker died that had it
    images: int = 0
    since: float = 0.0
    look: Any = None
    computed: float = 0.0

    def rate(self, now: float) -> float:
        return self.images / max(now - self.since, 1e-9)


@dataclass(frozen=True)
class _Given(Generic[Item]):
    """An item that is in work."""

    number: int
    item: Item
    worker: _Worker


class CrewWorker:
    """What every worker tells of itself."""

    def __init__(self, threads: int, folder: str) -> None:
        """With so many threads for each thing that it computes, in the driver's folder, which relative paths begin at."""
        self.threads = threads
        with contextlib.suppress(OSError):  # a machine without it; absolute paths may do
            os.chdir(folder)
        torch.set_num_threads(threads)
        keep_freed_memory()

    def describe(self) -> dict[str, Any]:
        """What its results may depend on."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return {"device": describe_device(device), "threads": self.threads, "torch": installed_version("torch")}

    @property
    def where(self) -> str:
        """The machine and its folder, for people."""
        return f"{platform.node()} in {Path.cwd()}"

    def computed(self) -> float:
        """Processor seconds of this worker so far."""
        return time.process_time()


@dataclass(frozen=True)
class Labour(Generic[Item]):
    """What workers do.

    Attributes:
        kind: their class, with a method `observe(item, …)`.
        arguments: that each of them is made with; what is large has been put in Ray's store.
        name: of an item, for people.
        size: of an item, in images.
        in_flight: items that a worker is given at the same time.
        in_order: whether what becomes of items is handed on in their order, or as it comes.
    """

    kind: type[CrewWorker]
    arguments: tuple[Any, ...]
    name: Callable[[int, Item], str]
    size: Callable[[Item], int]
    in_flight: int = IN_FLIGHT
    in_order: bool = True


class Crew(Generic[Item]):
    """Workers of one job."""

    def __init__(self, ray: Any, labour: Labour[Item], places: Places, patience: float) -> None:
        self._ray, self._labour, self._places, self._patience = ray, labour, places, patience
        self._kind = ray.remote(labour.kind).options(
            num_cpus=places.threads, num_gpus=places.gpus, max_concurrency=labour.in_flight + 1, max_restarts=0
        )
        self._workers: list[_Worker] = []
        self._seen: list[Mapping[str, Any]] = []
        self._replaced = self._started = self._stillborn = 0
        self._given: dict[Any, _Given[Item]] = {}
        self._moved = time.monotonic()
        for _ in range(places.workers):
            self._start_worker()

    @property
    def parallel(self) -> int:
        """Workers."""
        return self._places.workers

    def workers(self) -> Workers:
        """Who is at work, and how fast."""
        now = time.monotonic()
        rates = {worker.name: worker.rate(now) for worker in self._workers if worker.images}
        return Workers(rates, self._replaced)

    def report(self) -> Mapping[str, Any]:
        """Engine, workers that were replaced, and what those were that did something, as a manifest keeps it."""
        kinds = Counter(tuple(sorted(about.items())) for about in self._seen)
        return {
            "engine": "ray",
            "replaced": self._replaced,
            "workers": [{**dict(kind), "count": count} for kind, count in kinds.items()],
        }

    def run(self, items: Iterable[Item], /, *told: Any, **kwargs: Any) -> Generator[tuple[Item, Any], None, None]:
        """Each item with what became of it; an item is taken only when there is room for it.

        It is given only to a worker that has begun: one that finds no place, since its machine is gone, keeps nobody waiting.

        Raises:
            EngineError: workers die again and again with the same item, or nothing moves for too long.
        """
        numbered = enumerate(items)
        again: deque[tuple[int, Item]] = deque()
        done: dict[int, tuple[Item, Any]] = {}
        deaths: Counter[int] = Counter()
        turn, more = 0, True
        self._moved = time.monotonic()
        while True:
            while len(self._given) + len(done) < AHEAD * self.parallel:
                worker = self._idlest(1 if again else self._labour.in_flight)
                if worker is None:
                    break
                worker.alone = bool(again)
                following = again.popleft() if again else next(numbered, None)
                if following is None:
                    more = False
                    break
                self._give(worker, *following, told, kwargs)
            if not (self._given or again or more):
                return
            for ref in self._wait():
                given = self._given.get(ref)
                if given is None:  # of a worker that died with another batch
                    continue
                try:
                    found = self._ray.get(ref)
                except self._deadly as error:
                    lost = self._replace(given.worker)
                    again.extend((each.number, each.item) for each in lost)  # each alone: whose fault was it?
                    deaths.update(each.number for each in lost)
                    if fatal := [each for each in lost if deaths[each.number] >= _DEATHS]:
                        raise self._explain_deaths(fatal[0], error) from error
                    continue
                except self._ray.exceptions.RayTaskError as error:
                    raise (error.cause if isinstance(error.cause, Exception) else error) from None
                self._note(self._given.pop(ref), ref)
                done[given.number] = given.item, found
            if not self._labour.in_order:
                yield from done.values()
                done.clear()
            while turn in done:
                yield done.pop(turn)
                turn += 1

    @property
    def _deadly(self) -> tuple[type[BaseException], ...]:
        known = self._ray.exceptions
        return known.RayActorError, known.OutOfMemoryError, known.ObjectLostError, known.NodeDiedError

    def close(self) -> None:
        """Ends the workers."""
        for worker in self._workers:
            with contextlib.suppress(Exception):  # dead, or its cluster is
                self._ray.kill(worker.actor)

    def _start_worker(self) -> None:
        self._started += 1
        actor = self._kind.remote(*self._labour.arguments)
        self._workers.append(_Worker(f"{self._started}", actor, actor.describe.remote()))

    def _idlest(self, most: int) -> _Worker | None:
        """The worker with least to do among those that have begun and have fewer batches."""
        free = [w for w in self._workers if w.about is not None and len(w.given) < (1 if w.alone else most)]
        return min(free, key=lambda worker: len(worker.given), default=None)

    def _give(self, worker: _Worker, number: int, item: Item, told: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        ref = worker.actor.observe.remote(item, *told, **kwargs)
        worker.given.add(ref)
        self._given[ref] = _Given(number, item, worker)

    def _wait(self) -> list[Any]:
        """Batches that are done, or whose worker is dead; welcomes and looks after the workers meanwhile."""
        beginning = {worker.ready: worker for worker in self._workers if worker.about is None}
        ready, _ = self._ray.wait([*beginning, *self._given], num_returns=1, timeout=_POLL)
        if not ready:
            self._look()
        for ref in ready:
            if ref in beginning:
                self._welcome(beginning[ref])
        return [ref for ref in ready if ref not in beginning]

    def _welcome(self, worker: _Worker) -> None:
        """A worker that has begun, or died before it did."""
        try:
            worker.about = self._ray.get(worker.ready)
        except self._deadly as error:
            self._replace(worker)
            self._stillborn += 1
            if self._stillborn >= _DEATHS:
                raise EngineError(
                    f"{_DEATHS} workers died before they had begun ({_last_line(error)}): most often memory is short, so give "
                    "fewer workers, or a machine lacks a package that the driver has. What was committed remains, and the same "
                    "command goes on."
                ) from error
        except self._ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from None
        else:
            self._stillborn = 0
            self._moved = time.monotonic()

    def _note(self, given: _Given[Item], ref: Any) -> None:
        worker, now = given.worker, time.monotonic()
        worker.given.discard(ref)
        if not worker.since:
            assert worker.about is not None
            self._seen.append(worker.about)
            worker.since = now  # of the first batch only its end counts: kernels were loaded before
        else:
            worker.images += self._labour.size(given.item)
        self._moved = now

    def _replace(self, dead: _Worker) -> list[_Given[Item]]:
        """A new worker for a dead one; returns what this one had, in order."""
        self._workers.remove(dead)
        with contextlib.suppress(Exception):  # it is dead
            self._ray.kill(dead.actor)
        self._replaced += 1
        self._start_worker()
        self._moved = time.monotonic()
        return sorted((self._given.pop(ref) for ref in dead.given), key=lambda given: given.number)

    def _look(self) -> None:
        """Asks what workers have computed; EngineError where for too long nobody has done anything."""
        for worker in self._workers:
            if worker.look is None:
                worker.look = worker.actor.computed.remote()
            elif self._ray.wait([worker.look], timeout=0)[0]:
                with contextlib.suppress(*self._deadly):  # told by its batch
                    computed = self._ray.get(worker.look)
                    if computed - worker.computed > _COMPUTED:
                        self._moved = time.monotonic()
                    worker.computed = computed
                worker.look = None
        if time.monotonic() - self._moved > self._patience:
            raise EngineError(self._explain_standstill())

    def _explain_standstill(self) -> str:
        waiting = [w for w in self._workers if w.about is None]
        said = [f"Nothing moved for {self._patience:,.0f} s"]
        if waiting:
            have, free = self._ray.cluster_resources(), self._ray.available_resources()
            said.append(
                f"{len(waiting)} of {len(self._workers)} workers have not begun: each takes {self._places.describe()}, and of "
                f"{have.get('CPU', 0):g} CPUs and {have.get('GPU', 0):g} GPUs {free.get('CPU', 0):g} and {free.get('GPU', 0):g} are free"
            )
        stuck = [f"{w.name} with {len(w.given)} batches" for w in self._workers if w not in waiting and w.given]
        if stuck:
            said.append(
                f"worker {', '.join(stuck)} computes nothing (images on a disk or a network that does not answer?)"
            )
        return (
            f"{': '.join((said[0], '; '.join(said[1:])))}. Give fewer workers or threads, or mend what they wait for; what was "
            "committed remains, and the same command goes on."
        )

    def _explain_deaths(self, given: _Given[Item], error: BaseException) -> EngineError:
        return EngineError(
            f"{_DEATHS} workers died with {self._labour.name(given.number, given.item)} ({_first_line(error)}): most often memory is "
            "short, so give fewer workers or a smaller batch. What was committed remains, and the same command goes on."
        )
