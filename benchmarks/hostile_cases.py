"""The cases of `hostile.py`: folders as this version writes them, and one file of them changed at a time."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

from senet_viz.recording.files import SEAL, read_json, replace_json, write_lines
from senet_viz.recording.layout import MANIFEST
from senet_viz.recording.reader import open_recording
from senet_viz.recording.slim import slim_recording
from senet_viz.schema import to_tree

MADE = Path(__file__).parents[1] / "tests" / "data" / "made_by_0_1"
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


@dataclass(frozen=True)
class Case:
    """A change of one file.

    Attributes:
        kind: "edits", "flips", "cuts", "swaps" or "not plain".
        file: that is changed, in the folder of all.
        what: is done, for people.
        change: does it.
        meant: the checksum of a JSON file was left out, so that what it says may be believed.
    """

    kind: str
    file: str
    what: str
    change: Callable[[Path], object]
    meant: bool = False


def make_home(home: Path) -> None:
    """The folders, written as this version writes them: `run`, `slim` and `interventions`."""
    shutil.copytree(MADE / "recording", home / "run")
    shutil.copytree(MADE / "interventions", home / "interventions")
    rows = [{"path": f"unreadable-{n}.jpg", "error": "cut short"} for n in range(40)]
    entry = write_lines(home / "run", "errors-00000.jsonl", "errors", rows)
    for file in home.rglob("*.json"):
        tree = read_json(file, "make it again")
        assert tree is not None
        if file.parent.name == "run" and file.name == MANIFEST:
            tree["files"].append(to_tree(entry))
            tree["progress"] |= {"errors": len(rows), "consumed": 80 + len(rows)}
        replace_json(file.parent, file.name, tree, sealed=True)
    whole = open_recording(home / "run")
    slim_recording(whole, home / "slim", controls=[whole], per_class=3)


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


def make_edits(home: Path) -> Iterator[Case]:
    """Every field of every JSON file times every value."""
    for at, file in enumerate(sorted(home.rglob("*.json"))):
        tree = json.loads(file.read_bytes())
        bare = {key: value for key, value in tree.items() if key != SEAL}
        for where in fields(bare):
            for number, (name, value) in enumerate(VALUES.items()):
                if value is MISSING and isinstance(where[-1], int):
                    continue
                meant = (at + number) % 3 > 0
                what = f"{'.'.join(map(str, where))} = {name}"
                yield Case("edits", _name(home, file), what, _Edit(bare if meant else tree, where, value), meant)


@dataclass(frozen=True)
class _Edit:
    tree: Any
    where: Where
    value: Any

    def __call__(self, path: Path) -> object:
        return path.write_text(edited(self.tree, self.where, self.value), encoding="utf-8")


def make_damage(home: Path, flips: int, seed: int) -> Iterator[Case]:
    """So many flips spread over all files, and cuts, swaps and what is no plain file for each of them."""
    generator = random.Random(seed)
    files = sorted(path for path in home.rglob("*") if path.is_file())
    for number in range(flips):
        file = files[number % len(files)]
        at, bit = generator.randrange(file.stat().st_size), generator.randrange(8)
        yield Case("flips", _name(home, file), f"bit {bit} of byte {at}", _Splice(at, 1, bit))
    for file in files:
        size, name = file.stat().st_size, _name(home, file)
        for _ in range(8):
            at = generator.randrange(size)
            yield Case("cuts", name, f"ends after {at} bytes", _Cut(at))
            length = generator.randrange(1, size - at + 1)
            yield Case("cuts", name, f"{length} zeros from {at} on", _Splice(at, length, None))
        for what, put in _NOT_PLAIN.items():
            yield Case("not plain", name, what, _Put(put))
    for one, other in permutations(files, 2):
        if one.suffix == other.suffix and one.suffix != ".json":
            yield Case("swaps", _name(home, one), f"the bytes of {_name(home, other)}", _Swap(other.read_bytes()))
    for one, other in permutations(sorted(home.rglob("*.json")), 2):
        yield Case(
            "swaps", _name(home, one), f"the content of {_name(home, other)}", _Swap(other.read_bytes(), fit=False)
        )


@dataclass(frozen=True)
class _Cut:
    at: int

    def __call__(self, path: Path) -> object:
        os.truncate(path, self.at)
        return None


@dataclass(frozen=True)
class _Splice:
    at: int
    length: int
    bit: int | None

    def __call__(self, path: Path) -> object:
        data = bytearray(path.read_bytes())
        changed = bytes(self.length) if self.bit is None else bytes([data[self.at] ^ 1 << self.bit])
        data[self.at : self.at + self.length] = changed
        return path.write_bytes(data)


@dataclass(frozen=True)
class _Swap:
    data: bytes
    fit: bool = True

    def __call__(self, path: Path) -> object:
        size = path.stat().st_size if self.fit else len(self.data)
        return path.write_bytes(self.data[:size].ljust(size, b"\0"))


@dataclass(frozen=True)
class _Put:
    put: Callable[[Path], object]

    def __call__(self, path: Path) -> object:
        shutil.copyfile(path, path.parents[1] / "elsewhere")
        path.unlink()
        return self.put(path)


_NOT_PLAIN: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "the file, elsewhere": lambda path: path.symlink_to(path.parents[1] / "elsewhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a folder": Path.mkdir,
    "nothing": lambda path: path.exists(),
}


def _name(home: Path, file: Path) -> str:
    return file.relative_to(home).as_posix()


def make_cases(home: Path, *, edits: int, flips: int, others: int, seed: int) -> list[Case]:
    """So many edits, flips and others, drawn from all."""
    generator = random.Random(seed)
    every, damage = [*make_edits(home)], [*make_damage(home, flips, seed)]
    rest = [case for case in damage if case.kind != "flips"]
    return [
        *generator.sample(every, min(edits, len(every))),
        *(case for case in damage if case.kind == "flips"),
        *generator.sample(rest, min(others, len(rest))),
    ]
