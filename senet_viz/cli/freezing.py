"""The command of freeze advice: freeze."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_viz.cli.options import Arch, AsJson, DataName, Device, LabelMap, ModelName, Seed, Weights, app, print_json
from senet_viz.text import ProgressLine, seconds_text

if TYPE_CHECKING:
    from senet_viz.workflows.freezing import FreezeEstimate, FreezeProgress


@app.command("freeze", short_help="Find the gates that constants can replace.")
def freeze_command(
    model: ModelName,
    data: DataName,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of freezing.json; the same command resumes it.")],
    loss: Annotated[
        float,
        typer.Option(help="Loss of top-1 accuracy that is accepted, in points; any other can be asked for later."),
    ] = 1.0,
    limit: Annotated[int | None, typer.Option(help="At most so many images, stratified by class, seeded.")] = None,
    baselines_from: Annotated[
        Path | None,
        typer.Option(help="Recording of this model on these images, all gates kept; made in OUT/clean by default."),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            help="Recording beside which the result is written too, for the page Gate lab (slim or full); that of the "
            "means by default."
        ),
    ] = None,
    arch: Arch = None,
    weights: Weights = "pretrained",
    device: Device = "auto",
    batch_size: Annotated[int, typer.Option(help="Images a forward.")] = 50,
    workers: Annotated[int, typer.Option(help="Threads that decode.")] = 2,
    seed: Seed = 0,
    label_map: LabelMap = None,
    data_name: Annotated[str | None, typer.Option(help="Name of the data in the result.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find the gates that can be frozen to constants within a loss of accuracy: which SE branches inference can spare."""
    from senet_viz.analysis.freezing import describe_freezing, summarize_freezing
    from senet_viz.images import open_images
    from senet_viz.models import load_model
    from senet_viz.workflows.freezing import FreezeOptions, advise_freezing

    options = FreezeOptions(
        limit=limit, seed=seed, batch_size=batch_size, label_map=label_map, data_name=data_name, workers=workers
    )
    source = open_images(data)
    network = load_model(model, arch=arch, weights=weights, seed=seed, device=device)
    line = ProgressLine("forwards")
    with line:
        advice = advise_freezing(
            network, source, out, loss=loss, baselines_from=baselines_from, into=into, options=options,
            on_estimate=lambda e: line.say(_estimate_text(e)),
            on_progress=lambda p: line.update(p.consumed, p.total, p.rate, p.seconds_left, _stage_text(p)),
        )  # fmt: skip
    print_json(summarize_freezing(advice, out)) if as_json else typer.echo(describe_freezing(advice))


def _estimate_text(e: "FreezeEstimate") -> str:
    return (
        f"{e.blocks:,} blocks, chosen one by one on {e.choosing:,} images and confirmed on {e.confirming:,}: {e.forwards:,} "
        f"forwards, in the time of {e.whole_forwards:,.0f} whole ones: about {seconds_text(e.seconds)}, and up to two "
        "minutes in which forwards are timed"
    )


def _stage_text(p: "FreezeProgress") -> str:
    return f"choosing, {p.step} frozen" if p.stage == "choosing" else p.stage
