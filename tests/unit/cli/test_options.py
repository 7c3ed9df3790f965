"""What people read while something runs."""

import math
import sys

import pytest
from typer.testing import CliRunner

import senet_viz.cli  # noqa: F401 - its commands
from senet_viz.cli.options import ProgressLine, app
from senet_viz.errors import ArgumentError
from senet_viz.text import bytes_text, seconds_text
from senet_viz.workflows.ray_crew import attached


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (7200, "2.0 h"), (math.nan, "an unknown time")],
)
def test_durations(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(12, "12 B"), (1500, "1.5 kB"), (2.5e6, "2.5 MB"), (3.2e9, "3.2 GB"), (5e12, "5000.0 GB")]
)
def test_sizes(count: float, text: str) -> None:
    assert bytes_text(count) == text


def test_progress_goes_to_stderr_and_always_tells_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLine("images") as line:
        line.say("an estimate")
        for done in range(1, 101):
            line.update(done, 100, 50.0, 2.0)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "an estimate"
    assert "100 of 100 images (100%), 50 images/s" in err.splitlines()[-1]
    assert len(err.splitlines()) <= 4, "a log is not flooded"


def test_progress_of_parts_tells_the_time_so_far_and_no_speed(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLine("parts") as line:
        line.update_parts(3, 3, "decoding")
    assert capsys.readouterr().err == "3 of 3 parts (100%), 0 s so far, decoding\n"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--engine", "dask"], "engine is 'dask'; it is one of local, ray."),
        (["--address", "auto"], "--address is about Ray: add --engine ray, or leave it out."),
        (["--engine", "ray", "--threads-per-worker", "0"], "threads_per_worker is 0; it is at least 1."),
        (["--engine", "ray", "--gpus-per-worker", "-1"], "gpus_per_worker is -1.0; it is 0 or more."),
    ],
)
@pytest.mark.parametrize("command", ["record", "intervene", "freeze"])
def test_who_does_the_batches_is_checked_before_anything_is_loaded(
    command: str, given: list[str], sentence: str
) -> None:
    result = CliRunner().invoke(app, [command, "--model", "no:where", "--data", "nowhere", "--out", "x", *given])
    assert isinstance(result.exception, ArgumentError)
    assert str(result.exception) == sentence


def test_ray_that_is_not_installed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(ArgumentError, match=r"Ray is not installed, .*pip install 'senet-viz\[cluster\]'"),
        attached(None, 1),
    ):
        pass
