"""Assess a recording block by block, so that memory holds one block's gates at a time."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from senet_viz import __version__
from senet_viz.claims.assessment import Assessment, BlockAssessment, ClassesLikeThese, ControlCurve, NullSummary
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.layout import Quantity
from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate
from senet_viz.stats.effect_measuring import Progress
from senet_viz.stats.estimates import FEWEST_CLASSES, resample_classes
from senet_viz.stats.health import gate_health, gate_rank
from senet_viz.stats.permutation import draw_per_class, permute_labels
from senet_viz.stats.resampling import ImageReplicates, assign_groups, resample_block
from senet_viz.stats.shares import (
    STATISTICS,
    BlockStatistics,
    block_statistics,
    mean_share,
    split_between,
    sums_of_squares,
)
from senet_viz.stats.tables import all_gates


def assess_blocks(
    recording: Recording,
    *,
    controls: Sequence[Recording] = (),
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Assessment:
    """Estimates with intervals, nulls and controls of every block.

    Args:
        recording: complete and full; without all gates kept there are no intervals over images.
        controls: recordings of the same images by other networks of the same blocks, e.g. with random weights; without
            all gates kept they have no share along the mean profile.
        seed: of groups, permutations and random directions.
        on_progress: called with blocks done, blocks in all and the next one's label; what it raises ends the work.

    Raises:
        ArgumentError: a control of other images or blocks.
        RecordingError: not complete or slim, fewer than two classes with an image, or a damaged file.
    """
    _check(recording, controls)
    counts = recording.moments(recording.blocks[0].name).count
    group, reason = _deal(recording)
    chosen = _choose_for_null(recording, seed)
    tell = on_progress or (lambda _done, _total, _label: None)
    blocks = []
    for done, gate in enumerate(recording.blocks):
        tell(done, len(recording.blocks), gate.label)
        blocks.append(_assess_block(recording, gate, group, chosen, seed))
    tell(len(recording.blocks), len(recording.blocks), "")
    seen = counts[counts > 0]
    return Assessment(
        recording_id=recording.id,
        computed_from=recording.id,
        code_version=__version__,
        images=int(seen.sum()),
        classes=len(seen),
        smallest_class=int(seen.min()),
        groups=0 if group is None else int(group.max()) + 1,
        reason=reason,
        blocks=tuple(blocks),
        controls=tuple(_control_curve(control) for control in controls),
    )


def explain_nothing_to_assess(recording: Recording) -> str | None:
    """Why no form of a recording can be assessed, whatever is done with it; None where it can.

    Raises:
        RecordingError: a damaged file.
    """
    if (recording.moments(recording.blocks[0].name).count > 0).sum() > 1:
        return None
    return (
        f"{recording.path} holds labelled images of fewer than two classes, so there is nothing to assess: record images of "
        "two or more classes."
    )


def _check(recording: Recording, controls: Sequence[Recording]) -> None:
    if recording.form != "full" or not recording.complete:
        raise RecordingError(
            f"{recording.path} is {'a slim recording' if recording.form != 'full' else 'not finished'}: assess the complete "
            "full recording."
        )
    if problem := explain_nothing_to_assess(recording):
        raise RecordingError(problem)
    for control in controls:
        mine, theirs = (
            (one.manifest.data.get("digest"), [(g.name, g.channels) for g in one.blocks])
            for one in (recording, control)
        )
        if mine != theirs:
            raise ArgumentError(
                f"The control {control.path} is of other images or blocks than {recording.path}: record the same images "
                "with a network of the same architecture."
            )


def _deal(recording: Recording) -> tuple[NDArray[np.int64] | None, str]:
    """Jackknife groups of the kept images, or why there are none."""
    if not recording.keeps_all:
        return None, "The gates of single images were not all kept, so there are no intervals over images."
    try:
        return assign_groups(recording.kept_samples["label"].to_numpy()), ""
    except RecordingError as error:
        return None, str(error)


def _choose_for_null(recording: Recording, seed: int) -> NDArray[np.int64] | None:
    if not recording.n_kept:
        return None
    labels = recording.kept_samples["label"].to_numpy()
    rows = draw_per_class(labels, seed=seed)
    known = np.unique(labels[rows])
    return rows if len(known) > 1 and len(rows) > len(known) else None


def _assess_block(
    recording: Recording, gate: Gate, group: NDArray[np.int64] | None, chosen: NDArray[np.int64] | None, seed: int
) -> BlockAssessment:
    moments = recording.moments(gate.name)
    health = gate_health(moments, gate.range)
    sums = sums_of_squares(moments)
    if group is None:
        replicates = ImageReplicates(dataclasses.replace(block_statistics(sums), near_one=health.near_one))
    else:
        replicates = resample_block(recording, gate.name, group, seed=seed)
        if moments.unlabelled is None:
            counted = {"near_one": replicates.full.near_one, "near_zero": replicates.near_zero}
            health = dataclasses.replace(health, **counted)
    rank, null = float("nan"), None
    if chosen is not None:
        gates = recording.gates(gate.name)
        labels = recording.kept_samples["label"].to_numpy()
        rank = gate_rank(gates, seed=seed)[0]
        found = permute_labels(gates[chosen], labels[chosen], seed=seed)
        low, high = np.quantile(found.null, (0.025, 0.975)).tolist()
        null = NullSummary(found.value, float(found.null.mean()), low, high, found.p, found.images)
    return BlockAssessment(
        block=gate,
        gate={statistic.name: replicates.estimate(statistic.name) for statistic in STATISTICS},
        omega_squared_mean=mean_share(sums)[0],
        squeeze=_plain(recording, gate, "squeeze") if gate.squeeze_missing is None else None,
        null=null,
        classes=_classes_like_these(moments),
        health=health,
        gate_rank=rank,
        random_direction=replicates.random_direction,
    )


def _plain(recording: Recording, gate: Gate, quantity: Quantity = "gate") -> BlockStatistics:
    moments = recording.moments(gate.name, quantity)
    plain = block_statistics(sums_of_squares(moments))
    if quantity == "gate":
        plain = dataclasses.replace(plain, near_one=gate_health(moments, gate.range).near_one)
    values, labels = all_gates(recording, gate, quantity)
    if values is None or labels is None:
        return plain
    split = split_between(moments, values, labels)
    return dataclasses.replace(plain, direction_share=split.share, residual_variance=split.residual_variance)


def _classes_like_these(moments: Moments) -> ClassesLikeThese | None:
    if (moments.count > 0).sum() < FEWEST_CLASSES:
        return None
    try:
        found = resample_classes(moments)
    except RecordingError:  # one image a class, or gates that do not vary: there is no such interval
        return None
    return ClassesLikeThese(found.value, found.interval())


def _control_curve(control: Recording) -> ControlCurve:
    blocks = tuple(_plain(control, gate) for gate in control.blocks)
    about = control.manifest.model
    name = str(about.get("name")) + (" with random weights" if about.get("weights") == "random" else "")
    return ControlCurve(name, None if about.get("seed") is None else int(about["seed"]), blocks)
