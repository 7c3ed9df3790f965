"""The application, the options that several commands take, and what people read while something runs and when it is done."""

import dataclasses
import functools
import inspect
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer
from typer.core import TyperGroup

from senet_viz.recording.options import EngineOptions, name_of
from senet_viz.text import bytes_text, seconds_text

if TYPE_CHECKING:
    from senet_viz.claims.evidence import ClaimReport, Evidence
    from senet_viz.workflows.engine import Engine
    from senet_viz.workflows.job import JobProgress


class ProgressLine:
    """One line that is rewritten on a terminal, and a new line every ten seconds elsewhere."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._began = time.monotonic()
        self._told = 0.0
        self._open = False
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def say(self, sentence: str) -> None:
        """A line of its own."""
        self._close()
        sys.stderr.write(sentence + "\n")
        sys.stderr.flush()

    def follow(self, progress: "JobProgress", detail: str = "") -> None:
        """How far a job is, with the pace of each of Ray's workers."""
        p = progress
        rates = ", ".join(f"{name}: {rate:,.1f}" for name, rate in p.workers.items())
        replaced = f"{p.replaced} died and {'was' if p.replaced == 1 else 'were'} replaced" if p.replaced else ""
        said = (detail, f"workers at {rates} images/s" if rates else "", replaced)
        self.update(p.consumed, p.total, p.rate, p.seconds_left, ", ".join(filter(None, said)))

    def update(self, done: int, total: int, rate: float, seconds_left: float, detail: str = "") -> None:
        """Progress; `rate` in images a second. Told five times a second at most."""
        self._tell(done, total, f"{rate:,.0f} images/s, {seconds_text(seconds_left)} left", detail)

    def update_parts(self, done: int, total: int, detail: str = "") -> None:
        """Progress of parts that take unequal times: how long it has taken so far, no guess at the rest."""
        self._tell(done, total, f"{seconds_text(time.monotonic() - self._began)} so far", detail)

    def _tell(self, done: int, total: int, speed: str, detail: str) -> None:
        now = time.monotonic()
        if now - self._told < (0.2 if self._live else 10.0) and done < total:
            return
        self._told = now
        text = f"{done:,} of {total:,} {self._unit} ({done / total:.0%}), {speed}"
        text += f", {detail}" if detail else ""
        sys.stderr.write(f"\r{text}\x1b[K" if self._live else text + "\n")
        sys.stderr.flush()
        self._open = self._live

    def _close(self) -> None:
        if self._open:
            sys.stderr.write("\n")
            self._open = False


_ORDER = ("app", "inspect", "record", "compare", "intervene", "freeze", "export", "assess", "report", "verify", "slim")


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
        help="bundled, timm:NAME, torchvision:NAME, hf:ORG/NAME or hf:./FOLDER, senet_viz:NAME, package.module:factory, a weights file (with --arch), "
        "or a folder that train wrote.",
    ),
]  # fmt: skip
DataName = Annotated[
    str,
    typer.Option(
        "--data", "-d",
        help="Folder of class folders, flat folder, CSV, digits, torchvision:NAME; Parquet files or WebDataset tars as a file, "
        "a pattern ('shards/{000..099}.tar', 'data/val-*.parquet') or a URL of such (s3://, gs://, hf://datasets/…, https://).",
    ),
]  # fmt: skip
Calibrate = Annotated[
    str | None, typer.Option(help="Images on which random weights get their batch-norm statistics (no labels used).")
]
LabelMap = Annotated[
    Path | None,
    typer.Option(help="CSV of class,output or JSON that maps classes to outputs; or outputs: labels index them."),
]
ImageColumn = Annotated[str | None, typer.Option(help="Column of images, as for record.")]
LabelColumn = Annotated[str | None, typer.Option(help="Column of labels, as for record.")]
PlanOnly = Annotated[
    bool, typer.Option("--plan", help="Only tell what it would take and how classes map to outputs; write nothing.")
]
Seed = Annotated[int, typer.Option(help="Seed of random weights and of every random choice.")]
Device = Annotated[str, typer.Option(help="auto (CUDA where there is one), cpu, cuda, cuda:1, …")]
Limit = Annotated[int | None, typer.Option(help="At most so many images, stratified by class, seeded.")]
BatchSize = Annotated[int, typer.Option(help="Images a forward.")]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Threads that decode, as many as keep up by default; with --engine ray, processes that do batches (2)."
    ),
]
BaselinesFrom = Annotated[
    Path | None,
    typer.Option(help="Recording of this model on these images, all gates kept; made in OUT/clean by default."),
]
Controls = Annotated[
    list[Path] | None,
    typer.Option("--control", help="A recording of the same images with random weights; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
FolderArgument = Annotated[Path, typer.Argument(help="A recording's folder.")]


def takes(options: type[Any], place_of: str = "options") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options that a dataclass declares, in the place of the argument that takes them."""
    declared = dataclasses.fields(options)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            chosen = {field.name: given.pop(field.name) for field in declared}
            command(**given, **{place_of: options(**chosen)})

        added = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=Annotated[field.type, typer.Option(name_of(field), help=field.metadata["help"])],
            )
            for field in declared
        ]
        own = list(inspect.signature(command).parameters.values())
        place = next(k for k, parameter in enumerate(own) if parameter.name == place_of)
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own[:place], *added, *own[place + 1 :])]
        vars(run)["__signature__"] = inspect.Signature(parameters)  # Typer reads both of these
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def choose_engine(options: EngineOptions) -> "Engine":
    """Who does the batches."""
    if options.engine == "local":
        from senet_viz.workflows.engine import LOCAL

        return LOCAL
    from senet_viz.workflows.ray_engine import RayEngine

    return RayEngine(options.address, options.threads_per_worker, options.gpus_per_worker)


def print_json(tree: dict[str, Any]) -> None:
    """One object on stdout."""
    typer.echo(json.dumps(tree, indent=1, ensure_ascii=False))


def answer(tree: dict[str, Any], text: str, *, as_json: bool) -> None:
    """What a command found: one object, or the same for people."""
    print_json(tree) if as_json else typer.echo(text)


def estimate_text(e: dict[str, Any]) -> str:
    """An estimate or a plan in one line."""
    seconds = math.nan if e["seconds"] is None else e["seconds"]
    return (
        f"{e['images']:,} images ({e['kept']:,} kept), about {seconds_text(seconds)}, {bytes_text(e['disk_bytes'])} on disk "
        f"({bytes_text(e['free_bytes'])} free), {bytes_text(e['memory_bytes'])} of memory beside the network's"
    )


def plan_text(plan: dict[str, Any]) -> str:
    lines = [estimate_text(plan)]
    outputs = [row["output"] for row in plan["classes"]]
    if outputs:
        mapped = sum(output is not None for output in outputs)
        lines.append(f"{mapped:,} of {len(outputs):,} classes have an output (found by: {plan['mapping']['method']})")
    lines += [f"note: {note}" for note in (plan["mapping"]["note"], *plan["notes"]) if note]
    if plan["problem"]:
        lines.append(f"It would be refused: {plan['problem']}")
    return "\n".join(lines)


def summary_text(summary: dict[str, Any]) -> str:
    top1 = summary["top1"]
    right = (
        f"top-1 {top1:.2%} of {summary['judged']:,}" if top1 is not None else "top-1 unknown: no class has an output"
    )
    some = "" if summary["classes_seen"] == summary["classes"] else f"{summary['classes_seen']:,} of "
    lines = [
        f"{summary['recording']}: {summary['images']:,} images, {summary['kept']:,} kept, {some}{summary['classes']:,} classes, "
        f"{summary['blocks']} blocks, {right}"
    ]
    if summary["errors"]:
        nonfinite = summary["nonfinite"]
        unread = summary["errors"] - nonfinite
        counts = (
            (unread, "could not be read"),
            (nonfinite, f"{'is' if nonfinite == 1 else 'are'} not finite (NaN or infinite)"),
        )
        said = ", ".join(f"{count:,} image{'s' if count > 1 else ''} {words}" for count, words in counts if count)
        lines.append(f"{said} and {'was' if summary['errors'] == 1 else 'were'} left out:")
        lines += [f"  {error['path']}: {error['error']}" for error in summary["error_list"][:20]]
        if summary["errors"] > 20:
            lines.append("  … the rest is in the recording's errors files")
    lines += [f"note: {note}" for note in summary["notes"]]
    return "\n".join(lines)


def claims_text(report: "ClaimReport") -> str:
    """Judged claims: in sentences, then a line per claim, reading and part."""
    from senet_viz.claims.declaring import READINGS
    from senet_viz.claims.sentences import describe_disagreement, describe_scope, summarize_reading

    lines = [*(summarize_reading(report, name) for name in READINGS), describe_scope(report)]
    if disagreement := describe_disagreement(report):
        lines.append(disagreement)
    row = "{:<4} {:<9} {:<15} {}"
    lines += ["", row.format("", "reading", "verdict", "estimate [interval], declared bound")]
    for claim in report.claims:
        for name, evidence in claim.readings.items():
            first, *rest = _parts(evidence)
            lines.append(row.format(claim.id, name, evidence.verdict, first))
            lines += [row.format("", "", "", part) for part in rest]
    return "\n".join(lines)


def _parts(evidence: "Evidence") -> list[str]:
    from senet_viz.claims.declaring import say_bound, say_interval

    return [
        f"{part.formula} = {say_interval(part.estimate, part.interval, part.unit)} ({part.interval.level:.0%}), "
        f"{say_bound(part.side, part.bound)}" + (f": {part.reason}" if part.verdict == "not applicable" else "")
        for part in evidence.parts
    ] or [evidence.reason]
