"""From a recording to what the plan needs: folds, donors, means, and the manifest."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from senet_viz.gates.interventions import PrefixMemory
from senet_viz.models.environment import describe_environment
from senet_viz.recording import Recording
from senet_viz.recording.outcomes import OutcomesManifest, OutcomesWriter, read_clean_predictions
from senet_viz.workflows.interventions.baselines import Baselines, group_outputs
from senet_viz.workflows.interventions.folds import FOLDS, GROUP_SIZE, Donors, draw_donors, draw_groups
from senet_viz.workflows.interventions.recorded import Chosen, check_labels, check_recording, choose_images
from senet_viz.workflows.interventions.request import Request
from senet_viz.workflows.interventions.running import Job
from senet_viz.workflows.interventions.scratch import Sorting, fill_scratch

NOTES: Mapping[str, str] = {
    "shared": "",
    "copied": "Remembered feature maps were copied for each intervention, because the network writes into some in place.",
    "none": "Every intervention ran the whole network: its results would not have been the same bits otherwise.",
}


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is settled before the first image.

    Attributes:
        recording: that baselines are from.
        chosen: images that are judged.
        donors: of each repeat; none where neither `within` nor `between` is wanted.
    """

    recording: Recording
    chosen: Chosen
    donors: tuple[Donors, ...]


def prepare(request: Request, recording: Recording) -> Prepared:
    """Checks a recording and settles images, folds and donors.

    Raises:
        RecordingError, ArgumentError: as `check_recording`, `choose_images` and `check_labels`.
    """
    options = request.options
    check_recording(recording, request.model, request.source)
    chosen = choose_images(recording, request.source, limit=options.limit, seed=options.seed)
    check_labels(chosen.labels, recording.classes, options.baselines)
    wanted = {"within", "between"} & {*options.baselines}
    donors = [
        draw_donors(chosen.labels, chosen.folds, chosen.rows, seed=options.seed, repeat=repeat)
        for repeat in range(options.repeats if wanted else 0)
    ]
    return Prepared(recording, chosen, tuple(donors))


def draft_manifest(request: Request, prepared: Prepared, mode: str) -> OutcomesManifest:
    """What the outcomes will be; `mode` is how prefixes are remembered."""
    about, chosen, options = prepared.recording.manifest, prepared.chosen, request.options
    name = options.data_name or about.data["name"]
    differences = [donors.count_difference for donors in prepared.donors]
    environment = describe_environment(request.model.device)
    note = NOTES[mode] if options.reuse else ""
    return OutcomesManifest(
        id=uuid.uuid4().hex,
        model=about.model,
        data={**about.data, "name": name, "images": len(chosen.rows)},
        gates=about.gates,
        classes=about.classes,
        mapping=about.mapping,
        preprocessing=about.preprocessing,
        options=request.choices(),
        environment={**environment, "prefixes": mode, "started": datetime.now(UTC).isoformat(timespec="seconds")},
        notes=(*about.notes, *([note] if note else [])),
        form="interventions",
        baselines={
            "recording": about.id,
            "recording_images": len(chosen.labels),
            "folds": FOLDS,
            "group_size": GROUP_SIZE,
            "donor_count_difference": max(differences, default=None),
        },
        variants=request.variants,
    )


def make_job(request: Request, prepared: Prepared, memory: PrefixMemory, scratch: Path) -> Job:
    """Fills the scratch files and puts together what a batch needs."""
    recording, chosen, options = prepared.recording, prepared.chosen, request.options
    classes = len(recording.classes)
    outputs, of_output = group_outputs(recording.manifest.mapping)
    repeats = options.repeats if "group_mean" in options.baselines else 0
    groups = draw_groups(chosen.folds, classes, repeats=repeats, seed=options.seed)
    sorting = Sorting(chosen.labels, chosen.folds, classes, outputs, options.baselines, groups)
    tables = fill_scratch(recording, [bound.gate for bound in request.moved], sorting, scratch)
    output_groups = np.array([of_output.get(output, -1) for output in range(request.model.outputs)], dtype=np.int64)
    judged = chosen.labels[chosen.rows], chosen.folds[chosen.rows]
    own_outputs = chosen.samples["output_label"].fill_null(-1).to_numpy().astype(np.int32)
    return Job(
        model=request.model,
        gates={bound.gate.name: bound for bound in request.gates},
        variants=request.variants,
        baselines=Baselines(tables, *judged, prepared.donors, output_groups),
        memory=memory,
        outputs=own_outputs,
    )


def tell_end(writer: OutcomesWriter, job: Job, prepared: Prepared) -> tuple[dict[str, Any], Sequence[str]]:
    """What is only known when all images are done: entries of the manifest's `baselines`, and notes."""
    predictions = read_clean_predictions(writer.folder, writer.draft)
    recorded = prepared.recording.samples["prediction"].to_numpy()[prepared.chosen.rows]
    found: dict[str, Any] = {"recording_disagreements": int((predictions != recorded).sum())}
    notes = []
    if "predicted_class_mean" in {variant.baseline for variant in job.variants}:
        lost = found["predicted_without_class"] = job.baselines.without_class(predictions)
        if lost:
            notes.append(
                f"{lost:,} images have a clean prediction that is no class with images in the other folds: their "
                "predicted_class_mean is the mean of all images."
            )
    return found, notes
