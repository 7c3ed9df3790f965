"""The command about a few images: compare."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_viz.cli.options import AsJson, Device, answer, app
from senet_viz.errors import ImageError

if TYPE_CHECKING:
    from senet_viz.analysis.comparison.stability import Stability
    from senet_viz.models.zoo import Model
    from senet_viz.recording.reader import Recording


@app.command("compare", short_help="Compare the gates of a few images of yours.")
def compare_command(
    images: Annotated[list[Path], typer.Argument(help="1 to 16 image files, or a folder of them.")],
    recording: Annotated[
        Path | None,
        typer.Option("--recording", "-r", help="Recording of the same network; the bundled one by default."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="As --model of record; by default found by the recording.")
    ] = None,
    arch: Annotated[str | None, typer.Option(help="What a weights file is loaded into, e.g. timm:seresnet50.")] = None,
    weights: Annotated[str | None, typer.Option(help="pretrained or random; the recording's by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of random weights; the recording's by default.")] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", help="Name or wnid of a class whose images are a second reference.")
    ] = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="fp32, bf16 or fp16.")] = "fp32",
    stability: Annotated[
        bool,
        typer.Option(
            "--stability",
            help="Also crop, mirror, rotate, blur and add noise to every image: how far do its gates move?",
        ),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 if an image could not be compared.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the gates of a few images with each other and with a recording."""
    from senet_viz.analysis.comparison.placement import place_gates
    from senet_viz.analysis.comparison.stability import describe_stability
    from senet_viz.analysis.comparison.summary import describe_comparison, summarize_comparison
    from senet_viz.models.origins import bundled_folder
    from senet_viz.recording.reader import open_recording
    from senet_viz.workflows.comparison import compare_images, list_images
    from senet_viz.workflows.recorded_model import load_recorded_model

    opened = open_recording(recording or bundled_folder() / "recording")
    chosen = None if class_name is None else opened.classes.find(class_name)
    files = list_images(images)
    network = load_recorded_model(opened.manifest, model=model, arch=arch, weights=weights, seed=seed, device=device)
    found = compare_images(network, files, opened, precision=precision)
    if not found.images:
        reasons = " ".join(failure.sentence for failure in found.failures)
        raise ImageError(f"None of the {len(files)} images could be compared: {reasons}")
    places = [place_gates(opened, b.block, b.gates) for b in found.blocks]
    in_class = [] if chosen is None else [place_gates(opened, b.block, b.gates, chosen) for b in found.blocks]
    read = {image.name for image in found.images}
    stable = [
        _measure_stability(network, file, opened, chosen, precision)
        for file in files
        if stability and str(file) in read
    ]
    tree = summarize_comparison(found, places, in_class)
    if stability:
        tree["stability"] = [s.to_json() for s in stable]
    texts = [describe_comparison(found, places, in_class), *map(describe_stability, stable)]
    answer(tree, "\n\n".join(texts), as_json=as_json)
    if strict and found.failures:
        raise typer.Exit(1)


def _measure_stability(
    network: "Model", file: Path, opened: "Recording", chosen: int | None, precision: str
) -> "Stability":
    """Of one image, against two images of the class that was chosen, else of the predicted one."""
    from senet_viz.analysis.comparison.stability import Stability, measure_spread
    from senet_viz.workflows.stability import vary_image

    varied = vary_image(network, file, opened, precision=precision)
    return Stability(varied, measure_spread(opened, varied.predicted if chosen is None else chosen))
