"""The commands about interventions on gates: intervene and freeze."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_viz.cli.options import (
    AsJson,
    BaselinesFrom,
    BatchSize,
    DataName,
    Device,
    ImageColumn,
    LabelColumn,
    LabelMap,
    Limit,
    ModelName,
    ProgressLine,
    Seed,
    Workers,
    answer,
    app,
    choose_engine,
    takes,
)
from senet_viz.models.options import ModelOptions
from senet_viz.recording.options import EngineOptions
from senet_viz.text import bytes_text, seconds_text

if TYPE_CHECKING:
    from senet_viz.workflows.job import JobEstimate, JobProgress


@app.command("intervene", short_help="Move gates and keep what the network then says.")
@takes(ModelOptions, "model_options")
@takes(EngineOptions, "engine_options")
def intervene_command(
    model: ModelName,
    data: DataName,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the outcomes; the same command resumes it.")],
    targets: Annotated[
        str | None,
        typer.Option(help="Comma-separated: blocks, stages, cumulative, all. blocks,stages without --blocks."),
    ] = None,
    blocks: Annotated[
        list[str] | None,
        typer.Option(help="Comma-separated labels or paths of blocks that are moved together; may be repeated."),
    ] = None,
    baselines: Annotated[
        str,
        typer.Option(
            help="Comma-separated: one, zero, mean, group_mean, class_mean, predicted_class_mean, within, between "
            "(or same_class, other_class)."
        ),
    ] = "one,mean,predicted_class_mean,within,between",
    strength: Annotated[float, typer.Option(help="How far gates are moved, 0 to 1.")] = 1.0,
    repeats: Annotated[int, typer.Option(help="Draws of group_mean, within and between.")] = 3,
    baselines_from: BaselinesFrom = None,
    limit: Limit = None,
    *,
    model_options: ModelOptions,
    engine_options: EngineOptions,
    device: Device = "auto",
    batch_size: BatchSize = 50,
    shard_size: Annotated[int, typer.Option(help="Images a commit; what a kill loses at most.")] = 500,
    workers: Workers = None,
    seed: Seed = 0,
    label_map: LabelMap = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    data_name: Annotated[str | None, typer.Option(help="Name of the data in the manifest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Move gates on every image and keep what the network then says: what its gates do."""
    from senet_viz.images.opening import open_images
    from senet_viz.models.zoo import load_model
    from senet_viz.recording.outcomes import describe_outcomes, summarize_outcomes
    from senet_viz.workflows.interventions.making import intervene
    from senet_viz.workflows.interventions.request import DEFAULT_TARGETS, InterventionOptions

    sets = tuple(_split(text) for text in blocks or ())
    options = InterventionOptions(
        targets=_split(targets) if targets is not None else (() if sets else DEFAULT_TARGETS), sets=sets,
        baselines=_split(baselines), strength=strength, repeats=repeats, seed=seed, limit=limit, batch_size=batch_size,
        shard_size=shard_size, label_map=label_map, data_name=data_name, workers=workers,
    )  # fmt: skip
    source = open_images(data, image_column=image_column, label_column=label_column)
    network = load_model(model, seed=seed, device=device, options=model_options)
    line = ProgressLine("images")
    with line:
        outcomes = intervene(
            network, source, out, options=options, baselines_from=baselines_from,
            on_estimate=lambda e: line.say(_estimate_text(e)),
            on_progress=lambda p: line.follow(p, p.stage), engine=choose_engine(engine_options),
        )  # fmt: skip
    summary = summarize_outcomes(outcomes)
    answer(summary, describe_outcomes(summary), as_json=as_json)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _estimate_text(e: "JobEstimate") -> str:
    return (
        f"{e.images:,} images × {e.variants:,} interventions = {e.forwards:,} forwards, in the time of "
        f"{e.whole_forwards:,.0f} whole ones: about {seconds_text(e.seconds)}, {bytes_text(e.disk_bytes)} on disk while it "
        f"runs ({bytes_text(e.free_bytes)} free)"
    )


@app.command("freeze", short_help="Find the gates that constants can replace.")
@takes(ModelOptions, "model_options")
@takes(EngineOptions, "engine_options")
def freeze_command(
    model: ModelName,
    data: DataName,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of freezing.json; the same command resumes it.")],
    loss: Annotated[
        float,
        typer.Option(help="Loss of top-1 accuracy that is accepted, in points; any other can be asked for later."),
    ] = 1.0,
    limit: Limit = None,
    baselines_from: BaselinesFrom = None,
    into: Annotated[
        Path | None,
        typer.Option(
            help="Recording beside which the result is written too, for the page Gate lab (slim or full); that of the "
            "means by default."
        ),
    ] = None,
    *,
    model_options: ModelOptions,
    engine_options: EngineOptions,
    device: Device = "auto",
    batch_size: BatchSize = 50,
    workers: Workers = None,
    seed: Seed = 0,
    label_map: LabelMap = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    data_name: Annotated[str | None, typer.Option(help="Name of the data in the result.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find the gates that can be frozen to constants within a loss of accuracy: which SE branches inference can spare."""
    from senet_viz.analysis.freezing_files import describe_freezing, summarize_freezing
    from senet_viz.images.opening import open_images
    from senet_viz.models.zoo import load_model
    from senet_viz.workflows.freezing.making import advise_freezing
    from senet_viz.workflows.freezing.request import FreezeOptions

    options = FreezeOptions(
        limit=limit, seed=seed, batch_size=batch_size, label_map=label_map, data_name=data_name, workers=workers
    )
    source = open_images(data, image_column=image_column, label_column=label_column)
    network = load_model(model, seed=seed, device=device, options=model_options)
    line = ProgressLine("forwards")
    with line:
        advice = advise_freezing(
            network, source, out, loss=loss, baselines_from=baselines_from, into=into, options=options,
            on_estimate=lambda e: line.say(_freeze_estimate_text(e)),
            on_progress=lambda p: line.follow(p, _stage_text(p)), engine=choose_engine(engine_options),
        )  # fmt: skip
    answer(summarize_freezing(advice, out), describe_freezing(advice), as_json=as_json)


def _freeze_estimate_text(e: "JobEstimate") -> str:
    return (
        f"{e.blocks:,} blocks, chosen one by one on {e.choosing:,} images and confirmed on {e.confirming:,}: {e.forwards:,} "
        f"forwards, in the time of {e.whole_forwards:,.0f} whole ones: about {seconds_text(e.seconds)}, and up to two "
        "minutes in which forwards are timed"
    )


def _stage_text(p: "JobProgress") -> str:
    return f"choosing, {p.step} frozen" if p.stage == "choosing" else p.stage
