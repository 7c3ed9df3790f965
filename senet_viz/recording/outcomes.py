"""Outcomes of interventions on disk: what an intervention is, what lies where, and how a folder of them is opened and summed up."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Meta
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.files import HashingFile, read_json, read_table, write_file
from senet_viz.recording.folder import LOCK, PROGRESS, StoredFolder, open_stored
from senet_viz.recording.layout import check_known
from senet_viz.schema import Count, FileEntry, Manifest, to_tree

BASELINES = ("one", "zero", "mean", "group_mean", "class_mean", "predicted_class_mean", "within", "between")
BASELINE_ALIASES = {"same_class": "within", "other_class": "between"}  # the field's words; files hold the short ones
VariantKind = Literal["block", "stage", "cumulative", "all", "set"]
DRAWN = ("group_mean", "within", "between")  # a matter of chance, hence made several times
CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class Variant:
    """One intervention that was made on every image.

    Attributes:
        target: for people: "SE_5_2", "stage 5", "up to SE_3_4", "all blocks" or "SE_5_2 + SE_5_3".
        kind: "block", "stage", "cumulative", "all" or "set".
        blocks: names of the gates moved together, in order of depth.
        baseline: what they are moved to, one of `BASELINES`.
        repeat: which draw, from 0; always 0 where the baseline is no matter of chance.
        strength: t in s′ = lerp(s, b, t), 0 to 1.
    """

    target: str
    kind: VariantKind
    blocks: tuple[str, ...]
    baseline: str
    repeat: Count
    strength: Annotated[float, Meta(ge=0, le=1)]


KIND = "interventions"
_ADVICE = "copy the folder again or make it again"
MANIFEST = "manifest.json"
SAMPLES = "samples-00000.parquet"
CLEAN_FOLDER, SCRATCH_FOLDER = "clean", "scratch"
CLEAN_INDEX = -1

LEFTOVER = re.compile(r"(samples|outcomes)-\d{5}\.parquet(\.tmp)?|manifest\.json\.tmp")  # as in a recording's layout
_ASIDE = rf"\.?({re.escape(LOCK)}|{re.escape(PROGRESS)})(\..*)?|{CLEAN_FOLDER}|{SCRATCH_FOLDER}"
OWN = re.compile(f"{LEFTOVER.pattern}|{_ASIDE}")

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
    def from_json(cls, tree: Mapping[str, Any], where: str = MANIFEST, advice: str = "make them again") -> Self:
        """The inverse of `to_json`.

        Raises:
            RecordingError: not of interventions, a later schema version, or a field that is missing, unknown or of
                another type.
        """
        if tree.get("kind") != KIND:
            raise RecordingError(f"{where} is not of interventions: give a folder that `senet-viz intervene` wrote.")
        return super().from_json({"variants": None, **tree}, where, advice)


def write_outcomes(folder: Path, name: str, table: pa.Table) -> FileEntry:
    """One slice of the images: a single row group, so that what variants have in common is found by the compressor."""

    def fill(sink: HashingFile) -> None:
        pq.write_table(
            table,
            sink,
            row_group_size=table.num_rows,
            compression="zstd",
            compression_level=15,
            use_dictionary=["prediction", "variant"],
            column_encoding={"loss": "BYTE_STREAM_SPLIT", "sample": "DELTA_BINARY_PACKED"},
            write_statistics=False,
            write_page_checksum=True,
        )

    return write_file(folder, name, "outcomes", table.num_rows, fill)


def stored_outcomes(folder: Path) -> OutcomesManifest | None:
    """The manifest of a folder; None where there is none yet.

    Raises:
        RecordingError: it can not be read, or is not of interventions.
    """
    path = folder / MANIFEST
    tree = read_json(path, _ADVICE)
    if tree is None:
        return None
    found = OutcomesManifest.from_json(tree, str(path), _ADVICE)
    check_known(found, str(path), _ADVICE)
    if problems := [*_variant_problems(found)]:
        raise RecordingError(f"{path}, {problems[0]}; {_ADVICE}.")
    return found


def _variant_problems(manifest: OutcomesManifest) -> Iterator[str]:
    names = {gate.name for gate in manifest.gates}
    for at, variant in enumerate(manifest.variants):
        if variant.baseline not in BASELINES:
            yield f"variants[{at}].baseline: {variant.baseline[:40]!r} is none of {', '.join(BASELINES)}"
        if not variant.blocks or {*variant.blocks} - names:
            yield f"variants[{at}].blocks: expected blocks of the network"
    if len({*manifest.variants}) < len(manifest.variants):
        yield "variants: one stands there twice"
    rows = {role: sum(f.rows for f in manifest.files if f.role == role) for role in ("samples", "outcomes")}
    done = manifest.progress.get("consumed", 0) * (len(manifest.variants) + 1)
    if rows["outcomes"] != done:
        yield f"files: the outcomes files have {rows['outcomes']} rows, {done} expected of its images and variants"
    if rows["samples"] != manifest.data.get("images"):
        yield f"files: the samples files have {rows['samples']} rows, data.images is {manifest.data.get('images')}"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the network said of every image, N rows in the order of `Outcomes.samples`.

    Attributes:
        prediction: (N,) int32 outputs; −1 where the logits are not finite, which counts as wrong.
        loss: (N,) float32 cross entropy in nats; NaN where the class has no output or the logits are not finite.
        correct: (N,) whether the class's output came first; False where it has none, see `Outcomes.judged`.
        correct5: (N,) whether it was among the first five.
    """

    prediction: NDArray[np.int32]
    loss: NDArray[np.float32]
    correct: NDArray[np.bool_]
    correct5: NDArray[np.bool_]

    @property
    def nonfinite(self) -> int:
        """Images whose logits are not finite."""
        return int((self.prediction < 0).sum())

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Outcomes of several batches, or of several interventions, one after the other."""
        names = [each.name for each in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class Outcomes(StoredFolder[OutcomesManifest]):
    """What interventions on a network's gates did to what it said of a set of images.

    Attributes:
        path: its folder.
        manifest: what it is and what made it.
    """

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The interventions."""
        return self.manifest.variants

    @cached_property
    def samples(self) -> pa.Table:
        """A row per image: sample_id, path, label, output_label (null where its class has none), fold, half.

        Baselines of an image come from the other folds; halves are for choosing and confirming.
        """
        files = self._files("samples")
        if not files:
            raise RecordingError(f"{self.path} lists no samples: {_ADVICE}.")
        return read_table(self.path / files[0].name, files[0].sha256, advice=_ADVICE).combine_chunks()

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """(N,) images whose class has an output."""
        return np.asarray(self.samples["output_label"].is_valid().to_numpy(), dtype=np.bool_)

    @cached_property
    def clean(self) -> Outcome:
        """The untouched network."""
        return self._outcome(CLEAN_INDEX)

    def outcome(self, variant: Variant) -> Outcome:
        """The network under one intervention.

        Raises:
            ArgumentError: it was not made here.
            RecordingError: not all images were done yet, or a file is damaged.
        """
        if variant not in self.variants:
            raise ArgumentError(f"{self.path} has no intervention {variant}: ask for one of its variants.")
        return self._outcome(self.variants.index(variant))

    def _outcome(self, index: int) -> Outcome:
        row = index + 1  # clean comes first
        return Outcome(*(columns[row] for columns in self._columns))

    @cached_property
    def _columns(self) -> tuple[NDArray[np.generic], ...]:
        """prediction, loss, correct and correct5, each (variants + 1, N) and read-only."""
        if not self.complete:
            done = self.manifest.progress.get("consumed", 0)
            raise RecordingError(
                f"{self.path} has {done:,} of {self.samples.num_rows:,} images: run the same command again to finish it."
            )
        parts = [_read_shard(self.path, f, len(self.variants) + 1) for f in self._files("outcomes")]
        columns = tuple(np.concatenate(pieces, axis=1) for pieces in zip(*parts))
        if columns[0].shape[1] != self.samples.num_rows:
            raise RecordingError(f"{self.path} lists {self.samples.num_rows} images and has others: make it again.")
        for column in columns:
            column.setflags(write=False)
        return columns

    def __repr__(self) -> str:
        return f"Outcomes({str(self.path)!r}, variants={len(self.variants)}, complete={self.complete})"


def _read_shard(folder: Path, entry: FileEntry, rows: int) -> tuple[NDArray[np.generic], ...]:
    """Columns of one file as (variants + 1, n); rows lie by variant, then by sample."""
    path = folder / entry.name
    table = read_table(path, entry.sha256, advice=_ADVICE)
    if table.num_rows % rows:
        raise RecordingError(f"{path} has {table.num_rows} rows, a multiple of {rows} expected: make it again.")
    names = ("prediction", "loss", "correct", "correct5")
    return tuple(table[name].to_numpy(zero_copy_only=False).reshape(rows, -1) for name in names)


def read_predictions(folder: Path, manifest: OutcomesManifest) -> NDArray[np.int32]:
    """(variants + 1, n) predictions for the images committed so far, in the order of the samples; the untouched network first."""
    rows = len(manifest.variants) + 1
    parts = [_read_shard(folder, f, rows)[0] for f in manifest.files if f.role == "outcomes"]
    return np.concatenate(parts, axis=1).astype(np.int32) if parts else np.zeros((rows, 0), dtype=np.int32)


def open_outcomes(path: str | Path) -> Outcomes:
    """Open a folder of interventions, finished or not.

    Checks the manifest and that every file is there in its size; tables are read when they are asked for.

    Raises:
        RecordingError: no such folder, one of another schema version, or files that are missing or of another size.
    """
    return Outcomes(*open_stored(path, stored_outcomes, "a folder that `senet-viz intervene` wrote", _ADVICE))


def summarize_outcomes(outcomes: Outcomes) -> dict[str, Any]:
    """What a person wants to know of interventions that were just made, with documented keys.

    Keys: outcomes (folder), id, images, judged (images whose class has an output), complete, clean (top1, top5, loss),
    variants: a list of target, kind, blocks, baseline, repeat, strength, top1, top5, loss (each intervened − clean; top1
    and top5 in points), changed (share of all predictions) and nonfinite (images whose logits are NaN or infinite, which
    count as wrong and are kept out of the loss); baselines and notes of the manifest, throughput. Numbers are null where no
    image was judged.
    """
    manifest, clean, judged = outcomes.manifest, outcomes.clean, outcomes.judged
    rows = []
    for variant in outcomes.variants:
        moved = outcomes.outcome(variant)
        changed = float((moved.prediction != clean.prediction).mean())
        rows.append(
            {**to_tree(variant), **_differences(moved, clean, judged), "changed": changed, "nonfinite": moved.nonfinite}
        )
    return {
        "outcomes": str(outcomes.path),
        "id": outcomes.id,
        "images": outcomes.samples.num_rows,
        "judged": int(judged.sum()),
        "complete": outcomes.complete,
        "clean": {
            "top1": _mean(clean.correct[judged]),
            "top5": _mean(clean.correct5[judged]),
            "loss": _mean(_finite(clean.loss[judged])),
            "nonfinite": clean.nonfinite,
        },
        "variants": rows,
        "baselines": dict(manifest.baselines),
        "throughput": [dict(run) for run in manifest.throughput],
        "notes": list(manifest.notes),
    }


def describe_outcomes(summary: dict[str, Any]) -> str:
    """The same for people, a row a target and a column a baseline, repeats averaged.

    Shown is Δ top-1 in points, or, where no image was judged, how many predictions of 100 changed.
    """
    judged = summary["clean"]["top1"] is not None
    what = "Δ top-1, points" if judged else "predictions changed, %"
    lines = [
        f"{summary['outcomes']}: {summary['images']:,} images, {len(summary['variants']):,} interventions, clean top-1 "
        + (f"{summary['clean']['top1']:.2%}" if judged else "unknown: no class has an output")
    ]
    cells: dict[str, dict[str, list[float]]] = {}
    for row in summary["variants"]:
        value = row["top1"] if judged else 100 * row["changed"]
        cells.setdefault(row["target"], {}).setdefault(row["baseline"], []).append(value)
    baselines = list(dict.fromkeys(row["baseline"] for row in summary["variants"]))
    width = max([len(target) for target in cells] + [len(what)]) + 2
    widths = {name: max(len(name), len("-100.00")) + 2 for name in baselines}
    lines.append(what.ljust(width) + "".join(name.rjust(widths[name]) for name in baselines))
    for target, found in cells.items():
        means = (float(np.mean(found[name])) for name in baselines)
        texts = (f"{mean:+.2f}" if judged else f"{mean:.2f}" for mean in means)
        lines.append(target.ljust(width) + "".join(text.rjust(widths[name]) for text, name in zip(texts, baselines)))
    return "\n".join([*lines, *(f"note: {note}" for note in summary["notes"])])


def _differences(moved: Outcome, clean: Outcome, judged: NDArray[np.bool_]) -> dict[str, float | None]:
    def differ(intervened: NDArray[Any], untouched: NDArray[Any], unit: float) -> float | None:
        with np.errstate(invalid="ignore"):  # inf − inf
            return _mean(_finite(unit * (intervened[judged].astype(np.float64) - untouched[judged].astype(np.float64))))

    return {
        "top1": differ(moved.correct, clean.correct, 100),
        "top5": differ(moved.correct5, clean.correct5, 100),
        "loss": differ(moved.loss, clean.loss, 1),
    }


def describe_nonfinite_outcomes(outcomes: Sequence[tuple[str, int]], images: int) -> str:
    """A sentence about runs in which the logits of some images are not finite; "" for none.

    Args:
        outcomes: what each run is called, and how many images it is.
        images: in each run.
    """
    found = [(name, count) for name, count in outcomes if count]
    if not found:
        return ""
    named = ", ".join(f"{name} ({count:,} of {images:,} images)" for name, count in found[:4])
    more = f" and {len(found) - 4:,} more" if len(found) > 4 else ""
    return f"The logits are not finite with {named}{more}: such images count as wrong and have no loss."


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(values[np.isfinite(values)])


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean(dtype=np.float64)) if len(values) else None
