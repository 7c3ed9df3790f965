"""`senet-viz app`: what it tells the server, without starting one."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from senet_viz.cli import serving
from senet_viz.cli.options import app
from senet_viz.dashboard import serving as server
from senet_viz.dashboard.mode import PUBLIC, RECORDINGS, PublicOptions, read_public
from senet_viz.errors import ArgumentError


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, list[str]]]:
    monkeypatch.setenv(PUBLIC, "")
    monkeypatch.setenv(RECORDINGS, "")
    calls: list[tuple[Path, list[str]]] = []
    monkeypatch.setattr(server, "run_app", lambda script, flags: calls.append((script, flags)))
    return calls


def run(*arguments: str) -> BaseException | None:
    return CliRunner().invoke(app, ["app", *arguments]).exception


def test_the_default_is_the_owner_s_own_app_on_localhost(started: list[tuple[Path, list[str]]]) -> None:
    assert run("--port", "8600", "--host", "viz.example") is None
    ((script, flags),) = started
    assert script.name == "app.py"
    assert script.is_file()
    assert flags[:2] == ["--server.address", "localhost"]
    assert [flags[i + 1] for i, flag in enumerate(flags) if flag == "--server.allowedHosts"] == [
        "localhost",
        "127.0.0.1",
        "::1",
        "viz.example",
    ]
    assert read_public() is None


def test_in_public_only_what_was_named_is_there(started: list[tuple[Path, list[str]]], tmp_path: Path) -> None:
    os.environ[RECORDINGS] = "/elsewhere"
    assert run("--public", "--recordings", str(tmp_path), "--jobs", str(tmp_path), "--sessions", "5") is None
    assert read_public() == PublicOptions(jobs=str(tmp_path), sessions=5)
    assert os.environ[RECORDINGS] == str(tmp_path)
    assert run("--public") is None
    assert os.environ[RECORDINGS] == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sessions", "5"], "add --public"),
        (["--public", "--recordings", "/nowhere"], "--recordings /nowhere is not a folder"),
        (["--public", "--jobs", "/nowhere"], "--jobs /nowhere is not a folder"),
        (["--public", "--sessions", "0"], "sessions is 0; it is at least 1"),
    ],
)
def test_what_can_not_be_is_told(arguments: list[str], sentence: str, started: list[tuple[Path, list[str]]]) -> None:
    error = run(*arguments)
    assert isinstance(error, ArgumentError)
    assert sentence in str(error)
    assert started == []


def test_without_the_app_it_says_where_it_runs(
    started: list[tuple[Path, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "repository", lambda: tmp_path)
    assert "from a clone of the repository" in str(run())
