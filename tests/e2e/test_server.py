"""The app in public on a real server: names, headers, what comes over its WebSocket, and what is left when it ends."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from benchmarks.app_server import await_server, free_port
from benchmarks.visitor import Visitor
from senet_viz.dashboard.mode import PUBLIC, PublicOptions
from tests.support.synthetic import synthetic_recording

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("public")
    synthetic_recording(folder / "shown" / "mine", classes=3, per_class=8)
    (folder / "tmp").mkdir()
    return folder


@pytest.fixture(scope="module")
def public(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A port, and the server's process."""
    port = free_port()
    limits = PublicOptions(sessions=2, uploads=2, upload_megabytes=1)
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), PUBLIC: limits.to_setting(), "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "senet_viz",
        "app",
        "--public",
        "--port",
        str(port),
        "--recordings",
        str(folder / "shown"),
    ]
    command += ["--sessions", "2", "--uploads", "2", "--upload-megabytes", "1"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            await_server(f"http://localhost:{port}")
            yield port, process
        finally:
            process.terminate()


def ask(port: int, path: str, host: str) -> tuple[int, dict[str, str]]:
    with contextlib.closing(http.client.HTTPConnection("localhost", port, timeout=30)) as connection:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}


def test_a_name_that_is_not_known_gets_no_page_and_no_session(public: tuple[int, object]) -> None:
    port, _ = public
    for path in ("/", "/blocks", "/_stcore/health", "/static/index.html", "/_stcore/stream"):
        assert ask(port, path, "evil.example")[0] == 403, path
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert ask(port, "/blocks", host)[0] == 200
    with pytest.raises(InvalidStatus, match="403"):
        Visitor(port, host="evil.example")


def test_a_page_has_its_headers_and_metrics_are_not_told(public: tuple[int, object]) -> None:
    port, _ = public
    _, headers = ask(port, "/blocks", "localhost")
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert ask(port, "/_stcore/metrics", "localhost")[0] == 404


def test_no_folder_comes_over_the_wire_and_a_third_visitor_waits(public: tuple[int, object], folder: Path) -> None:
    port, _ = public
    first, second = Visitor(port), Visitor(port)
    try:
        for page in ("claim", "distributions", "record", "export"):
            first.open(page, f"recording={folder}/shown/mine")
            assert first.errors == []
        second.open("claim", "recording=mine")
        third = Visitor(port)
        third.open("claim", "")
        assert "You are number 1 in the queue" in third.text()
        second.close()
        third.wait_for("Does what the paper says", seconds=30)
        third.close()
        told = first.received + third.received
        for place in (str(ROOT), str(folder)):
            assert place.encode() not in told
        assert b"number 1 in the queue" in told
    finally:
        first.close()
        second.close()


def test_uploads_beyond_the_limits_are_refused_with_a_sentence(public: tuple[int, object]) -> None:
    port, _ = public
    visitor = Visitor(port)
    try:
        visitor.open("compare", "recording=mine")
        assert [visitor.upload(f"{i}.png", bytes(1000))[0] for i in range(3)] == [204, 204, 413]
        status, said = visitor.upload("large.png", bytes(1_200_000))
        assert (status, "at most 1 MB" in said) == (413, True)
    finally:
        visitor.close()


def test_nothing_is_left_in_the_temporary_folder_when_a_signal_ends_it(
    public: tuple[int, subprocess.Popen[bytes]], folder: Path
) -> None:
    port, process = public
    visitor = Visitor(port)
    visitor.open("export", "recording=mine")
    visitor.click("prepare")
    deadline = time.monotonic() + 60
    while not list((folder / "tmp").glob("senet-viz-*/*/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert list((folder / "tmp").glob("senet-viz-*"))
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    assert list((folder / "tmp").glob("senet-viz-*")) == []
    visitor.close()
    assert tempfile.gettempdir() != str(folder / "tmp")
