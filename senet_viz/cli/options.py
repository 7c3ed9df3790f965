"""The application, and the options that several commands take."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

_ORDER = ("inspect", "record", "compare", "intervene", "freeze", "export", "assess", "report", "verify", "slim")


class _Commands(TyperGroup):
    """Commands in the order in which they are met, as in the README; what is for few comes last."""

    def list_commands(self, ctx: Any) -> list[str]:
        places = {name: place for place, name in enumerate(_ORDER)}
        return sorted(super().list_commands(ctx), key=lambda name: places.get(name, len(_ORDER)))


app = typer.Typer(
    name="senet-viz",
    cls=_Commands,
    help="See and test what the gates of squeeze-and-excitation networks do. Each command takes --help.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ModelName = Annotated[
    str,
    typer.Option(
        "--model", "-m",
        help="bundled, timm:NAME, torchvision:NAME, senet_viz:NAME, package.module:factory, a weights file (with --arch), "
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


def print_json(tree: dict[str, Any]) -> None:
    """One object on stdout."""
    typer.echo(json.dumps(tree, indent=1, ensure_ascii=False))
