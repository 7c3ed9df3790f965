"""Writes a folder of interventions that a kill at any moment can not harm."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.paths import expand_home
from senet_viz.recording.files import as_recording_errors, write_table
from senet_viz.recording.folder import JobFolder, check_same
from senet_viz.recording.layout import check_identity, resumed, shard_name
from senet_viz.recording.outcomes import (
    CLEAN_INDEX,
    LEFTOVER,
    MANIFEST,
    OUTCOMES_SCHEMA,
    OWN,
    SAMPLES,
    SAMPLES_SCHEMA,
    Outcome,
    OutcomesManifest,
    stored_outcomes,
    write_outcomes,
)


class OutcomesWriter(JobFolder):
    """One run that begins or goes on with a folder of interventions; entered by `with`.

    Shards are fixed slices of the images. Replacing the manifest is the only commit point: a kill leaves the shards
    committed before it, and going on from there ends with the same bits.

    Attributes:
        folder: of the interventions.
        draft: the manifest as it stands.
        complete: interventions of this identity were already finished here.
        consumed: images already committed; where to go on.
    """

    def __init__(self, folder: str | Path) -> None:
        """Take the folder's lock.

        Raises:
            RecordingError: the folder is locked, can not be written, or is something else's.
        """
        place = expand_home(folder)
        super().__init__(place, f"Writing into {place}", own=OWN, manifest=MANIFEST)
        self.complete = False
        self.consumed = 0
        self._stored = self.read_stored(stored_outcomes)  # refuses a recording's

    def begin(self, draft: OutcomesManifest, samples: pa.Table) -> None:
        """Begin, or take up interventions of the same identity.

        Args:
            draft: options must name `shard_size`; `data["images"]` is the number of images.
            samples: a row per image.

        Raises:
            RecordingError: interventions of other inputs (the message names the field and both values).
        """
        self.draft = draft
        stored = self._stored
        if stored is None:
            table = samples.cast(SAMPLES_SCHEMA).combine_chunks()
            with self._writing():
                entry = write_table(self.folder, SAMPLES, "samples", table, level=15)
                self.draft = dataclasses.replace(draft, files=(entry,), complete=False)
                self._commit(0)
            return
        check_identity(stored, draft, str(self.folder))
        mine, theirs = stored.to_json(), draft.to_json()
        known = {key: stored.baselines.get(key) for key in draft.baselines}
        check_same(known, theirs["baselines"], "baselines", str(self.folder))
        check_same(mine["variants"], theirs["variants"], "variants", str(self.folder))
        self.complete, self.consumed = stored.complete, stored.progress["consumed"]
        going_on = resumed(stored, draft)
        assert isinstance(going_on, OutcomesManifest)
        self.draft = stored if stored.complete else going_on
        self.remove_unlisted(self.draft.files, LEFTOVER)

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Commit the next shard.

        Args:
            outcomes: clean first, then one for each variant, of the same n images.

        Raises:
            ArgumentError: other numbers of variants or images than the manifest says; nothing was written.
            RecordingError: the disk can not be written: what was committed remains.
        """
        n = len(outcomes[0].prediction)
        expected = min(int(self.draft.options["shard_size"]), int(self.draft.data["images"]) - self.consumed)
        if len(outcomes) != len(self.draft.variants) + 1 or n != expected or self.complete:
            raise ArgumentError(
                f"A shard of {n} images and {len(outcomes) - 1} variants was given, {expected} images and "
                f"{len(self.draft.variants)} variants are expected."
            )
        table = _tabulate(outcomes, self.consumed)
        with self._writing():
            name = shard_name("outcomes", self.consumed // int(self.draft.options["shard_size"]), "parquet")
            entry = write_outcomes(self.folder, name, table)
            self.draft = dataclasses.replace(self.draft, files=(*self.draft.files, entry))
            self._commit(self.consumed + n)

    def add_notes(self, notes: Sequence[str]) -> None:
        """Sentences that a reader must know, with the next commit; each once."""
        self.draft = dataclasses.replace(self.draft, notes=tuple(dict.fromkeys((*self.draft.notes, *notes))))

    def finish(
        self, *, throughput: Mapping[str, Any], baselines: Mapping[str, Any], notes: Sequence[str] = ()
    ) -> OutcomesManifest:
        """Mark the interventions complete.

        Args:
            throughput: images, seconds and images_per_second of this run.
            baselines: what is only known at the end, beside the draft's.
            notes: sentences that a reader must know.

        Raises:
            RecordingError: images are missing, or the disk can not be written.
        """
        if self.consumed != int(self.draft.data["images"]):
            raise RecordingError(f"{self.folder} has {self.consumed} of {self.draft.data['images']} images.")
        self.draft = dataclasses.replace(
            self.draft,
            throughput=(*self.draft.throughput, dict(throughput)),
            baselines={**self.draft.baselines, **baselines},
            notes=(*self.draft.notes, *notes),
            complete=True,
        )
        with self._writing():
            self._commit(self.consumed)
        self.complete = True
        return self.draft

    def _commit(self, consumed: int) -> None:
        environment = {**self.draft.environment, "updated": datetime.now(UTC).isoformat(timespec="seconds")}
        progress = {"consumed": consumed, "images": consumed, "errors": 0}
        self.draft = dataclasses.replace(self.draft, progress=progress, environment=environment)
        self.replace_manifest(MANIFEST, self.draft.to_json())
        self.consumed = consumed

    def _writing(self) -> Any:
        advice = (
            f"What was committed remains ({self.consumed:,} of {self.draft.data['images']:,} images): free or repair the "
            "disk and run the same command to go on."
        )
        return as_recording_errors(f"Writing the interventions {self.folder}", advice)


def _tabulate(outcomes: Sequence[Outcome], first: int) -> pa.Table:
    """Long form: by variant, then by sample. A loss that is not known is null."""
    n = len(outcomes[0].prediction)
    numbers = np.arange(CLEAN_INDEX, len(outcomes) + CLEAN_INDEX, dtype=np.int16)
    samples = np.arange(first, first + n, dtype=np.int32)
    columns = {
        "variant": np.repeat(numbers, n),
        "sample": np.tile(samples, len(outcomes)),
        **vars(Outcome.join(outcomes)),
    }
    arrays = {name: pa.array(values, from_pandas=name == "loss") for name, values in columns.items()}
    return pa.table(arrays, schema=OUTCOMES_SCHEMA)
