"""The options of `record` and of who does a job, declared once: command line, form, plan and manifest read them here."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from senet_viz.errors import ArgumentError

PRECISIONS = ("fp32", "bf16", "fp16")
ENGINES = ("local", "ray")


def _option(default: Any, text: str, *, name: str = "", in_manifest: bool = False, since_0_1: bool = True) -> Any:
    """A field that is an option: its explanation, its name at the command line where that is another, and whether the
    manifest's `options` hold it; those that came later are left out there at their default, as if they were not there yet.
    """
    about = {"help": text, "name": name, "in_manifest": in_manifest, "since_0_1": since_0_1}
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class RecordOptions:
    """What a recording is made with; all but `workers`, `commit_seconds` and `allow_nonfinite` is part of its identity.

    Attributes:
        keep: whose gates are kept per image: "all", "none", or a number, at most so many per class.
        precision: "fp32", "bf16" or "fp16" (autocast).
        fast: batch norms are folded into the convolutions before them; the difference of gates is measured and stored.
        batch_size: images a forward; None for 16 on a CPU and 64 on a GPU, or for what a recording was begun with that is
            resumed.
        shard_size: images a file.
        limit: at most so many images, stratified by class and seeded; None for all.
        seed: of the choice of images and of kept ones.
        squeeze: z is kept per image too (its class moments are always taken).
        label_map: file that maps classes to outputs, or "outputs" where the labels are their indices.
        image_column: of a Parquet, a CSV or tars; the source was opened with it.
        label_column: likewise, "none" where there are no labels.
        data_name: name of the data in the manifest; the last part of its path by default.
        workers: threads that decode; with Ray, processes that do batches. None for as many threads as keep up with the network,
            settled by the second batch; of processes, two.
        commit_seconds: what a kill can lose at most; also after every 5,000 images.
        allow_nonfinite: go on where what the network computes for more than 1 % of the images is not finite;
            such images are left out and listed in any case.

    Raises:
        ArgumentError: a value out of range; the message names it.
    """

    keep: str = _option("all", "Gates kept per image: all, none, or at most N per class.", in_manifest=True)
    precision: str = _option("fp32", "fp32, bf16 or fp16.", in_manifest=True)
    fast: bool = _option(
        False, "Fold batch norms into convolutions; how far gates differ is stored.", in_manifest=True, since_0_1=False
    )
    batch_size: int | None = _option(
        None,
        "Images a forward; 16 on a CPU, 64 on a GPU or what a resumed recording has, by default.",
        in_manifest=True,
    )
    shard_size: int = _option(5000, "Images a file.", in_manifest=True)
    limit: int | None = _option(None, "At most so many images, stratified by class, seeded.", in_manifest=True)
    seed: int = _option(0, "Seed of random weights and of every random choice.", in_manifest=True)
    squeeze: bool = _option(False, "Keep z per image too.", name="--keep-squeeze", in_manifest=True)
    label_map: Path | None = _option(  # noqa: RUF009 - a field
        None, "CSV of class,output or JSON that maps classes to outputs; or outputs: labels index them."
    )
    image_column: str | None = _option(
        None, "Column of images in a Parquet or CSV, ending in a tar, where it is not found by its name."
    )
    label_column: str | None = _option(
        None, "Column of labels in a Parquet or CSV, ending or JSON field in a tar; none where there are no labels."
    )
    data_name: str | None = _option(None, "Name of the data in the manifest.")
    workers: int | None = _option(
        None, "Threads that decode, as many as keep up by default; with --engine ray, processes that do batches (2)."
    )
    commit_seconds: float = _option(30.0, "Seconds of work that a kill can lose at most.", name="--commit-every")
    allow_nonfinite: bool = _option(
        False,
        "Continue where the results for over 1 % of the images are not finite; such images are left out.",
    )

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ArgumentError(f"precision is {self.precision!r}; it is one of {', '.join(PRECISIONS)}.")
        check_numbers(self, "batch_size", "shard_size", "workers")
        if self.keep not in ("all", "none") and not (self.keep.isdecimal() and int(self.keep) > 0):
            raise ArgumentError(f"keep is {self.keep!r}; it is 'all', 'none' or a number of images per class.")

    @property
    def settled_batch_size(self) -> int:
        """The batch size, which None must have been replaced by.

        Raises:
            ArgumentError: it was not.
        """
        if self.batch_size is None:
            raise ArgumentError("batch_size is None; give a number, since no device is known here to choose it for.")
        return self.batch_size

    def for_manifest(self) -> dict[str, Any]:
        """The manifest's `options`; what is missing there is under `data` and `mapping`."""
        return {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if f.metadata["in_manifest"] and (f.metadata["since_0_1"] or getattr(self, f.name) != f.default)
        }

    def columns(self) -> dict[str, str]:
        """Columns that a person named, for the manifest's `data`, which lacks them otherwise."""
        named = {"image_column": self.image_column, "label_column": self.label_column}
        return {name: column for name, column in named.items() if column is not None}

    def arguments(self) -> Iterator[str]:
        """What stands at the command line for these options; what is at its default is left out."""
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if value != each.default:
                yield from (name_of(each),) if value is True else (name_of(each), str(value))


def describe_precision(options: Mapping[str, Any]) -> str:
    """How a recording's gates were computed, from its manifest's `options`: "fp32", "bf16, batch norms folded"."""
    return str(options.get("precision", "fp32")) + (", batch norms folded" if options.get("fast") else "")


@dataclass(frozen=True)
class EngineOptions:
    """Who does the batches of a job; no part of any identity, since it changes no bit on like machines.

    Attributes:
        engine: "local" (this process) or "ray".
        address: of Ray: "local", "auto", "ray://HOST:PORT" or "HOST:PORT"; None for the cluster that RAY_ADDRESS names, or
            where it names none a local one, for this job alone.
        threads_per_worker: CPU threads of each of Ray's workers; the cores of this machine, shared out, for None.
        gpus_per_worker: GPUs of each; for None 1 where the network is on a GPU here, else 0.

    Raises:
        ArgumentError: another engine, or a number out of range.
    """

    engine: str = _option("local", "local: this process; ray: as many of Ray's workers as --workers says.")
    address: str | None = _option(
        None, "Ray's: auto, local, ray://HOST:PORT; what RAY_ADDRESS says, else local, by default."
    )
    threads_per_worker: int | None = _option(None, "CPU threads of a Ray worker; the cores, shared out, by default.")
    gpus_per_worker: float | None = _option(None, "GPUs of a Ray worker; 1 where the network is on one, by default.")

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ArgumentError(f"engine is {self.engine!r}; it is one of {', '.join(ENGINES)}.")
        if self.threads_per_worker is not None and self.threads_per_worker < 1:
            raise ArgumentError(f"threads_per_worker is {self.threads_per_worker}; it is at least 1.")
        if self.gpus_per_worker is not None and not 0 <= self.gpus_per_worker < math.inf:
            raise ArgumentError(f"gpus_per_worker is {self.gpus_per_worker}; it is 0 or more.")
        given = [name_of(f) for f in dataclasses.fields(self)[1:] if getattr(self, f.name) is not None]
        if self.engine == "local" and given:
            raise ArgumentError(f"{' and '.join(given)} is about Ray: add --engine ray, or leave it out.")


def check_numbers(options: Any, *counts: str) -> None:
    """Refuses counts below 1, a seed below 0 and a limit below 1 (ArgumentError)."""
    for name in counts:
        if (value := getattr(options, name)) is not None and value < 1:
            raise ArgumentError(f"{name} is {getattr(options, name)}; it is at least 1.")
    if options.seed < 0:
        raise ArgumentError(f"seed is {options.seed}; it is at least 0.")
    if options.limit is not None and options.limit < 1:
        raise ArgumentError(f"limit is {options.limit}; it is at least 1, or left out for all images.")


def name_of(option: "dataclasses.Field[Any]") -> str:
    """Of an option at the command line, e.g. "--batch-size"."""
    return option.metadata["name"] or "--" + option.name.replace("_", "-")
