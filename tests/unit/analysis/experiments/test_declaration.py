"""Declarations are read from TOML, whole or not at all, and tell apart what makes another network."""

import dataclasses
from pathlib import Path

import pytest

from senet_viz.analysis.experiments.declaration import Experiment, read_experiment
from senet_viz.analysis.experiments.files import experiments_folder, list_experiments
from senet_viz.errors import ArgumentError
from senet_viz.schema import from_tree, to_tree
from tests.support.experimented import DECLARATION, drawn_experiment, write_declaration

DATA = {"train": "a", "validation": "b"}


def test_a_declaration_is_read(tmp_path: Path) -> None:
    found = read_experiment(write_declaration(tmp_path))
    assert (found.name, found.seeds, found.classes, found.bound) == ("small", (0, 1), 5, 0.01)
    assert [condition.id for condition in found.conditions] == ["r16", "none", "relu"]
    assert found.arguments_of(found.condition("relu")) == {"width": 0.125, "side": 32, "gate": "relu"}
    assert found.questions[0].against == "none"
    assert from_tree(Experiment, to_tree(found), "result.json", "run it again") == found


def test_those_that_come_along_are_read() -> None:
    found = list_experiments(experiments_folder())
    assert {"placement-and-depth", "full-grid"} <= set(found)
    for folder in found.values():
        assert read_experiment(folder / "experiment.toml").name == folder.name


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('title = "A small one"\n', "", "title"),
        ("seeds = [0, 1]", "seeds = [0, 0]", "different whole numbers"),
        ("seeds = [0, 1]", "seeds = 3", "declares no experiment"),
        ("classes = 5", "classes = 1", "classes is 1"),
        ("classes = 5", "klasses = 5", "klasses"),
        ('id = "none"', 'id = "r16"', "each with its own id"),
        ('id = "none"', 'id = "No SE"', "is no id"),
        ('against = "none"', 'against = "nothing"', "is no condition"),
        ('against = "none"', 'against = "r16"', "with itself"),
        ("[network]", "[net]", "network"),
        ('name = "small"', "name = small", "is no TOML file"),
    ],
)
def test_what_declares_nothing_is_refused_by_a_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in DECLARATION
    file = write_declaration(tmp_path, DECLARATION.replace(old, new, 1))
    with pytest.raises(ArgumentError, match=sentence) as caught:
        read_experiment(file)
    assert str(file) in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="could not be read"):
        read_experiment(tmp_path / "none.toml")


def test_the_identity_holds_what_a_network_depends_on_and_no_words() -> None:
    experiment = drawn_experiment()
    condition = experiment.condition("r16")
    mine = experiment.identity(condition, 0, DATA)
    retitled = dataclasses.replace(experiment, title="Other words", bound=0.02, questions=())
    assert retitled.identity(dataclasses.replace(condition, title="other"), 0, DATA) == mine
    others = [
        experiment.identity(condition, 1, DATA),
        experiment.identity(experiment.condition("none"), 0, DATA),
        experiment.identity(condition, 0, {**DATA, "train": "c"}),
        dataclasses.replace(experiment, recipe={"phases": [[2, 32]]}).identity(condition, 0, DATA),
        dataclasses.replace(experiment, classes=9).identity(condition, 0, DATA),
        dataclasses.replace(experiment, decode=32).identity(condition, 0, DATA),
        dataclasses.replace(experiment, arguments={"width": 0.25}).identity(condition, 0, DATA),
    ]
    assert len({mine, *others}) == len(others) + 1


def test_an_unknown_condition_is_told_with_the_known_ones() -> None:
    with pytest.raises(ArgumentError, match="choose from r16, none, per_conv"):
        drawn_experiment().condition("r8")
