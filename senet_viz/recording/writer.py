"""Writes a recording that a kill at any moment can not harm."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.paths import expand_home
from senet_viz.recording.checked import Remembered
from senet_viz.recording.files import as_recording_errors, read_json, read_lines
from senet_viz.recording.folder import JobFolder
from senet_viz.recording.layout import (
    FINAL_MOMENTS,
    LEFTOVER,
    MANIFEST,
    OWN,
    Quantity,
    check_identity,
    check_known,
    gates_schema,
    is_part,
    moments_generation,
    moments_name,
    resumed,
)
from senet_viz.recording.moments import Channels, ClassMoments
from senet_viz.recording.rows import OpenShard, RecordedBatch
from senet_viz.recording.tensors import TensorFile, load_state, save_moments
from senet_viz.schema import FileEntry, Manifest

COMMIT_SHARE = 0.03
_ADVICE = "copy the recording again or record again"
_manifests = Remembered[Manifest | None](16)
_is_recording = Remembered[bool](10_000)


class RecordingWriter(JobFolder):
    """One run that begins or goes on with a recording.

    Images are folded into moments at once; their rows wait for a commit. Replacing the manifest is the only commit
    point, so what a kill leaves is the last commit, and going on from there ends with the same bits.

    Attributes:
        folder: of the recording.
        draft: the manifest as it stands; what `model`, `data` and the others say is the recording's identity.
        complete: a recording of this identity was already finished here: there is nothing to append.
        consumed: inputs already committed, read or not; where to go on.
        appended: inputs appended so far, committed or not.
        images: images that are recorded among them.
        errors: images that were left out: they could not be read, or are not finite.
        nonfinite: images among these for which the network computed values that are not finite.
    """

    def __init__(
        self,
        folder: str | Path,
        draft: Manifest,
        *,
        keep_squeeze: bool = False,
        commit_seconds: float = 30.0,
        commit_images: int = 5000,
        commit_share: float = COMMIT_SHARE,
    ) -> None:
        """Begin a recording, or take up one of the same identity.

        Args:
            folder: new, empty, or a recording's.
            draft: options must name `shard_size`; `data["images"]` is the number of inputs.
            keep_squeeze: keep z of kept images too, not only its moments.
            commit_seconds: commit so often,
            commit_images: and after so many inputs,
            commit_share: the latter only as often as commits take at most this share of the time.

        Raises:
            RecordingError: the folder is locked, can not be written, is something else's, or a recording of other
                inputs (the message names the field and both values).
        """
        place = expand_home(folder)
        super().__init__(place, f"Recording into {place}", own=OWN, manifest=MANIFEST)
        self.draft = draft
        self.complete = False
        self._limits = (commit_seconds, commit_images, commit_share)
        self._schema = gates_schema(draft.gates, squeeze=keep_squeeze)
        self._channels: dict[Quantity, Channels] = {
            "gate": Channels.of_gates(draft.gates),
            "squeeze": Channels.of_squeezes(draft.gates),
        }
        self._sound = True
        self.read_stored(self._begin)

    def _begin(self, folder: Path) -> None:
        stored = stored_manifest(folder)
        if stored is None:
            self._begin_new()
            return
        if stored.form != "full":
            raise RecordingError(f"{self.folder} is a {stored.form} recording and can not be added to: give another.")
        check_identity(stored, self.draft, str(self.folder))
        self.complete = stored.complete
        self.draft = stored if stored.complete else resumed(stored, self.draft)
        progress = stored.progress
        self.consumed = self.appended = progress["consumed"]
        self.images, self.errors, self._kept = progress["images"], progress["errors"], progress["kept"]
        self.nonfinite = progress.get("nonfinite", 0)
        self.remove_unlisted(stored.files, LEFTOVER)
        if self.complete:
            self.release()
        else:
            self._take_up(stored)

    def _begin_new(self) -> None:
        self.consumed = self.appended = self._kept = self._generation = 0
        self.images = self.errors = self.nonfinite = 0
        self._moments = self._empty_moments()
        self._shard = OpenShard(0, self._schema)
        self._files: tuple[FileEntry, ...] = ()
        self.draft = dataclasses.replace(self.draft, files=(), throughput=(), complete=False, form="full")
        self._last_commit, self._cost = time.monotonic(), 0.0
        with self._writing():
            self._commit(None)

    def _take_up(self, stored: Manifest) -> None:
        moments = next((f for f in stored.files if f.role == "moments"), None)
        self._generation = 1 if moments is None else moments_generation(moments.name)
        if moments is None:  # interrupted before the first image was committed
            self._moments = self._empty_moments()
        else:
            file = TensorFile(self.folder / moments.name, moments.sha256)
            self._moments = {q: load_state(file, q, c) for q, c in self._channels.items()}
        self._files = tuple(f for f in stored.files if f.role != "moments" and not is_part(f.name))
        self._shard = OpenShard(self.consumed // self._shard_size, self._schema)
        self._shard.restore(self.folder, (f for f in stored.files if is_part(f.name)))
        self._last_commit, self._cost = time.monotonic(), 0.0

    def _empty_moments(self) -> dict[Quantity, ClassMoments]:
        return {q: ClassMoments.empty(len(self.draft.classes), c) for q, c in self._channels.items()}

    @property
    def _shard_size(self) -> int:
        return int(self.draft.options["shard_size"])

    @property
    def _total(self) -> int:
        return int(self.draft.data["images"])

    def set_precision_difference(self, difference: Mapping[str, float]) -> None:
        """Store how far gates are from fp32, known only after the first batch: largest and rms."""
        self.draft = dataclasses.replace(self.draft, precision_difference=dict(difference))

    def add_notes(self, notes: Sequence[str]) -> None:
        """Sentences that a reader must know, with the next commit; each once."""
        self.draft = dataclasses.replace(self.draft, notes=tuple(dict.fromkeys((*self.draft.notes, *notes))))

    def read_errors(self) -> list[dict[str, str]]:
        """Rows of all images that were left out so far, committed or not."""
        closed = sorted((f for f in self._files if f.role == "errors"), key=lambda f: f.name)
        return [row for f in closed for row in read_lines(self.folder / f.name, f.sha256)] + self._shard.errors

    def append(self, batch: RecordedBatch) -> None:
        """Fold a batch in, and commit where that is due.

        Raises:
            ArgumentError: a batch that does not fit the manifest or crosses a shard's end; nothing was folded.
            RecordingError: gates out of range or not finite (nothing was folded), or a disk that can not be
                written: what was committed remains.
        """
        if self.complete:
            raise ArgumentError(f"{self.folder} is complete: there is nothing to append.")
        batch.check(self.draft.gates)
        self._check_place(batch.consumed)
        joined = self._join(batch)
        for quantity, array in joined.items():
            self._moments[quantity].check(array, batch.labels)
        kept = batch.kept_gates(self._schema) if batch.kept.any() else self._schema.empty_table()
        self._sound = False  # from here on an interruption leaves half a batch
        for quantity, array in joined.items():
            self._moments[quantity].fold(array, batch.labels)
        self._shard.append(batch, kept)
        self.appended += batch.consumed
        self.images += len(batch.sample_ids)
        self.errors += batch.left_out
        self.nonfinite += len(batch.nonfinite)
        self._kept += kept.num_rows
        with self._writing():
            if self.appended % self._shard_size == 0:
                self._close_shard()
            if self._due():
                self._commit(moments_name(self._generation + 1))
        self._sound = True

    def _join(self, batch: RecordedBatch) -> dict[Quantity, NDArray[np.float32]]:
        """Values of all blocks side by side; nothing where no image was read or no block has the quantity."""
        values: dict[Quantity, Mapping[str, NDArray[np.float32]]] = {"gate": batch.gates, "squeeze": batch.squeezes}
        return {q: self._channels[q].join(v) for q, v in values.items() if batch.sample_ids and self._channels[q].names}

    def _check_place(self, consumed: int) -> None:
        left = self._shard_size - self.appended % self._shard_size
        if consumed > left:
            raise ArgumentError(f"A batch of {consumed} inputs crosses the end of its shard, {left} are left in it.")
        if self.appended + consumed > self._total:
            raise ArgumentError(f"The recording is of {self._total} inputs, {self.appended + consumed} were appended.")

    def _due(self) -> bool:
        seconds, images, share = self._limits
        passed = time.monotonic() - self._last_commit
        waiting = self.appended - self.consumed
        return waiting > 0 and (passed >= seconds or (waiting >= images and passed * share >= self._cost))

    def _close_shard(self) -> None:
        self._files += self._shard.close(self.folder)
        self._shard = OpenShard(self._shard.index + 1, self._schema)

    def _commit(self, moments: str | None) -> None:
        """Write what is new and replace the manifest; a beginning has no moments yet."""
        began = time.monotonic()
        self._generation += 1
        self._shard.write_parts(self.folder, self._generation)
        saved = () if moments is None else (save_moments(self.folder, moments, self._moments),)
        files = sorted((*self._files, *self._shard.parts, *saved), key=lambda f: (is_part(f.name), f.role, f.name))
        counts = {"consumed": self.appended, "images": self.images, "errors": self.errors, "kept": self._kept}
        if self.nonfinite:
            counts["nonfinite"] = self.nonfinite
        environment = {**self.draft.environment, "updated": datetime.now(UTC).isoformat(timespec="seconds")}
        manifest = dataclasses.replace(self.draft, files=tuple(files), progress=counts, environment=environment)
        self.replace_manifest(MANIFEST, manifest.to_json())
        self.draft, self.consumed = manifest, self.appended
        self.remove_unlisted(manifest.files, LEFTOVER)
        self._last_commit = time.monotonic()
        self._cost = self._last_commit - began

    def _writing(self) -> Any:
        advice = (
            f"What was committed remains ({self.consumed:,} of {self._total:,} inputs): free or repair the disk and run "
            "the same command to go on."
        )
        return as_recording_errors(f"Writing the recording {self.folder}", advice)

    def finish(self, *, throughput: Mapping[str, Any], notes: Sequence[str] = ()) -> Manifest:
        """Write what is left and mark the recording complete.

        Args:
            throughput: images, seconds and images_per_second of this run.
            notes: sentences that a reader must know.

        Returns:
            The final manifest.

        Raises:
            RecordingError: inputs are missing, or the disk can not be written.
        """
        if self.complete:
            return self.draft
        if self.appended != self._total:
            raise RecordingError(f"{self.folder} has {self.appended} of {self._total} inputs and is not complete.")
        self._sound = False
        self.draft = dataclasses.replace(
            self.draft,
            throughput=(*self.draft.throughput, dict(throughput)),
            notes=(*self.draft.notes, *notes),
            complete=True,
        )
        with self._writing():
            if self.appended % self._shard_size:
                self._close_shard()
            self._commit(FINAL_MOMENTS)
        self.complete = True
        self.release()
        return self.draft

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit whole batches that were appended, unless an append or a commit was cut short; give the lock back."""
        try:
            if self._sound and not self.complete and self.appended > self.consumed:
                self._sound = False
                with self._writing():
                    self._commit(moments_name(self._generation + 1))
        finally:
            self.release()


def stored_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none yet. Parsed once as long as the file is the same.

    Raises:
        RecordingError: it can not be read.
    """
    return _manifests.get(folder / MANIFEST, lambda: _read_manifest(folder))


def _read_manifest(folder: Path) -> Manifest | None:
    path = folder / MANIFEST
    tree = read_json(path, _ADVICE)
    if tree is None:
        return None
    if "kind" in tree:
        raise RecordingError(f"{folder} holds {tree['kind']}, not a recording: give a recording's folder.")
    manifest = Manifest.from_json(tree, str(path), _ADVICE)
    check_known(manifest, str(path), _ADVICE)
    return manifest


def holds_recording(folder: Path) -> bool:
    """Whether a folder has a recording's manifest, be it damaged; not where that says that it is of something else."""
    path = folder / MANIFEST
    try:
        return path.is_file() and _is_recording.get(path, lambda: _says_recording(path))
    except OSError:  # a folder that may not be entered
        return False
    except RecordingError:
        return True


def _says_recording(path: Path) -> bool:
    tree = read_json(path, "")
    return tree is not None and "kind" not in tree
