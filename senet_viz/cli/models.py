"""Commands about networks: inspect, train, doctor."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_viz.cli.options import AsJson, Device, ProgressLine, Seed, answer, app, print_json, takes
from senet_viz.models.options import ModelOptions

if TYPE_CHECKING:
    from senet_viz.workflows.inspect import Inspection


@app.command("inspect", short_help="List a network's SE blocks and what they cost.")
@takes(ModelOptions, "model_options")
def inspect_command(
    model: Annotated[str, typer.Argument(help="As --model of record.")],
    *,
    model_options: ModelOptions,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """List a network's SE blocks, channels, r, and weights, biases and operations against the paper's formula."""
    from senet_viz.models.zoo import load_model
    from senet_viz.workflows.inspect import inspect_model

    found = inspect_model(load_model(model, seed=seed, device="cpu", options=model_options))
    if as_json:
        print_json(found.to_json())
        return
    typer.echo(f"{found.name}: {len(found.blocks)} SE blocks, {found.parameters:,} parameters, {found.outputs} outputs")
    _print_blocks(found)
    for unit in found.refused:
        typer.echo(f"left out: {unit.name} ({unit.kind}): {unit.reason}")
    for note in found.notes:
        typer.echo(f"note: {note}")
    _print_sums(found)


def _print_blocks(found: "Inspection") -> None:
    width = max(len(block.gate.name) for block in found.blocks) + 2
    row = f"{{:<10}}{{:<{width}}}" + "{:>6}{:>6}{:>8}{:>8}{:>12}{:>12}{:>10}{:>14}  {}"
    typer.echo(
        row.format("label", "module", "C", "C/r", "r", "layers", "weights", "eq 5", "biases", "operations", "gate")
    )
    for block in found.blocks:
        gate, cost = block.gate, block.counted
        typer.echo(
            row.format(
                gate.label, gate.name, gate.channels, gate.reduced_channels or "–",
                "–" if gate.reduction is None else f"{gate.reduction:g}", block.depth or "–", f"{cost.weights:,}",
                "–" if block.eq5 is None else f"{block.eq5:,}", f"{cost.biases:,}", f"{cost.macs:,}",
                f"{gate.activation}, {gate.family}",
            )
        )  # fmt: skip


def _print_sums(found: "Inspection") -> None:
    cost, base = found.gate_cost, found.parameters - found.gate_parameters
    typer.echo(
        f"SE in all: {found.gate_parameters:,} parameters ({cost.weights:,} weights, {cost.biases:,} biases), "
        f"{found.gate_parameters / base:.2%} on top of {base:,}; eq 5, Σ 2C²/r = {found.formula_weights:,}"
    )
    typer.echo(
        f"operations for an image of {found.side} px: {cost.macs:,} (squeeze {cost.squeeze_macs:,} additions, excitation "
        f"{cost.excitation_macs:,} multiply-adds, scale {cost.scale_macs:,} multiplications), {cost.macs / found.macs:.2%} on top "
        f"of {found.macs:,} multiply-adds"
    )
    if found.note is not None:
        note = found.note
        typer.echo(
            f"formula of the note that this project began with, Σ_s[(N_s − 2)·C_s²/r² + 2C_s²/r] = {note.note:,.0f} weights, one excitation of N_s layers a stage; "
            f"{note.depth} layers in every unit: {note.per_unit:,.0f}"
        )


@app.command("train", short_help="Train a small SE-ResNet-50, or another SE network.")
def train_command(
    data: Annotated[str, typer.Option("--data", "-d", help="Labelled training images, as --data of record.")],
    val: Annotated[str, typer.Option(help="Labelled validation images; only measured on, once, at the end.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model; the same command resumes it.")],
    phases: Annotated[str, typer.Option(help="EPOCHSxPIXELS, comma-separated.")] = "5x32,4x48,3x64",
    base_channels: Annotated[int, typer.Option(help="Bottleneck width of the first stage (64 in the paper).")] = 32,
    network: Annotated[
        str | None,
        typer.Option(help="senet_viz:NAME,ARGUMENT=VALUE,… (docs/networks.md) instead of the bundled layout."),
    ] = None,
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
    """Train a small SE-ResNet-50, or another SE network, and write it with config and model card."""
    from senet_viz.workflows.model_building import ModelRequest, parse_phases, train_model
    from senet_viz.workflows.train import TrainConfig

    config = TrainConfig(
        phases=parse_phases(phases), batch_size=batch_size, peak_rate=peak_rate, weight_decay=weight_decay,
        precision=precision, seed=seed,
    )  # fmt: skip
    request = ModelRequest(
        data=data, validation=val, folder=out, base_channels=base_channels, network=network, device=device,
        data_name=data_name, data_terms=data_terms, stop_after=stop_after,
    )  # fmt: skip
    line = ProgressLine("steps")
    with line:
        result = train_model(
            request, config, say=line.say,
            report=lambda p: line.update(p.step, p.steps, p.rate, p.seconds_left, f"epoch {p.epoch + 1}, {p.side} px, loss {p.loss:.3f}"),
        )  # fmt: skip
    if as_json:
        print_json(result)
    elif result["finished"]:
        typer.echo(f"{out}: top-1 {result['top1']:.2%}, top-5 {result['top5']:.2%} of {result['images']:,} images")
    else:
        typer.echo(f"{out}: stopped after {stop_after:g} s as asked; the same command goes on")


@app.command("doctor", short_help="Tell versions, devices, and what is missing.")
def doctor_command(as_json: AsJson = False) -> None:
    """Tell versions, devices, the browser for tests and pictures, what is missing and how to get it."""
    from senet_viz.cli.doctor import examine

    checks = examine()
    usable = all(check.ok for check in checks if check.needed)
    lines = [
        f"{'ok     ' if check.ok else 'missing'}  {check.name}: {check.found}{'' if check.ok else f' – {check.remedy}'}"
        for check in checks
    ]
    answer({"usable": usable, "checks": [asdict(check) for check in checks]}, "\n".join(lines), as_json=as_json)
    if not usable:
        raise typer.Exit(1)
