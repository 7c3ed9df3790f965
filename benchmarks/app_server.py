"""The app on a free port, as `streamlit run app.py` starts it: for timing it, taking its pictures and walking through it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0  # seconds


@contextmanager
def serving(recordings: Path | None = None, experiments: Path | None = None) -> Iterator[str]:
    """Its address, once it answers.

    Args:
        recordings: folder that its picker looks in; those of the environment by default.
        experiments: folder of experiments; that of the environment by default.

    Raises:
        RuntimeError: it did not answer in time.
    """
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")]
    command += ["--server.port", str(port), "--server.headless", "true"]
    folders = {"SENET_VIZ_RECORDINGS": recordings, "SENET_VIZ_EXPERIMENTS": experiments}
    environment = {**os.environ, **{name: str(folder) for name, folder in folders.items() if folder is not None}}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **quiet) as process:
        try:
            await_server(f"http://localhost:{port}")
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


def free_port() -> int:
    """A port of localhost that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def await_server(address: str) -> None:
    """Returns once the server answers.

    Raises:
        RuntimeError: it did not in time.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"The app did not answer at {address} within {PATIENCE:.0f} s.")
