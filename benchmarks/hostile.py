"""What happens to whoever opens a folder that somebody has tampered with: right numbers, or one sentence.

    python benchmarks/hostile.py                some hundred cases, under a minute
    python benchmarks/hostile.py --long         all that benchmarks/results/hostile.json counts

A small recording with its assessment and freeze advice, its slim form with a control, and interventions are made from what version 0.1
wrote (tests/data). Then one file at a time is changed, every reader is asked, and the file is put back:

- edits: a field of a JSON file becomes null, of another type, negative, huge, NaN, markup, half of a surrogate pair, a path that climbs out,
  200 kB of text, 5,000 nested lists, or is left out. Every third keeps the file's checksum, the others leave it out as somebody does who means it;
- flips: one bit of one byte, of every kind of file; cuts: a file ends early, or a part of it is zeros;
- swaps: the bytes of another file of the same kind, cut or filled up to the size;
- not plain: a pipe, a link to an endless device, a link to the file elsewhere, a folder, or nothing in place of the file.

Asked are, for edits and flips, the readers that open the file, else all. Of the readers' answers the worst counts: "same numbers"; "refused", in one sentence of type SenetVizError; "believed", where the edit left out the
checksum and what the edited file itself says is read (numbers of other files are the same); "other numbers"; "traceback"; "hang" (20 s).
The last three must be none, and `verify` must see every change of a listed file.
"""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pandas as pd
import torch

from senet_viz.analysis.blocks import gather_health, gather_measures, gather_similarity
from senet_viz.analysis.freezing_files import open_freezing, summarize_freezing
from senet_viz.claims.assessment import read_assessment, read_side_table, read_tree
from senet_viz.claims.assessment_claims import read_effects
from senet_viz.claims.evidence import ClaimReport
from senet_viz.claims.sentences import tabulate_report
from senet_viz.dashboard.jobs.keeping import list_recordings
from senet_viz.errors import SenetVizError
from senet_viz.models.environment import describe_environment
from senet_viz.recording import checked
from senet_viz.recording.export import export_statistics
from senet_viz.recording.layout import EFFECTS, MANIFEST, MEASURES
from senet_viz.recording.outcomes import open_outcomes, summarize_outcomes
from senet_viz.recording.outcomes_nearby import find_outcomes
from senet_viz.recording.reader import open_recording
from senet_viz.recording.verify import verify_recording
from senet_viz.schema import to_tree
from senet_viz.workflows.record import summarize

if TYPE_CHECKING:
    from hostile_cases import Case

T = TypeVar("T")
Answer = Literal["same numbers", "refused", "believed", "other numbers", "traceback", "hang"]
ANSWERS: tuple[Answer, ...] = ("same numbers", "refused", "believed", "other numbers", "traceback", "hang")
KINDS = ("edits", "flips", "cuts", "swaps", "not plain")
GOOD: tuple[Answer, ...] = ANSWERS[:3]
SECONDS = 20.0
Reader = Callable[[Path], Iterator[Any]]


def _samples(folder: Path) -> Iterator[Any]:
    recording = open_recording(folder)
    for table in (recording.samples, recording.kept_samples, recording.answers):
        yield table.to_pandas()
    yield from (recording.errors, recording.describe_classes())


def _gates(folder: Path) -> Iterator[Any]:
    recording = open_recording(folder)
    for gate in recording.blocks:
        yield recording.gates(gate.name)
        if recording.form == "full":
            yield recording.gates(gate.name, "squeeze")
        yield recording.channel_gates(gate.name, gate.channels - 1)


def _moments(folder: Path) -> Iterator[Any]:
    recording = open_recording(folder)
    yield recording.class_counts
    for gate in recording.blocks:
        found = recording.moments(gate.name)
        yield from (found.count, found.mean, found.ssw, found.min, found.max, found.histogram)
        yield recording.moments(gate.name, "squeeze").ssw
        for control in recording.controls:
            yield from (control.means(gate.name), control.ssw(gate.name, "squeeze"))


def _export(folder: Path) -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as out:
        path = Path(out) / "statistics.parquet"
        export_statistics(open_recording(folder), path)
        yield pd.read_parquet(path).drop(columns=["block", "label", "stage", "depth", "class_name"])


def _verify(folder: Path) -> Iterator[Any]:
    verify_recording(folder)
    yield from ()


def _tables(folder: Path) -> Iterator[Any]:
    recording = open_recording(folder)
    tree = _there(read_tree(recording))
    yield from (read_side_table(recording, tree, name) for name in (MEASURES, EFFECTS))


def _outcomes(folder: Path) -> Iterator[Any]:
    outcomes = open_outcomes(folder)
    yield outcomes.samples.to_pandas()
    for said in (outcomes.clean, *map(outcomes.outcome, outcomes.variants)):
        yield from (said.prediction, said.loss, said.correct, said.correct5)


def _about(folder: Path) -> Iterator[Any]:
    recording = open_recording(folder)
    told = {**summarize(recording), "recording": "", "bytes": 0}
    yield from (told, recording.blocks, recording.classes, recording.manifest.mapping)
    yield [recording.class_histogram(gate.name) for gate in recording.blocks]  # over the range that the manifest names


def _assessment(folder: Path) -> Iterator[Any]:
    recording = open_recording(folder)
    tree, found = _there(read_tree(recording)), _there(read_assessment(recording))
    yield from (found.table(), tabulate_report(ClaimReport.from_json(tree.get("claims"))))
    yield from (gather_health(found), gather_measures(found, tree).table())
    similarity = gather_similarity(found.gates, tree)
    yield None if similarity is None else similarity.table()
    yield [effect.row() for effect in _there(read_effects(recording)).effects]


def _there(found: T | None) -> T:
    """Readers give None where there is no file."""
    if found is None:
        raise SenetVizError("There is none.")
    return found


def _freezing(folder: Path) -> Iterator[Any]:
    path = open_freezing(folder)
    yield from (path.table(), summarize_freezing(path.advise(1.0), "freezing"))


def _about_outcomes(folder: Path) -> Iterator[Any]:
    yield {**summarize_outcomes(open_outcomes(folder)), "outcomes": ""}


def _lists(folder: Path) -> Iterator[Any]:
    """What is listed of the other folders."""
    kept = {each.name: each for each in list_recordings(folder.parent)}
    yield {name: (each.model, each.images, each.state) for name, each in kept.items() if name != folder.name}
    if folder.name == "slim":
        yield find_outcomes(open_recording(folder.parent / "run"))
    else:
        find_outcomes(open_recording(folder.parent / "slim"))


_OF_RUN: dict[str, Reader] = {
    "samples": _samples,
    "gates": _gates,
    "moments": _moments,
    "export": _export,
    "verify": _verify,
}
READERS: dict[str, dict[str, Reader]] = {
    "run": {**_OF_RUN, "tables": _tables},
    "slim": _OF_RUN,
    "interventions": {"outcomes": _outcomes},
}
OWN: dict[str, dict[str, Reader]] = {  # what JSON files themselves say
    "run": {"about": _about, "assessment": _assessment, "freezing": _freezing, "lists": _lists},
    "slim": {"about": _about, "lists": _lists},
    "interventions": {"about": _about_outcomes, "lists": _lists},
}


class Judge:
    """Knows what every reader gives of the untouched folders, and says what a case made of that."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._right, self._opened = {}, {}
        for folder in READERS:
            for name, reader in {**READERS[folder], **OWN[folder]}.items():
                with _seeing() as opened:
                    self._right[folder, name] = [*reader(home / folder)]
                self._opened[folder, name] = opened

    def ask(self, case: "Case") -> tuple[Answer, str]:
        """The worst answer of the readers, with the reader and what it said; the file is put back."""
        path = self.home / case.file
        whole = path.read_bytes()
        try:
            case.change(path)
            return self._ask(case, whole)
        finally:
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
            path.write_bytes(whole)

    def _ask(self, case: "Case", whole: bytes) -> tuple[Answer, str]:
        folder, path = case.file.partition("/")[0], self.home / case.file
        found: list[tuple[Answer, str]] = []
        for readers, own in ((READERS, False), (OWN, True)):
            for name, reader in readers[folder].items():
                if case.kind in ("edits", "flips") and path not in self._opened[folder, name]:
                    continue
                answer, said = self._read(folder, name, reader)
                if answer == "other numbers" and own and case.meant:
                    answer = "believed"
                found.append((answer, f"{name}: {said}"))
        plain = path.is_file() and not path.is_symlink()
        listed = folder != "interventions" and _is_listed(self.home, case.file)
        if listed and plain and path.read_bytes() != whole and verify_recording(path.parent).ok:
            found.append(("other numbers", "verify: sees nothing"))
        return max(found, key=lambda each: ANSWERS.index(each[0]))

    def _read(self, folder: str, name: str, reader: Reader) -> tuple[Answer, str]:
        signal.signal(signal.SIGALRM, _give_up)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            found = [*reader(self.home / folder)]
        except _HangError:
            return "hang", ""
        except SenetVizError as error:
            said = str(error)
            return ("refused", said) if "\n" not in said else ("traceback", "a message of several lines")
        except Exception as error:  # what is looked for
            return "traceback", f"{type(error).__name__}: {str(error)[:200]}"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        right = self._right[folder, name]
        same = len(found) == len(right) and all(map(_are_same, found, right))
        return ("same numbers", "") if same else ("other numbers", "")


@contextlib.contextmanager
def _seeing() -> Iterator[set[Path]]:
    """The files that are opened meanwhile: a change within another one cannot be noticed."""
    opened: set[Path] = set()
    inner = checked.open_plain

    def see(path: Path) -> int:
        opened.add(path)
        return inner(path)

    checked.open_plain = see
    try:
        yield opened
    finally:
        checked.open_plain = inner


class _HangError(BaseException):
    pass


def _give_up(*_: object) -> None:
    raise _HangError


def _is_listed(home: Path, file: str) -> bool:
    tree = json.loads((home / file).with_name(MANIFEST).read_bytes()) if not file.endswith(".json") else {}
    return any(entry["name"] == Path(file).name for entry in tree.get("files", ()))


def _are_same(one: Any, other: Any) -> bool:
    if isinstance(one, pd.DataFrame) and isinstance(other, pd.DataFrame):
        return one.equals(other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return bool(to_tree(one) == to_tree(other))


def run_cases(judge: Judge, cases: "list[Case]") -> dict[str, Any]:
    """How often each answer came, and what must not be."""
    started = time.monotonic()
    counts: Counter[Answer] = Counter()
    wrong = []
    for number, case in enumerate(cases, start=1):
        answer, said = judge.ask(case)
        counts[answer] += 1
        if answer not in GOOD:
            wrong.append({"file": case.file, "what": case.what, "answer": answer, "said": said})
        if number % 50 == 0 or number == len(cases):
            print(f"{case.kind}: {number:,} of {len(cases):,}, {len(wrong)} wrong", file=sys.stderr)
    seconds = round(time.monotonic() - started, 1)
    return {"cases": len(cases), **{answer: counts[answer] for answer in ANSWERS}, "wrong": wrong, "seconds": seconds}


def main() -> None:
    from hostile_cases import make_cases, make_home

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--long", action="store_true", help="5,200 edits, 5,200 flips and all others; stores the result"
    )
    parser.add_argument(
        "--only", choices=KINDS, nargs="*", default=KINDS, help="a part; its counts replace those stored"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "hostile.json")
    arguments = parser.parse_args()
    sizes = (
        {"edits": 5200, "flips": 5200, "others": 10**9}
        if arguments.long
        else {"edits": 100, "flips": 100, "others": 60}
    )
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_home(home)
        judge, cases = Judge(home), make_cases(home, **sizes, seed=arguments.seed)
        found = {kind: run_cases(judge, [case for case in cases if case.kind == kind]) for kind in arguments.only}
    print(json.dumps(found, indent=1, ensure_ascii=False))
    if arguments.long:
        stored = json.loads(arguments.out.read_bytes()) if arguments.out.is_file() else {}
        kinds = {kind: (stored.get("kinds", {}) | found).get(kind) for kind in KINDS}
        result = {
            "benchmark": "hostile", "environment": describe_environment(torch.device("cpu")), "seed": arguments.seed,
            "cases": sum(part["cases"] for part in kinds.values() if part), "kinds": kinds,
        }  # fmt: skip
        arguments.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if any(part["wrong"] for part in found.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
