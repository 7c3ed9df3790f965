"""What the tools share that write parts of docs/: parts stand between marks, and a command prints or replaces them."""

import argparse
from collections.abc import Callable
from pathlib import Path


def fill(page: str, parts: dict[str, str]) -> str:
    """A page with its parts between `<!-- name -->` and `<!-- /name -->` replaced."""
    for name, part in parts.items():
        before, rest = page.split(f"<!-- {name} -->\n", 1)
        after = rest.split(f"<!-- /{name} -->", 1)[1]
        page = f"{before}<!-- {name} -->\n{part}\n<!-- /{name} -->{after}"
    return page


def run(description: str | None, make_parts: Callable[[Path], dict[str, str]]) -> None:
    """The command `FOLDER [--write PAGE]`: prints the parts, or replaces those of a page."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    arguments = parser.parse_args()
    parts = make_parts(arguments.folder)
    if arguments.write:
        arguments.write.write_text(fill(arguments.write.read_text("utf-8"), parts), encoding="utf-8")
    else:
        print("\n\n".join(parts.values()))  # noqa: T201 - a command
