"""The recording that baselines are from, and the images that interventions are made on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.images import DECODER, ImageSource, choose_indices
from senet_viz.models.zoo import Model
from senet_viz.recording import Recording
from senet_viz.schema import ClassTable
from senet_viz.workflows.interventions.folds import Rows, make_folds, make_halves

NEED_LABELS = ("group_mean", "class_mean", "within", "between")
NEED_CLASSMATES = ("class_mean", "within", "between")


@dataclass(frozen=True, eq=False)
class Chosen:
    """Images that interventions are made on, N of them, among the P of a recording.

    Attributes:
        indices: (N,) in the source.
        rows: (N,) in the recording.
        labels: (P,) classes of all recorded images.
        folds: (P,) their folds.
        samples: a row per chosen image, as `Outcomes.samples` has it.
    """

    indices: Rows
    rows: Rows
    labels: NDArray[np.int32]
    folds: NDArray[np.int8]
    samples: pa.Table


def check_recording(recording: Recording, model: Model, source: ImageSource) -> None:
    """Refuse a recording whose gates can not be baselines for this model on these images.

    Raises:
        RecordingError: it is of another model, other gates, images or preprocessing, of lower precision, slim,
            incomplete, or does not keep the gates of all images.
    """
    about, where = recording.manifest, recording.path
    if about.model.get("sha256") != model.sha256:
        raise RecordingError(f"{where} is a recording of other weights than {model.name}'s: give one of this model.")
    if about.gates != model.gates:
        raise RecordingError(f"{where} has other gates than {model.name} has now: record again.")
    if about.data.get("digest") != source.digest:
        raise RecordingError(f"{where} was recorded on other images than {source.name}: give one of these images.")
    wanted = {**model.preprocess.to_json(), "decoder": DECODER}
    if dict(about.preprocessing) != wanted:
        changed = next(k for k in {**wanted, **about.preprocessing} if wanted.get(k) != about.preprocessing.get(k))
        raise RecordingError(f"{where} was recorded with another preprocessing ({changed}): record again.")
    if about.options.get("precision") != "fp32":
        raise RecordingError(f"{where} was recorded in {about.options.get('precision')}: record in fp32.")
    if not recording.complete:
        raise RecordingError(f"{where} is not complete: run the command that records it again.")
    if recording.form != "full" or not recording.keeps_all:
        raise RecordingError(f"{where} does not keep the gates of all images: record with --keep all.")


def choose_images(recording: Recording, source: ImageSource, *, limit: int | None, seed: int) -> Chosen:
    """The images of a source that are to be judged, where they lie in its recording, and everybody's folds.

    Images that the recording lists as unreadable are left out.

    Raises:
        RecordingError: it lacks others.
    """
    wanted = choose_indices(source.labels, limit=limit, seed=seed)
    table = recording.samples
    at = {name: row for row, name in enumerate(table["sample_id"].to_pylist())}
    found = [at.get(source.sample_id(int(index)), -1) for index in wanted]
    unreadable = {row["path"] for row in recording.errors}
    missing = [int(i) for i, row in zip(wanted, found) if row < 0 and source.path(int(i)) not in unreadable]
    if missing:
        raise RecordingError(
            f"{recording.path} lacks {len(missing):,} of the {len(wanted):,} images: record all of them, or give the "
            "--limit and --seed that it was recorded with."
        )
    rows = np.array(found, dtype=np.int64)
    indices, rows = wanted[rows >= 0], rows[rows >= 0]
    labels = table["label"].to_numpy()
    folds, halves = make_folds(labels, seed), make_halves(labels[rows], seed)
    samples = table.select(["sample_id", "path", "label", "output_label"]).take(rows)
    samples = samples.append_column("fold", pa.array(folds[rows])).append_column("half", pa.array(halves))
    return Chosen(indices, rows, labels, folds, samples)


def check_labels(labels: NDArray[np.int32], classes: ClassTable, baselines: Sequence[str]) -> None:
    """Refuse baselines that need labels, or images of the same class in another fold, where there are none.

    Raises:
        ArgumentError: naming the baseline and what is missing.
    """
    wanted = [b for b in baselines if b in NEED_LABELS]
    unlabelled = int((labels < 0).sum())
    if wanted and unlabelled:
        raise ArgumentError(
            f"{wanted[0]} needs the class of every image, and {unlabelled:,} of {len(labels):,} have no label: leave out "
            f"{', '.join(wanted)}."
        )
    if "predicted_class_mean" in baselines and unlabelled == len(labels):
        raise ArgumentError("predicted_class_mean needs images with labels, and none has one: leave it out.")
    counts = np.bincount(labels[labels >= 0], minlength=len(classes))
    alone = np.flatnonzero(counts == 1)
    wanted = [b for b in baselines if b in NEED_CLASSMATES]
    if wanted and len(alone):
        raise ArgumentError(
            f"{wanted[0]} needs two images of every class, and {classes.short_name(int(alone[0]))} has one"
            f"{f' (so have {len(alone) - 1} more)' if len(alone) > 1 else ''}: leave the class or {', '.join(wanted)} out."
        )
    if "between" in baselines and (counts > 0).sum() < 2:
        raise ArgumentError("between needs images of two classes, and there is one: leave it out.")
