"""The whole way from images and a network to outcomes of interventions on disk."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from senet_viz.gates.activation_cache import ActivationCache
from senet_viz.images.source import ImageSource
from senet_viz.models.environment import describe_environment
from senet_viz.models.memory import keep_freed_memory
from senet_viz.models.zoo import Model
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.outcomes import (
    CLEAN_FOLDER,
    SCRATCH_FOLDER,
    Outcome,
    Outcomes,
    OutcomesManifest,
    describe_nonfinite_outcomes,
    open_outcomes,
    read_predictions,
)
from senet_viz.recording.outcomes_writer import OutcomesWriter
from senet_viz.recording.reader import Recording
from senet_viz.workflows.engine import LOCAL, Engine, Runner, describe_workers
from senet_viz.workflows.interventions.donors import (
    FOLDS,
    GROUP_SIZE,
    Baselines,
    Donors,
    Sorting,
    draw_donors,
    draw_groups,
    fill_scratch,
    group_outputs,
    scratch_folder,
)
from senet_viz.workflows.interventions.request import (
    Chosen,
    InterventionOptions,
    Request,
    check_labels,
    check_recording,
    choose_baselines,
    choose_images,
    choose_targets,
    make_request,
)
from senet_viz.workflows.interventions.running import (
    InterventionWork,
    estimate_interventions,
    run_plan,
    warm_up_with_cache,
)
from senet_viz.workflows.job import Meter, OnEstimate, OnProgress
from senet_viz.workflows.record import record

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


def make_work(request: Request, prepared: Prepared, memory: ActivationCache, scratch: Path) -> InterventionWork:
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
    return InterventionWork(
        model=request.model,
        source=request.source,
        gates={bound.gate.name: bound for bound in request.gates},
        variants=request.variants,
        baselines=Baselines(tables, *judged, prepared.donors, output_groups),
        memory=memory,
        outputs=own_outputs,
    )


def gather_ending(
    writer: OutcomesWriter, work: InterventionWork, prepared: Prepared
) -> tuple[dict[str, Any], Sequence[str]]:
    """What is only known when all images are done: entries of the manifest's `baselines`, and notes."""
    everything = read_predictions(writer.folder, writer.draft)
    predictions = everything[0]
    recorded = prepared.recording.samples["prediction"].to_numpy()[prepared.chosen.rows]
    found: dict[str, Any] = {"recording_disagreements": int((predictions != recorded).sum())}
    runs = ["the untouched network", *(f"{each.target} → {each.baseline}" for each in writer.draft.variants)]
    note = describe_nonfinite_outcomes(list(zip(runs, (everything < 0).sum(axis=1).tolist())), len(predictions))
    notes = [note] if note else []
    if "predicted_class_mean" in {variant.baseline for variant in work.variants}:
        lost = found["predicted_without_class"] = work.baselines.without_class(predictions)
        if lost:
            notes.append(
                f"{lost:,} images have a clean prediction that is no class with images in the other folds: their "
                "predicted_class_mean is the mean of all images."
            )
    return found, notes


def intervene(
    model: Model,
    images: ImageSource | str | Path,
    folder: str | Path,
    *,
    blocks: Sequence[str] | None = None,
    baseline: str | None = None,
    strength: float = 1.0,
    baselines_from: Recording | str | Path | None = None,
    repeats: int = 3,
    seed: int = 0,
    targets: Sequence[str] | None = None,
    baselines: Sequence[str] | None = None,
    limit: int | None = None,
    batch_size: int = 50,
    options: InterventionOptions | None = None,
    on_estimate: OnEstimate | None = None,
    on_progress: OnProgress | None = None,
    engine: Engine = LOCAL,
) -> Outcomes:
    """Moves gates of a network on every image of a source, and keeps what it then said.

    s′ = lerp(s, b, t) for every target, baseline b and repeat, with t = strength, in fp32. The baselines of an image
    come from images of other folds, whose gates were rounded to half precision. The same call on the same folder resumes
    what was interrupted and ends with the same bits.

    Args:
        model: from `load_model`.
        images: a source, or what `open_images` takes.
        folder: of the outcomes.
        blocks: moved together, by label or path; with them there are no other targets unless given.
        baseline: one baseline; shorthand for `baselines`.
        strength: t, 0 to 1.
        baselines_from: a recording of this model on these images with all gates kept; it is made in `folder`/clean
            where none is given.
        repeats: draws of the baselines that are a matter of chance.
        seed: of every random choice.
        targets: of "blocks", "stages", "cumulative" and "all"; blocks and stages by default.
        baselines: of `senet_viz.recording.outcomes.BASELINES`; by default one, mean, predicted_class_mean, within and between.
        limit: at most so many images, stratified by class.
        batch_size: images a forward.
        options: every choice; those above (but `baselines_from`) are ignored when it is given.
        on_estimate: called once before the work starts.
        on_progress: called after every batch.
        engine: who runs the batches; it changes no bit on like machines.

    Returns:
        The finished outcomes.

    Raises:
        ArgumentError: unusable options, an unknown block, baselines that need labels where there are none.
        SourceError: no images, or none that could be read.
        RecordingError: a folder or a recording of other inputs, or one that can not be read or written.
        GateError: the network's gates can not be observed.
        EngineError: workers that can not do the batches.
    """
    keep_freed_memory()
    if options is None:
        options = InterventionOptions(
            *choose_targets(blocks, targets), choose_baselines(baseline, baselines),
            strength=strength, repeats=repeats, seed=seed, limit=limit, batch_size=batch_size,
        )  # fmt: skip
    return _make(make_request(model, images, folder, options, baselines_from), on_estimate, on_progress, engine)


def _make(request: Request, on_estimate: OnEstimate | None, on_progress: OnProgress | None, engine: Engine) -> Outcomes:
    request.check()
    with OutcomesWriter(request.folder) as writer:
        if request.is_finished():
            return open_outcomes(request.folder)
        warm = warm_up_with_cache(request)
        estimate = estimate_interventions(request, warm)
        if on_estimate:
            on_estimate(estimate)
        estimate.check_room("The interventions, scratch files included,", "use --limit, or another disk.")
        prepared = prepare(request, request.given or record_clean(request, on_progress, engine))
        memory = warm.memory
        writer.begin(draft_manifest(request, prepared, memory.mode), prepared.chosen.samples)
        if not writer.complete:
            with scratch_folder(request.folder / SCRATCH_FOLDER) as scratch:
                work, indices = make_work(request, prepared, memory, scratch), prepared.chosen.indices
                with engine.start(work, work.source, indices, workers=request.options.workers) as runner:
                    _fill(writer, request, prepared, work, runner, on_progress)
    return open_outcomes(request.folder)


def _fill(
    writer: OutcomesWriter,
    request: Request,
    prepared: Prepared,
    work: InterventionWork,
    runner: Runner[[], list[Outcome]],
    on_progress: OnProgress | None,
) -> None:
    total = len(prepared.chosen.indices)
    with Meter(writer.folder, "interventions", total, on_progress, done=writer.consumed) as meter:
        meter.watch(runner)
        run_plan(runner, total, writer, request.options, meter)
        throughput = meter.throughput()
        baselines, notes = gather_ending(writer, work, prepared)
        notes = [*notes, *describe_workers(throughput)]
        writer.finish(throughput=throughput, baselines=baselines, notes=notes)


def record_clean(request: Request, on_progress: OnProgress | None, engine: Engine) -> Recording:
    """The untouched gates, recorded beside the outcomes; resumed like any recording."""
    options = request.options
    choices = RecordOptions(
        limit=options.limit, seed=options.seed, label_map=options.label_map, data_name=options.data_name,
        workers=options.workers,
    )  # fmt: skip
    folder = request.folder / CLEAN_FOLDER
    return record(request.model, request.source, folder, options=choices, on_progress=on_progress, engine=engine)
