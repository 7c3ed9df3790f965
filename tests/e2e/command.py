"""Runs the command line as a person would: a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`senet-viz ARGUMENTS` to its end, with text output."""
    command = [sys.executable, "-m", "senet_viz", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), check=False, timeout=240)


def run_and_terminate(*arguments: object, started: Path) -> tuple[int, str]:
    """Starts the command, waits until `started` exists and sends SIGTERM; its exit status and stderr."""
    command = [sys.executable, "-m", "senet_viz", *map(str, arguments)]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **streams, text=True, env=environment()) as process:
        deadline = time.monotonic() + 120
        while not started.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=60)
        return process.returncode, error
