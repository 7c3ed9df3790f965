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


def run_and_kill(*arguments: object, started: Path, after: float) -> int | None:
    """Starts the command, waits until `started` exists and `after` seconds more, then kills it with SIGKILL.

    Returns:
        The exit status when it ended by itself before that, else None.
    """
    command = [sys.executable, "-m", "senet_viz", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()) as process:
        deadline = time.monotonic() + 60
        while not started.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            return process.wait(timeout=after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return None
