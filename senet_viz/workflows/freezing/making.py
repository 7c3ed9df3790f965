"""The whole way from images and a network to freeze advice on disk."""

import uuid
from pathlib import Path
from typing import Any

from senet_viz.analysis.freezing import FreezeAdvice, FreezePath
from senet_viz.analysis.freezing_files import check_freezing, write_freezing
from senet_viz.errors import ArgumentError
from senet_viz.gates.discovery import group_by_weights
from senet_viz.images.source import ImageSource
from senet_viz.models.environment import describe_environment
from senet_viz.models.memory import keep_freed_memory
from senet_viz.models.zoo import Model
from senet_viz.recording.outcomes import CLEAN_FOLDER, SCRATCH_FOLDER
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.workflows.engine import LOCAL, Engine
from senet_viz.workflows.freezing.request import FreezeOptions, FreezingFolder, estimate_freezing
from senet_viz.workflows.freezing.search import FreezingWork, Walk, split_halves
from senet_viz.workflows.interventions.donors import scratch_folder
from senet_viz.workflows.interventions.making import (
    NOTES,
    Prepared,
    make_work,
    prepare,
    record_clean,
)
from senet_viz.workflows.interventions.request import Request, make_request
from senet_viz.workflows.interventions.running import CachedWarmUp, warm_up_with_cache
from senet_viz.workflows.job import OnEstimate, OnProgress


def advise_freezing(
    model: Model,
    images: ImageSource | str | Path,
    folder: str | Path,
    *,
    loss: float = 1.0,
    limit: int | None = None,
    baselines_from: Recording | str | Path | None = None,
    into: Recording | str | Path | None = None,
    seed: int = 0,
    batch_size: int = 50,
    options: FreezeOptions | None = None,
    on_estimate: OnEstimate | None = None,
    on_progress: OnProgress | None = None,
    engine: Engine = LOCAL,
) -> FreezeAdvice:
    """The largest set of gates that can be frozen to their means within a loss of accuracy.

    Greedy: at each step the gate is frozen whose freezing, together with those before, costs least top-1 on one half of the
    images (of equals, least loss), until all are; every set of the path is then judged on the other half, which chose
    nothing. So advice for any other loss is in the path: `advice.path.advise(0.5)`. The mean of a gate comes from images of
    other folds than the one judged. Parameters and time saved are stored with it. The same call on the same folder resumes
    after the last whole step and ends with the same numbers (times apart).

    Args:
        model: from `load_model`.
        images: a source, or what `open_images` takes; with labels.
        folder: of the result, `freezing.json`.
        loss: of top-1 that is accepted, in points; no part of the search.
        limit: at most so many images, stratified by class.
        baselines_from: a recording of this model on these images with all gates kept; it is made in `folder`/clean
            where none is given.
        into: a recording of this model and these images, slim or full, beside which the result is written too, so that
            the page Gate lab shows it; by default the recording that the means are from.
        seed: of the choice of images, of folds, halves and groups.
        batch_size: images a forward.
        options: every choice; limit, seed and batch_size are ignored when it is given.
        on_estimate: called once before the work starts.
        on_progress: called after every batch.
        engine: who runs the batches; it changes no bit on like machines.

    Returns:
        The advice for `loss`, with the whole path.

    Raises:
        ArgumentError: unusable options, or no image whose class has an output of the network.
        SourceError: no images, or none that could be read.
        RecordingError: a folder or a recording of other inputs, or one that can not be read or written.
        GateError: the network's gates can not be observed.
        EngineError: workers that can not do the batches.
    """
    keep_freed_memory()
    if not loss > 0:
        raise ArgumentError(f"A loss of {loss:g} points leaves no room for any change: give one above 0.")
    options = options or FreezeOptions(limit=limit, seed=seed, batch_size=batch_size)
    beside = open_recording(into) if isinstance(into, (str, Path)) else into
    request = make_request(model, images, folder, options.as_interventions(), baselines_from)
    outputs = _check(request, beside)
    with FreezingFolder(request.folder) as keeper:
        path = _finished(keeper, request, options, outputs)
        if path is None:
            path = _search(keeper, request, options, on_estimate, on_progress, engine)
        _copy(path, beside or request.given, request.folder / CLEAN_FOLDER)
    return path.advise(loss)


def _check(request: Request, beside: Recording | None) -> list[int | None]:
    """Refuse what can not work before anything is written.

    Returns:
        The output of each class.
    """
    request.check()
    source, model = request.source, request.model
    given, mapping = request.given, request.mapping
    labels = source.labels[request.indices] if given is None else given.samples["label"].to_numpy()
    known = {k for k, output in enumerate(mapping.outputs) if output is not None}
    if not known.intersection(labels.tolist()):
        raise ArgumentError(
            f"Freeze advice is about accuracy, and no image of {source.name} has a class with an output of {model.name}: "
            "give labelled images, or a label map."
        )
    if beside is not None:
        about = beside.manifest
        if about.model.get("sha256") != model.sha256 or about.data.get("digest") != source.digest:
            raise ArgumentError(
                f"{beside.path} is a recording of another network or other images: the advice can not be shown there."
            )
    return list(mapping.outputs)


def _finished(
    keeper: FreezingFolder, request: Request, options: FreezeOptions, outputs: list[int | None]
) -> FreezePath | None:
    """The path of this run, where it was finished before; a recording that it made may have been removed since."""
    stored = keeper.stored
    if stored is None or not stored.complete:
        return None
    identity = stored.identity
    mine = (request.model.sha256, request.source.digest, options.choices(), outputs)
    theirs = (identity["model"].get("sha256"), identity["data"].get("digest"), identity["options"], identity["outputs"])
    same = mine == theirs and (request.given is None or request.given.id == identity["recording"])
    return stored if same else None


def _copy(path: FreezePath, beside: Recording | None, clean: Path) -> None:
    """Where the page looks for it."""
    if beside is None:
        if not clean.exists():
            return
        beside = open_recording(clean)
    check_freezing(path, beside)
    write_freezing(beside.path, path)


def _search(
    keeper: FreezingFolder,
    request: Request,
    options: FreezeOptions,
    on_estimate: OnEstimate | None,
    on_progress: OnProgress | None,
    engine: Engine,
) -> FreezePath:
    warm = warm_up_with_cache(request)
    estimate = estimate_freezing(request, warm, keeper.stored)
    if on_estimate:
        on_estimate(estimate)
    estimate.check_room("The search, scratch files included,", "use --limit, or another disk.")
    recording = request.given or record_clean(request, on_progress, engine)
    prepared = prepare(request, recording)
    path = keeper.take_up(_draft(request, options, prepared, warm))
    if path.complete:
        return path
    with scratch_folder(request.folder / SCRATCH_FOLDER) as scratch:
        work = make_work(request, prepared, warm.memory, scratch)
        with engine.start(
            FreezingWork(work), work.source, prepared.chosen.indices, workers=request.options.workers
        ) as runner:
            return Walk(keeper, request, prepared, work, path, runner).finish(on_progress)


def _draft(request: Request, options: FreezeOptions, prepared: Prepared, warm: CachedWarmUp) -> FreezePath:
    about = prepared.recording.manifest
    halves = split_halves(prepared, options.seed)
    notes = [h.grouping.note for h in halves if h.grouping.note]
    if options.reuse and NOTES[warm.memory.mode]:
        notes.append(NOTES[warm.memory.mode])
    identity: dict[str, Any] = {
        "model": dict(about.model), "data": {**about.data, "images": len(prepared.chosen.rows)},
        "preprocessing": dict(about.preprocessing), "outputs": list(about.mapping.outputs), "options": options.choices(),
        "recording": about.id,
    }  # fmt: skip
    if options.data_name:
        identity["data"]["name"] = options.data_name
    units = [tuple(b.gate.name for b in calls) for calls in group_by_weights(request.model.bound_gates)]
    return FreezePath(
        id=uuid.uuid4().hex,
        identity=identity,
        environment=describe_environment(request.model.device),
        gates=about.gates,
        parameters=sum(parameter.numel() for parameter in request.model.module.parameters()),
        images=(len(halves[0].images), len(halves[1].images)),
        clean=(float("nan"), float("nan")),
        notes=tuple(dict.fromkeys(notes)),
        shared=tuple(names for names in units if len(names) > 1),
    )
