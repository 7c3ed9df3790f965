"""What happens to whoever opens a recording that somebody has tampered with: right numbers, or one sentence.

    python benchmarks/hostile.py

Every field of a small recording's manifest is replaced, one at a time, by values of other types, negative and huge numbers,
NaN, markup, half of a surrogate pair, a path that climbs out, 200 kB of text and 5,000 nested lists, and is left out. All
readers are then asked. Counted are the recordings that are refused in a sentence, those that are read with the same numbers (the field
is text for people, or nothing rests on it), those that give other numbers without a word, and tracebacks; the last two must be none.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from senet_viz.errors import SenetVizError
from senet_viz.models.environment import describe_environment
from senet_viz.recording.export import export_statistics
from senet_viz.recording.layout import MANIFEST
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.verify import verify_recording
from senet_viz.workflows.record import summarize

Answer = Literal["refused", "same numbers", "other numbers", "traceback"]
RECORDING = Path(__file__).parents[1] / "tests" / "data" / "made_by_0_1" / "recording"
MISSING = object()
_NESTED: list[Any] = []
for _ in range(5000):
    _NESTED = [_NESTED]
VALUES: dict[str, Any] = {
    "null": None, "markup": "<b>x</b> [a](http://example.org) $y$", "negative": -3, "huge": 10**30, "fraction": 1.5,
    "NaN": float("nan"), "infinite": float("inf"), "empty list": [], "empty object": {}, "true": True,
    "surrogate": "\ud800", "climbing path": "../../etc/passwd", "list of text": ["a"], "zero": 0, "long": "x" * 200_000,
    "nested": _NESTED, "missing": MISSING,
}  # fmt: skip
Where = tuple[str | int, ...]


def fields(tree: Any, where: Where = ()) -> Iterator[Where]:
    """Where a field stands; of a list the first two items."""
    if where:
        yield where
    items = tree.items() if isinstance(tree, dict) else enumerate(tree[:2]) if isinstance(tree, list) else ()
    for key, value in items:
        yield from fields(value, (*where, key))


def edited(tree: Any, where: Where, value: Any) -> str:
    """The tree's JSON with one field replaced or left out."""
    tree = json.loads(json.dumps(tree))
    holder = tree
    for key in where[:-1]:
        holder = holder[key]
    if value is _NESTED:  # deeper than Python's encoder goes
        holder[where[-1]] = "nested lists"
        return json.dumps(tree).replace('"nested lists"', "[" * 5000 + "]" * 5000)
    if value is MISSING:
        del holder[where[-1]]
    else:
        holder[where[-1]] = value
    return json.dumps(tree)


def read_all(folder: Path) -> list[np.ndarray[Any, Any]]:
    """Every number that the readers give; export and verification are done and only have to end."""
    recording = open_recording(folder)
    verify_recording(folder)
    summarize(recording)
    recording.describe_classes()
    with tempfile.TemporaryDirectory() as out:
        export_statistics(recording, Path(out) / "statistics.parquet")
    return [*_numbers(recording)]


def _numbers(recording: Recording) -> Iterator[np.ndarray[Any, Any]]:
    for name in ("label", "prediction", "loss"):
        yield recording.samples[name].to_numpy()
        yield recording.kept_samples[name].to_numpy()
    for gate in recording.blocks:
        moments = recording.moments(gate.name)
        yield recording.gates(gate.name)
        yield from (moments.count, moments.mean, moments.ssw)


def answer(folder: Path, expected: list[np.ndarray[Any, Any]]) -> tuple[Answer, str]:
    """What a reader gets, and what was said."""
    try:
        found = read_all(folder)
    except SenetVizError as error:
        said = str(error)
        return ("refused", said) if "\n" not in said else ("traceback", "a message of several lines")
    except Exception as error:  # what is looked for
        return "traceback", f"{type(error).__name__}: {str(error)[:200]}"
    same = len(found) == len(expected) and all(
        np.array_equal(one, other, equal_nan=True) for one, other in zip(found, expected)
    )
    return ("same numbers", "") if same else ("other numbers", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, default=RECORDING, help="a small one; it is copied")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "hostile.json")
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(arguments.recording, Path(folder) / "run"))
        manifest = copy / MANIFEST
        tree, expected = json.loads(manifest.read_bytes()), read_all(copy)
        counts: Counter[str] = Counter()
        wrong = []
        for where in fields(tree):
            for name, value in VALUES.items():
                if value is MISSING and isinstance(where[-1], int):
                    continue
                manifest.write_text(edited(tree, where, value), encoding="utf-8")
                told, said = answer(copy, expected)
                counts[told] += 1
                if told in ("other numbers", "traceback"):
                    wrong.append({"field": ".".join(map(str, where)), "value": name, "answer": told, "said": said})
            print(f"{counts.total():,} cases, {dict(counts)}", end="\r", file=sys.stderr)
    result = {
        "benchmark": "hostile", "environment": describe_environment(torch.device("cpu")),
        "manifest": {"cases": counts.total(), **counts, "wrong": wrong, "seconds": round(time.monotonic() - started, 1)},
    }  # fmt: skip
    arguments.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(result["manifest"], indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
