"""Which gates of the networks of installed zoos are found, against what their forwards multiply.

    python benchmarks/zoo_coverage.py                     all that is installed, the smallest of each family first
    python benchmarks/zoo_coverage.py --zoo timm --only 'resnet' --per-family 1
    python benchmarks/zoo_coverage.py --report            the results so far, summed up, and the table of docs/gates.md

Each network has random weights and is given a small random batch. Every gate that `GateRecorder` records must be a factor that
PyTorch's operators were seen to multiply a map by, to 1e-6; every such factor must be recorded, or lie in a module that was refused by
name. All gates moved at once (t = 1) must give what the network gives when these factors are changed by hand. The networks are chosen
by their names and texts alone (`zoo_networks.py`), their factors seen below the package's own means (`zoo_observer.py`). Results are added
to a file line by line, so that a run may be stopped and taken up again: what is there is not run again.
"""

import argparse
import gc
import json
import re
import statistics
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
import zoo_networks
from torch import Tensor, nn
from zoo_networks import ZOOS, Entry, in_order, kinds_of, version_of
from zoo_observer import IMAGES, Scaling, Seen, first_tensor, seeing, settle

from senet_viz.errors import SenetVizError
from senet_viz.gates.discovery import BoundGate, GateSurvey, survey_gates
from senet_viz.gates.intervention import GatePatch, patching
from senet_viz.gates.recorder import GateRecorder
from senet_viz.gates.trace import USUAL_SIDES
from senet_viz.models.environment import describe_environment

RESULTS = Path(__file__).parent / "results"
LINES = RESULTS / "zoo_coverage.jsonl"
TOLERANCE = 1e-6
NO_EXCITATION = {  # by class, read by hand: scale by numbers per image and channel, and are no squeeze-and-excitation of that map
    "GlobalResponseNorm": "response normalisation: the factor is the map's own norm, nothing learned makes it",
    "RmsNorm": "normalisation: the factor is a token's own norm, nothing learned makes it",
    "EfficientAdditiveAttention": "attention: a weighted mean of the queries scales the keys, which are another map, with no excitation between",
    "GhostModuleV2": "a gate of channels and positions, of which a small image leaves one; it scales another map",
    "GhostModuleV3": "a gate of channels and positions, of which a small image leaves one; it scales another map",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", choices=ZOOS, action="append", help="all that are installed by default")
    parser.add_argument("--only", type=re.compile, default=re.compile(""), help="pattern of networks' names")
    parser.add_argument("--per-family", type=int, help="at most so many of each family, the smallest")
    parser.add_argument(
        "--most-parameters", type=float, default=float("inf"), help="leave out what has more (in millions)"
    )
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no network after so many")
    parser.add_argument("--again", action="store_true", help="run also what the file holds")
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/gates.md")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=LINES)
    parser.add_argument(
        "--listed",
        type=Path,
        default=Path(tempfile.gettempdir()) / "zoo_listed.jsonl",
        help="what is listed, for the next run",
    )
    arguments = parser.parse_args()
    zoo_networks.LISTING = zoo_networks.Listing(arguments.listed)
    torch.set_num_threads(arguments.threads)
    warnings.filterwarnings("ignore")
    if not arguments.report:
        run(arguments)
    if arguments.out.exists():
        zoos = report(arguments.out)
        if arguments.write_docs:
            write_docs(zoos)


def run(arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    done = {(line["zoo"], line["network"]) for line in read_lines(arguments.out)}
    for zoo in arguments.zoo or ZOOS:
        if version_of(zoo) is None:
            print(f"{zoo} is not installed: skipped.", flush=True)
            continue
        try:
            entries = list(ZOOS[zoo](arguments.only))
        except ImportError as error:
            print(f"{zoo} {version_of(zoo)} cannot be imported ({error}): skipped.", flush=True)
            continue
        for entry in in_order(entries, arguments.per_family):
            if time.monotonic() - began > 60 * arguments.minutes:
                print(f"{arguments.minutes:g} minutes are over: run again to go on.", flush=True)
                return
            if (
                not arguments.again and (zoo, entry.name) in done
            ) or entry.parameters > 1e6 * arguments.most_parameters:
                continue
            line = examine(entry) | {"candidates_of_zoo": len(entries) if not arguments.only.pattern else None}
            with arguments.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            print(
                f"{zoo} {entry.name}: {line['answer']}, {line['gates']} gates, {line['seconds']} s {line['problems'] or ''}",
                flush=True,
            )
            gc.collect()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Of a file of results, the last line of each network."""
    if not path.exists():
        return []
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    return list({(line["zoo"], line["network"]): line for line in lines}.values())


def examine(entry: Entry) -> dict[str, Any]:
    """What is found in a network, and whether it is right."""
    began = time.monotonic()
    line: dict[str, Any] = {
        "zoo": entry.zoo, "version": version_of(entry.zoo), "network": entry.name, "family": entry.family,
        "parameters": entry.parameters, "answer": "not run", "gates": 0, "find_gates_seconds": None, "problems": [],
    }  # fmt: skip
    try:
        torch.manual_seed(0)
        network = entry.build().eval()
        inputs = prepare(network, entry)
    except Exception as error:  # a network that does not run untouched tells nothing
        line["problems"] = [f"does not run untouched: {type(error).__name__}: {str(error)[:200]}"]
        return line | {"seconds": round(time.monotonic() - began, 1)}
    example = inputs if entry.draw or inputs[0].shape[-1] not in USUAL_SIDES else None
    started, busy = time.monotonic(), time.process_time()
    try:
        survey = survey_gates(network, example_inputs=example)
        line["find_gates_seconds"] = round(time.monotonic() - started, 2)
        line["find_gates_cpu_seconds"] = round(time.process_time() - busy, 2)
        line |= compare(network, inputs, survey)
    except SenetVizError as error:
        line |= {"answer": "error", "problems": [str(error)]}
    except Exception as error:  # a fault of the package, told as such
        line |= {"answer": "fault", "problems": [f"{type(error).__name__}: {str(error)[:300]}"]}
    line["seconds"] = round(time.monotonic() - began, 1)
    return line


def prepare(network: nn.Module, entry: Entry) -> tuple[Any, ...]:
    """Sets a network's weights and returns what it is called with."""
    if entry.draw is not None:
        inputs = entry.draw()
        settle(network, inputs)
        return inputs
    failure: Exception | None = None
    for side in entry.sides:
        inputs = (torch.randn(IMAGES, 3, side, side),)
        try:
            settle(network, inputs)
            return inputs
        except Exception as error:  # too small for it
            failure = error
    assert failure is not None
    raise failure


def compare(network: nn.Module, inputs: tuple[Any, ...], survey: GateSurvey) -> dict[str, Any]:
    """A network's gates and refused units against what its forward multiplies."""
    recorded: dict[str, Tensor | None] = {}
    squeezes: dict[str, Tensor | None] = {}
    with torch.no_grad(), ExitStack() as stack:
        recorder = stack.enter_context(GateRecorder(network, bound=survey.bound)) if survey.bound else None
        seen = stack.enter_context(seeing(network))
        untouched = first_tensor(network(*inputs))
        if recorder is not None:
            recorded, squeezes = recorder.take(), recorder.take("squeeze")
    places, wrong = match(survey.bound, recorded, squeezes, seen)
    problems = list(wrong)
    taken = {number for number, _ in places.values()}
    refused = tuple(unit.name.partition(":")[0] for unit in survey.refused)
    left: Counter[str] = Counter()
    explained: Counter[str] = Counter()
    for number, scaling in enumerate(seen.scalings):
        if number in taken or any(_lies_in(scaling.path, name) for name in refused):
            continue
        if scaling.kind in NO_EXCITATION:
            explained[scaling.kind] += 1
        elif not is_constant(scaling.factor):
            left[f"{scaling.kind} ({scaling.path})"] += 1
    problems += [
        f"{count} factor(s) in {place} neither recorded nor refused" for place, count in list(left.items())[:5]
    ]
    if survey.bound and not wrong:
        problems += check_moving(network, inputs, survey.bound, places, untouched)
    answer = "wrong" if problems else "found" if survey.bound else "refused" if survey.refused else "no gates"
    if problems and not wrong and left and not survey.bound:
        answer = "missed"
    return {
        "answer": answer,
        "gates": len(survey.bound),
        "factors_seen": len(seen.scalings),
        "kinds": kinds_of(network),
        "found_as": dict(Counter(f"{b.gate.family} | {b.gate.activation} | {b.gate.form}" for b in survey.bound)),
        "refused": dict(Counter(f"{unit.kind}: {unit.reason}" for unit in survey.refused)),
        "no_excitation": dict(explained),
        "problems": problems,
    }


def is_constant(factor: Tensor) -> bool:
    """Whether a factor is no function of what was pooled: the same for all images, or a mask (one number where it is not 0)."""
    masks = all(row.unique().numel() <= 2 and bool((row == 0).any() | (row == row[0]).all()) for row in factor)
    return masks or bool((factor == factor[:1]).all())


def _lies_in(path: str, holder: str) -> bool:
    return path == holder or path.startswith(f"{holder}.") or holder.startswith(f"{path}.")


Change = Callable[[Tensor], Tensor]
Place = tuple[int, Change]  # number of the scaling, and what the factor is of s
FORMS: dict[str, Change] = {"s": lambda s: s, "1 + s": lambda s: 1 + s, "1 − s": lambda s: 1 - s}


def _forms(gate_form: str) -> Iterator[Change]:
    """What a factor may be of s, for a form."""
    yield FORMS["s"]
    if gate_form == "x + s·x":
        yield FORMS["1 + s"]
    if "−" in gate_form:
        yield FORMS["1 − s"]
    if scale := re.match(r"([0-9.e+-]+)·s·x", gate_form):
        yield lambda s, scale=float(scale[1]): scale * s  # type: ignore[misc]
    if shifted := re.match(r"\(([0-9.e+-]+) ([+−]) (?:([0-9.e+-]+)·)?s\)·x", gate_form):
        offset, times = float(shifted[1]), float(shifted[3] or 1) * (1 if shifted[2] == "+" else -1)
        yield lambda s: offset + times * s


def match(
    bound: Sequence[BoundGate], recorded: dict[str, Tensor | None], squeezes: dict[str, Tensor | None], seen: Seen
) -> tuple[dict[str, Place], list[str]]:
    """The scaling of each gate by its name, and what is wrong with gates."""
    places: dict[str, Place] = {}
    problems: list[str] = []
    for each in bound:
        gate, s = each.gate, recorded[each.gate.name]
        assert s is not None
        place = _find(s, gate.form, seen.scalings, {number for number, _ in places.values()})
        if place is None:
            problems.append(f"{gate.name} ({gate.form}): what is recorded is no factor of any map")
            continue
        places[gate.name] = place
        low, high = gate.range
        if float(s.min()) < low or float(s.max()) > high:
            problems.append(
                f"{gate.name} is said to lie in {gate.range}, and lies in {float(s.min()):g} to {float(s.max()):g}"
            )
        made = {name for name, results in seen.squashed.items() if any(_same(s, result) for result in results)}
        if gate.activation.replace(" ", "") in ("sigmoid", "tanh", "softmax", "relu") and gate.activation not in made:
            problems.append(f"{gate.name} is said to be of {gate.activation}, and is of {sorted(made) or 'none'}")
        if gate.activation in ("none", "hard sigmoid") and made & {"sigmoid", "tanh", "softmax"}:
            problems.append(f"{gate.name} is said to be of {gate.activation}, and is of {sorted(made)}")
        z = squeezes[gate.name]
        if z is None and gate.squeeze_missing is None:
            problems.append(f"{gate.name} has neither z nor a reason why")
    return places, problems


def _find(s: Tensor, form: str, scalings: Sequence[Scaling], taken: set[int]) -> Place | None:
    for number, scaling in enumerate(scalings):
        if number in taken or scaling.factor.shape != s.shape:
            continue
        for made in _forms(form):
            if torch.allclose(scaling.factor.float(), made(s), rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
                return number, made
    return None


def _same(s: Tensor, result: Tensor) -> bool:
    return result.numel() == s.numel() and torch.allclose(result.flatten(), s.flatten(), rtol=TOLERANCE, atol=TOLERANCE)


def check_moving(
    network: nn.Module, inputs: tuple[Any, ...], bound: Sequence[BoundGate], places: dict[str, Place], untouched: Tensor
) -> list[str]:
    """All gates at their baselines against the network with its factors changed by hand; and t = 0 against the network untouched."""
    generator = torch.Generator().manual_seed(2)
    baselines = {each.gate.name: 0.2 + 0.6 * torch.rand(each.gate.channels, generator=generator) for each in bound}
    edits = {
        places[name][0]: lambda factor, made=places[name][1], b=b: made(b).expand_as(factor)
        for name, b in baselines.items()
    }
    with torch.no_grad():
        with patching(network, [GatePatch(each, baselines[each.gate.name]) for each in bound]):
            moved = first_tensor(network(*inputs))
        with patching(network, [GatePatch(each, baselines[each.gate.name], 0.0) for each in bound]):
            still = first_tensor(network(*inputs))
        with seeing(network, edits):
            edited = first_tensor(network(*inputs))
    problems = []
    if not torch.equal(still, untouched):
        problems.append("at t = 0 bits change")
    if not edited.numel():
        return problems  # a detector with random weights finds nothing: there is no output to compare
    scale = float(edited.abs().max())
    if not float((moved - edited).abs().max()) <= 1e-5 * scale:
        problems.append(
            f"moved gates differ from the network edited by hand by {float((moved - edited).abs().max()):g} of {scale:g}"
        )
    if torch.equal(moved, untouched):
        problems.append("moved gates change nothing: they do not reach the output")
    return problems


def report(path: Path) -> dict[str, Any]:
    """Sums up a file of results, beside it."""
    lines = sorted(read_lines(path), key=lambda line: (list(ZOOS).index(line["zoo"]), line["network"]))
    zoos: dict[str, Any] = {}
    for zoo in ZOOS:
        mine = [line for line in lines if line["zoo"] == zoo]
        if not mine:
            zoos[zoo] = "not run"
            continue
        times = [line["find_gates_seconds"] for line in mine if line["find_gates_seconds"] is not None]
        with_gates = [line for line in mine if line["gates"]]
        busy = [seconds for line in with_gates if (seconds := line.get("find_gates_cpu_seconds")) is not None]
        families = {line["family"] for line in mine}
        zoos[zoo] = {
            "version": mine[-1]["version"],
            "candidates": max((line["candidates_of_zoo"] or 0 for line in mine), default=0) or "not all listed",
            "run": len(mine),
            "families_run": len(families),
            **dict(sorted(Counter(line["answer"] for line in mine).items())),
            "gates": sum(line["gates"] for line in mine),
            "left_out": zoo_networks.LISTING.list_others(zoo, {line["network"] for line in mine}),  # None: not listed
            "find_gates_seconds": {"median": statistics.median(times), "longest": max(times)} if times else None,
            "find_gates_processor_seconds": {"median": statistics.median(busy), "longest": max(busy)} if busy else None,
            "refused_units": dict(_count(line["refused"] for line in mine if "refused" in line)),
            "found_as": dict(_count(line["found_as"] for line in mine if "found_as" in line)),
        }
    print(json.dumps(zoos, indent=1, ensure_ascii=False))
    result = {
        "benchmark": "zoo_coverage",
        "environment": describe_environment(torch.device("cpu")),
        "tolerance": TOLERANCE,
        "which": "where candidates are 'not all listed': those chosen by --only; else all that was run of them. Left out, with their "
        "numbers of parameters, is what was listed as a candidate and not run, for want of time or memory",
        "zoos": zoos,
        "problems": {f"{line['zoo']} {line['network']}": line["problems"] for line in lines if line["problems"]},
    }
    path.with_suffix(".json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return zoos


def _count(counts: Iterator[dict[str, int]]) -> Counter[str]:
    """Networks, by what occurs in them."""
    return Counter(key for each in counts for key in each)


PAGE = Path(__file__).parents[1] / "docs" / "gates.md"
BEGIN, END = (
    "<!-- zoo coverage: made by benchmarks/zoo_coverage.py --report --write-docs -->",
    "<!-- end of zoo coverage -->",
)
HEAD = "| zoo | networks run | gates found | refused by name | no gate | not run | left out | wrong | gates | longest `find_gates` |\n|---|---|---|---|---|---|---|---|---|---|"


def write_docs(zoos: dict[str, Any]) -> None:
    """Puts the table of the zoos into the page of gates."""
    rows = [HEAD]
    for zoo, told in zoos.items():
        if isinstance(told, dict):
            wrong = sum(told.get(answer, 0) for answer in ("wrong", "missed", "fault", "error"))
            counts = [
                told["run"],
                told.get("found", 0),
                told.get("refused", 0),
                told.get("no gates", 0),
                told.get("not run", 0),
                "not known" if told["left_out"] is None else len(told["left_out"]),
                wrong,
            ]
            busy = told["find_gates_processor_seconds"]
            longest = f"{busy['longest']:.1f} s" if busy else "–"
            rows.append(f"| {zoo} {told['version']} | {' | '.join(map(str, counts))} | {told['gates']:,} | {longest} |")
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + "\n".join([BEGIN, *rows, END]) + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
