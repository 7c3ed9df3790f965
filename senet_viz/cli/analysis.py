"""Commands that put a recording to the test, tell what came out, and run experiments: assess, report, experiment."""

import os
from pathlib import Path
from typing import Annotated

import typer

from senet_viz.cli.options import (
    AsJson,
    Controls,
    DataName,
    Device,
    FolderArgument,
    ProgressLine,
    answer,
    app,
    choose_engine,
    claims_text,
    print_json,
    takes,
)
from senet_viz.errors import ArgumentError
from senet_viz.recording.options import EngineOptions
from senet_viz.text import bytes_text


@app.command("assess", short_help="Put the paper's claims to the test on a recording.")
def assess_command(
    folder: FolderArgument,
    controls: Controls = None,
    interventions: Annotated[
        Path | None,
        typer.Option(
            help="What `intervene` made with the same network on the same images, for the causal readings; found near the "
            "recording by default, none to leave it out."
        ),
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
    from senet_viz.recording.layout import ASSESSMENT, EFFECTS, MEASURES
    from senet_viz.recording.outcomes_nearby import find_outcomes
    from senet_viz.recording.reader import open_recording

    recording = open_recording(folder)
    target = None if into is None else open_recording(into)
    line = ProgressLine("parts")
    found = str(interventions or find_outcomes(recording) or "none")
    with line:
        if interventions is None and found != "none":
            line.say(f"With the interventions in {found} (--interventions none leaves them out).")
        report = assess(
            recording,
            control=[open_recording(control) for control in controls or []],
            interventions=found,
            superclasses=superclasses,
            into=target,
            seed=seed,
            on_progress=line.update_parts,
        )
    beside = (target or recording).path
    files = {"assessment": str(beside / ASSESSMENT), "measures": str(beside / MEASURES)}
    if found != "none":
        files["effects"] = str(beside / EFFECTS)
    text = f"{claims_text(report)}\nwritten: {', '.join(files.values())}"
    answer({**report.to_json(), "files": files}, text, as_json=as_json)


@app.command("report", short_help="Write what was found as one self-contained HTML file.")
def report_command(
    folder: FolderArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="The HTML file; replaced if it is there.")],
    as_json: AsJson = False,
) -> None:
    """Write what was found in a recording as one self-contained HTML file."""
    from senet_viz.recording.reader import open_recording
    from senet_viz.report.writing import write_report

    recording = open_recording(folder)
    path = write_report(recording, out, command=f"senet-viz report {folder} --out {out}")
    size = path.stat().st_size
    tree = {"file": str(path), "bytes": size, "recording": recording.id}
    answer(tree, f"{path}: {bytes_text(size)}", as_json=as_json)


_LOWEST = 19


@app.command("experiment", short_help="Train an experiment's networks and answer its questions.")
@takes(EngineOptions, "engine_options")
def experiment_command(
    file: Annotated[Path, typer.Argument(help="Declaration, a TOML file (docs/experiments.md).")],
    data: DataName,
    val: Annotated[str, typer.Option(help="Labelled validation images; measured on once a network.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder of the result; the declaration's own by default. The same command resumes."
        ),
    ] = None,
    conditions: Annotated[str | None, typer.Option(help="Ids, comma-separated; all by default.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Of the declared ones, comma-separated; all by default.")] = None,
    device: Device = "auto",
    stop_after: Annotated[
        float | None, typer.Option(help="Seconds of training after which the state is saved and the command ends.")
    ] = None,
    keep_networks: Annotated[
        bool, typer.Option(help="Keep trained networks and their recordings in OUT/cells, to be opened in the app.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Networks at the same time, with --engine ray.")] = 1,
    *,
    engine_options: EngineOptions,
    priority: Annotated[
        int, typer.Option("--nice", min=0, max=_LOWEST, help="0 is as other programs; 19 lets all others go first.")
    ] = _LOWEST,
    data_name: Annotated[str | None, typer.Option(help="Name of the data in the result.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train the networks of an experiment, seed by seed, and answer its questions with intervals."""
    from senet_viz.analysis.experiments.answers import answer_question, describe_stages, describe_state
    from senet_viz.analysis.experiments.files import to_json
    from senet_viz.workflows.experiments import ExperimentRequest, run_experiment

    if workers > 1 and engine_options.engine == "local":
        raise ArgumentError(
            "This process trains one network after the other: add --engine ray, or leave --workers out."
        )
    if hasattr(os, "nice"):
        os.nice(priority)
    request = ExperimentRequest(
        file=file, data=data, validation=val, folder=out, data_name=data_name, device=device, stop_after=stop_after,
        conditions=None if conditions is None else tuple(conditions.split(",")),
        seeds=None if seeds is None else _read_seeds(seeds), keep_networks=keep_networks,
    )  # fmt: skip
    line = ProgressLine("steps")
    with line:
        result = run_experiment(
            request, say=line.say, engine=choose_engine(engine_options), workers=workers,
            report=lambda p: line.update(
                p.training.step, p.training.steps, p.training.rate, p.training.seconds_left,
                f"network {p.number} of {p.networks}: {p.condition}, seed {p.seed}, loss {p.training.loss:.3f}",
            ),
        )  # fmt: skip
    if as_json:
        print_json(to_json(result))
        return
    typer.echo(describe_state(result.experiment, result))
    for found in result.answers:
        typer.echo(f"{found.question.ask} {answer_question(result, found)}")
        if stages := describe_stages(result, found):
            typer.echo(f"  {stages}")


def _read_seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(seed) for seed in text.split(","))
    except ValueError as error:
        raise ArgumentError(f"seeds is {text!r}; give whole numbers, comma-separated.") from error
