"""Whatever workers do and in whatever order, batches come back in theirs, each once; against a Ray that chance decides for."""

import contextlib
import random
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from senet_viz.errors import EngineError, SourceError
from senet_viz.workflows import ray_crew
from senet_viz.workflows.ray_crew import Crew, CrewWorker, Labour, Places
from senet_viz.workflows.ray_engine import RayRunner, _name_batch


class _DiedError(Exception):
    pass


class _TaskError(Exception):
    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _NeverError(Exception):
    pass


class ChanceRay:
    """What the runner uses of Ray, in this process: which batch is done next, and whose worker dies, chance decides."""

    exceptions = SimpleNamespace(
        RayActorError=_DiedError,
        OutOfMemoryError=_NeverError,
        ObjectLostError=_NeverError,
        NodeDiedError=_NeverError,
        RayTaskError=_TaskError,
    )

    def __init__(self, seed: int, observe: Callable[[Any], Any], *, dying: float) -> None:
        self._dice, self._observe, self._dying = random.Random(seed), observe, dying
        self._states: dict[int, Any] = {}
        self._actors = 0
        self.most_in_flight = 0
        self.stuck = False
        self.deadly = -1  # an image whose batch kills its worker as soon as this one is looked at
        self.placeless: set[int] = set()  # workers that never begin
        self.stillborn: Exception | None = None  # what becomes of workers before they have begun

    def remote(self, _kind: type) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._actor))

    def _actor(self, *_arguments: Any) -> Any:
        self._actors += 1
        number = self._actors
        return SimpleNamespace(
            number=number,
            describe=SimpleNamespace(
                remote=lambda: self._new(number, self.stillborn or {"device": "a", "threads": 1, "torch": "2"})
            ),
            observe=SimpleNamespace(remote=lambda place, *told: self._new(number, (place, *told))),
            computed=SimpleNamespace(remote=lambda: self._new(number, 0.0)),
        )

    def _new(self, actor: int, value: Any) -> int:
        self._states[len(self._states)] = [actor, value]
        return len(self._states) - 1

    def wait(self, refs: list[int], **_: Any) -> tuple[list[int], list[int]]:
        given = [ref for ref in refs if isinstance(self._states[ref][1], tuple | _DiedError)]
        self.most_in_flight = max(self.most_in_flight, len(given))
        begun = [ref for ref in refs if self._states[ref][0] not in self.placeless]
        if not begun or (self.stuck and begun == given):
            return [], refs
        chosen = self._dice.choice(begun)
        dead = self._states[chosen][0]
        held = [state[1][0] for state in self._states.values() if state[0] == dead and isinstance(state[1], tuple)]
        if self._dice.random() < self._dying or any(self.deadly in place for place in held):
            for state in self._states.values():
                if state[0] == dead and isinstance(state[1], tuple):
                    state[1] = _DiedError("it was killed")
        return [chosen], [ref for ref in refs if ref != chosen]

    def get(self, ref: int) -> Any:
        value = self._states[ref][1]
        if isinstance(value, Exception):
            raise value
        return self._observe(value) if isinstance(value, tuple) else value

    def kill(self, _actor: Any) -> None:
        pass


def crew(ray: ChanceRay, workers: int, *, in_order: bool = True, patience: float = 120.0) -> Crew[Any]:
    return Crew(ray, Labour(CrewWorker, (), _name_batch, len, in_order=in_order), Places(workers, 1, 0.0), patience)


def batches_of(count: int) -> list[Any]:
    return [np.arange(4 * k, 4 * k + 4) for k in range(count)]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    batches=st.integers(0, 40),
    workers=st.integers(1, 5),
    dying=st.sampled_from([0.0, 0.05, 0.2]),
)
def test_every_batch_comes_once_and_in_order(seed: int, batches: int, workers: int, dying: float) -> None:
    ray = ChanceRay(seed, lambda asked: (int(asked[0].sum()), *asked[1:]), dying=dying)
    runner = crew(ray, workers)
    found = []
    try:
        for place, what in runner.run(iter(batches_of(batches)), "told"):
            found.append((place.tolist(), what))
        again = [place.tolist() for place, _ in runner.run(iter(batches_of(3)), "more")]
    except EngineError:
        assume(not dying)  # three deaths with one batch: the next test's
        raise
    assert found == [(place.tolist(), (int(place.sum()), "told")) for place in batches_of(batches)]
    assert ray.most_in_flight <= ray_crew.IN_FLIGHT * workers
    assert again == [place.tolist() for place in batches_of(3)], "one runner does several runs"


def test_a_batch_is_taken_from_the_plan_only_when_there_is_room_for_it() -> None:
    taken = 0

    def plan() -> Any:
        nonlocal taken
        for place in batches_of(100):
            taken += 1
            yield place

    runner = crew(ChanceRay(0, lambda asked: asked[0], dying=0.0), 2)
    running = runner.run(plan())
    for seen in range(1, 50):
        next(running)
        assert taken - seen <= ray_crew.AHEAD * 2


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_what_need_not_be_in_order_comes_as_it_is_done(seed: int) -> None:
    runner = crew(ChanceRay(seed, lambda asked: int(asked[0].sum()), dying=0.0), 3, in_order=False)
    found = [(int(place.sum()), what) for place, what in runner.run(iter(batches_of(9)))]
    assert all(sent == got for sent, got in found)
    assert sorted(sent for sent, _ in found) == [int(place.sum()) for place in batches_of(9)]


def test_what_a_worker_says_is_raised_as_it_was_said() -> None:
    def observe(_asked: Any) -> None:
        raise _TaskError(SourceError("One clear sentence."))

    runner = crew(ChanceRay(0, observe, dying=0.0), 1)
    with pytest.raises(SourceError, match=r"One clear sentence\."):
        list(runner.run(iter(batches_of(3))))


def test_of_two_batches_of_a_dead_worker_the_one_that_kills_is_named() -> None:
    ray = ChanceRay(0, lambda asked: asked[0], dying=0.0)
    ray.deadly = 6  # the first image of batch 2 and none of batch 1
    runner = crew(ray, 1)
    running, seen = runner.run(iter(batches_of(5))), []
    with pytest.raises(EngineError, match=r"3 workers died with batch 2 of this run \(images 5 to 8 of the plan\)"):
        seen.extend(place[0] for place, _ in running)
    assert seen == [0]


def test_the_same_batch_does_not_kill_workers_for_ever() -> None:
    runner = crew(ChanceRay(0, lambda _: None, dying=1.0), 1)
    with pytest.raises(
        EngineError, match=r"3 workers died with batch 1 of this run \(images 1 to 4 of the plan\) \(it was killed\)"
    ):
        list(runner.run(iter(batches_of(3))))
    assert runner.workers().replaced <= 3 * ray_crew.IN_FLIGHT


def test_workers_that_compute_nothing_are_named() -> None:
    ray = ChanceRay(0, lambda asked: asked[0], dying=0.0)
    ray.stuck = True
    with pytest.raises(
        EngineError, match=r"^Nothing moved for 0 s: worker 1 with 2 batches, 2 with 2 batches computes nothing"
    ):
        list(crew(ray, 2, patience=0.05).run(iter(batches_of(8))))


def test_a_worker_that_finds_no_place_keeps_nobody_waiting() -> None:
    """The machine of a worker is gone for good, and there is none for the next one: the others do its batches."""
    ray = ChanceRay(0, lambda asked: int(asked[0].sum()), dying=0.0)
    ray.placeless = {2}
    runner = crew(ray, 2, patience=0.05)
    found = [what for _, what in runner.run(iter(batches_of(20)))]
    assert found == [int(place.sum()) for place in batches_of(20)]
    assert {*runner.workers().rates} == {"1"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "The actor died.\n  at __init__\nModuleNotFoundError: No module named 'mine'",
            "ModuleNotFoundError: No module named 'mine'",
        ),
        (
            "Task was killed due to the node running low on memory.\nRefer to the documentation.",
            "Ray ended them because their machine was short of memory",
        ),
    ],
)
def test_workers_that_die_before_they_begin_are_not_started_for_ever(said: str, told: str) -> None:
    ray = ChanceRay(0, lambda asked: asked[0], dying=0.0)
    ray.stillborn = _DiedError(said)
    with pytest.raises(EngineError, match=rf"^3 workers died before they had begun \({told}\)"):
        list(crew(ray, 2).run(iter(batches_of(3))))


def test_what_a_worker_finds_amiss_when_it_begins_is_raised_as_it_was_said() -> None:
    ray = ChanceRay(0, lambda asked: asked[0], dying=0.0)
    ray.stillborn = _TaskError(SourceError("No such image there."))
    with pytest.raises(SourceError, match=r"^No such image there\.$"):
        list(crew(ray, 2).run(iter(batches_of(3))))


def test_a_cluster_that_asks_for_a_token_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("Failed to connect") from RuntimeError(
            "ray.exceptions.AuthenticationError: InvalidAuthToken"
        )

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False, init=refuse))
    with (
        pytest.raises(EngineError, match=r"^The Ray at head:6379 asks for its token: set RAY_AUTH_MODE=token"),
        ray_crew.attached("head:6379", 1),
    ):
        pass


def test_parts_of_a_batch_come_one_by_one_and_the_smallest_is_told() -> None:
    def observe(asked: tuple[Any, ...]) -> list[Any]:
        place = asked[0]
        halves = np.array_split(place, 2) if place[0] == 8 else [place]
        return [(part, int(part.sum())) for part in halves]

    runner = RayRunner(crew(ChanceRay(3, observe, dying=0.2), 2))
    batches = [np.arange(start, start + 4) for start in range(0, 20, 4)]
    done = list(runner.run(batches))
    assert [len(place) for place, _ in done] == [4, 4, 2, 2, 4, 4]
    assert np.concatenate([place for place, _ in done]).tolist() == list(range(20))
    assert [found for _, found in done] == [int(place.sum()) for place, _ in done]
    assert runner.parallel == 2
    assert runner.report()["least_images_a_forward"] == 2
    whole = RayRunner(crew(ChanceRay(3, lambda asked: [(asked[0], 0)], dying=0.0), 2))
    with contextlib.closing(whole.run(batches)) as early:
        next(early)
    assert "least_images_a_forward" not in whole.report()
