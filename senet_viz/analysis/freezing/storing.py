"""`freezing.json`: a path as it grows, replaced whole with every step, and its copy beside a recording."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from senet_viz.analysis.freezing.result import Candidate, Cost, FreezePath, FreezeStep, Timing
from senet_viz.errors import RecordingError
from senet_viz.paths import expand_home, tell_refusal
from senet_viz.recording import Recording
from senet_viz.recording.files import as_recording_errors, replace_json
from senet_viz.recording.layout import FREEZING
from senet_viz.schema import Gate
from senet_viz.stats.resampling import Estimate

FREEZING_VERSION = 1
_KIND = "freezing"


def write_freezing(folder: Path, path: FreezePath) -> None:
    """Replace the file; a reader sees the old one or the new one.

    Raises:
        RecordingError: the folder can not be written.
    """
    with as_recording_errors(f"Writing {FREEZING} in {folder}", "Give a folder that can be written."):
        replace_json(folder, FREEZING, to_json(path))


def stored_freezing(folder: Path) -> FreezePath | None:
    """The path in a folder, finished or not; None where there is none.

    Raises:
        RecordingError: it can not be read.
    """
    file = folder / FREEZING
    try:
        return from_json(json.loads(file.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordingError(
            f"{file} could not be read ({error}): copy it again, or delete it and freeze again."
        ) from error


def open_freezing(folder: str | Path) -> FreezePath:
    """Open what `senet-viz freeze` wrote.

    Raises:
        RecordingError: there is none, or it can not be read.
    """
    place = expand_home(folder)
    if reason := tell_refusal(place):
        raise RecordingError(f"{place} could not be opened ({reason}): check the path and its permissions.")
    found = stored_freezing(place)
    if found is None:
        raise RecordingError(f"{place} has no {FREEZING}: give a folder that `senet-viz freeze` wrote.")
    return found


def read_freezing(recording: Recording) -> FreezePath | None:
    """The path that was stored beside a recording; None where there is none.

    Raises:
        RecordingError: damaged, or of another network or other images.
    """
    found = stored_freezing(recording.path)
    if found is not None:
        check_freezing(found, recording)
    return found


def check_freezing(path: FreezePath, recording: Recording) -> None:
    """Refuse a path that does not speak of what was recorded.

    Raises:
        RecordingError: another network, preprocessing, images or outputs of the classes.
    """
    about, where = recording.manifest, f"The {FREEZING} of {recording.path}"
    model, data = path.identity["model"], path.identity["data"]
    if about.model.get("sha256") != model.get("sha256") or recording.blocks != path.gates:
        raise RecordingError(f"{where} is of another network than was recorded: freeze again with this one.")
    if about.data.get("digest") != data.get("digest"):
        raise RecordingError(f"{where} is of other images than were recorded: freeze again on these.")
    if dict(about.preprocessing) != path.identity["preprocessing"]:
        raise RecordingError(f"{where} is of images of another preprocessing: freeze again with the recording's.")
    if list(about.mapping.outputs) != path.identity["outputs"]:
        raise RecordingError(
            f"{where} maps classes to other outputs than the recording: freeze again with its label map."
        )


def to_json(path: FreezePath) -> dict[str, Any]:
    """Plain values; NaN becomes null when it is written."""
    return {
        "freezing_version": FREEZING_VERSION,
        "kind": _KIND,
        "id": path.id,
        "complete": path.complete,
        "identity": dict(path.identity),
        "environment": dict(path.environment),
        "gates": [dataclasses.asdict(gate) for gate in path.gates],
        "parameters": path.parameters,
        "images": list(path.images),
        "clean": list(path.clean),
        "steps": [_step_tree(step) for step in path.steps],
        "timing": None
        if path.timing is None
        else {**dataclasses.asdict(path.timing), "ratios": path.timing.ratios.tolist()},
        "notes": list(path.notes),
    }


def from_json(tree: Mapping[str, Any]) -> FreezePath:
    """The inverse of `to_json`.

    Raises:
        KeyError, TypeError, ValueError: it is no such tree.
    """
    if tree.get("kind") != _KIND or tree.get("freezing_version") != FREEZING_VERSION:
        raise ValueError(f"version {tree.get('freezing_version')!r} of {tree.get('kind')!r}, not {FREEZING_VERSION}")
    timing = tree["timing"]
    return FreezePath(
        id=tree["id"],
        identity=tree["identity"],
        environment=tree["environment"],
        gates=tuple(Gate(**{**gate, "range": tuple(gate["range"])}) for gate in tree["gates"]),
        parameters=tree["parameters"],
        images=(tree["images"][0], tree["images"][1]),
        clean=(_number(tree["clean"][0]), _number(tree["clean"][1])),
        steps=tuple(_step(step) for step in tree["steps"]),
        timing=None if timing is None else Timing(**{**timing, "ratios": np.array(timing["ratios"], dtype=np.float64)}),
        notes=tuple(tree["notes"]),
        complete=tree["complete"],
    )


def _step_tree(step: FreezeStep) -> dict[str, Any]:
    return {
        "block": step.block,
        "choosing": _cost_tree(step.choosing),
        "confirming": None if step.confirming is None else _cost_tree(step.confirming),
        "candidates": [dataclasses.asdict(candidate) for candidate in step.candidates],
    }


def _cost_tree(cost: Cost) -> dict[str, Any]:
    limits = cost.interval()
    return {
        "images": cost.images, "loss": cost.loss, "top1": cost.top1.value, "low": limits.low, "high": limits.high,
        "level": limits.level, "replicates": cost.top1.replicates.tolist(),
    }  # fmt: skip


def _step(tree: Mapping[str, Any]) -> FreezeStep:
    candidates = tuple(Candidate(c["block"], _number(c["top1"]), _number(c["loss"])) for c in tree["candidates"])
    confirming = None if tree["confirming"] is None else _cost(tree["confirming"])
    return FreezeStep(tree["block"], candidates, _cost(tree["choosing"]), confirming)


def _cost(tree: Mapping[str, Any]) -> Cost:
    replicates = np.array(tree["replicates"], dtype=np.float64)
    return Cost(Estimate(_number(tree["top1"]), replicates), _number(tree["loss"]), tree["images"])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
