"""What `assess` finds, as frozen data: estimates with replicates, nulls, controls; and its files beside a recording."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from senet_viz.claims.stored import check_tables
from senet_viz.errors import RecordingError
from senet_viz.recording.checked import CheckedFile
from senet_viz.recording.files import as_recording_errors, read_json, read_table, replace_json, write_table
from senet_viz.recording.layout import ASSESSMENT, EFFECTS, MEASURES, Quantity
from senet_viz.recording.reader import Recording
from senet_viz.schema import Count, Floats, Gate, Layout, check_text, from_tree, to_tree
from senet_viz.stats.estimates import LEVEL, Estimate, Interval, as_row
from senet_viz.stats.health import GateHealth
from senet_viz.stats.shares import STATISTICS, BlockStatistics, CurveName


@dataclass(frozen=True)
class NullSummary:
    """A block's variance-weighted ω² against shuffled labels, on at most ten images a class.

    Attributes:
        value: with the labels as they are, on these images.
        mean, low, high: mean, 2.5 % and 97.5 % quantile of the null.
        p: permutation p-value, (1 + #≥) / (1 + permutations).
        images: that took part.
    """

    value: float
    mean: float
    low: float
    high: float
    p: float
    images: Count


@dataclass(frozen=True)
class ClassesLikeThese:
    """A block's ICC with its interval over classes: classes like these, not these classes."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class ControlCurve:
    """Another network on the same images, e.g. with random weights: one `BlockStatistics` a block, in order of depth."""

    name: str
    seed: int | None
    blocks: tuple[BlockStatistics, ...]


@dataclass(frozen=True, eq=False)
class BlockAssessment:
    """One block.

    Attributes:
        block: the gate.
        gate: estimates of s by name, with replicates over images where all gates are kept (else without).
        omega_squared_mean: mean over channels of each channel's ω².
        squeeze: of z; None where it is no vector.
        null: None where no gates are kept.
        classes: None for fewer than 20 classes.
        health: the gate-health numbers; shares above .9 and below .1 are counted where all images are labelled and kept,
            else read from the histogram.
        gate_rank: effective rank of single gates; NaN where none are kept.
        random_direction: 95 % quantile of `direction_share` over random directions.
    """

    block: Gate
    gate: Mapping[str, Estimate]
    omega_squared_mean: float
    squeeze: BlockStatistics | None
    null: NullSummary | None
    classes: ClassesLikeThese | None
    health: GateHealth
    gate_rank: float
    random_direction: float


@dataclass(frozen=True, eq=False)
class Assessment:
    """A recording put to the test.

    Attributes:
        recording_id: of the recording it stands beside.
        computed_from: of the full recording it was computed from; the same, or the one that a slim form was made of.
        code_version: of senet_viz.
        images: labelled images, N.
        classes: with an image, K.
        smallest_class: images of the smallest of them.
        groups: of the jackknife; 0 where there are no intervals, `reason` says why.
        reason: why there are no intervals, or "".
        blocks: in order of depth.
        controls: other networks on the same images.
    """

    recording_id: str
    computed_from: str
    code_version: str
    images: Count
    classes: Count
    smallest_class: Count
    groups: Count
    reason: str
    blocks: tuple[BlockAssessment, ...]
    controls: tuple[ControlCurve, ...] = ()

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The blocks' gates."""
        return tuple(block.block for block in self.blocks)

    def curve(self, name: CurveName) -> Floats:
        """A statistic of s along the depth, (B,)."""
        return np.array([block.gate[name].value for block in self.blocks])

    def band(self, name: CurveName, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Its interval over images, (B,) low and (B,) high; NaN where there is none."""
        found = [block.gate[name].interval(level) for block in self.blocks]
        return np.array([i.low for i in found]), np.array([i.high for i in found])

    def classes_like_these(self) -> tuple[Floats, Floats, Floats]:
        """The ICC and its interval over classes, (B,) each; NaN where there is none."""
        found = [block.classes for block in self.blocks]
        rows = [(np.nan,) * 3 if c is None else (c.value, c.interval.low, c.interval.high) for c in found]
        value, low, high = np.array(rows).T
        return value, low, high

    def table(self) -> pd.DataFrame:
        """A row a block: each statistic with its interval, the squeeze, the null, controls and gate health."""
        return pd.DataFrame([self._row(at, block) for at, block in enumerate(self.blocks)])

    def _row(self, at: int, block: BlockAssessment) -> dict[str, object]:
        row: dict[str, object] = {
            "block": block.block.label, "module": block.block.name, "stage": block.block.stage, "depth": block.block.depth,
            "channels": block.block.channels,
        }  # fmt: skip
        for name, estimate in block.gate.items():
            row |= as_row(estimate, name)
        row["mean of channels' omega_squared"] = block.omega_squared_mean
        if block.squeeze is not None:
            row["omega_squared of z"] = block.squeeze.omega_squared
        if block.null is not None:
            row |= {"shuffled low": block.null.low, "shuffled high": block.null.high, "permutation p": block.null.p}
        if block.classes is not None:
            row |= {
                "ICC": block.classes.value,
                "ICC low": block.classes.interval.low,
                "ICC high": block.classes.interval.high,
            }
        for number, control in enumerate(self.controls, start=1):
            row[f"omega_squared of control {number}"] = control.blocks[at].omega_squared
            row[f"between_sd of control {number}"] = control.blocks[at].between_sd
        health = block.health
        return row | {
            "s > .9": health.near_one, "s < .1": health.near_zero, "at lower bound": health.at_lower,
            "at upper bound": health.at_upper, "dead channels": health.dead, "rank of class profiles": health.profile_rank,
            "rank of gates": block.gate_rank,
        }  # fmt: skip


ASSESSMENT_VERSION = 1
_INTERVAL = ("low", "high", "level")
_RENAMED = {"classes.value": "classes_like_these.icc", "classes.interval": "classes_like_these"}
_ADVICE = "assess the recording again"


def write_assessment(
    folder: Path,
    assessment: Assessment,
    measures: pd.DataFrame,
    extra: Mapping[str, Any],
    *,
    effects: pd.DataFrame | None = None,
) -> None:
    """Replace the files; the JSON comes last and names the others' sha256, so that a kill in between is recognised.

    Args:
        folder: of the recording.
        assessment: of it.
        measures: a row a quantity, block and channel; `quantity` says which, "gate" where it is not there.
        extra: further keys of the JSON, such as the claims.
        effects: of interventions, a row an effect and class; a table of an earlier assessment goes where there are none.

    Raises:
        RecordingError: the folder can not be written.
    """
    tables = {MEASURES: measures} | ({} if effects is None else {EFFECTS: effects})
    with as_recording_errors(f"Writing the assessment in {folder}", "Give a recording whose folder can be written."):
        written = {
            name: write_table(folder, name, "assessment", pa.Table.from_pandas(frame, preserve_index=False), level=9)
            for name, frame in tables.items()
        }
        files = {name: entry.sha256 for name, entry in written.items()}
        head = {"assessment_version": ASSESSMENT_VERSION, "files": files}
        replace_json(folder, ASSESSMENT, {**head, **to_json(assessment), **extra}, sealed=True)
        if effects is None:
            (folder / EFFECTS).unlink(missing_ok=True)


def read_tree(recording: Recording) -> dict[str, Any] | None:
    """The JSON of the assessment beside a recording; None where there is none.

    Raises:
        RecordingError: it can not be read, is of another recording or of an older version, or the tables beside it are
            those of another assessment, which was interrupted (assess again).
    """
    path = recording.path / ASSESSMENT
    tree = read_json(path, _ADVICE)
    if tree is None:
        return None
    found, version = tree.get("recording_id"), tree.get("assessment_version")
    if found != recording.id or version != ASSESSMENT_VERSION:
        what = f"of recording {found}" if found != recording.id else f"in version {version}"
        raise RecordingError(f"{path} is {what} and does not speak of this one: assess it again.")
    check_text(tree, str(path), _ADVICE)
    files = from_tree(dict[str, str], tree.get("files"), str(path), _ADVICE, path="files")
    if strange := {*files} - {MEASURES, EFFECTS}:
        raise RecordingError(f"{path}, files: {min(strange)[:40]!r} is none of its tables; {_ADVICE}.")
    for name, sha256 in files.items():
        _check_file(recording.path / name, sha256)
    check_tables(tree, recording.blocks, str(path), _ADVICE)
    return tree


def _check_file(path: Path, sha256: str) -> None:
    try:
        with CheckedFile(path, sha256) as checked, checked.believed():
            pass
    except (OSError, RecordingError) as error:
        raise RecordingError(
            f"{path} is not the one that {ASSESSMENT} was written with, as after an assessment that was "
            "interrupted: assess the recording again."
        ) from error


def read_side_table(recording: Recording, tree: Mapping[str, Any], name: str) -> pd.DataFrame:
    """A table that an assessment's JSON names, `MEASURES` or `EFFECTS`.

    Raises:
        RecordingError: it is not named, or is not the one that was written with it.
    """
    sha256 = tree["files"].get(name)
    if sha256 is None:
        raise RecordingError(f"{recording.path / ASSESSMENT} names no {name}: {_ADVICE}.")
    frame: pd.DataFrame = read_table(recording.path / name, sha256, advice=_ADVICE).to_pandas()
    return frame


def read_assessment(recording: Recording) -> Assessment | None:
    """The assessment beside a recording; None where there is none.

    Raises:
        RecordingError: as in `read_tree`.
    """
    tree = read_tree(recording)
    if tree is None:
        return None
    return from_json(tree, recording.blocks, str(recording.path / ASSESSMENT))


def read_measures(recording: Recording, *, quantity: Quantity = "gate") -> pd.DataFrame | None:
    """`measures.parquet` beside a recording: a row a block and channel; None where there is none.

    Args:
        recording: full or slim.
        quantity: "squeeze" for z; no rows where an older assessment measured s alone.

    Raises:
        RecordingError: as in `read_tree`, there is no assessment that it belongs to, or it is damaged.
    """
    path = recording.path / MEASURES
    if not path.is_file():
        return None
    if (tree := read_tree(recording)) is None:
        raise RecordingError(f"{path} stands without {ASSESSMENT}, as after an interrupted assessment: assess again.")
    frame = read_side_table(recording, tree, MEASURES)
    if "quantity" not in frame:
        frame["quantity"] = "gate"
    return frame[frame["quantity"] == quantity].drop(columns="quantity").reset_index(drop=True)


def to_json(assessment: Assessment) -> dict[str, Any]:
    """Plain values; what is not a number is null."""
    return dict(to_tree({**vars(assessment), "blocks": [_block_tree(block) for block in assessment.blocks]}))


def from_json(tree: Mapping[str, Any], gates: tuple[Gate, ...], where: str = ASSESSMENT) -> Assessment:
    """The inverse of `to_json`, for a recording of these gates.

    Raises:
        RecordingError: it is no such tree.
    """
    by_name = {gate.name: gate for gate in gates}

    def block(stored: Mapping[str, Any]) -> Mapping[str, Any]:
        like = stored["classes_like_these"]
        classes = None if like is None else {"value": like["icc"], "interval": {k: like[k] for k in _INTERVAL}}
        return {**stored, "block": by_name[stored["name"]], "classes": classes}

    layouts: Mapping[type, Layout] = {Assessment: dict, BlockAssessment: block, Estimate: dict}
    found = from_tree(Assessment, tree, where, _ADVICE, layouts=layouts, renamed=_RENAMED)
    if misfits := [*_misfits(found, gates)]:
        raise RecordingError(f"{where}, {misfits[0]}; {_ADVICE}.")
    return found


def _misfits(assessment: Assessment, gates: tuple[Gate, ...]) -> Iterator[str]:
    if assessment.gates != gates:
        yield "blocks: they are not those of the recording, in order of depth"
    for at, block in enumerate(assessment.blocks):
        if missing := {s.name for s in STATISTICS} - {*block.gate}:
            yield f"blocks[{at}].gate: it has no {min(missing)}"
        for name, estimate in block.gate.items():
            if estimate.replicates.shape != (assessment.groups,):
                yield f"blocks[{at}].gate.{name}.replicates: they are not of {assessment.groups} groups"
    for at, control in enumerate(assessment.controls):
        if len(control.blocks) != len(gates):
            yield f"controls[{at}].blocks: {len(control.blocks)} blocks, the recording has {len(gates)}"


def _block_tree(block: BlockAssessment) -> dict[str, Any]:
    like = block.classes
    return {
        "name": block.block.name,
        "label": block.block.label,
        "gate": {name: _estimate_tree(estimate) for name, estimate in block.gate.items()},
        "omega_squared_mean": block.omega_squared_mean,
        "squeeze": block.squeeze,
        "null": block.null,
        "classes_like_these": None if like is None else {"icc": like.value, **to_tree(like.interval)},
        "health": block.health,
        "gate_rank": block.gate_rank,
        "random_direction": block.random_direction,
    }


def _estimate_tree(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": estimate.value,
        **to_tree(estimate.interval()),
        "scale": estimate.scale,
        "working": estimate.working,
        "replicates": estimate.replicates,
    }
