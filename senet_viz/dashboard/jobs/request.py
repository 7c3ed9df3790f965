"""What is asked of `senet-viz record`, and the command that does it."""

import dataclasses
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from senet_viz.errors import RecordingError
from senet_viz.paths import repository


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """The choices of one recording but its folder; each field is the option of `record` of the same name.

    Attributes:
        model: "bundled", "timm:NAME", "torchvision:NAME", a factory, a weights file or a folder.
        data: "digits", a folder, a Parquet, a CSV or "torchvision:NAME".
        arch: what a weights file is loaded into.
        weights: "pretrained" or "random".
        seed: of random weights and of every choice of images.
        calibrate: images on which random weights get their batch-norm statistics.
        device: "auto", "cpu", "cuda", …
        precision: "fp32", "bf16" or "fp16".
        batch_size: images a forward.
        workers: threads that decode.
        keep: "all", "none" or a number of images per class.
        keep_squeeze: keep z per image too.
        limit: at most so many images; None for all.
        label_map: file that maps classes to outputs.
    """

    model: str
    data: str
    arch: str | None = None
    weights: str = "pretrained"
    seed: int = 0
    calibrate: str | None = None
    device: str = "auto"
    precision: str = "fp32"
    batch_size: int = 64
    workers: int = 2
    keep: str = "all"
    keep_squeeze: bool = False
    limit: int | None = None
    label_map: str | None = None

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

    def to_json(self) -> dict[str, Any]:
        """A tree of plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`.

        Raises:
            RecordingError: a field that is missing or unknown.
        """
        try:
            return cls(**tree)
        except TypeError as error:
            raise RecordingError(f"The command of a job could not be understood ({error}): start it anew.") from error


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
