"""Sets of frozen blocks judged on half of the images, each on top of what they have in common."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from senet_viz.gates.interventions import Move, moving
from senet_viz.images import ImageSource, load_batches
from senet_viz.models.forward import observing
from senet_viz.recording.outcomes import Outcome, Variant
from senet_viz.stats.effects import Grouping
from senet_viz.workflows.freezing.telling import Meter
from senet_viz.workflows.interventions.estimating import forward_of
from senet_viz.workflows.interventions.folds import Rows
from senet_viz.workflows.interventions.judging import join, judge
from senet_viz.workflows.interventions.running import Job, pixels_of

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
