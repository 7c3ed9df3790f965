"""The examples do what they say, in a folder of their own: scripts as commands, notebooks cell by cell."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import ROOT, run_script

EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))

pytestmark = pytest.mark.slow


def run_example(name: str, folder: Path, *arguments: str) -> str:
    done = run_script(EXAMPLES / name, *arguments, folder=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def read_notebook(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def test_digits_are_recorded_exported_assessed_and_drawn(tmp_path: Path) -> None:
    told = run_example("record_digits.py", tmp_path, "--limit", "60")
    assert "60 images, 16 blocks" in told
    assert "SE_5_3" in told
    exported = (tmp_path / "runs" / "digits.csv").read_text("utf-8").splitlines()
    assert exported[0].replace('"', "").startswith("block,label,stage")
    assert len(exported) > 7552 * 11
    told = run_example("assess_and_draw.py", tmp_path)
    assert "On the relative reading" in told
    assert "plotly" in (tmp_path / "depth.html").read_text("utf-8")[:100_000].lower()
    assert (tmp_path / "runs" / "digits" / "assessment.json").is_file()


def test_two_photographs_are_compared(tmp_path: Path) -> None:
    told = run_example("compare_images.py", tmp_path)
    assert "temple.png" in told
    assert "flower.png" in told
    assert "SE_5_3" in told


def test_every_script_has_its_notebook() -> None:
    assert {p.stem for p in NOTEBOOKS} == {p.stem for p in EXAMPLES.glob("*.py")}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_valid_and_runs(path: Path, tmp_path: Path) -> None:
    notebook = read_notebook(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    program = tmp_path / "cells.py"
    program.write_text("\n\n".join("".join(cell["source"]) for cell in code), "utf-8")
    done = run_script(program, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
