"""The list of commands: what each does can be read to the end, in the README's order."""

import re
from pathlib import Path

from typer.testing import CliRunner

from senet_viz.cli.options import app

README = Path(__file__).parents[3] / "README.md"


def test_every_command_says_what_it_does_in_a_whole_sentence() -> None:
    listed = CliRunner().invoke(app, ["--help"], terminal_width=80).stdout.partition("Commands:")[2].strip()
    lines = [line.strip() for line in listed.splitlines()]
    assert all(line.endswith(".") and not line.endswith("...") for line in lines), listed
    names = [line.split()[0] for line in lines]
    table = README.read_text(encoding="utf-8").partition("## Command line")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `([a-z]+)", table, re.MULTILINE)
    assert set(told) == set(names)
    ranked = [name for name in names if name not in ("train", "doctor", "experiment")]
    assert ranked == [name for name in told if name in ranked]
