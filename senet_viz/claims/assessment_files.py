"""`assessment.json` and its tables beside a recording: written whole, read at once, stale ones recognised."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from senet_viz.claims.assessment import Assessment, BlockAssessment
from senet_viz.errors import RecordingError
from senet_viz.recording.files import as_recording_errors, read_json, read_table, replace_json, sha256_of, write_table
from senet_viz.recording.layout import ASSESSMENT, EFFECTS, MEASURES, Quantity
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate, Layout, from_tree, to_tree
from senet_viz.stats.estimates import Estimate

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
    tree = read_json(path, _ADVICE)
    if tree is None:
        return None
    found, version = tree.get("recording_id"), tree.get("assessment_version")
    if found != recording.id or version != ASSESSMENT_VERSION:
        what = f"of recording {found}" if found != recording.id else f"in version {version}"
        raise RecordingError(f"{path} is {what} and does not speak of this one: assess it again.")
    files = from_tree(dict[str, str], tree.get("files") or {}, str(path), _ADVICE, path="files")
    _check_files(recording.path, files)
    return tree


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
    if read_tree(recording) is None:
        raise RecordingError(f"{path} stands without {ASSESSMENT}, as after an interrupted assessment: assess again.")
    frame: pd.DataFrame = read_table(path).to_pandas()
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
    return from_tree(Assessment, tree, where, _ADVICE, layouts=layouts, renamed=_RENAMED)


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
