"""Commands on the pages work as they stand in the terminal that started the app."""

import sys
from pathlib import Path

import pytest

from senet_viz.dashboard.parts import PROGRAM, find_program


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment in the working folder, whose interpreter runs; nothing is on the PATH."""
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / PROGRAM).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(binaries / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    return binaries


def test_a_program_of_an_environment_that_is_not_activated_is_named_by_its_path(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_program() == f".venv/bin/{PROGRAM}"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert find_program() == str(environment / PROGRAM)


def test_its_name_is_enough_where_the_shell_finds_it(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(environment))
    assert find_program() == PROGRAM


def test_another_installation_on_the_path_is_not_taken_for_it(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / PROGRAM).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(other))
    assert find_program() == f".venv/bin/{PROGRAM}"


def test_without_a_program_its_module_is_started(environment: Path) -> None:
    (environment / PROGRAM).unlink()
    assert find_program() == f"{environment / 'python'} -m senet_viz"
