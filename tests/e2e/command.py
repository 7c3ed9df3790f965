"""Runs the command line as a person would: a process of its own, whose streams and exit status are looked at."""

import functools
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0


class Finished(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@functools.cache
def server() -> ForkServerContext:
    """Forks processes that have loaded what commands need: that takes up to five seconds otherwise, for each of them."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.e2e.loaded"])
    return context


def run(*arguments: object) -> Finished:
    """`senet-viz ARGUMENTS` to its end, with text output."""
    return finish(invoke, [str(a) for a in arguments], Path.cwd())


def run_script(path: Path, *arguments: object, folder: Path) -> Finished:
    """`python path ARGUMENTS` in a folder to its end; a deprecated call of its own fails."""
    return finish(invoke_script, [str(path), *(str(a) for a in arguments)], folder)


def finish(
    target: Callable[[list[str], str, str, str], None],
    arguments: list[str],
    folder: Path,
    *,
    meanwhile: Callable[[BaseProcess], None] = lambda _: None,
) -> Finished:
    """A process that has the package loaded already, to its end."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        paths = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)]
        process = server().Process(target=target, args=(arguments, *paths, str(folder)))
        process.start()
        meanwhile(process)
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{arguments} ran for over {PATIENCE:.0f} s")
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
        return Finished(process.exitcode, *texts)


def invoke(arguments: list[str], out: str = os.devnull, err: str = os.devnull, folder: str = ".") -> None:
    """The command line in this process, with its streams in files."""
    from senet_viz.cli import main

    redirect(out, err, folder)
    sys.argv = ["senet-viz", *arguments]
    main()


def invoke_script(arguments: list[str], out: str, err: str, folder: str) -> None:
    """A script in this process, with its streams in files."""
    redirect(out, err, folder)
    warnings.filterwarnings("error", category=DeprecationWarning, module="__main__")
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")


def redirect(out: str, err: str, folder: str) -> None:
    os.chdir(folder)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)


def run_and_kill(*arguments: object, once: Path, sign: signal.Signals) -> Finished:
    """Starts the command, waits until the file `once` exists, sends the signal and waits for the end."""

    def disturb(process: BaseProcess) -> None:
        deadline = time.monotonic() + PATIENCE
        while not once.exists() and process.exitcode is None and time.monotonic() < deadline:
            time.sleep(0.002)
        if process.pid is not None and process.exitcode is None:
            os.kill(process.pid, sign)

    return finish(invoke, [str(a) for a in arguments], Path.cwd(), meanwhile=disturb)


def expect_refusal(done: Finished, code: int, message: str, out: Path) -> None:
    """One sentence on stderr, nothing on stdout, nothing written."""
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not out.exists()
