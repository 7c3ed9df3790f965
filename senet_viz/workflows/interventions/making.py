"""The whole way from images and a network to outcomes of interventions on disk."""

from collections.abc import Callable, Sequence
from pathlib import Path

from senet_viz.gates.interventions import PrefixMemory
from senet_viz.images import ImageSource
from senet_viz.models.memory import keep_freed_memory
from senet_viz.models.zoo import Model
from senet_viz.recording import Recording
from senet_viz.recording.outcomes import CLEAN_FOLDER, SCRATCH_FOLDER, Outcomes, OutcomesWriter, open_outcomes
from senet_viz.workflows.interventions.estimating import (
    InterventionEstimate,
    Rehearsal,
    check_room,
    estimate_interventions,
    rehearse,
)
from senet_viz.workflows.interventions.options import InterventionOptions, choose_baselines, choose_targets
from senet_viz.workflows.interventions.preparing import Prepared, draft_manifest, make_job, prepare, tell_end
from senet_viz.workflows.interventions.request import Request, make_request
from senet_viz.workflows.interventions.running import InterventionProgress, OnProgress, run_plan
from senet_viz.workflows.interventions.scratch import scratch_bytes, scratch_folder
from senet_viz.workflows.plan import RecordOptions
from senet_viz.workflows.record import RecordProgress, record

OnEstimate = Callable[[InterventionEstimate], None]


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

    Returns:
        The finished outcomes.

    Raises:
        ArgumentError: unusable options, an unknown block, baselines that need labels where there are none.
        SourceError: no images, or none that could be read.
        RecordingError: a folder or a recording of other inputs, or one that can not be read or written.
        GateError: the network's gates can not be observed.
    """
    keep_freed_memory()
    if options is None:
        options = InterventionOptions(
            *choose_targets(blocks, targets), choose_baselines(baseline, baselines),
            strength=strength, repeats=repeats, seed=seed, limit=limit, batch_size=batch_size,
        )  # fmt: skip
    return _make(make_request(model, images, folder, options, baselines_from), on_estimate, on_progress)


def _make(request: Request, on_estimate: OnEstimate | None, on_progress: OnProgress | None) -> Outcomes:
    request.check()
    with OutcomesWriter(request.folder) as writer:
        if request.is_finished():
            return open_outcomes(request.folder)
        rehearsal = rehearse(request.model, request.source, request.indices, request.gates, request.options)
        estimate = _estimate(request, rehearsal)
        if on_estimate:
            on_estimate(estimate)
        check_room(estimate)
        prepared = prepare(request, request.given or record_clean(request, on_progress))
        memory = rehearsal.memory
        writer.begin(draft_manifest(request, prepared, memory.mode), prepared.chosen.samples)
        if not writer.complete:
            _fill(writer, request, prepared, memory, on_progress)
    return open_outcomes(request.folder)


def _fill(
    writer: OutcomesWriter,
    request: Request,
    prepared: Prepared,
    memory: PrefixMemory,
    on_progress: OnProgress | None,
) -> None:
    with scratch_folder(request.folder / SCRATCH_FOLDER) as scratch:
        job = make_job(request, prepared, memory, scratch)
        throughput = run_plan(job, request.source, prepared.chosen.indices, writer, request.options, on_progress)
        baselines, notes = tell_end(writer, job, prepared)
        writer.finish(throughput=throughput, baselines=baselines, notes=notes)


def _estimate(request: Request, rehearsal: Rehearsal) -> InterventionEstimate:
    images = len(request.indices)
    recorded = images if request.given is None else 0
    classes = len(request.source.classes)
    channels = sum(bound.gate.channels for bound in request.gates)
    scratch = scratch_bytes(
        [bound.gate for bound in request.moved],
        images=images if request.given is None else request.given.n_kept,
        classes=classes,
        baselines=request.options.baselines,
        repeats=request.options.repeats,
    )
    recording = (2 * recorded + 40 * (classes + 1)) * channels if recorded else 0
    return estimate_interventions(
        rehearsal, request.variants, images, recorded=recorded, more_bytes=scratch + recording, folder=request.folder
    )


def record_clean(request: Request, on_progress: OnProgress | None) -> Recording:
    """The untouched gates, recorded beside the outcomes; resumed like any recording."""
    options = request.options
    choices = RecordOptions(
        limit=options.limit, seed=options.seed, label_map=options.label_map, data_name=options.data_name,
        workers=options.workers,
    )  # fmt: skip

    def pass_on(p: RecordProgress) -> None:
        if on_progress:
            on_progress(InterventionProgress("recording", p.consumed, p.total, p.rate, p.seconds_left))

    folder = request.folder / CLEAN_FOLDER
    return record(request.model, request.source, folder, options=choices, on_progress=pass_on)
