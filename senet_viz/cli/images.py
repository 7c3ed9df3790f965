"""The command about a few images: compare."""

from pathlib import Path
from typing import Annotated

import typer

from senet_viz.cli.options import Arch, AsJson, Device, app, print_json
from senet_viz.errors import ImageError


@app.command("compare")
def compare_command(
    images: Annotated[list[Path], typer.Argument(help="1 to 16 image files, or a folder of them.")],
    recording: Annotated[
        Path | None,
        typer.Option("--recording", "-r", help="Recording of the same network; the bundled one by default."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="As --model of record; by default found by the recording.")
    ] = None,
    arch: Arch = None,
    weights: Annotated[str | None, typer.Option(help="pretrained or random; the recording's by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of random weights; the recording's by default.")] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", help="Name or wnid of a class whose images are a second reference.")
    ] = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="fp32, bf16 or fp16.")] = "fp32",
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 if an image could not be read.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the gates of a few images with each other and with a recording."""
    from senet_viz.comparing import compare_images, list_images, load_recorded_model
    from senet_viz.comparison import describe_comparison, place_gates, summarize_comparison
    from senet_viz.models import bundled_folder
    from senet_viz.recording import open_recording

    opened = open_recording(recording or bundled_folder() / "recording")
    chosen = None if class_name is None else opened.classes.find(class_name)
    files = list_images(images)
    network = load_recorded_model(opened.manifest, model=model, arch=arch, weights=weights, seed=seed, device=device)
    found = compare_images(network, files, opened, precision=precision)
    if not found.images:
        reasons = " ".join(failure.sentence for failure in found.failures)
        raise ImageError(f"None of the {len(files)} images could be read: {reasons}")
    places = [place_gates(opened, b.block, b.gates) for b in found.blocks]
    in_class = [] if chosen is None else [place_gates(opened, b.block, b.gates, chosen) for b in found.blocks]
    if as_json:
        print_json(summarize_comparison(found, places, in_class))
    else:
        typer.echo(describe_comparison(found, places, in_class))
    if strict and found.failures:
        raise typer.Exit(1)
