"""The greedy search: sets of frozen blocks judged on half of the images, from the step where a stored path ends."""

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch

from senet_viz.analysis.freezing import FreezePath, FreezeStep, Timing, choose_block, measure_cost, try_block
from senet_viz.analysis.freezing_files import write_freezing
from senet_viz.errors import ArgumentError
from senet_viz.gates.intervention import GatePatch, patching
from senet_viz.images.loading import FEW_THREADS, Batch, load_batches
from senet_viz.models.zoo import Model
from senet_viz.recording.outcomes import Outcome, Variant, describe_nonfinite_outcomes
from senet_viz.stats.effect_measuring import Grouping, group_images
from senet_viz.workflows.engine import Rows, Runner, describe_shortage
from senet_viz.workflows.freezing.request import FreezingFolder, count_forwards
from senet_viz.workflows.freezing.timing import time_freezing
from senet_viz.workflows.interventions.making import Prepared
from senet_viz.workflows.interventions.request import Request
from senet_viz.workflows.interventions.running import InterventionWork, judge, pixels_of
from senet_viz.workflows.job import Meter, OnProgress, cut, forward_of

Blocks = tuple[str, ...]
SearchRunner: TypeAlias = Runner[[Blocks, Sequence[Blocks]], list[Outcome]]


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
class FreezingWork:
    """The function of a batch in a search: what the network says with some gates frozen, then with each of several sets.

    Attributes:
        inner: network, means and memory, as a run of interventions has them.
    """

    inner: InterventionWork
    precision = "fp32"

    @property
    def model(self) -> Model:
        """The network."""
        return self.inner.model

    def watching(self) -> contextlib.AbstractContextManager[object]:
        """Nothing: each set of frozen gates has hooks of its own."""
        return contextlib.nullcontext()

    def __call__(self, place: Rows, batch: Batch, /, base: Blocks, targets: Sequence[Blocks]) -> list[Outcome]:
        """Outcomes of a batch: of `base`, then of the targets.

        Args:
            place: (n,) positions of the images in the plan.
            batch: the images.
            base: names of gates; may be empty.
            targets: each holds `base` and more.

        Raises:
            SourceError: an image that was recorded cannot be read any more.
        """
        network, memory, outputs = self.model.module, self.inner.memory, self.inner.outputs[place]
        run = forward_of(self.model, pixels_of(batch, self.inner.source))
        try:
            with patching(network, self._patches(place, base)):
                found = [judge(memory.run_clean(run), outputs)]
            for target in targets:
                first = min(set(target) - set(base), key=self._depth)
                replayed = self._replayed[first]
                with patching(network, self._patches(place, [block for block in target if block not in replayed])):
                    found.append(judge(memory.run_from(first, run), outputs))
        finally:
            memory.forget()
        return found

    def _patches(self, place: Rows, blocks: Iterable[str]) -> list[GatePatch]:
        """Patches of a batch's gates to the means of the other folds."""
        wanted = tuple(sorted(blocks, key=self._depth))
        nobody = np.zeros(len(place), dtype=np.int32)  # a mean asks for no prediction
        return self.inner.patches(Variant("", "set", wanted, "mean", 0, 1.0), place, nobody)

    def _depth(self, block: str) -> int:
        return self.inner.gates[block].gate.depth

    @cached_property
    def _replayed(self) -> dict[str, frozenset[str]]:
        """By the first gate that differs: gates in modules whose output is remembered. They do not run: none is patched."""
        memory, gates = self.inner.memory, self.inner.gates
        found: dict[str, frozenset[str]] = dict.fromkeys(gates, frozenset())
        for first, prefix in memory.prefixes.items() if memory.mode != "none" else ():
            parts = {part for module in prefix.shared for part in module.modules()}
            found[first] = frozenset(name for name, bound in gates.items() if bound.inner in parts)
        return found


_TIMED = 16  # images a forward
_NOT_TIMED = (
    "The time saved was not measured: constants in place of its SE units would not do what its gates do when they are moved "
    "there."
)
_NO_UNITS = (
    "The time saved was not measured: a constant replaces a whole SE unit, and {} {} no unit of {} own: a function computes the "
    "gate inside of a larger module, or one unit makes several gates in several calls."
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
        work: InterventionWork,
        path: FreezePath,
        runner: SearchRunner,
    ) -> None:
        """`runner` is of `FreezingWork(work)`."""
        self._keeper, self._work, self._path, self._runner = keeper, work, path, runner
        self._indices, self._options = prepared.chosen.indices, request.options
        self._choosing, self._confirming = split_halves(prepared, request.options.seed)

    def finish(self, on_progress: OnProgress | None) -> FreezePath:
        """All steps that remain, then the other half and the times."""
        blocks, halves = len(self._path.gates), self._path.images
        total = count_forwards(blocks, halves)
        done = total - count_forwards(blocks, halves, done=len(self._path.steps))
        with Meter(self._keeper.folder, "choosing", total, on_progress, done=done) as self._meter:
            self._meter.watch(self._runner)
            self._choose()
            self._confirm()
        return self._path

    def _judge(self, half: Half, base: Blocks, targets: Sequence[Blocks]) -> list[Outcome]:
        """What the network says of a half with the gates of `base` frozen, then with each of the targets."""
        places = cut(half.images, batch_size=self._options.batch_size)
        parts: list[list[Outcome]] = []
        with contextlib.closing(self._runner.run(places, base, targets)) as batches:
            for place, outcomes in batches:
                parts.append(outcomes)
                self._meter.tick(len(place) * (1 + len(targets)))
        return [Outcome.join(outcomes) for outcomes in zip(*parts)]

    def _choose(self) -> None:
        names = [gate.name for gate in self._path.gates]
        clean: Outcome | None = None
        if 0 < len(self._path.steps) < len(names):  # resumed: what changes is told against the untouched network
            clean = self._judge(self._choosing, (), [])[0]
        while len(self._path.steps) < len(names):
            frozen = self._path.order
            self._meter.enter("choosing", len(frozen))
            left = [name for name in names if name not in frozen]
            base, *tried = self._judge(self._choosing, frozen, [(*frozen, name) for name in left])
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
        clean, *moved = self._judge(self._confirming, (), sets)
        costs = [measure_cost(clean, outcome, self._confirming.grouping) for outcome in moved]
        steps = [dataclasses.replace(step, confirming=cost) for step, cost in zip(self._path.steps, costs)]
        timing = self._time()
        notes = self._path.notes if timing else (*self._path.notes, self._explain_untimed())
        runs = ["the untouched network", *(f"{size} blocks frozen" for size in range(1, len(order) + 1))]
        counts = [outcome.nonfinite for outcome in (clean, *moved)]
        if note := describe_nonfinite_outcomes(list(zip(runs, counts)), len(clean.correct)):
            notes = (*notes, note)
        top1 = 100 * float(clean.correct.mean())
        self._commit(steps=tuple(steps), clean=(self._path.clean[0], top1), timing=timing, notes=notes, complete=True)

    def _time(self) -> Timing | None:
        work, options = self._work, self._options
        some = self._indices[self._confirming.images[: min(_TIMED, options.batch_size)]]
        with contextlib.closing(
            load_batches(work.source, [some], work.model.preprocess, workers=options.workers or FEW_THREADS)
        ) as batches:
            pixels = pixels_of(next(batches), work.source)
        constants = {name: torch.from_numpy(table.mean.mean(axis=0)) for name, table in work.baselines.tables.items()}
        return time_freezing(work.model, [work.gates[name] for name in self._path.order], constants, pixels)

    def _explain_untimed(self) -> str:
        without = [b.gate.label for b in self._work.gates.values() if not b.unit or b.calls > 1]
        if not without:
            return _NOT_TIMED
        named = f"{without[0]} and {len(without) - 1} more" if len(without) > 1 else without[0]
        return _NO_UNITS.format(named, "have" if len(without) > 1 else "has", "their" if len(without) > 1 else "its")

    def _commit(self, **changes: Any) -> None:
        path = dataclasses.replace(self._path, **changes)
        notes = dict.fromkeys((*path.notes, *describe_shortage(self._runner.report())))  # each once
        self._path = dataclasses.replace(path, notes=tuple(notes))
        write_freezing(self._keeper.folder, self._path)
