"""What lies where in a recording's folder: names, table schemas, and which fields are its identity."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Literal, TypedDict

import pyarrow as pa

from senet_viz.errors import RecordingError
from senet_viz.recording.folder import LOCK, PROGRESS, check_same, differences, shorten_value
from senet_viz.schema import Count, Gate, Manifest, Width, from_tree

Quantity = Literal["gate", "squeeze"]

MANIFEST = "manifest.json"
FINAL_MOMENTS = "moments-00000.safetensors"
SQUEEZE_SUFFIX = ":squeeze"
IDENTITY = ("model", "data", "preprocessing", "options", "gates", "classes", "mapping")

LEFTOVER = re.compile(  # unlisted, the remains of an interrupted commit
    r"((samples|gates|histograms)-\d{5}(-part-\d{6})?\.parquet|errors-\d{5}(-part-\d{6})?\.jsonl"
    r"|(moments|control)(-\d+)+\.safetensors)(\.tmp)?|manifest\.json\.tmp"
)
ASSESSMENT = "assessment.json"
MEASURES = "measures.parquet"
EFFECTS = "effects.parquet"
FREEZING = "freezing.json"
_ASIDE = "|".join(map(re.escape, (LOCK, PROGRESS, ASSESSMENT, MEASURES, EFFECTS, FREEZING)))
OWN = re.compile(rf"{LEFTOVER.pattern}|\.?({_ASIDE})(\..*)?")  # what a recording may have left without listing it

SAMPLES_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("path", pa.string()),
        ("label", pa.int32()),
        ("output_label", pa.int32()),
        ("prediction", pa.int32()),
        ("confidence", pa.float32()),
        ("loss", pa.float32()),
        ("correct", pa.bool_()),
    ]
)


def gates_schema(gates: Sequence[Gate], *, squeeze: bool) -> pa.Schema:
    """Columns of the kept gates: sample_id, one half-precision vector a block, then z where asked for."""
    fields: list[tuple[str, pa.DataType]] = [("sample_id", pa.string())]
    fields += [(g.name, pa.list_(pa.float16(), g.channels)) for g in gates]
    if squeeze:
        having = [g for g in gates if g.squeeze_missing is None]
        fields += [(column_of(g.name, "squeeze"), pa.list_(pa.float16(), g.channels)) for g in having]
    return pa.schema(fields)


def column_of(block: str, quantity: Quantity) -> str:
    """Name of a block's column in the gates files."""
    return block if quantity == "gate" else block + SQUEEZE_SUFFIX


def shard_name(role: str, shard: int, ending: str, *, generation: int | None = None) -> str:
    """`samples-00003.parquet`, or with a generation the part of a shard that is still open."""
    part = "" if generation is None else f"-part-{generation:06d}"
    return f"{role}-{shard:05d}{part}.{ending}"


def is_part(name: str) -> bool:
    """Whether a file holds rows of a shard that is still open."""
    return "-part-" in name


def moments_name(generation: int) -> str:
    """Name of the moments of one commit; only a finished recording has `FINAL_MOMENTS`."""
    return f"moments-{generation:06d}.safetensors"


def moments_generation(name: str) -> int:
    """The commit that moments are of, the inverse of `moments_name`.

    Raises:
        RecordingError: no moments are called so.
    """
    found = re.fullmatch(r"moments-(\d+)\.safetensors", name)
    if found is None:
        raise RecordingError(f"{name!r} is no name of moments: restore the manifest or record again.")
    return int(found[1])


class _Model(TypedDict, total=False):
    name: str
    source: str | None
    sha256: str
    outputs: Count | None


class _Data(TypedDict, total=False):
    name: str
    kind: str
    digest: str
    images: Count


class _Options(TypedDict, total=False):
    batch_size: Width | None
    precision: str
    limit: Count | None
    keep: str
    shard_size: Width
    squeeze: bool


class _Environment(TypedDict, total=False):
    device: str | None
    started: str | None
    updated: str | None


class _Known(TypedDict):
    model: _Model
    data: _Data
    options: _Options
    environment: _Environment


def check_known(manifest: Manifest, where: str, advice: str) -> None:
    """Refuses a manifest in whose free parts a field that is read here is of another type.

    Raises:
        RecordingError: names the path of the field.
    """
    from_tree(_Known, {name: getattr(manifest, name) for name in _Known.__annotations__}, where, advice)


def check_identity(stored: Manifest, draft: Manifest, where: str) -> None:
    """Refuses to go on with other inputs than a recording was begun with; raises as `check_same`.

    What is for people alone may differ: the mapping's note, and what a class of the same wnid is called. The digest knows
    the labels, however their column was found.
    """
    mine, theirs = stored.to_json(), draft.to_json()
    for tree, manifest in ((mine, stored), (theirs, draft)):
        tree["mapping"].pop("note")
        tree["data"].pop("label_column", None)
        tree["classes"]["names"] = list(manifest.classes.keys)
    for name in IDENTITY:
        check_same(mine[name], theirs[name], name, where)


def resumed(stored: Manifest, draft: Manifest) -> Manifest:
    """A stored manifest as a run goes on with it: today's environment, with a note where that changed."""
    started = {"started": stored.environment.get("started"), "updated": None}
    environment = {**draft.environment, "started": started["started"]}
    changes = [
        f"{path.removeprefix('environment.')} {shorten_value(old)} → {shorten_value(new)}"
        for path, old, new in differences(
            {**stored.to_json()["environment"], **started}, {**draft.to_json()["environment"], **started}, "environment"
        )
    ]
    notes = stored.notes
    if changes:
        done = stored.progress.get("consumed", 0)
        notes = (*notes, f"Resumed after {done:,} images in another environment: {', '.join(changes)}.")
    return dataclasses.replace(stored, environment=environment, notes=notes)
