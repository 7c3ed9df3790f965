"""What is asked for, and the versions that were tested."""

import re
import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from senet_viz.paths import repository

ROOT = repository()


def asked_for(name: str) -> Iterator[Requirement]:
    for line in (ROOT / name).read_text("utf-8").splitlines():
        if line.startswith("-r "):
            yield from asked_for(line.removeprefix("-r "))
        elif line:
            yield Requirement(line)


def locked() -> dict[str, tuple[str, int]]:
    """Version of each package, and how many files of it are known by their hash."""
    text = (ROOT / "requirements-lock.txt").read_text("utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    found = {}
    for entry in filter(None, entries):
        name, version = re.match(r"([a-z0-9-]+)==([^ ;]+)", entry).groups()
        found[name] = version, len(re.findall(r"--hash=sha256:[0-9a-f]{64}", entry))
    return found


@pytest.mark.parametrize("requirement", [*asked_for("requirements-dev.txt")], ids=str)
def test_each_has_a_lower_bound_and_a_tested_version(requirement: Requirement) -> None:
    assert any(each.operator == ">=" for each in requirement.specifier), "no lower bound"
    version, _ = locked()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


def test_every_file_of_the_tested_versions_has_a_hash() -> None:
    versions = locked()
    assert len(versions) > 100
    assert all(files for _, files in versions.values())


def test_optional_ones_have_lower_bounds_too() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for name, lines in project["optional-dependencies"].items():
        for requirement in map(Requirement, lines):
            assert any(each.operator == ">=" for each in requirement.specifier), f"{name}: {requirement}"
