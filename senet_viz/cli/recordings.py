"""Commands about recordings: record, export, verify, slim."""

from pathlib import Path
from typing import Annotated

import typer

from senet_viz.cli.options import (
    AsJson,
    Calibrate,
    Controls,
    DataName,
    Device,
    FolderArgument,
    ModelName,
    PlanOnly,
    ProgressLine,
    answer,
    app,
    choose_engine,
    estimate_text,
    plan_text,
    summary_text,
    takes,
)
from senet_viz.errors import ArgumentError
from senet_viz.models.options import ModelOptions
from senet_viz.paths import expand_home, explain_refusal
from senet_viz.recording.options import EngineOptions, RecordOptions
from senet_viz.text import bytes_text


@app.command("record")
@takes(ModelOptions, "model_options")
@takes(RecordOptions)
@takes(EngineOptions, "engine_options")
def record_command(
    model: ModelName,
    data: DataName,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the recording; the same command resumes it.")],
    *,
    model_options: ModelOptions,
    calibrate: Calibrate = None,
    calibration_images: Annotated[int, typer.Option(help="How many of them, seeded.")] = 2000,
    device: Device = "auto",
    options: RecordOptions,
    engine_options: EngineOptions,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 if an image was skipped.")] = False,
    plan: PlanOnly = False,
    as_json: AsJson = False,
) -> None:
    """Record the gates of every block for every image."""
    from senet_viz.images.opening import open_images
    from senet_viz.models.zoo import load_model
    from senet_viz.workflows.plan import plan_recording
    from senet_viz.workflows.record import calibrate_on, record, summarize

    source = open_images(data, **options.columns())
    network = load_model(model, seed=options.seed, device=device, options=model_options)
    if plan:  # before a calibration, which changes none of what it tells
        planned = plan_recording(network, source, out, options)
        answer(planned, plan_text(planned), as_json=as_json)
        return
    if calibrate:
        network = calibrate_on(network, open_images(calibrate), images=calibration_images, seed=options.seed)
    line = ProgressLine("images")
    with line:
        recording = record(
            network, source, out, options=options,
            on_estimate=lambda e: line.say(estimate_text(e._asdict())),
            on_progress=line.follow, engine=choose_engine(engine_options),
        )  # fmt: skip
    summary = summarize(recording)
    answer(summary, summary_text(summary), as_json=as_json)
    if strict and summary["errors"]:
        raise typer.Exit(1)


@app.command("export")
def export_command(
    folder: FolderArgument,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="File; .parquet, .csv, .json or .npz. Or a folder: then a named Parquet."),
    ],
    blocks: Annotated[str | None, typer.Option(help="Comma-separated labels or module names.")] = None,
    classes: Annotated[str | None, typer.Option(help="Semicolon-separated names, wnids or numbers.")] = None,
    program: Annotated[
        str | None, typer.Option("--for", help="excel: a .csv that Excel shows as it is, without formulas in names.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Export per-class statistics of every channel's gate."""
    from senet_viz.recording.export import export_statistics
    from senet_viz.recording.export_csv import describe_excel_limit
    from senet_viz.recording.reader import open_recording
    from senet_viz.recording.statistics import count_rows

    if program not in (None, "excel"):
        raise ArgumentError(f"--for is {program!r}; it is excel, or left out.")
    recording = open_recording(folder)
    chosen_blocks = [part.strip() for part in blocks.split(",")] if blocks else None
    chosen_classes = [part.strip() for part in classes.split(";")] if classes else None
    target = expand_home(out)
    replaced = explain_refusal(target) is None and target.is_file()
    path = export_statistics(
        recording, out, blocks=chosen_blocks, classes=chosen_classes, for_excel=program is not None
    )
    size = path.stat().st_size
    note = describe_excel_limit(count_rows(recording, blocks=chosen_blocks, classes=chosen_classes)) if program else ""
    tree = {"file": str(path), "bytes": size, "recording": recording.id, "replaced": replaced}
    text = f"{path}: {bytes_text(size)}{', in place of the file that was there' if replaced else ''}"
    if note:
        tree, text = {**tree, "note": note}, f"{text}\nnote: {note}"
    answer(tree, text, as_json=as_json)


@app.command("verify")
def verify_command(folder: FolderArgument, as_json: AsJson = False) -> None:
    """Hash every file of a recording against its manifest."""
    from senet_viz.recording.verify import verify_recording

    report = verify_recording(folder)
    tree = {"recording": str(folder), "ok": report.ok, "files": report.files, "problems": list(report.problems)}
    text = f"{folder}: {report.files} files, {'all as the manifest says' if report.ok else 'damaged'}"
    answer(tree, "\n  ".join([text, *report.problems]), as_json=as_json)
    if not report.ok:
        raise typer.Exit(1)


@app.command("slim")
def slim_command(
    folder: FolderArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the slim recording.")],
    controls: Controls = None,
    per_class: Annotated[int, typer.Option(help="Images per class whose gates are kept.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Make the small form of a full recording, for sharing."""
    from senet_viz.recording.reader import open_recording
    from senet_viz.recording.slim import slim_recording

    others = [open_recording(control) for control in controls or []]
    slim = slim_recording(open_recording(folder), out, controls=others, per_class=per_class)
    size = sum(entry.bytes for entry in slim.manifest.files)
    files = len(slim.manifest.files)
    tree = {"recording": str(out), "id": slim.id, "bytes": size, "files": files}
    answer(tree, f"{out}: {bytes_text(size)} in {files} files", as_json=as_json)
