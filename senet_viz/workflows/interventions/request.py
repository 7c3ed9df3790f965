"""What was asked for: options, targets, baselines and the recording they are from; what can be refused before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.gates.discovery import BoundGate
from senet_viz.gates.intervention import find_block
from senet_viz.images.decoding import DECODER
from senet_viz.images.source import ImageSource, choose_indices
from senet_viz.models.forward import check_class_outputs
from senet_viz.models.zoo import Model
from senet_viz.paths import expand_home
from senet_viz.recording.options import check_numbers
from senet_viz.recording.outcomes import (
    BASELINE_ALIASES,
    BASELINES,
    CLEAN_FOLDER,
    DRAWN,
    Variant,
    VariantKind,
    stored_outcomes,
)
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.schema import ClassTable, LabelMapping, are_same_gates, to_tree
from senet_viz.workflows.interventions.donors import Rows, make_folds, make_halves, scratch_bytes
from senet_viz.workflows.plan import map_to_outputs, open_source

TARGETS = ("blocks", "stages", "cumulative", "all")
DEFAULT_TARGETS = ("blocks", "stages")
DEFAULT_BASELINES = ("one", "mean", "predicted_class_mean", "within", "between")


@dataclass(frozen=True)
class InterventionOptions:
    """Every choice of a run; all but `workers` is part of its identity.

    Attributes:
        targets: of "blocks" (each alone), "stages" (all blocks of each), "cumulative" (from the first block up to
            each) and "all" (every block).
        sets: further targets: blocks that are moved together, by label or path.
        baselines: what gates are moved to, of `BASELINES`; `same_class` and `other_class` are other words for `within` and
            `between` (resample ablations with a donor of the same class, and of another).
        strength: t in s′ = lerp(s, b, t), 0 to 1.
        repeats: draws of the baselines that are a matter of chance.
        seed: of the choice of images, folds, halves, groups and donors.
        limit: at most so many images, stratified by class; None for all.
        batch_size: images a forward.
        shard_size: images a commit; what a kill loses at most.
        label_map: file that maps classes to outputs, for a recording that the run makes itself.
        data_name: name of the data in the manifest; the last part of its path by default.
        workers: as in `RecordOptions`.
        reuse: what an intervention can not change is remembered instead of computed again; the results are the same.
    """

    targets: tuple[str, ...] = DEFAULT_TARGETS
    sets: tuple[tuple[str, ...], ...] = ()
    baselines: tuple[str, ...] = DEFAULT_BASELINES
    strength: float = 1.0
    repeats: int = 3
    seed: int = 0
    limit: int | None = None
    batch_size: int = 50
    shard_size: int = 500
    label_map: Path | None = None
    data_name: str | None = None
    workers: int | None = None
    reuse: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "baselines", tuple(BASELINE_ALIASES.get(word, word) for word in self.baselines))
        _check_words("targets", self.targets, TARGETS)
        _check_words("baselines", self.baselines, BASELINES)
        if not self.targets and not self.sets:
            raise ArgumentError(f"Nothing is to be moved: give targets ({', '.join(TARGETS)}) or blocks.")
        if not self.baselines:
            raise ArgumentError(f"Nothing to move gates to: give baselines ({', '.join(BASELINES)}).")
        if any(not chosen for chosen in self.sets):
            raise ArgumentError("A set of blocks is empty: name at least one block.")
        if not 0 <= self.strength <= 1:
            raise ArgumentError(f"strength is {self.strength}: it is 0 (untouched) to 1 (the baseline).")
        check_numbers(self, "repeats", "batch_size", "shard_size", "workers")


_NO_IDENTITY = ("label_map", "data_name", "workers", "reuse")  # the first two are under `mapping` and `data`


def _check_words(name: str, given: Sequence[str], known: Sequence[str]) -> None:
    for word in given:
        if word not in known:
            raise ArgumentError(f"{word!r} is none of the {name}: choose among {', '.join(known)}.")
        if given.count(word) > 1:
            raise ArgumentError(f"{word!r} comes twice among the {name}: give it once.")


def choose_targets(
    blocks: Sequence[str] | None, targets: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Targets and sets: with blocks that are moved together there are no other targets unless given."""
    default = () if blocks is not None else DEFAULT_TARGETS
    return default if targets is None else tuple(targets), () if blocks is None else (tuple(blocks),)


def choose_baselines(baseline: str | None, baselines: Sequence[str] | None) -> tuple[str, ...]:
    """One, several, or those by default.

    Raises:
        ArgumentError: both were given.
    """
    if baseline is not None and baselines is not None:
        raise ArgumentError("Both baseline and baselines were given: give one of them.")
    return (baseline,) if baseline is not None else tuple(baselines or DEFAULT_BASELINES)


MOST_VARIANTS = 2**15 - 1  # numbers in the files are of 16 bits
Target = tuple[str, VariantKind, tuple[str, ...]]  # words for people, kind, names of the gates


def make_variants(gates: Sequence[BoundGate], options: InterventionOptions) -> tuple[Variant, ...]:
    """Every intervention of a run, by target, then baseline, then repeat.

    Raises:
        ArgumentError: an unknown block, or more interventions than the files can number.
    """
    variants = tuple(
        Variant(words, kind, blocks, baseline, repeat, float(options.strength))
        for words, kind, blocks in _list_targets(gates, options)
        for baseline in options.baselines
        for repeat in range(options.repeats if baseline in DRAWN else 1)
    )
    if len(variants) > MOST_VARIANTS:
        raise ArgumentError(f"{len(variants):,} interventions were asked for, {MOST_VARIANTS:,} fit: ask for fewer.")
    return variants


def _list_targets(gates: Sequence[BoundGate], options: InterventionOptions) -> list[Target]:
    found: list[Target] = []
    names = [bound.gate.name for bound in gates]
    for word in options.targets:
        if word == "blocks":
            found += [(bound.gate.label, "block", (bound.gate.name,)) for bound in gates]
        elif word == "stages":
            for stage in dict.fromkeys(bound.gate.stage for bound in gates):
                members = tuple(bound.gate.name for bound in gates if bound.gate.stage == stage)
                found.append((f"stage {stage}", "stage", members))
        elif word == "cumulative":
            found += [(f"up to {b.gate.label}", "cumulative", tuple(names[: i + 1])) for i, b in enumerate(gates)]
        else:
            found.append(("all blocks", "all", tuple(names)))
    found += [_make_set(gates, chosen) for chosen in options.sets]
    return list(dict.fromkeys(found))


def find_blocks(gates: Sequence[BoundGate], names: Sequence[str]) -> list[BoundGate]:
    """Blocks by label or path, each once, in order of depth (ArgumentError where there is no such block)."""
    found = {bound.gate.depth: bound for bound in (find_block(gates, name) for name in names)}
    return [found[depth] for depth in sorted(found)]


def _make_set(gates: Sequence[BoundGate], chosen: Sequence[str]) -> Target:
    ordered = [bound.gate for bound in find_blocks(gates, chosen)]
    kind: VariantKind = "block" if len(ordered) == 1 else "set"
    return " + ".join(gate.label for gate in ordered), kind, tuple(gate.name for gate in ordered)


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
    if not are_same_gates(about.gates, model.gates):
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


@dataclass(frozen=True)
class Request:
    """One call of `intervene` or `advise_freezing`.

    Attributes:
        model: the network.
        source: of images.
        folder: of the outcomes.
        options: every choice.
        given: the recording that baselines are to be from; None where it is to be made.
    """

    model: Model
    source: ImageSource
    folder: Path
    options: InterventionOptions
    given: Recording | None

    @cached_property
    def gates(self) -> tuple[BoundGate, ...]:
        """All gates of the network in order of depth."""
        return self.model.bound_gates

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """The plan."""
        return make_variants(self.gates, self.options)

    @cached_property
    def indices(self) -> Rows:
        """Of the images asked for, in the source; some may turn out unreadable."""
        return choose_indices(self.source.labels, limit=self.options.limit, seed=self.options.seed)

    @cached_property
    def moved(self) -> tuple[BoundGate, ...]:
        """The gates that some intervention patches."""
        names = {block for variant in self.variants for block in variant.blocks}
        return tuple(bound for bound in self.gates if bound.gate.name in names)

    @cached_property
    def _classes_of_source(self) -> tuple[LabelMapping, ClassTable]:
        return map_to_outputs(self.model, self.source, self.options.label_map)

    @property
    def mapping(self) -> LabelMapping:
        """Which output each class is: as the given recording says, else by name or by the label map."""
        return self._classes_of_source[0] if self.given is None else self.given.manifest.mapping

    @property
    def recorded(self) -> int:
        """Images that are recorded before gates are moved; none where a recording was given."""
        return len(self.indices) if self.given is None else 0

    @property
    def bytes_beside(self) -> int:
        """Bytes of the scratch files, and of the recording where it is made."""
        classes = len(self.source.classes)
        scratch = scratch_bytes(
            [bound.gate for bound in self.moved],
            images=len(self.indices) if self.given is None else self.given.n_kept,
            classes=classes,
            baselines=self.options.baselines,
            repeats=self.options.repeats,
        )
        channels = sum(bound.gate.channels for bound in self.gates)
        return scratch + ((2 * self.recorded + 40 * (classes + 1)) * channels if self.recorded else 0)

    def choices(self) -> dict[str, Any]:
        """What is part of the identity, for the manifest."""
        tree = {name: value for name, value in to_tree(self.options).items() if name not in _NO_IDENTITY}
        return {**tree, "strength": float(self.options.strength), "precision": "fp32"}

    def check(self) -> None:
        """Refuse what can not work.

        Raises:
            ArgumentError: an unknown block, or baselines that need labels or classmates where there are none.
            RecordingError: a recording whose gates can not be baselines.
            SourceError: an unusable label map.
        """
        assert self.variants  # unknown blocks are told first
        if self.given is None:
            labels, classes = self.source.labels[self.indices], self._classes_of_source[1]
        else:
            check_recording(self.given, self.model, self.source)
            if self.options.label_map is not None:
                raise ArgumentError("The given recording says how classes map to outputs: leave the label map out.")
            labels, classes = self.given.samples["label"].to_numpy(), self.given.classes
        check_labels(labels, classes, self.options.baselines)

    def is_finished(self) -> bool:
        """Whether this run was finished in the folder before, and the recording that it made there was removed."""
        stored = stored_outcomes(self.folder)
        if stored is None or not stored.complete or self.given is not None or (self.folder / CLEAN_FOLDER).exists():
            return False
        same = stored.model.get("sha256") == self.model.sha256 and stored.data.get("digest") == self.source.digest
        return same and dict(stored.options) == self.choices()


def make_request(
    model: Model,
    images: ImageSource | str | Path,
    folder: str | Path,
    options: InterventionOptions,
    baselines_from: Recording | str | Path | None,
) -> Request:
    """Opens what was given by its name.

    Raises:
        SourceError: no images, or a source that can not be read.
        RecordingError: a recording that can not be read.
        ModelError: a network without class outputs.
    """
    check_class_outputs(model, "Moving or freezing gates")
    source = open_source(images)
    given = open_recording(baselines_from) if isinstance(baselines_from, (str, Path)) else baselines_from
    return Request(model, source, expand_home(folder), options, given)
