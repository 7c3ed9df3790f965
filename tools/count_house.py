"""Counts the house: rooms, floors, files, lines, arrows between rooms, and names that several modules define.

    python -m tools.count_house [PACKAGE]

A room is a package directly under senet_viz/; the loose files there count as one room, the ground. Counted twice are public
functions and classes at the top of a module; private ones and methods are not.
"""

import argparse
import ast
from collections import Counter
from pathlib import Path

GROUND = "ground"


def read(package: Path) -> dict[str, ast.Module]:
    """Modules by their path within the package."""
    return {
        str(path.relative_to(package)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(package.rglob("*.py"))
    }


def room_of(parts: list[str], rooms: set[str]) -> str:
    return parts[0] if parts and parts[0] in rooms else GROUND


def arrows(modules: dict[str, ast.Module], rooms: set[str], name: str) -> set[tuple[str, str]]:
    """Pairs of rooms of which the first imports the second, type-checking blocks left out."""
    found = set()
    for path, tree in modules.items():
        here = room_of(list(Path(path).parts), rooms)
        hidden = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if id(node) in hidden or not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(name):
                continue
            there = room_of(str(node.module).split(".")[1:], rooms)
            if here != there:
                found.add((here, there))
    return found


def defined_twice(modules: dict[str, ast.Module]) -> dict[str, int]:
    counts = Counter(
        node.name
        for tree in modules.values()
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    )
    return {name: count for name, count in sorted(counts.items()) if count > 1}


def count_floors(pairs: set[tuple[str, str]]) -> int:
    """Length of the longest way down: each room stands one floor above the highest room that it imports."""
    below: dict[str, set[str]] = {}
    for here, there in pairs:
        below.setdefault(here, set()).add(there)
        below.setdefault(there, set())
    below[GROUND] = set()  # `__main__` starts the command line

    def floor(room: str) -> int:
        return 1 + max((floor(other) for other in below[room]), default=-1)

    return 1 + max(floor(room) for room in below)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="?", type=Path, default=Path(__file__).parents[1] / "senet_viz")
    package = parser.parse_args().package
    modules = read(package)
    rooms = {Path(path).parts[0] for path in modules if len(Path(path).parts) > 1}
    lines = {path: (package / path).read_text(encoding="utf-8").count("\n") for path in modules}
    pairs = {pair for pair in arrows(modules, rooms, package.name) if pair[0] != GROUND}
    between = {pair for pair in pairs if GROUND not in pair}
    twice = defined_twice(modules)
    loose = [path for path in modules if len(Path(path).parts) == 1]
    print(f"packages {len(rooms)}, loose files {len(loose)}")  # noqa: T201 - a command
    print(f"Python files {len(modules)}, lines {sum(lines.values()):,}, longest {max(lines.values())}")  # noqa: T201
    print(f"floors {count_floors(pairs)}, arrows between packages {len(between)}, with the ground {len(pairs)}")  # noqa: T201
    print(f"names defined more than once {len(twice)}: {', '.join(twice)}")  # noqa: T201


if __name__ == "__main__":
    main()
