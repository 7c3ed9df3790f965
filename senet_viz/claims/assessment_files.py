"""`assessment.json` and its tables beside a recording: written whole, read at once, stale ones recognised."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from senet_viz.claims.assessment import (
    Assessment,
    BlockAssessment,
    ClassesLikeThese,
    ControlCurve,
    NullSummary,
)
from senet_viz.errors import RecordingError
from senet_viz.recording.files import as_recording_errors, read_table, replace_json, sha256_of, write_table
from senet_viz.recording.layout import ASSESSMENT, EFFECTS, MEASURES, Quantity
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate
from senet_viz.stats.estimates import Estimate, Interval
from senet_viz.stats.health import GateHealth
from senet_viz.stats.shares import BlockStatistics

ASSESSMENT_VERSION = 1
_NAN = float("nan")


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
        replace_json(folder, ASSESSMENT, {**head, **to_json(assessment), **extra})
        if effects is None:
            (folder / EFFECTS).unlink(missing_ok=True)


def read_tree(recording: Recording) -> dict[str, Any] | None:
    """The JSON of the assessment beside a recording; None where there is none.

    Raises:
        RecordingError: it can not be read, is of another recording or of an older version, or the tables beside it are
            those of another assessment, which was interrupted (assess again).
    """
    path = recording.path / ASSESSMENT
    try:
        tree = json.loads(path.read_text("utf-8"))
        found, version = tree["recording_id"], tree["assessment_version"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"{path} could not be read ({error}): assess the recording again.") from error
    if found != recording.id or version != ASSESSMENT_VERSION:
        what = f"of recording {found}" if found != recording.id else f"in version {version}"
        raise RecordingError(f"{path} is {what} and does not speak of this one: assess it again.")
    _check_files(recording.path, tree.get("files") or {})
    return dict(tree)


def _check_files(folder: Path, files: Mapping[str, str]) -> None:
    for name, expected in files.items():
        try:
            same = sha256_of(folder / name) == expected
        except OSError:
            same = False
        if not same:
            raise RecordingError(
                f"{folder / name} is not the one that {ASSESSMENT} was written with, as after an assessment that was "
                "interrupted: assess the recording again."
            )


def read_assessment(recording: Recording) -> Assessment | None:
    """The assessment beside a recording; None where there is none.

    Raises:
        RecordingError: as in `read_tree`.
    """
    tree = read_tree(recording)
    if tree is None:
        return None
    try:
        return from_json(tree, recording.blocks)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{recording.path / ASSESSMENT} lacks {error}: assess the recording again.") from error


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
    if read_tree(recording) is None:
        raise RecordingError(f"{path} stands without {ASSESSMENT}, as after an interrupted assessment: assess again.")
    frame = read_extra(recording, MEASURES)
    if "quantity" not in frame:
        frame["quantity"] = "gate"
    of_it = frame["quantity"] == quantity
    return frame[of_it].drop(columns="quantity").reset_index(drop=True)


def read_extra(recording: Recording, name: str) -> pd.DataFrame:
    """A table beside the JSON of an assessment that `read_tree` has found whole.

    Raises:
        RecordingError: it is missing or damaged.
    """
    frame: pd.DataFrame = read_table(recording.path / name).to_pandas()
    return frame


def to_json(assessment: Assessment) -> dict[str, Any]:
    """Plain values; NaN becomes null when it is written."""
    return {
        **{f.name: getattr(assessment, f.name) for f in dataclasses.fields(assessment) if f.name not in ("blocks", "controls")},
        "blocks": [_block_tree(block) for block in assessment.blocks],
        "controls": [
            {"name": c.name, "seed": c.seed, "blocks": [dataclasses.asdict(b) for b in c.blocks]} for c in assessment.controls
        ],
    }  # fmt: skip


def from_json(tree: Mapping[str, Any], gates: tuple[Gate, ...]) -> Assessment:
    """The inverse of `to_json`, for a recording of these gates.

    Raises:
        KeyError, TypeError, ValueError: it is no such tree.
    """
    by_name = {gate.name: gate for gate in gates}
    return Assessment(
        recording_id=tree["recording_id"],
        computed_from=tree["computed_from"],
        code_version=tree["code_version"],
        images=tree["images"],
        classes=tree["classes"],
        smallest_class=tree["smallest_class"],
        groups=tree["groups"],
        reason=tree["reason"],
        blocks=tuple(_block(block, by_name[block["name"]]) for block in tree["blocks"]),
        controls=tuple(
            ControlCurve(c["name"], c["seed"], tuple(BlockStatistics(**_numbers(b)) for b in c["blocks"]))
            for c in tree["controls"]
        ),
    )


def _block_tree(block: BlockAssessment) -> dict[str, Any]:
    return {
        "name": block.block.name,
        "label": block.block.label,
        "gate": {name: _estimate_tree(estimate) for name, estimate in block.gate.items()},
        "omega_squared_mean": block.omega_squared_mean,
        "squeeze": None if block.squeeze is None else dataclasses.asdict(block.squeeze),
        "null": None if block.null is None else dataclasses.asdict(block.null),
        "classes_like_these": None
        if block.classes is None
        else {"icc": block.classes.value, **dataclasses.asdict(block.classes.interval)},
        "health": dataclasses.asdict(block.health),
        "gate_rank": block.gate_rank,
        "random_direction": block.random_direction,
    }


def _estimate_tree(estimate: Estimate) -> dict[str, Any]:
    interval = estimate.interval()
    return {
        "value": estimate.value,
        "low": interval.low,
        "high": interval.high,
        "level": interval.level,
        "scale": estimate.scale,
        "working": estimate.working,
        "replicates": estimate.replicates.tolist(),
    }


def _block(tree: Mapping[str, Any], gate: Gate) -> BlockAssessment:
    like = tree["classes_like_these"]
    return BlockAssessment(
        block=gate,
        gate={
            name: Estimate(_number(e["working"]), np.array([_number(r) for r in e["replicates"]]), e["scale"])
            for name, e in tree["gate"].items()
        },
        omega_squared_mean=_number(tree["omega_squared_mean"]),
        squeeze=None if tree["squeeze"] is None else BlockStatistics(**_numbers(tree["squeeze"])),
        null=None if tree["null"] is None else NullSummary(**_numbers(tree["null"])),
        classes=None
        if like is None
        else ClassesLikeThese(
            _number(like["icc"]), Interval(_number(like["low"]), _number(like["high"]), like["level"])
        ),
        health=GateHealth(**_numbers(tree["health"])),
        gate_rank=_number(tree["gate_rank"]),
        random_direction=_number(tree["random_direction"]),
    )


def _number(value: float | None) -> float:
    return _NAN if value is None else value


def _numbers(tree: Mapping[str, float | None]) -> dict[str, Any]:
    return {name: _number(value) for name, value in tree.items()}
