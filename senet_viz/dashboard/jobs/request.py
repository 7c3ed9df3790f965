"""What is asked of `senet-viz record`, the command that does it, and the name under which it runs."""

import contextlib
import dataclasses
import os
import re
import shlex
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.images.storage import hide_credentials
from senet_viz.paths import repository
from senet_viz.recording.files import as_recording_errors
from senet_viz.recording.folder import FolderLock, read_lock

JOBS = ".jobs"
MOST_BYTES = 120
_FORBIDDEN = frozenset('/\\:*?"<>|')
_one_thread = threading.RLock()


def check_name(name: str) -> str:
    """A name for a recording's folder, stripped of outer spaces.

    Raises:
        ArgumentError: it is empty, too long, begins with a dot, or holds a path separator or another character
            that some file system refuses.
    """
    name = name.strip()
    if not name:
        raise ArgumentError("The recording has no name yet: give one.")
    found = sorted({character for character in name if character in _FORBIDDEN or not character.isprintable()})
    if found:
        raise ArgumentError(f"The name {name!r} holds {found[0]!r}: use letters, digits, spaces, dots, - and _.")
    if name.startswith("."):
        raise ArgumentError(f"The name {name!r} begins with a dot, which hides a folder: begin it otherwise.")
    if len(os.fsencode(name)) > MOST_BYTES:
        raise ArgumentError(f"The name is {len(os.fsencode(name))} bytes long: give one of at most {MOST_BYTES}.")
    return name


def suggest_name(root: Path, model: str, data: str) -> str:
    """A free name for a recording of a model on data, e.g. "seresnet50-digits"."""
    parts = [re.split(r"[/\\:]", text.rstrip("/\\"))[-1] for text in (model, hide_credentials(data))]
    plain = "-".join(re.sub(r"[^\w.-]+", "_", part).strip("._-") for part in parts).strip("-")[:60] or "recording"
    names = (plain, *(f"{plain}-{number}" for number in range(2, 1000)))
    return next((name for name in names if not os.path.lexists(root / name)), plain)


def job_folder(root: Path, name: str) -> Path:
    """Where the command, the log and the label map of the job of one name lie."""
    return root / JOBS / check_name(name)


@contextlib.contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """One at a time starts, resumes, renames or deletes in a folder of recordings, over threads and servers.

    Raises:
        RecordingError: another server does so at this moment, or the folder can not be written.
    """
    folder = root / JOBS
    with _one_thread, as_recording_errors(f"Writing in {root}", "Give a folder that can be written."):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder)
        lock.acquire()
        try:
            yield
        finally:
            lock.release()


def refuse_if_written(folder: Path) -> None:
    """Refuse a recording that a process is writing.

    Raises:
        RecordingError: names the process.
    """
    holder = read_lock(folder)
    if holder is not None and holder.lives():
        raise RecordingError(
            f"{folder} is being written by process {holder.pid} on {holder.host} since {holder.started}: "
            "wait for it, or cancel it first."
        )


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """The choices of one recording but its folder; each field is the option of `record` of the same name.

    What is not explained here is in `recording.options` and `models.options`. A job's command is stored by these fields.

    Attributes:
        model: "bundled", "timm:NAME", "torchvision:NAME", a factory, a weights file or a folder.
        data: what `open_images` takes: "digits", a folder, a pattern, a URL, "torchvision:NAME" …
        arch: what a weights file is loaded into.
        weights: "pretrained" or "random".
        seed: of random weights and of every choice of images.
        calibrate: images on which random weights get their batch-norm statistics.
        device: "auto", "cpu", "cuda", …
        keep_squeeze: keep z per image too.
        allow_nonfinite: continue where the results for over 1 % of the images are not finite.
    """

    model: str
    data: str
    arch: str | None = None
    weights: str = "pretrained"
    seed: int = 0
    calibrate: str | None = None
    device: str = "auto"
    precision: str = "fp32"
    batch_size: int | None = None
    workers: int | None = None
    keep: str = "all"
    keep_squeeze: bool = False
    limit: int | None = None
    label_map: str | None = None
    allow_nonfinite: bool = False
    image_column: str | None = None
    label_column: str | None = None
    logits: str | None = None
    outputs: str | None = None
    weights_key: str | None = None
    input_size: int | None = None
    mean: str | None = None
    std: str | None = None
    interpolation: str | None = None
    crop: str | None = None

    def arguments(self, out: Path) -> tuple[str, ...]:
        """Arguments of `senet-viz` for this recording in the folder `out`; what is at its default is left out."""
        found = ["record", "--model", self.model, "--data", self.data, "--out", str(out)]
        for field in dataclasses.fields(self)[2:]:
            value = getattr(self, field.name)
            if value == field.default:
                continue
            option = "--" + field.name.replace("_", "-")
            found += [option] if value is True else [option, str(value)]
        return tuple(found)


def command_line(arguments: tuple[str, ...]) -> list[str]:
    """The command line that runs `senet-viz` with the Python that runs now."""
    return [sys.executable, "-m", "senet_viz", *arguments]


def shown_command(arguments: tuple[str, ...]) -> str:
    """The same for a person to copy into a shell."""
    start = ["senet-viz"] if shutil.which("senet-viz") else command_line(())
    return shlex.join([*start, *arguments])


def job_environment() -> dict[str, str]:
    """This process's environment, in which this very package is found from any folder."""
    path = [str(repository()), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
