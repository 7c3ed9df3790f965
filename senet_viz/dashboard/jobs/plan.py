"""What a recording will take and how its classes map to outputs, asked of the command line before the start."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from senet_viz.dashboard.jobs.request import RecordRequest, command_line, job_environment
from senet_viz.dashboard.jobs.running import last_sentence
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.schema import from_tree

PLAN_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class PlannedClass:
    """A class of the data.

    Attributes:
        name: for people.
        key: what a label map calls it; None where no name is its own.
        images: how many would be recorded.
        output: index of its output; None where it has none.
    """

    name: str
    key: str | None
    images: int
    output: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer of `record --plan`.

    Attributes:
        model, data: names.
        blocks: SE blocks that will be observed.
        images, kept: images to record, and of which the gates are kept.
        seconds: of the whole; None where it could not be measured.
        disk_bytes, free_bytes, memory_bytes: needed on disk, free there, needed in memory beside the network's.
        problem: why it would be refused; None where it would not.
        method: how classes were mapped: "wnid", "name", "label map", "output index" or "none".
        mapping_note: a sentence about the mapping; may be empty.
        classes: K of them; none where the images are unlabelled.
        output_names: one an output; its index where it has no name.
        output_keys: what a label map calls each output; None where no name is its own.
        notes: sentences about model and data.
    """

    model: str
    data: str
    blocks: int
    images: int
    kept: int
    seconds: float | None
    disk_bytes: int
    free_bytes: int
    memory_bytes: int
    problem: str | None
    method: str
    mapping_note: str
    classes: tuple[PlannedClass, ...]
    output_names: tuple[str, ...]
    output_keys: tuple[str | None, ...]
    notes: tuple[str, ...]

    @property
    def missing(self) -> tuple[PlannedClass, ...]:
        """Classes without an output, that a label map can name."""
        return tuple(row for row in self.classes if row.output is None)

    @property
    def mapped(self) -> int:
        """How many classes have an output."""
        return len(self.classes) - len(self.missing)

    @property
    def output_labels(self) -> tuple[str, ...]:
        """A label for every output that a label map can name, each its own: "12: goldfish"; in order of index."""
        names = enumerate(zip(self.output_names, self.output_keys))
        return tuple(
            str(index) if name == str(index) else f"{index}: {name}" for index, (name, key) in names if key is not None
        )

    @property
    def has_same_order(self) -> bool:
        """Whether there are as many classes as outputs, so that class k can be told to be output k."""
        named = all(row.key is not None for row in self.classes) and None not in self.output_keys
        return named and 0 < len(self.classes) == len(self.output_names)

    def label_map(self, chosen: Mapping[str, str]) -> dict[str, str | None]:
        """The content of a label map file: what the plan mapped, and what a person chose.

        Args:
            chosen: a label of `output_labels` for keys of classes.

        Raises:
            ArgumentError: a label that is none of them.
        """
        for key, label in chosen.items():
            if label not in self.output_labels:
                raise ArgumentError(f"Class {key!r} was given {label!r}, which is no output of the model: choose one.")
        outputs = {row.key: None if row.output is None else self.output_keys[row.output] for row in self.classes}
        picked = {key: self.output_keys[int(label.partition(":")[0])] for key, label in chosen.items()}
        return {key: output for key, output in (outputs | picked).items() if key is not None}

    def label_map_in_order(self) -> dict[str, str | None]:
        """The content of a label map file that gives class k the output k."""
        return {row.key: key for row, key in zip(self.classes, self.output_keys) if row.key is not None}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        """From what `record --plan --json` printed.

        Raises:
            RecordingError: it is something else.
        """

        def fields(plan: Mapping[str, Any]) -> Mapping[str, Any]:
            mapping, outputs = plan["mapping"], plan["outputs"]
            names = [str(at) if output["name"] is None else output["name"] for at, output in enumerate(outputs)]
            named = {"output_names": names, "output_keys": [output["key"] for output in outputs]}
            return {**plan, "method": mapping["method"], "mapping_note": mapping["note"], **named}

        return from_tree(cls, tree, "The plan of a recording", "check again", layouts={cls: fields})


def plan_request(request: RecordRequest, out: Path, *, timeout: float = PLAN_SECONDS) -> Plan:
    """Ask the command line, in a process of its own, what a recording would take; nothing is written.

    Args:
        request: the recording.
        out: its folder.
        timeout: seconds after which it is given up.

    Raises:
        RecordingError: it can not be recorded; the sentence is the command line's.
    """
    command = command_line((*request.arguments(out), "--plan", "--json"))
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL, env=job_environment()
        )
    except subprocess.TimeoutExpired as error:
        raise RecordingError(
            f"Loading the model and the images took over {timeout / 60:.0f} minutes, so the check was given up: they may "
            "be downloading; try again, or fetch them beforehand."
        ) from error
    except (OSError, ValueError) as error:  # e.g. a null character
        raise RecordingError(f"The check could not be started ({error}): correct the choices.") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        raise RecordingError(last_sentence(said) or f"The check ended with status {done.returncode}: try again.")
    try:
        tree = json.loads(done.stdout)
    except ValueError as error:
        raise RecordingError(f"The plan of a recording could not be read ({error}): check again.") from error
    return Plan.from_json(tree)
