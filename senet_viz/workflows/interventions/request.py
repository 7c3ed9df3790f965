"""What was asked for, and what can be refused before anything is written."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from senet_viz.errors import ArgumentError, SourceError
from senet_viz.gates import BoundGate, bind_gates
from senet_viz.images import ImageSource, choose_indices, map_labels, name_classes, open_images
from senet_viz.models.zoo import Model
from senet_viz.paths import expand_home
from senet_viz.recording import Recording, open_recording
from senet_viz.recording.outcomes import CLEAN_FOLDER, Variant, stored_outcomes
from senet_viz.workflows.interventions.folds import Rows
from senet_viz.workflows.interventions.options import InterventionOptions
from senet_viz.workflows.interventions.plan import make_variants
from senet_viz.workflows.interventions.recorded import check_labels, check_recording


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
        with self.model.lock:
            return bind_gates(self.model.module)

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
        """The gates that some intervention moves."""
        names = {block for variant in self.variants for block in variant.blocks}
        return tuple(bound for bound in self.gates if bound.gate.name in names)

    def choices(self) -> dict[str, Any]:
        """What is part of the identity, for the manifest."""
        o = self.options
        return {
            "targets": list(o.targets),
            "sets": [list(chosen) for chosen in o.sets],
            "baselines": list(o.baselines),
            "strength": float(o.strength),
            "repeats": o.repeats,
            "seed": o.seed,
            "limit": o.limit,
            "batch_size": o.batch_size,
            "shard_size": o.shard_size,
            "precision": "fp32",
        }

    def check(self) -> None:
        """Refuse what can not work.

        Raises:
            ArgumentError: an unknown block, or baselines that need labels or classmates where there are none.
            RecordingError: a recording whose gates can not be baselines.
            SourceError: an unusable label map.
        """
        assert self.variants  # unknown blocks are told first
        outputs, source = self.model.classes or None, self.source
        if self.given is None:
            map_labels(source.classes, source.label_kind, outputs, self.model.outputs, label_map=self.options.label_map)
            labels, classes = (
                source.labels[self.indices],
                name_classes(source.classes, source.label_kind, outputs),
            )
        else:
            check_recording(self.given, self.model, source)
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
    """
    source = open_images(images) if isinstance(images, (str, Path)) else images
    if not len(source):
        raise SourceError(f"{source.name} holds no image: give a folder, Parquet or CSV with images.")
    given = open_recording(baselines_from) if isinstance(baselines_from, (str, Path)) else baselines_from
    return Request(model, source, expand_home(folder), options, given)
