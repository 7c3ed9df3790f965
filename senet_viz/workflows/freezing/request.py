"""What a search for gates to freeze is made with and will take, how far it is, and the folder that it resumes from."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from senet_viz.analysis.freezing import FreezePath
from senet_viz.analysis.freezing_files import stored_freezing
from senet_viz.recording.folder import LOCK, PROGRESS, JobFolder, check_same
from senet_viz.recording.layout import FREEZING
from senet_viz.recording.outcomes import CLEAN_FOLDER, SCRATCH_FOLDER
from senet_viz.workflows.interventions.donors import FOLDS
from senet_viz.workflows.interventions.request import InterventionOptions, Request
from senet_viz.workflows.interventions.running import CachedWarmUp
from senet_viz.workflows.job import JobEstimate, free_bytes, recorded_bytes


@dataclass(frozen=True)
class FreezeOptions:
    """Every choice of a search; `limit`, `seed` and `batch_size` are part of its identity.

    Attributes:
        limit: at most so many images, stratified by class; None for all.
        seed: of the choice of images, of folds, halves and groups.
        batch_size: images a forward.
        label_map: file that maps classes to outputs, for a recording that the search makes itself.
        data_name: name of the data; the last part of its path by default.
        workers: as in `RecordOptions`.
        reuse: what freezing a block can not change is remembered instead of computed again; the results are the same.

    Raises:
        ArgumentError: a number that is too small.
    """

    limit: int | None = None
    seed: int = 0
    batch_size: int = 50
    label_map: Path | None = None
    data_name: str | None = None
    workers: int | None = None
    reuse: bool = True

    def __post_init__(self) -> None:
        self.as_interventions()

    def as_interventions(self) -> InterventionOptions:
        """The same images, folds, halves and means as a run that patches each gate to its mean."""
        return InterventionOptions(
            targets=("blocks",), baselines=("mean",), repeats=1, seed=self.seed, limit=self.limit,
            batch_size=self.batch_size, label_map=self.label_map, data_name=self.data_name, workers=self.workers,
            reuse=self.reuse,
        )  # fmt: skip

    def choices(self) -> dict[str, Any]:
        """What is part of the identity."""
        return {
            "limit": self.limit, "seed": self.seed, "batch_size": self.batch_size, "precision": "fp32", "baseline": "mean",
            "folds": FOLDS,
        }  # fmt: skip


def count_forwards(blocks: int, halves: tuple[int, int], *, done: int = 0) -> int:
    """Forwards of an image that remain after so many steps: each step runs what is frozen so far, and every candidate."""
    choosing = sum(1 + blocks - step for step in range(done, blocks))
    return halves[0] * choosing + halves[1] * (1 + blocks)


def estimate_freezing(request: Request, warm: CachedWarmUp, stored: FreezePath | None) -> JobEstimate:
    """Time and disk of a search, or of what remains of one.

    Args:
        request: what was asked for.
        warm: what the network did on some of its images.
        stored: the path of an earlier run.
    """
    images, blocks, recorded, done = len(request.indices), len(request.gates), request.recorded, 0
    halves = (images - images // 2, images // 2)
    if stored:
        halves, recorded, done = stored.images, 0, len(stored.steps)
    shares = [prefix.after_shared for prefix in warm.memory.prefixes.values()]
    share = 1.0 if warm.memory.mode == "none" else sum(shares) / len(shares)  # of a forward, the mean over all blocks
    choosing = sum(1 + (blocks - step) * share for step in range(done, blocks))
    confirming = 1 + blocks  # which gate comes first is not known: as if it were the first
    whole = halves[0] * choosing + halves[1] * confirming
    passes = halves[0] * (blocks - done) + halves[1]
    seconds = passes * warm.decoding + whole * warm.running
    return JobEstimate(
        images=sum(halves),
        disk_bytes=request.bytes_beside,
        free_bytes=free_bytes(request.folder),
        present_bytes=recorded_bytes(request.folder / CLEAN_FOLDER),
        blocks=blocks,
        choosing=halves[0],
        confirming=halves[1],
        forwards=count_forwards(blocks, halves, done=done),
        whole_forwards=whole,
        seconds=seconds + recorded * (warm.decoding + warm.running),
    )


_OWN = re.compile(
    rf"\.?({'|'.join(map(re.escape, (LOCK, PROGRESS, FREEZING)))})(\..*)?|{CLEAN_FOLDER}|{SCRATCH_FOLDER}"
)


class FreezingFolder(JobFolder):
    """A folder that one search writes into. Replacing `freezing.json` is the only commit point.

    Attributes:
        folder: the folder.
        stored: the path that was there; None where there was none.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder's lock.

        Raises:
            RecordingError: the folder is locked, can not be written, or is something else's.
        """
        super().__init__(folder, f"Writing into {folder}", own=_OWN)
        self.stored = self.read_stored(stored_freezing)

    def take_up(self, draft: FreezePath) -> FreezePath:
        """The stored path of the same identity, or the draft.

        Raises:
            RecordingError: a path of other inputs; the message names the first field that differs and both values.
        """
        if self.stored is None:
            return draft
        check_same(dict(self.stored.identity), dict(draft.identity), "", str(self.folder))
        return self.stored
