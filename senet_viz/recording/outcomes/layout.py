"""What lies where in a folder of interventions: names, table schemas, the manifest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import pyarrow as pa

from senet_viz.errors import RecordingError
from senet_viz.recording.lock import LOCK
from senet_viz.recording.outcomes.variants import Variant
from senet_viz.recording.progress import PROGRESS
from senet_viz.schema import Manifest

KIND = "interventions"
MANIFEST = "manifest.json"
SAMPLES = "samples-00000.parquet"
CLEAN_FOLDER, SCRATCH_FOLDER = "clean", "scratch"
CLEAN_INDEX = -1

_LEFTOVER = re.compile(r"(samples|outcomes)-\d{5}\.parquet(\.tmp)?|manifest\.json\.tmp")
_ASIDE = re.compile(rf"({re.escape(LOCK)}|{re.escape(PROGRESS)})(\..*)?|{CLEAN_FOLDER}|{SCRATCH_FOLDER}")

SAMPLES_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("path", pa.string()),
        ("label", pa.int32()),
        ("output_label", pa.int32()),
        ("fold", pa.int8()),
        ("half", pa.int8()),
    ]
)
OUTCOMES_SCHEMA = pa.schema(
    [
        ("variant", pa.int16()),
        ("sample", pa.int32()),
        ("prediction", pa.int32()),
        ("loss", pa.float32()),
        ("correct", pa.bool_()),
        ("correct5", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class OutcomesManifest(Manifest):
    """What a folder of interventions is and what made it; a recording's manifest, and:

    Attributes:
        kind: "interventions".
        baselines: recording (id of the one that baselines are from), recording_images, folds, group_size,
            donor_count_difference (the most by which a donor's counts in `within` and `between` differ; null without
            them); once complete also predicted_without_class (images whose clean prediction is no class of the
            data) and recording_disagreements (images whose clean prediction is not the recorded one).
        variants: the interventions; a variant's number in the files is its position here, −1 is clean.
    """

    kind: str = KIND
    baselines: Mapping[str, Any] = field(default_factory=dict)
    variants: tuple[Variant, ...] = ()

    @classmethod
    def from_json(cls, tree: Mapping[str, Any], where: str = MANIFEST) -> Self:
        """The inverse of `to_json`.

        Raises:
            RecordingError: not of interventions, a later schema version, or a field that is missing or unknown.
        """
        if tree.get("kind") != KIND:
            raise RecordingError(f"{where} is not of interventions: give a folder that `senet-viz intervene` wrote.")
        try:
            variants = tuple(Variant(**{**v, "blocks": tuple(v["blocks"])}) for v in tree["variants"])
        except (KeyError, TypeError) as error:
            raise RecordingError(f"{where} is no manifest of interventions ({error}): make them again.") from error
        return super().from_json({**tree, "variants": variants}, where)


def outcomes_name(shard: int) -> str:
    """Name of the file of one slice of the images."""
    return f"outcomes-{shard:05d}.parquet"


def is_leftover(name: str) -> bool:
    """Whether an unlisted file of this name is the remains of an interrupted commit."""
    return _LEFTOVER.fullmatch(name) is not None


def is_own(name: str) -> bool:
    """Whether interventions may have left something of this name without listing it."""
    return is_leftover(name) or _ASIDE.fullmatch(name) is not None
