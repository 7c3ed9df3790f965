"""Decoding in a process of its own, whose memory and time have hard limits, and whose death is a sentence.

For what bounds cannot settle before: an AVIF whose picture is larger than its header says, and files of strangers, which may
bring a library down.
"""

import atexit
import contextlib
import io
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from PIL import Image

from senet_viz.errors import ImageError
from senet_viz.images.bounds import MAX_PIXELS, ROOM, allowed_seconds

WALL_SECONDS = 120  # a last resort; processor time is limited by `allowed_seconds`
_REQUEST, _ANSWER = struct.Struct(">IQQ"), struct.Struct(">I")
_IDLE: "list[_Worker]" = []
_START = "import sys; sys.path[:] = {path!r}; from senet_viz.images import apart, decoding; apart.serve(decoding.decode_here)"
# Each arena reserves 64 MB of addresses, which count against the limit; large blocks go back when they are freed.
_MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(2**20)}


def decode_apart(data: bytes, *, name: str) -> Image.Image:
    """As `decode_image`, in another process, which is kept for the next image.

    Args:
        data: the whole file.
        name: what messages call the image.

    Raises:
        ImageError: as `decode_image`, and where the process died or needed more memory or time than it was given.
    """
    for again in (True, False):
        worker = _take_idle() or _Worker()
        try:
            image = worker.decode(data, name)
        except ImageError:
            _keep(worker)
            raise
        except (OSError, EOFError) as error:
            worker.end()
            if again and worker.was_killed:
                continue
            raise ImageError(
                f"{name} could not be decoded within its limits of memory and time: save it as baseline JPEG or PNG, or remove it."
            ) from error
        except BaseException:  # it still has this one's answer
            worker.end()
            raise
        _keep(worker)
        return image
    raise AssertionError("the second try ends one way or the other")


def _keep(worker: "_Worker") -> None:
    """For the next image, as many as there are processors."""
    if worker.in_time and len(_IDLE) < (os.cpu_count() or 1):
        _IDLE.append(worker)
    else:
        worker.end()


def _take_idle() -> "_Worker | None":
    with contextlib.suppress(IndexError):
        while True:
            worker = _IDLE.pop()
            if worker.alive:
                return worker
            worker.end()
    return None


class _Worker:
    """One process; one thread at a time has it."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", _START.format(path=sys.path)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is not for it
            env={**os.environ, **_MALLOC},
        )
        self.in_time = True  # nobody has waited for it too long

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def was_killed(self) -> bool:
        """Whether somebody else ended it, as the system does where memory is short: that says nothing of the image."""
        return self.in_time and self._process.returncode in (-signal.SIGTERM, -getattr(signal, "SIGKILL", 9))

    def decode(self, data: bytes, name: str) -> Image.Image:
        """The image, or EOFError or OSError where the process ends before it has answered."""
        answer = self._process.stdout
        assert answer is not None
        timer = threading.Timer(WALL_SECONDS, self._give_up)
        timer.start()
        try:
            self._send(data, name)
            told = json.loads(_read(answer, _ANSWER.unpack(_read(answer, _ANSWER.size))[0]))
            if "error" in told:
                raise ImageError(told["error"])
            width, height = told["size"]
            return Image.frombytes("RGB", (width, height), _read(answer, 3 * width * height))
        finally:
            timer.cancel()

    def _send(self, data: bytes, name: str) -> None:
        ask, called = self._process.stdin, name.encode("utf-8", "surrogateescape")
        assert ask is not None
        ask.write(_REQUEST.pack(len(called), len(data), ROOM) + called)
        ask.write(data)
        ask.flush()

    def _give_up(self) -> None:
        self.in_time = False
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


@atexit.register
def _end_all() -> None:
    while _IDLE:
        _IDLE.pop().end()


def serve(decode: Callable[[bytes, str], Image.Image]) -> None:
    """The other process: decode what comes in, until there is no more."""
    with contextlib.suppress(ImportError):  # an older Pillow
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # stacks are addresses too
    ask, answer = sys.stdin.buffer, sys.stdout.buffer
    while head := ask.read(_REQUEST.size):
        of_name, of_data, room = _REQUEST.unpack(head)
        name = _read(ask, of_name).decode("utf-8", "surrogateescape")
        data = _read(ask, of_data)
        _limit(data, room)
        try:
            image = decode(data, name)
            told: dict[str, object] = {"size": image.size}
            pixels = image.tobytes()
            del image
        except ImageError as error:
            told, pixels = {"error": str(error)}, b""
        line = json.dumps(told).encode("ascii")
        answer.write(_ANSWER.pack(len(line)) + line)
        answer.write(pixels)
        answer.flush()
        del data, pixels


def _limit(data: bytes, room: int) -> None:
    """Give the process memory for the image that the header promises, and time; where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    pixels = MAX_PIXELS
    if data[4:8] == b"ftyp":
        with contextlib.suppress(Exception), Image.open(io.BytesIO(data), formats=["AVIF"]) as image:
            pixels = min(MAX_PIXELS, image.width * image.height)
    with contextlib.suppress(OSError, ValueError):
        held = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (held + 7 * pixels + room, hard))  # the pixels, and as they are sent
    seconds = int(time.process_time() + allowed_seconds(pixels, len(data))) + 1
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _read(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError("the decoding process ended")
    return data
