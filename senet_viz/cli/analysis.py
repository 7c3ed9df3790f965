"""Commands that put a recording to the test and tell what came out: assess, report."""

from pathlib import Path
from typing import Annotated

import typer

from senet_viz.cli.options import AsJson, FolderArgument, app, print_json
from senet_viz.cli.texts import claims_text
from senet_viz.text import ProgressLine, bytes_text


@app.command("assess", short_help="Put the paper's claims to the test on a recording.")
def assess_command(
    folder: FolderArgument,
    controls: Annotated[
        list[Path] | None,
        typer.Option("--control", help="A recording of the same images with random weights; may be repeated."),
    ] = None,
    interventions: Annotated[
        Path | None,
        typer.Option(help="What `intervene` made with the same network on the same images, for the causal readings."),
    ] = None,
    superclasses: Annotated[
        Path | None, typer.Option(help="CSV of class,superclass; WordNet's by default, where classes have a wnid.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="A slim form of this recording, beside which the files are written instead.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of groups, permutations, splits and draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Put the paper's claims to the test on a recording; writes assessment.json and its tables beside it."""
    from senet_viz.claims.assess import assess
    from senet_viz.claims.assessment import ASSESSMENT, EFFECTS, MEASURES
    from senet_viz.recording import open_recording

    recording = open_recording(folder)
    target = None if into is None else open_recording(into)
    line = ProgressLine("parts")
    with line:
        report = assess(
            recording,
            control=[open_recording(control) for control in controls or []],
            interventions=interventions,
            superclasses=superclasses,
            into=target,
            seed=seed,
            on_progress=line.update_parts,
        )
    beside = (target or recording).path
    files = {"assessment": str(beside / ASSESSMENT), "measures": str(beside / MEASURES)}
    if interventions is not None:
        files["effects"] = str(beside / EFFECTS)
    if as_json:
        print_json({**report.to_json(), "files": files})
    else:
        typer.echo(claims_text(report))
        typer.echo(f"written: {', '.join(files.values())}")


@app.command("report", short_help="Write what was found as one self-contained HTML file.")
def report_command(
    folder: FolderArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="The HTML file; replaced if it is there.")],
    as_json: AsJson = False,
) -> None:
    """Write what was found in a recording as one self-contained HTML file."""
    from senet_viz.recording import open_recording
    from senet_viz.report import write_report

    recording = open_recording(folder)
    path = write_report(recording, out, command=f"senet-viz report {folder} --out {out}")
    size = path.stat().st_size
    if as_json:
        print_json({"file": str(path), "bytes": size, "recording": recording.id})
    else:
        typer.echo(f"{path}: {bytes_text(size)}")
