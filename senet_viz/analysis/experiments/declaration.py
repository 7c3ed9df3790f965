"""What an experiment declares before it is run: conditions, questions, seeds, recipe and bounds, from a TOML file."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from senet_viz.errors import ArgumentError
from senet_viz.paths import expand_home

_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Condition:
    """One network of an experiment.

    Attributes:
        id: short, of small letters, digits, "_" and "-".
        title: for people.
        arguments: of the network, added to those that all conditions share, e.g. {"placement": "per_conv"}.
    """

    id: str
    title: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """Does `condition` do better than `against`? Both by their ids."""

    ask: str
    condition: str
    against: str


@dataclass(frozen=True)
class Experiment:
    """A declaration.

    Attributes:
        name: of the experiment.
        title: for people.
        network: name of one of this package's architectures.
        arguments: of it, shared by all conditions.
        conditions: in the order in which they are shown; at least two.
        questions: answered from pairs of conditions.
        seeds: of weights, order and augmentation; a seed pairs the conditions.
        classes: how many of the data's classes take part, evenly spaced; None for all.
        decode: side in px at which training images are held.
        recipe: fields of the training recipe that differ from its defaults; `seed` comes from `seeds`.
        bound: difference of top-1 accuracy, as a share, below which nobody should care; declared beforehand.
        depth_bound: the same for a stage's ω².
    """

    name: str
    title: str
    network: str
    arguments: Mapping[str, Any]
    conditions: tuple[Condition, ...]
    questions: tuple[Question, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    classes: int | None = None
    decode: int = 64
    recipe: Mapping[str, Any] = field(default_factory=dict)
    bound: float = 0.01
    depth_bound: float = 0.05

    def __post_init__(self) -> None:
        ids = [condition.id for condition in self.conditions]
        if wrong := [name for name in (self.name, *ids) if not _ID.fullmatch(name)]:
            raise ArgumentError(f"{wrong[0]!r} is no id: use small letters, digits, '_' and '-'.")
        if len(ids) < 2 or len(set(ids)) < len(ids):
            raise ArgumentError(f"Conditions are {', '.join(ids) or 'none'}; give at least two, each with its own id.")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ArgumentError(f"seeds is {list(self.seeds)}; give different whole numbers from 0 on.")
        for question in self.questions:
            if unknown := {question.condition, question.against} - set(ids):
                raise ArgumentError(
                    f"The question {question.ask!r} names {', '.join(sorted(unknown))}, which is no condition: "
                    f"choose from {', '.join(ids)}."
                )
            if question.condition == question.against:
                raise ArgumentError(f"The question {question.ask!r} compares {question.condition} with itself.")
        if not self.bound > 0 or not self.depth_bound > 0:
            raise ArgumentError(f"bound is {self.bound:g} and depth_bound {self.depth_bound:g}; both are above 0.")
        if self.classes is not None and self.classes < 2:
            raise ArgumentError(f"classes is {self.classes}; it is at least 2, or left out for all.")

    def condition(self, name: str) -> Condition:
        """By its id.

        Raises:
            ArgumentError: there is none.
        """
        for condition in self.conditions:
            if condition.id == name:
                return condition
        known = ", ".join(condition.id for condition in self.conditions)
        raise ArgumentError(f"{self.name} has no condition {name!r}: choose from {known}.")

    def arguments_of(self, condition: Condition) -> dict[str, Any]:
        """All arguments of a condition's network but the number of outputs."""
        return {**self.arguments, **condition.arguments}

    def identity(self, condition: Condition, seed: int, data: Mapping[str, str]) -> str:
        """sha256 in hex over everything that a trained network and its outcomes depend on, the data's digests included."""
        parts = [
            self.network, self.arguments_of(condition), seed, self.classes, self.decode, dict(self.recipe), dict(data),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_experiment(path: str | Path) -> Experiment:
    """The declaration in a TOML file; docs/experiments.md describes the keys.

    Raises:
        ArgumentError: the file can not be read, a key is missing or unknown, or a value is none of its kind.
    """
    file = expand_home(path)
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArgumentError(f"{file} could not be read ({error.strerror}): give the path of a TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{file} is no TOML file ({error}).") from error
    try:
        return _read(tree)
    except ArgumentError as error:
        raise ArgumentError(f"{file}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        why = f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise ArgumentError(f"{file} declares no experiment ({why}): see docs/experiments.md.") from error


def _read(tree: dict[str, Any]) -> Experiment:
    network = dict(tree.pop("network"))
    conditions = [dict(condition) for condition in tree.pop("conditions")]
    return Experiment(
        network=network.pop("name"),
        arguments=network,
        conditions=tuple(Condition(str(c.pop("id")), str(c.pop("title")), c) for c in conditions),
        questions=tuple(Question(**question) for question in tree.pop("questions", [])),
        seeds=tuple(int(seed) for seed in tree.pop("seeds", (0, 1, 2))),
        **tree,
    )
