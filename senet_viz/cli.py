"""The command line: parse, call, print. Results go to stdout, progress and sentences for people to stderr."""

import json
import math
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from senet_viz.errors import ImageError, SenetVizError
from senet_viz.terminal import ProgressLine, bytes_text, seconds_text

app = typer.Typer(
    name="senet-viz",
    help="See and test what the gates of squeeze-and-excitation networks do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ModelName = Annotated[
    str,
    typer.Option(
        "--model", "-m",
        help="bundled, timm:NAME, torchvision:NAME, package.module:factory, a weights file (with --arch), "
        "or a folder that train wrote.",
    ),
]  # fmt: skip
DataName = Annotated[
    str,
    typer.Option("--data", "-d", help="Folder of class folders, flat folder, Parquet, CSV, digits, torchvision:NAME."),
]
Calibrate = Annotated[
    str | None, typer.Option(help="Images on which random weights get their batch-norm statistics (no labels used).")
]
LabelMap = Annotated[Path | None, typer.Option(help="CSV of class,output or JSON that maps classes to outputs.")]
PlanOnly = Annotated[
    bool, typer.Option("--plan", help="Only tell what it would take and how classes map to outputs; write nothing.")
]
Arch = Annotated[str | None, typer.Option(help="What a weights file is loaded into, e.g. timm:seresnet50.")]
Weights = Annotated[str, typer.Option(help="pretrained, or random for the untrained control.")]
Seed = Annotated[int, typer.Option(help="Seed of random weights and of every random choice.")]
Device = Annotated[str, typer.Option(help="auto (CUDA where there is one), cpu, cuda, cuda:1, …")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
FolderArgument = Annotated[Path, typer.Argument(help="A recording's folder.")]
_INTERRUPTED = 130  # what typer makes of a KeyboardInterrupt


def main() -> None:
    """Entry point: ends with 0 done, 1 the work failed, 2 unusable arguments."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cancelled job commits, as after Ctrl-C
    try:
        app()
    except SenetVizError as error:
        print(f"senet-viz: {error}", file=sys.stderr)  # noqa: T201 - the command line prints
        sys.exit(error.exit_code)
    except SystemExit as ending:
        if ending.code != _INTERRUPTED:
            raise
        print("senet-viz: stopped; what was committed is kept.", file=sys.stderr)  # noqa: T201 - as above
        sys.exit(1)


def _print_json(tree: dict[str, Any]) -> None:
    typer.echo(json.dumps(tree, indent=1, ensure_ascii=False))


@app.command("inspect")
def inspect_command(
    model: Annotated[str, typer.Argument(help="As --model of record.")],
    arch: Arch = None,
    weights: Weights = "pretrained",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """List a network's SE blocks, channels, r, and parameters against the paper's formula."""
    from senet_viz.inspection import inspect_model
    from senet_viz.models import load_model

    found = inspect_model(load_model(model, arch=arch, weights=weights, seed=seed, device="cpu"))
    if as_json:
        _print_json(found.to_json())
        return
    typer.echo(f"{found.name}: {len(found.blocks)} SE blocks, {found.parameters:,} parameters, {found.outputs} outputs")
    width = max(len(block.gate.name) for block in found.blocks) + 2
    row = f"{{:<10}}{{:<{width}}}" + "{:>6}{:>6}{:>8}{:>12}{:>12}  {}"
    typer.echo(row.format("label", "module", "C", "C/r", "r", "parameters", "formula", "gate"))
    for block in found.blocks:
        gate = block.gate
        typer.echo(
            row.format(
                gate.label, gate.name, gate.channels, gate.reduced_channels or "–",
                "–" if gate.reduction is None else f"{gate.reduction:g}", f"{gate.parameters:,}",
                "–" if block.formula is None else f"{block.formula:,}", f"{gate.activation}, {gate.family}",
            )
        )  # fmt: skip
    for unit in found.refused:
        typer.echo(f"left out: {unit.name} ({unit.kind}): {unit.reason}")
    share = found.gate_parameters / (found.parameters - found.gate_parameters)
    typer.echo(
        f"SE in all: {found.gate_parameters:,} parameters, {share:.2%} on top of {found.parameters - found.gate_parameters:,}; "
        f"Σ 2C²/r = {found.formula_weights:,}"
    )


@app.command("record")
def record_command(
    model: ModelName,
    data: DataName,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the recording; the same command resumes it.")],
    arch: Arch = None,
    weights: Weights = "pretrained",
    calibrate: Calibrate = None,
    calibration_images: Annotated[int, typer.Option(help="How many of them, seeded.")] = 2000,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="fp32, bf16 or fp16.")] = "fp32",
    batch_size: Annotated[int, typer.Option(help="Images a forward.")] = 64,
    workers: Annotated[int, typer.Option(help="Threads that decode.")] = 2,
    keep: Annotated[str, typer.Option(help="Gates kept per image: all, none, or at most N per class.")] = "all",
    keep_squeeze: Annotated[bool, typer.Option("--keep-squeeze", help="Keep z per image too.")] = False,
    shard_size: Annotated[int, typer.Option(help="Images a file.")] = 5000,
    limit: Annotated[int | None, typer.Option(help="At most so many images, stratified by class, seeded.")] = None,
    seed: Seed = 0,
    label_map: LabelMap = None,
    data_name: Annotated[str | None, typer.Option(help="Name of the data in the manifest.")] = None,
    commit_every: Annotated[float, typer.Option(help="Seconds of work that a kill can lose at most.")] = 30.0,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 if an image was skipped.")] = False,
    plan: PlanOnly = False,
    as_json: AsJson = False,
) -> None:
    """Record the gates of every block for every image."""
    from senet_viz.images import open_images
    from senet_viz.models import load_model
    from senet_viz.pipeline import calibrate_on, record, summarize
    from senet_viz.planning import RecordOptions, plan_recording

    options = RecordOptions(
        keep=keep, precision=precision, batch_size=batch_size, shard_size=shard_size, limit=limit, seed=seed,
        squeeze=keep_squeeze, label_map=label_map, data_name=data_name, workers=workers, commit_seconds=commit_every,
    )  # fmt: skip
    source = open_images(data)
    network = load_model(model, arch=arch, weights=weights, seed=seed, device=device)
    if plan:  # before a calibration, which changes none of what it tells
        planned = plan_recording(network, source, out, options)
        _print_json(planned) if as_json else typer.echo(_plan_text(planned))
        return
    if calibrate:
        network = calibrate_on(network, open_images(calibrate), images=calibration_images, seed=seed)
    line = ProgressLine("images")
    with line:
        recording = record(
            network, source, out, options=options,
            on_estimate=lambda e: line.say(_estimate_text(e._asdict())),
            on_progress=lambda p: line.update(p.consumed, p.total, p.rate, p.seconds_left),
        )  # fmt: skip
    summary = summarize(recording)
    if as_json:
        _print_json(summary)
    else:
        typer.echo(_summary_text(summary))
    if strict and summary["errors"]:
        raise typer.Exit(1)


def _estimate_text(e: dict[str, Any]) -> str:
    """An estimate or a plan in one line."""
    seconds = math.nan if e["seconds"] is None else e["seconds"]
    return (
        f"{e['images']:,} images ({e['kept']:,} kept), about {seconds_text(seconds)}, {bytes_text(e['disk_bytes'])} on disk "
        f"({bytes_text(e['free_bytes'])} free), {bytes_text(e['memory_bytes'])} of memory beside the network's"
    )


def _plan_text(plan: dict[str, Any]) -> str:
    lines = [_estimate_text(plan)]
    outputs = [row["output"] for row in plan["classes"]]
    if outputs:
        mapped = sum(output is not None for output in outputs)
        lines.append(f"{mapped:,} of {len(outputs):,} classes have an output (found by: {plan['mapping']['method']})")
    lines += [f"note: {note}" for note in (plan["mapping"]["note"], *plan["notes"]) if note]
    if plan["problem"]:
        lines.append(f"It would be refused: {plan['problem']}")
    return "\n".join(lines)


def _summary_text(summary: dict[str, Any]) -> str:
    top1 = summary["top1"]
    right = (
        f"top-1 {top1:.2%} of {summary['judged']:,}" if top1 is not None else "top-1 unknown: no class has an output"
    )
    lines = [
        f"{summary['recording']}: {summary['images']:,} images, {summary['kept']:,} kept, {summary['classes']} classes, "
        f"{summary['blocks']} blocks, {right}"
    ]
    if summary["errors"]:
        lines.append(f"{summary['errors']:,} images could not be read and were left out:")
        lines += [f"  {error['path']}: {error['error']}" for error in summary["error_list"][:20]]
        if summary["errors"] > 20:
            lines.append("  … the rest is in the recording's errors files")
    lines += [f"note: {note}" for note in summary["notes"]]
    return "\n".join(lines)


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
        _print_json(summarize_comparison(found, places, in_class))
    else:
        typer.echo(describe_comparison(found, places, in_class))
    if strict and found.failures:
        raise typer.Exit(1)


@app.command("export")
def export_command(
    folder: FolderArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="File; .parquet, .csv, .json or .npz.")],
    blocks: Annotated[str | None, typer.Option(help="Comma-separated labels or module names.")] = None,
    classes: Annotated[str | None, typer.Option(help="Semicolon-separated names, wnids or numbers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Export per-class statistics of every channel's gate."""
    from senet_viz.recording import open_recording
    from senet_viz.statistics import export_statistics

    recording = open_recording(folder)
    chosen_blocks = [part.strip() for part in blocks.split(",")] if blocks else None
    chosen_classes = [part.strip() for part in classes.split(";")] if classes else None
    path = export_statistics(recording, out, blocks=chosen_blocks, classes=chosen_classes)
    size = path.stat().st_size
    if as_json:
        _print_json({"file": str(path), "bytes": size, "recording": recording.id})
    else:
        typer.echo(f"{path}: {bytes_text(size)}")


@app.command("verify")
def verify_command(folder: FolderArgument, as_json: AsJson = False) -> None:
    """Hash every file of a recording against its manifest."""
    from senet_viz.recording import verify_recording

    report = verify_recording(folder)
    if as_json:
        _print_json(
            {"recording": str(folder), "ok": report.ok, "files": report.files, "problems": list(report.problems)}
        )
    else:
        typer.echo(f"{folder}: {report.files} files, {'all as the manifest says' if report.ok else 'damaged'}")
        for problem in report.problems:
            typer.echo(f"  {problem}")
    if not report.ok:
        raise typer.Exit(1)


@app.command("slim")
def slim_command(
    folder: FolderArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the slim recording.")],
    controls: Annotated[
        list[Path] | None,
        typer.Option("--control", help="A recording of the same images with random weights; may be repeated."),
    ] = None,
    per_class: Annotated[int, typer.Option(help="Images per class whose gates are kept.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Make the small form of a full recording, for sharing."""
    from senet_viz.recording import open_recording, slim_recording

    slim = slim_recording(
        open_recording(folder),
        out,
        controls=[open_recording(control) for control in controls or []],
        per_class=per_class,
    )
    size = sum(entry.bytes for entry in slim.manifest.files)
    if as_json:
        _print_json({"recording": str(out), "id": slim.id, "bytes": size, "files": len(slim.manifest.files)})
    else:
        typer.echo(f"{out}: {bytes_text(size)} in {len(slim.manifest.files)} files")


@app.command("train")
def train_command(
    data: Annotated[str, typer.Option("--data", "-d", help="Labelled training images, as --data of record.")],
    val: Annotated[str, typer.Option(help="Labelled validation images; only measured on, once, at the end.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model; the same command resumes it.")],
    phases: Annotated[str, typer.Option(help="EPOCHSxPIXELS, comma-separated.")] = "5x32,4x48,3x64",
    base_channels: Annotated[int, typer.Option(help="Bottleneck width of the first stage (64 in the paper).")] = 32,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 128,
    peak_rate: Annotated[float, typer.Option(help="Highest learning rate of the one-cycle schedule.")] = 0.5,
    weight_decay: Annotated[float, typer.Option(help="Of weights; biases and norms have none.")] = 1e-4,
    precision: Annotated[str, typer.Option(help="bf16 or fp32.")] = "bf16",
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    device: Device = "auto",
    stop_after: Annotated[
        float | None, typer.Option(help="Seconds after which the state is saved and the command ends (resume with it).")
    ] = None,
    data_name: Annotated[str | None, typer.Option(help="Name of the data in the model card.")] = None,
    data_terms: Annotated[str, typer.Option(help="Terms of the data, for the model card.")] = "not stated",
    as_json: AsJson = False,
) -> None:
    """Train a small SE-ResNet-50 and write it with config and model card."""
    from senet_viz.model_building import ModelRequest, parse_phases, train_model
    from senet_viz.training import TrainConfig

    config = TrainConfig(
        phases=parse_phases(phases), batch_size=batch_size, peak_rate=peak_rate, weight_decay=weight_decay,
        precision=precision, seed=seed,
    )  # fmt: skip
    request = ModelRequest(
        data=data, validation=val, folder=out, base_channels=base_channels, device=device, data_name=data_name,
        data_terms=data_terms, stop_after=stop_after,
    )  # fmt: skip
    line = ProgressLine("steps")
    with line:
        result = train_model(
            request, config, say=line.say,
            report=lambda p: line.update(p.step, p.steps, p.rate, p.seconds_left, f"epoch {p.epoch + 1}, {p.side} px, loss {p.loss:.3f}"),
        )  # fmt: skip
    if as_json:
        _print_json(result)
    elif result["finished"]:
        typer.echo(f"{out}: top-1 {result['top1']:.2%}, top-5 {result['top5']:.2%} of {result['images']:,} images")
    else:
        typer.echo(f"{out}: stopped after {stop_after:g} s as asked; the same command goes on")


@app.command("doctor")
def doctor_command(as_json: AsJson = False) -> None:
    """Tell versions, devices, the browser for tests and pictures, what is missing and how to get it."""
    from senet_viz.doctor import examine

    found = examine()
    if as_json:
        _print_json(found.to_json())
    else:
        for check in found.checks:
            typer.echo(
                f"{'ok     ' if check.ok else 'missing'}  {check.name}: {check.found}{'' if check.ok else f' – {check.remedy}'}"
            )
    if not found.usable:
        raise typer.Exit(1)
