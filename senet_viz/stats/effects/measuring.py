"""From what the network said of every image to effects: paired, repeats averaged image by image."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import RecordingError
from senet_viz.stats.effects.grouping import Grouping, group_images
from senet_viz.stats.effects.per_class import judge_classes
from senet_viz.stats.effects.result import Change, EffectTable, TargetEffect

if TYPE_CHECKING:
    from senet_viz.recording.outcomes import Outcome, Outcomes, Variant

Floats = NDArray[np.float64]
Progress = Callable[[int, int, str], None]


def measure_effects(outcomes: "Outcomes", *, seed: int = 0, on_progress: Progress | None = None) -> EffectTable:
    """Effects of every target × baseline on accuracy, loss and predictions, over images and over classes.

    Intervals over images hold the drawn donors and derangements as they are; those over classes do not.

    Args:
        outcomes: complete.
        seed: of the groups of images.
        on_progress: called with effects done, effects in all and the next one's name; what it raises ends the work.

    Raises:
        RecordingError: not complete, no image whose class has an output, or a damaged file.
    """
    if not outcomes.complete:
        raise RecordingError(f"{outcomes.path} is not finished: run the command that intervenes again, then assess.")
    judged = np.flatnonzero(outcomes.judged)
    if not len(judged):
        raise RecordingError(
            f"{outcomes.path} holds no image whose class has an output of the network: effects on accuracy need labels."
        )
    labels = outcomes.samples["label"].to_numpy()[judged]
    grouping = group_images(labels, len(outcomes.classes), seed=seed)
    clean = _Judged(outcomes.clean, judged)
    groups = _group_variants(outcomes.variants)
    effects = []
    for done, variants in enumerate(groups):
        if on_progress:
            on_progress(done, len(groups), f"{variants[0].target}, {variants[0].baseline}")
        effects.append(_measure(variants, outcomes, clean, judged, grouping))
    return EffectTable(
        outcomes_id=outcomes.id,
        images=len(judged),
        class_names=tuple(outcomes.classes.names),
        class_images=grouping.class_images,
        groups=grouping.groups,
        note=grouping.note,
        clean={
            "top1": 100 * float(clean.correct.mean()),
            "top5": 100 * float(clean.correct5.mean()),
            "loss": float(clean.loss.mean()),
        },
        effects=tuple(effects),
    )


class _Judged:
    """An outcome's judged rows, as numbers that can be subtracted."""

    def __init__(self, outcome: "Outcome", rows: NDArray[np.intp]) -> None:
        self.prediction = outcome.prediction[rows]
        self.loss = outcome.loss[rows].astype(np.float64)
        self.correct = outcome.correct[rows].astype(np.int64)
        self.correct5 = outcome.correct5[rows].astype(np.int64)


def _group_variants(variants: "tuple[Variant, ...]") -> "list[list[Variant]]":
    """Repeats of one target, baseline and strength together, in the order of the plan."""
    groups: dict[tuple[object, ...], list[Variant]] = {}
    for variant in variants:
        groups.setdefault((variant.blocks, variant.baseline, variant.strength), []).append(variant)
    return list(groups.values())


def _measure(
    variants: "list[Variant]", outcomes: "Outcomes", clean: _Judged, rows: NDArray[np.intp], grouping: Grouping
) -> TargetEffect:
    hits, hits5, moved = np.zeros((3, len(rows)), dtype=np.int64)
    loss = np.zeros(len(rows))
    for variant in variants:
        found = _Judged(outcomes.outcome(variant), rows)
        hits += found.correct - clean.correct
        hits5 += found.correct5 - clean.correct5
        moved += found.prediction != clean.prediction
        with np.errstate(invalid="ignore"):
            loss += found.loss - clean.loss
    first, repeats = variants[0], len(variants)
    return TargetEffect(
        target=first.target,
        kind=first.kind,
        blocks=tuple(first.blocks),
        baseline=first.baseline,
        strength=first.strength,
        repeats=repeats,
        changes={
            "top1": grouping.change(100 / repeats * hits),
            "top5": grouping.change(100 / repeats * hits5),
            "loss": _finite(grouping, loss / repeats),
        },
        changed=grouping.change(moved / repeats),
        undefined=int((~np.isfinite(loss)).sum()),
        tests=judge_classes(hits, grouping, repeats),
    )


def _finite(grouping: Grouping, loss: Floats) -> Change:
    """Δ loss; NaN, never infinite, wherever an image's is not finite."""
    return grouping.change(np.where(np.isfinite(loss), loss, np.nan))
