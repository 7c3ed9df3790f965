"""The greedy search: sets of frozen blocks judged on half of the images, from the step where a stored path ends."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from senet_viz.analysis.freezing import FreezePath, FreezeStep, Timing, choose_block, measure_cost, try_block
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.gates.intervention import Move, moving
from senet_viz.images.loading import load_batches
from senet_viz.images.source import ImageSource
from senet_viz.models.forward import observing
from senet_viz.recording.outcomes import Outcome, Variant
from senet_viz.stats.effect_measuring import Grouping, group_images
from senet_viz.workflows.freezing.request import FreezingFolder, Meter, OnProgress, count_forwards
from senet_viz.workflows.freezing.timing import time_freezing
from senet_viz.workflows.interventions.donors import Rows
from senet_viz.workflows.interventions.making import Prepared
from senet_viz.workflows.interventions.request import Request
from senet_viz.workflows.interventions.running import Job, forward_of, join, judge, pixels_of

Blocks = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Half:
    """Images that choose, or that confirm.

    Attributes:
        images: (n,) positions among the chosen images, those alone whose class has an output.
        grouping: of these, for intervals.
    """

    images: Rows
    grouping: Grouping


@dataclass(frozen=True, eq=False)
class Search:
    """What judging a set of frozen blocks needs.

    Attributes:
        job: network, means and memory, as a run of interventions has them.
        source: of images.
        indices: (N,) of the chosen images in it.
        batch_size: images a forward.
        workers: threads that decode.
        meter: is told of every batch.
    """

    job: Job
    source: ImageSource
    indices: Rows
    batch_size: int
    workers: int
    meter: Meter

    def judge(self, half: Half, base: Blocks, targets: Sequence[Blocks]) -> list[Outcome]:
        """What the network says of a half with the gates of `base` frozen, then with each of the targets.

        Args:
            half: of the images; they are decoded once.
            base: names of gates; may be empty.
            targets: each holds `base` and more.

        Raises:
            SourceError: an image that was recorded can not be read any more.
        """
        places = [half.images[start : start + self.batch_size] for start in range(0, len(half.images), self.batch_size)]
        parts: list[list[Outcome]] = []
        batches = load_batches(
            self.source, (self.indices[p] for p in places), self.job.model.preprocess, workers=self.workers
        )
        with contextlib.closing(batches), observing(self.job.model, "fp32"):
            for place, batch in zip(places, batches):
                parts.append(self._judge_batch(place, pixels_of(batch, self.source), base, targets))
                self.meter.tick(len(place) * (1 + len(targets)))
        return [join(outcomes) for outcomes in zip(*parts)]

    def _judge_batch(self, place: Rows, pixels: torch.Tensor, base: Blocks, targets: Sequence[Blocks]) -> list[Outcome]:
        run, outputs, memory = forward_of(self.job.model, pixels), self.job.outputs[place], self.job.memory
        moves = self._freeze(place)
        with moving(self.job.model.module, moves(base, None)):
            found = [judge(memory.run_clean(run), outputs)]
        for target in targets:
            first = min(set(target) - set(base), key=self._depth)
            with moving(self.job.model.module, moves(target, first)):
                found.append(judge(memory.run_from(first, run), outputs))
        memory.forget()
        return found

    def _freeze(self, place: Rows) -> Callable[[Blocks, str | None], list[Move]]:
        """Moves of a batch's gates to the means of the other folds; those that a memory replays are not made again."""
        nobody = np.zeros(len(place), dtype=np.int32)  # a mean asks for no prediction

        def make(blocks: Blocks, first: str | None) -> list[Move]:
            replayed = self._replayed[first] if first is not None else frozenset()
            wanted = tuple(sorted((b for b in blocks if b not in replayed), key=self._depth))
            return self.job.moves(Variant("", "set", wanted, "mean", 0, 1.0), place, nobody)

        return make

    def _depth(self, block: str) -> int:
        return self.job.gates[block].gate.depth

    @cached_property
    def _replayed(self) -> dict[str, frozenset[str]]:
        """By the first gate that differs: gates inside of modules whose output is remembered. They do not run again."""
        memory, gates = self.job.memory, self.job.gates
        if memory.mode == "none":
            return {name: frozenset() for name in gates}
        inside = {
            first: {part for module in prefix.shared for part in module.modules()}
            for first, prefix in memory.prefixes.items()
        }
        return {
            first: frozenset(name for name, bound in gates.items() if bound.source in parts)
            for first, parts in inside.items()
        }


_TIMED = 16  # images a forward
_NOT_TIMED = (
    "The time saved was not measured: with constants in place of its SE units the network says something else than with its "
    "gates moved there."
)


def split_halves(prepared: Prepared, seed: int) -> tuple[Half, Half]:
    """Images whose class has an output, by the half that they were dealt to.

    Raises:
        ArgumentError: a half without any.
    """
    samples, classes = prepared.chosen.samples, len(prepared.recording.classes)
    judged = samples["output_label"].is_valid().to_numpy()
    labels, half = samples["label"].to_numpy(), samples["half"].to_numpy()
    found = [np.flatnonzero(judged & (half == h)) for h in (0, 1)]
    if not all(map(len, found)):
        raise ArgumentError(
            f"{int(judged.sum())} images have a class with an output, and halves of them are needed: give more images."
        )
    first, second = (Half(images, group_images(labels[images], classes, seed=seed)) for images in found)
    return first, second


class Walk:
    """One run of a search; `finish` goes on where the path ends."""

    def __init__(
        self,
        keeper: FreezingFolder,
        request: Request,
        prepared: Prepared,
        job: Job,
        path: FreezePath,
        on_progress: OnProgress | None,
    ) -> None:
        self._keeper, self._job, self._path = keeper, job, path
        self._choosing, self._confirming = split_halves(prepared, request.options.seed)
        total = count_forwards(len(path.gates), path.images)
        left = count_forwards(len(path.gates), path.images, done=len(path.steps))
        self._meter = Meter(keeper.folder, done=total - left, total=total, on_progress=on_progress)
        options = request.options
        self._search = Search(
            job, request.source, prepared.chosen.indices, options.batch_size, options.workers, self._meter
        )

    def finish(self) -> FreezePath:
        """All steps that remain, then the other half and the times."""
        try:
            self._choose()
            self._confirm()
        except BaseException as error:
            with contextlib.suppress(RecordingError):  # a full disk must not hide what went wrong
                self._meter.tell("cancelled" if isinstance(error, KeyboardInterrupt) else "failed", str(error))
            raise
        self._meter.tell("finished")
        return self._path

    def _choose(self) -> None:
        names = [gate.name for gate in self._path.gates]
        clean: Outcome | None = None
        if 0 < len(self._path.steps) < len(names):  # resumed: what changes is told against the untouched network
            clean = self._search.judge(self._choosing, (), [])[0]
        while len(self._path.steps) < len(names):
            frozen = self._path.order
            self._meter.enter("choosing", len(frozen))
            left = [name for name in names if name not in frozen]
            base, *tried = self._search.judge(self._choosing, frozen, [(*frozen, name) for name in left])
            clean = base if clean is None else clean
            candidates = tuple(try_block(name, clean, moved) for name, moved in zip(left, tried))
            best = choose_block(candidates)
            cost = measure_cost(clean, tried[left.index(best.block)], self._choosing.grouping)
            step = FreezeStep(best.block, candidates, cost, None)
            top1 = 100 * float(clean.correct.mean())
            self._commit(steps=(*self._path.steps, step), clean=(top1, self._path.clean[1]))

    def _confirm(self) -> None:
        order = self._path.order
        self._meter.enter("confirming", len(order))
        sets = [order[:size] for size in range(1, len(order) + 1)]
        clean, *moved = self._search.judge(self._confirming, (), sets)
        costs = [measure_cost(clean, outcome, self._confirming.grouping) for outcome in moved]
        steps = [dataclasses.replace(step, confirming=cost) for step, cost in zip(self._path.steps, costs)]
        timing = self._time()
        notes = self._path.notes if timing else (*self._path.notes, _NOT_TIMED)
        top1 = 100 * float(clean.correct.mean())
        self._commit(steps=tuple(steps), clean=(self._path.clean[0], top1), timing=timing, notes=notes, complete=True)

    def _time(self) -> Timing | None:
        job, search = self._job, self._search
        some = search.indices[self._confirming.images[: min(_TIMED, search.batch_size)]]
        with contextlib.closing(
            load_batches(search.source, [some], job.model.preprocess, workers=search.workers)
        ) as batches:
            pixels = pixels_of(next(batches), search.source)
        constants = {name: torch.from_numpy(table.mean.mean(axis=0)) for name, table in job.baselines.tables.items()}
        return time_freezing(job.model, [job.gates[name] for name in self._path.order], constants, pixels)

    def _commit(self, **changes: Any) -> None:
        self._path = dataclasses.replace(self._path, **changes)
        self._keeper.commit(self._path)
