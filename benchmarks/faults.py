"""A job ended or failed at each of its calls that change a file, then the same command again.

    python benchmarks/faults.py                      every call of every job, killed, torn, failing and with a full disk
    python benchmarks/faults.py --only record --every 7

Linux with a C compiler: `fault_layer.c` stands between the process and the C library, counts its calls that change files below the
job's folder and kills it there (before the call, or in the middle of a write and after any other call), lets one call fail (EIO)
or the disk be full from there on (ENOSPC). Afterwards what a recording says to hold must be there and be the undisturbed run's
first images; a failing call must end in one sentence, or not matter; and the same command must end with the undisturbed run's bytes.
"""

import argparse
import ctypes
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FAULTS = {"killed": 1, "torn": 2, "failing": 3, "full": 4}  # as in fault_layer.c
HERE = Path(__file__).parent
VOLATILE = {
    "id",
    "timing",
    "checksum",
    "created",
    "started",
    "updated",
    "seconds",
    "throughput",
    "environment",
    "versions",
    "recording",
    "bytes",
    "sha256",
}
PATIENCE = 120


class Job(NamedTuple):
    """A command with one folder, or one file, that it makes.

    Attributes:
        arguments: of `senet-viz`; OUT stands for what it makes.
        prepare: what lies there before.
    """

    arguments: Sequence[str]
    prepare: Callable[[Path], object] = lambda _: None


class Ended(NamedTuple):
    """How a process ended: its status as `os.waitstatus_to_exitcode` has it, and what it wrote to its streams."""

    code: int
    text: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="one job")
    parser.add_argument("--every", type=int, default=1, help="only each so many calls")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "faults.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if "fault_layer" not in os.environ.get("LD_PRELOAD", ""):
            library = build_layer(Path(scratch))
            environment = {**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
            raise SystemExit(subprocess.call([sys.executable, __file__, *sys.argv[1:]], env=environment))
        jobs = make_jobs(Path(scratch))
        results = {
            name: try_job(name, job, Path(scratch) / name, arguments.every)
            for name, job in jobs.items()
            if arguments.only in (None, name)
        }
    from senet_viz.models.environment import describe_environment
    from senet_viz.models.zoo import choose_device

    found = {
        "benchmark": "faults",
        "environment": describe_environment(choose_device("cpu")),
        "every": arguments.every,
        "points": sum(each["points"] for each in results.values()),
        "jobs": results,
    }
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: each["outcomes"] for name, each in results.items()}, indent=1))


def build_layer(folder: Path) -> Path:
    """Compiles the layer (SystemExit without a compiler)."""
    library = folder / "fault_layer.so"
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("No C compiler (cc) was found: install one, e.g. Debian's gcc.")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(HERE / "fault_layer.c"), "-ldl"], check=True
    )
    return library


def make_jobs(scratch: Path) -> dict[str, Job]:
    """Jobs over 40 small images; what the later ones read is made first, undisturbed."""
    sys.path.insert(0, str(HERE.parent))
    importlib.import_module("tests.e2e.loaded")  # what every forked process needs

    data = str(importlib.import_module("tests.support.tiny").write_tiny_parquet(scratch / "tiny.parquet", 40))
    mapped = scratch / "map.csv"
    mapped.write_text("class,output\n" + "".join(f"class {k},{k}\n" for k in range(10)), encoding="utf-8")
    network = ["--model", "tests.support.tiny:tiny_se", "--data", data, "--device", "cpu", "--batch-size", "8"]
    record = [
        "record",
        *network,
        "--shard-size",
        "16",
        "--commit-every",
        "0.001",
        "--keep-squeeze",
        "--label-map",
        str(mapped),
    ]
    recorded = scratch / "recorded"
    expect_success(run([*record, "--out", str(recorded)]))

    def copy(to: Path) -> None:
        shutil.copytree(recorded, to)

    source = ["--baselines-from", str(recorded), "--out", "OUT"]
    return {
        "record": Job([*record, "--out", "OUT"]),
        "intervene": Job(["intervene", *network, "--shard-size", "16", "--baselines", "mean,one", *source]),
        "freeze": Job(["freeze", *network, *source]),
        "assess": Job(["assess", "OUT"], copy),
        "slim": Job(["slim", str(recorded), "--out", "OUT"]),
        "export": Job(["export", str(recorded), "--out", "OUT/statistics.parquet"], lambda to: to.mkdir()),
    }


def try_job(name: str, job: Job, folder: Path, every: int) -> dict[str, Any]:
    """Every fault at every call of a job."""
    folder.mkdir()
    whole = folder / "whole"
    job.prepare(whole)
    done, calls = count_calls(job, whole)
    expect_success(done)
    reference = contents(whole)
    outcomes: dict[str, Counter[str]] = {fault: Counter() for fault in FAULTS}
    problems: list[str] = []
    began = time.monotonic()
    for at in range(1, calls + 1, every):
        for fault in FAULTS:
            out = folder / "torn"
            shutil.rmtree(out, ignore_errors=True)
            job.prepare(out)
            outcome = try_once(job, out, at, fault, whole, reference)
            outcomes[fault][outcome.partition(":")[0]] += 1
            if ":" in outcome:
                problems.append(f"{fault} at call {at}: {outcome}"[:600])
                print(name, problems[-1], flush=True)
    points = sum(sum(counts.values()) for counts in outcomes.values())
    print(f"{name}: {calls} calls, {points} points in {time.monotonic() - began:.0f} s", flush=True)
    return {
        "calls": calls,
        "points": points,
        "outcomes": {fault: dict(counts) for fault, counts in outcomes.items()},
        "problems": problems,
    }


def try_once(job: Job, out: Path, at: int, fault: str, whole: Path, reference: Mapping[str, Any]) -> str:
    """What became of a job with one fault; a colon and more where it is wrong."""
    first = run(arguments_of(job, out), below=out.parent, at=at, fault=FAULTS[fault])
    if fault in ("killed", "torn"):
        if first.code != -signal.SIGKILL:
            return "not reached"
        if contents(out) == reference:
            return f"left behind: {beside(out)}" if beside(out) else "it was done"
        outcome = "the same bytes afterwards"
    elif first.code == 0:
        made = {name: held for name, held in contents(out).items() if not name.startswith(".job.lock")}
        if made != reference:  # an offered lock that could not be removed is removed by the next process
            return "other bytes, and no error: " + differences(out, reference)
        return "did not matter"
    elif first.code < 0 or "Traceback" in first.text or first.code not in (1, 2):
        return f"no sentence: {first.code} {first.text[-400:]}"
    else:
        outcome = "one sentence, the same bytes afterwards"
    lost = what_is_lost(out, whole)
    if lost:
        return f"lost: {lost}"
    again = run(arguments_of(job, out))
    if again.code:
        return f"the same command fails: {again.code} {again.text[-400:]}"
    if contents(out) != reference:
        return "other bytes afterwards: " + differences(out, reference)
    return f"left behind: {beside(out)}" if beside(out) else outcome


def beside(out: Path) -> list[str]:
    """What lies beside a job's folder that is no job's."""
    return sorted(path.name for path in out.parent.iterdir() if path.name not in ("whole", "torn"))


def arguments_of(job: Job, out: Path) -> list[str]:
    return [argument.replace("OUT", str(out)) for argument in job.arguments]


def count_calls(job: Job, out: Path) -> tuple[Ended, int]:
    """Runs a job undisturbed, and how many of its calls change what it makes."""
    with tempfile.NamedTemporaryFile() as told:
        done = run(arguments_of(job, out), below=out.parent, tell=Path(told.name))
        return done, int(Path(told.name).read_text(encoding="utf-8"))


def run(
    arguments: Sequence[str], *, below: Path | None = None, at: int = 0, fault: int = 0, tell: Path | None = None
) -> Ended:
    """`senet-viz ARGUMENTS` in a process that is forked from this one, to its end."""
    with tempfile.TemporaryFile() as streams:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            status = 1
            try:
                for number in (1, 2):
                    os.dup2(streams.fileno(), number)
                layer = ctypes.CDLL(None)
                layer.fault_arm.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_int]
                layer.fault_arm(str(below or "").encode(), at, fault)
                status = invoke(arguments)
                if tell is not None:
                    layer.fault_calls.restype = ctypes.c_long
                    tell.write_text(str(layer.fault_calls()), encoding="utf-8")
            finally:
                os._exit(status)
        code = wait_for(child)
        streams.seek(0)
        return Ended(code, streams.read().decode(errors="replace"))


def invoke(arguments: Sequence[str]) -> int:
    """The command line in this process, and its exit status."""
    import traceback

    from senet_viz.cli import main as command

    sys.argv = ["senet-viz", *arguments]
    try:
        command()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def wait_for(child: int) -> int:
    deadline = time.monotonic() + PATIENCE
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 124
        time.sleep(0.002)


def expect_success(done: Ended) -> None:
    if done.code:
        raise SystemExit(f"An undisturbed job failed ({done.code}):\n{done.text}")


def contents(folder: Path) -> dict[str, Any]:
    """What a job made: bytes of tables, tensors and lists; of JSON what does not tell times and machines."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".parquet", ".safetensors", ".jsonl"):
            found[str(path.relative_to(folder))] = path.read_bytes()
        elif path.suffix == ".json" and path.name != "progress.json":
            found[str(path.relative_to(folder))] = without_times(
                json.loads(path.read_text(encoding="utf-8"), parse_constant=str)
            )
        elif path.is_file() and path.name not in ("progress.json", "job.lock"):
            found[str(path.relative_to(folder))] = None
    return found


def without_times(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: without_times(value) for key, value in tree.items() if key not in VOLATILE}
    return [without_times(value) for value in tree] if isinstance(tree, list) else tree


def differences(folder: Path, reference: Mapping[str, Any]) -> str:
    mine = contents(folder)
    names = sorted(name for name in {*mine, *reference} if mine.get(name, 0) != reference.get(name, 0))
    return ", ".join(
        f"{name} ({'gone' if name not in mine else 'more' if name not in reference else 'other'})" for name in names
    )


def what_is_lost(out: Path, whole: Path) -> str:
    """Where a recording says to hold what it does not, or what the undisturbed one has not; nothing where all is well."""
    from senet_viz import open_recording, verify_recording
    from senet_viz.errors import SenetVizError

    manifest = out / "manifest.json"
    if not manifest.exists() or json.loads(manifest.read_text(encoding="utf-8"))["form"] == "interventions":
        return ""  # nothing is said to be there, or no gates
    try:
        checked = verify_recording(out)
        mine, theirs = open_recording(out), open_recording(whole)
    except SenetVizError as error:
        return f"it does not open: {error}"
    if not checked.ok:
        return f"verify: {checked}"
    rows = mine.samples.num_rows
    if not mine.samples.equals(theirs.samples.slice(0, rows)):
        return "samples differ"
    for block in mine.blocks:
        if mine.n_kept and not np.array_equal(mine.gates(block.name), theirs.gates(block.name)[: mine.n_kept]):
            return f"gates of {block.name} differ"
    return ""


if __name__ == "__main__":
    main()
