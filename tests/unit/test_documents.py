"""Every page of docs is true today: links lead somewhere, commands exist, numbers come from results."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

import senet_viz
from senet_viz.cli.options import app

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    {
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/*.md"),
        ROOT / "benchmarks/README.md",
        *ROOT.glob("checkpoints/*/README.md"),
    }
)
COMMANDS = set(get_command(app).commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for name, rest in re.findall(r"^\s*(?:\.venv/bin/)?senet-viz (\S+)(.*)$", text, flags=re.MULTILINE):
        assert name in COMMANDS
        known = {option for parameter in get_command(app).commands[name].params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest.split("#")[0])) <= known, rest


def test_the_architecture_names_files_that_exist_and_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w./]+/[\w.]*|[\w/]+\.(?:py|md))`", text)
    assert len(named) > 50
    missing = [n for n in named if not any((p / n).exists() for p in (ROOT, ROOT / "senet_viz", ROOT / "docs"))]
    assert [n for n in missing if not (ROOT / "senet_viz" / f"{n}.py").exists()] == []
    rooms = {path.name for path in (ROOT / "senet_viz").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= set(re.findall(r"`(\w+)/`", text))


def test_the_readme_names_every_command_and_no_other() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("## Command line")[1].split("##")[0]
    assert set(re.findall(r"^\| `(\w+)", table, flags=re.MULTILINE)) == COMMANDS


def test_the_accuracy_on_the_card_is_the_configs() -> None:
    for card in ROOT.glob("checkpoints/*/README.md"):
        measured = json.loads(card.with_name("config.json").read_text(encoding="utf-8"))["validation"]
        text = card.read_text(encoding="utf-8")
        assert f"| {measured['top1']:.2%} | {measured['top5']:.2%} | {measured['images']:,} |" in text


@pytest.mark.parametrize(
    ("name", "checkpoint", "blocks"),
    [("claims.md", "seresnet50-w050-64px", 16), ("claims-inception.md", "sebninception-w025-64px", 10)],
)
def test_the_tables_of_claims_are_those_of_the_stored_assessment(name: str, checkpoint: str, blocks: int) -> None:
    from tools.claims_tables import make_tables
    from tools.pages import fill

    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert fill(page, make_tables(ROOT / "checkpoints" / checkpoint / "recording")) == page
    assert page.split("<!-- blocks -->")[1].count("| SE_") == blocks


def test_the_answers_of_experiments_are_those_of_the_stored_result() -> None:
    from tools.experiment_tables import make_parts
    from tools.pages import fill

    page = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    assert fill(page, make_parts(ROOT / "experiments" / "placement-and-depth")) == page


def test_the_readmes_cost_of_recording_is_the_measured_one() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "recording_overhead.json").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for key in ("median_ratio_keep_none", "median_ratio_keep_all"):
        assert f"**{measured[key]:.3f} ×**" in readme


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == senet_viz.__version__
    assert f"version: {senet_viz.__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {senet_viz.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_paths_of_no_machine_are_in_the_project() -> None:
    home = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/\w")
    for pattern in (
        "*.md",
        "*.toml",
        "*.txt",
        "*.cff",
        "senet_viz/**/*.py",
        "docs/*.md",
        "checkpoints/**/*.json",
        "benchmarks/**/*.*",
    ):
        for path in ROOT.glob(pattern):
            if path.suffix == ".pyc":
                continue
            assert not home.search(path.read_text(encoding="utf-8")), path
