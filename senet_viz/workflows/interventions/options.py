"""What a run of interventions is made with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from senet_viz.errors import ArgumentError
from senet_viz.recording.outcomes import BASELINES

TARGETS = ("blocks", "stages", "cumulative", "all")
DEFAULT_TARGETS = ("blocks", "stages")
DEFAULT_BASELINES = ("one", "mean", "predicted_class_mean", "within", "between")


@dataclass(frozen=True)
class InterventionOptions:
    """Every choice of a run; all but `workers` is part of its identity.

    Attributes:
        targets: of "blocks" (each alone), "stages" (all blocks of each), "cumulative" (from the first block up to
            each) and "all" (every block).
        sets: further targets: blocks that are moved together, by label or path.
        baselines: what gates are moved to, of `BASELINES`.
        strength: t in s′ = lerp(s, b, t), 0 to 1.
        repeats: draws of the baselines that are a matter of chance.
        seed: of the choice of images, folds, halves, groups and donors.
        limit: at most so many images, stratified by class; None for all.
        batch_size: images a forward.
        shard_size: images a commit; what a kill loses at most.
        label_map: file that maps classes to outputs, for a recording that the run makes itself.
        data_name: name of the data in the manifest; the last part of its path by default.
        workers: threads that decode.
        reuse: what an intervention can not change is remembered instead of computed again; the results are the same.
    """

    targets: tuple[str, ...] = DEFAULT_TARGETS
    sets: tuple[tuple[str, ...], ...] = ()
    baselines: tuple[str, ...] = DEFAULT_BASELINES
    strength: float = 1.0
    repeats: int = 3
    seed: int = 0
    limit: int | None = None
    batch_size: int = 50
    shard_size: int = 500
    label_map: Path | None = None
    data_name: str | None = None
    workers: int = 2
    reuse: bool = True

    def __post_init__(self) -> None:
        _check_words("targets", self.targets, TARGETS)
        _check_words("baselines", self.baselines, BASELINES)
        if not self.targets and not self.sets:
            raise ArgumentError(f"Nothing is to be moved: give targets ({', '.join(TARGETS)}) or blocks.")
        if not self.baselines:
            raise ArgumentError(f"Nothing to move gates to: give baselines ({', '.join(BASELINES)}).")
        if any(not chosen for chosen in self.sets):
            raise ArgumentError("A set of blocks is empty: name at least one block.")
        if not 0 <= self.strength <= 1:
            raise ArgumentError(f"strength is {self.strength}: it is 0 (untouched) to 1 (the baseline).")
        for name in ("repeats", "batch_size", "shard_size", "workers"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name} is {getattr(self, name)}; it is at least 1.")
        if self.seed < 0:
            raise ArgumentError(f"seed is {self.seed}; it is at least 0.")
        if self.limit is not None and self.limit < 1:
            raise ArgumentError(f"limit is {self.limit}; it is at least 1, or left out for all images.")


def _check_words(name: str, given: Sequence[str], known: Sequence[str]) -> None:
    for word in given:
        if word not in known:
            raise ArgumentError(f"{word!r} is none of the {name}: choose among {', '.join(known)}.")
        if given.count(word) > 1:
            raise ArgumentError(f"{word!r} comes twice among the {name}: give it once.")


def choose_targets(
    blocks: Sequence[str] | None, targets: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Targets and sets: with blocks that are moved together there are no other targets unless given."""
    default = () if blocks is not None else DEFAULT_TARGETS
    return default if targets is None else tuple(targets), () if blocks is None else (tuple(blocks),)


def choose_baselines(baseline: str | None, baselines: Sequence[str] | None) -> tuple[str, ...]:
    """One, several, or those by default.

    Raises:
        ArgumentError: both were given.
    """
    if baseline is not None and baselines is not None:
        raise ArgumentError("Both baseline and baselines were given: give one of them.")
    return (baseline,) if baseline is not None else tuple(baselines or DEFAULT_BASELINES)
